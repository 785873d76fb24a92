"""Ranked lists of models: made once, then kept in order as costs move, with a view for each sort of request."""

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from wallas.catalog.entries import Model
from wallas.health import Health, Place
from wallas.providers.base import Provider
from wallas.quota.windows import Window
from wallas.routing.costs import Costs
from wallas.routing.strategies import Parts, Ranked, Strategy
from wallas.settings import Key

VIEWS_MOST = 50


class Stand:
    """A model here: its provider, and a place for each of its keys."""

    __slots__ = (
        "key",
        "keys",
        "model",
        "pair",
        "places",
        "priced_until",
        "provider",
        "rests",
        "scarcity",
        "turns",
        "window",
    )

    def __init__(self, model: Model, provider: Provider) -> None:
        """Look nothing up yet."""
        self.model = model
        self.key = model.key
        self.pair = model.provider, model.id
        self.provider = provider
        self.window: float = model.context or math.inf
        """The tokens that it holds, as far as the catalog knows."""
        self.keys: tuple[Key, ...] = tuple(provider.keys)
        self.places = tuple(Place(model.provider, model.id, key.id) for key in self.keys)
        self.rests: Sequence[bool] = ()
        self.turns = -1
        self.scarcity, self.priced_until = 0.0, -math.inf
        """The least seconds that its quotas added a moment ago, and until when that is good enough."""

    def resting(self, health: Health) -> Sequence[bool]:
        """Return for each key whether a rest of it is known, over or not: looked up again once one began or ended."""
        turns = health.turns
        if self.turns != turns:
            free = self.model.free
            self.rests = [health.resting(place, free=free) is not None for place in self.places]
            self.turns = turns
        return self.rests


class Row(NamedTuple):
    """A model in a ranked list: what it costs before the request's own terms, by which rows are in order."""

    total: float
    key: str
    stand: Stand
    parts: Parts

    @property
    def model(self) -> Model:
        """Return the model."""
        return self.stand.model


class Out(NamedTuple):
    """Somebody who could not be asked a moment ago, and how long that need not be looked at again."""

    until: float
    turns: int
    """Of ``Health``: when a rest has ended since, it may have been this one."""
    short: Sequence[tuple[Window, float]] = ()
    """Windows with less left than a call takes: once one of them has more, it may be time."""

    def lasts(self, now: float, turns: int) -> bool:
        """Return whether nothing has happened that could bring it back."""
        same = now < self.until and turns == self.turns
        return same and (not self.short or all(window.left < amount for window, amount in self.short))


class View:
    """The rows of a ranking that fit one sort of request, and who of them was out a moment ago."""

    __slots__ = ("by_key", "count", "out", "rows")

    def __init__(self, rows: Iterable[Row], count: int) -> None:
        """Hold rows, in order; ``count`` is how often costs had changed when they were made."""
        self.rows = list(rows)
        self.by_key = {row.key: row for row in self.rows}
        self.count = count
        self.out: dict[str, Out] = {}


class Ranking:
    """Models in the order in which they are asked, and a view of them for each sort of request."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Hold rows that are in order and stay as they are."""
        self.whole = View(rows, 0)
        self.views: dict[Hashable, View] = {}

    @property
    def rows(self) -> Sequence[Row]:
        """Return all rows, best first."""
        return self.current(self.whole).rows

    @property
    def by_key(self) -> dict[str, Row]:
        """Return all rows by the keys of their models, best first."""
        return {row.key: row for row in self.rows}

    def view(self, sort: Hashable, fits: Callable[[Stand], bool]) -> View:
        """Return the rows that fit a sort of request; the answer of ``fits`` never changes for one sort."""
        view = self.views.get(sort)
        if view is not None:
            return self.current(view)
        whole = self.current(self.whole)
        count, rows = whole.count, whole.rows
        if len(self.views) >= VIEWS_MOST:
            self.views.clear()
        view = self.views[sort] = View((row for row in rows if fits(row.stand)), count)
        return view

    def current(self, view: View) -> View:
        """Return a view as it is now."""
        return view


class LiveRanking(Ranking):
    """Models whose order follows what health makes of them."""

    def __init__(
        self,
        stands: Iterable[Stand],
        strategy: Strategy,
        costs: Costs,
        *,
        extra: Mapping[str, float],
        cached: float = 0.0,
    ) -> None:
        """Rank those that the strategy is able to rank; ``extra`` are seconds by provider that its models cost more.

        ``cached`` are the seconds that a sure cache speaks for a model, and a sure lack of one against it.
        """
        self.cached = cached
        self.strategy = strategy
        self.costs = costs
        self.extra = extra
        count = costs.count
        super().__init__(sorted(self._row(stand) for stand in stands if strategy.able(stand.model)))
        self.whole.count = count
        self.pairs = {row.stand.pair: row.key for row in self.whole.rows}

    def current(self, view: View) -> View:
        """Return a view as it is now; as it was a moment ago where another thread is at it."""
        costs = self.costs
        if view.count == costs.count or not costs.lock.acquire(blocking=False):
            return view
        try:
            self._follow(view)
        finally:
            costs.lock.release()
        return view

    def _follow(self, view: View) -> None:
        count = self.costs.count
        moved = self.costs.since(view.count)
        if moved is None or len(moved) * 4 > len(view.rows):
            rows = sorted(self._row(row.stand) for row in view.rows)
            view.by_key = {row.key: row for row in rows}
        else:
            rows = view.rows.copy()  # others may be on their way down the old ones
            for pair in moved:
                old = view.by_key.get(self.pairs.get(pair, ""))
                if old is not None:
                    new = view.by_key[old.key] = self._row(old.stand)
                    del rows[bisect_left(rows, old)]
                    insort(rows, new)
        view.rows, view.count = rows, count

    def _row(self, stand: Stand) -> Row:
        expected = self.costs.of(stand.model)
        total, parts = self.strategy.cost(0, stand.model, expected)
        if extra := self.extra.get(stand.model.provider, 0.0):
            total, parts = total + extra, parts.scarcer(extra)
        if self.cached:
            seconds = self.cached * (1.0 - 2.0 * expected.cached)
            total, parts = total + seconds, parts._replace(session=seconds)
        return Row(total, stand.key, stand, parts)


class Nearest(Ranking):
    """The few models of another ranking that are nearest to something, equal ones as they rank there."""

    def __init__(self, ranking: Ranking, far: Callable[[Model], float], *, most: int) -> None:
        """Take ``most`` models at the most; ``far`` says how far each is."""
        self.ranking = ranking
        self.far = far
        self.most = most
        self.followed: Sequence[Row] | None = None
        super().__init__(())

    @property
    def rows(self) -> Sequence[Row]:
        """Return all rows, the nearest first."""
        self._follow()
        return self.whole.rows

    def view(self, sort: Hashable, fits: Callable[[Stand], bool]) -> View:
        """Return the rows that fit a sort of request."""
        self._follow()
        return super().view(sort, fits)

    def _follow(self) -> None:
        """Begin anew once the other ranking is another."""
        rows = self.ranking.rows
        if rows is not self.followed:
            nearest = sorted(rows, key=lambda row: self.far(row.model))[: self.most]
            self.whole, self.views, self.followed = View(nearest, 0), {}, rows


def ranked(rows: Iterable[Ranked], stand: Callable[[Model], Stand]) -> Ranking:
    """Return a ranking that stays as it is."""
    return Ranking(Row(row.total, row.model.key, stand(row.model), row.parts) for row in rows)
