"""Finds who may answer a request, best first, and says of everyone else why not and until when.

Ranked lists are kept per profile for a quarter of a second. A request walks
one from the top, adds its own terms, and stops when no later model can win.
"""

import math
import time
from bisect import insort
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from wallas.catalog.entries import Model
from wallas.health import Health, Place
from wallas.health_doubt import Doubted
from wallas.providers.base import Provider
from wallas.routing.candidates import Candidate, Excluded, Selection, Terms, is_shared, too_dear
from wallas.routing.inability import Inabilities
from wallas.routing.needs import MARGIN, Needs
from wallas.routing.strategies import BY_LEVEL, STRATEGIES, Parts, Ranked, Strategy
from wallas.settings import Key
from wallas.types.chat import ChatRequest

RANKED_SECONDS = 0.25
RANKED_MOST = 1000
ENOUGH = 6
"""Candidates after which a walk may stop: more than the attempts that one request usually makes; when all of them
failed, the request looks for others."""
SOON = 5.0
"""A limit that ends within this time is waited for, streaming or not."""
SHARED_SECONDS = 30.0
"""What the few calls of a provider that serves strangers are worth."""
SCARCITY_SECONDS = 0.05
KEPT_TIMES = 2.0
"""How many times scarcer a quota is for each conversation that will be back for it at once."""
CACHING_SECONDS = 2.0
"""What a cache is worth to a conversation with tools that begins: most of its turns are still to come."""
LEAST_WORTH = 0.2
EXPLORE_EVERY = 50
EXPLORE_IDLE = 300.0
EXPLORE_SECONDS = 1.0
EXPLORE_ROWS = 16
"""Models beyond the first that a request looks at to find one that nobody has asked for long."""


class Room(NamedTuple):
    """What a quota says of one more call: seconds until it fits (0: now, infinity: never), the free share, 0 to 1.

    A ``guess`` is no more than that: the call may be made where nobody else can be asked.
    """

    seconds: float = 0.0
    headroom: float = 1.0
    reason: str = ""
    guess: bool = False


AMPLE = Room()


class Quota(Protocol):
    """What is left of a candidate's limits."""

    def room(self, model: Model, key: Key, *, tokens: int, output: int) -> Room:
        """Return whether one more call of so many tokens in and at most ``output`` (0: not said) out fits.

        Costs a microsecond, never blocks.
        """


VIEWS_MOST = 50


class View:
    """The rows of a ranking that are worth a look for one sort of request: without those who were out a moment ago."""

    __slots__ = ("first", "rows", "until")

    def __init__(self, rows: Sequence[Ranked]) -> None:
        """Begin with all rows."""
        self.rows = rows
        self.first: Sequence[Ranked] = ()
        """Those that made the first candidates a moment ago; empty while nobody has looked."""
        self.until = math.inf

    def leave_out(self, keys: Container[str], until: float) -> None:
        """Look no more at these models before ``until``."""
        self.rows = [row for row in self.rows if row.model.key not in keys]
        self.first = ()
        self.until = min(self.until, until)


class Ranking:
    """Ranked models, best first, and each of them by its key."""

    def __init__(self, rows: Sequence[Ranked]) -> None:
        """Hold rows that are ranked already."""
        self.rows = rows
        self.by_key = {row.model.key: row for row in rows}
        self.views: dict[Hashable, View] = {}

    def view(self, sort: Hashable, now: float) -> View:
        """Return whom to look at for a sort of request; everybody, once somebody who was out may be back."""
        view = self.views.get(sort)
        if view is None or now >= view.until:
            if len(self.views) >= VIEWS_MOST:
                self.views.clear()
            view = self.views[sort] = View(self.rows)
        return view


class Group(NamedTuple):
    """Models that one name means, ranked; ``moves`` says whether a request's own terms may reorder them."""

    ranking: Ranking
    moves: bool = True
    roomy: float = 1.0
    sticky: float = 1.0
    sparing: float = 1.0
    """How much quotas that run low are spared."""


class Session(NamedTuple):
    """The model that has a conversation's beginning in its cache, the seconds that saves, and the key it was met with.

    Caches belong to accounts: with another key nothing is saved ("": any key).
    """

    model: str
    seconds: float
    key: str = ""


class Selector:
    """Chooses candidates from one catalog snapshot."""

    def __init__(
        self,
        models: Iterable[Model],
        providers: dict[str, Provider],
        health: Health,
        *,
        quota: Quota | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose among the ``models`` of usable ``providers``."""
        self.models = [
            model
            for model in models
            if model.provider in providers and model.kind == "chat" and not model.missing_since
        ]
        self.providers = providers
        self.health = health
        self.quota = quota
        self.clock = clock
        self.rankings: dict[Hashable, tuple[float, Ranking]] = {}
        self.windows: dict[tuple[str, str], int] = {}
        self.expected: Callable[[str], int] = lambda model: 0
        """How many conversations will be back at a model at once."""
        self.inabilities = Inabilities()
        self.shared = frozenset(name for name, one in providers.items() if is_shared(one))
        self.served = 0

    def best(
        self, profile: str, request: ChatRequest, capabilities: frozenset[str], *, level: int = -1, cached: bool = False
    ) -> Ranking:
        """Return all models that have the capabilities, as the profile ranks them now.

        ``level`` is ``auto``'s; ``cached``: the request is one of many with the same beginning.
        """
        what = (profile, level, capabilities, cached)
        return self.kept(what, lambda: self._best(profile, request, capabilities, level, cached))

    def _best(
        self, profile: str, request: ChatRequest, capabilities: frozenset[str], level: int, cached: bool
    ) -> Ranking:
        able = [model for model in self.models if model.capabilities >= capabilities]
        strategy = STRATEGIES[profile] if level < 0 else BY_LEVEL[level]
        rows = (self._owned(row) for row in strategy(request, able, self.health))
        return Ranking(sorted((self._caching(row) for row in rows) if cached else rows, key=_total))

    def _caching(self, row: Ranked) -> Ranked:
        """Return a ranked model with what it is worth to a conversation that it may keep in its cache."""
        seconds = CACHING_SECONDS * (1.0 - 2.0 * self.health.caches.chance(row.model.key))
        return Ranked(row.total + seconds, row.model, row.parts._replace(session=seconds))

    def worth(self, model: str) -> float:
        """Return how far a conversation should stay with a model, 0 to 1: less where nothing was found in its cache."""
        return min(LEAST_WORTH + 2.0 * self.health.caches.chance(model), 1.0)

    def kept(self, what: Hashable, rank: Callable[[], Ranking]) -> Ranking:
        """Return the ranking that ``rank`` makes, or the one known as ``what`` if that was made just now."""
        now = self.clock()
        known = self.rankings.get(what)
        if known is not None and now - known[0] < RANKED_SECONDS:
            return known[1]
        if len(self.rankings) >= RANKED_MOST:
            self.rankings.clear()
        ranking = rank()
        self.rankings[what] = (now, ranking)
        return ranking

    def rank(self, strategy: Strategy, request: ChatRequest | None, models: Sequence[Model]) -> Ranking:
        """Return the given models as a strategy ranks them now."""
        return Ranking(strategy(request, models, self.health))

    def advance(self) -> None:
        """Count a real request: whose turn it is among keys, and when to explore, moves on."""
        self.served += 1

    def select(
        self,
        groups: Iterable[Group],
        needs: Needs,
        terms: Terms,
        *,
        session: Session | None = None,
        full: bool = False,
        patient: bool = True,
    ) -> Selection:
        """Return who of these groups, one after the other, may answer, with each key, and who may not.

        Unless ``full``, a group's walk stops once no later model can be among
        the first. Who is not ``patient`` waits for no limit that ends soon.
        """
        walk = _Walk(self, needs, terms, session=session, full=full)
        for group in groups:
            walk.through(group)
        if not walk.chosen:
            walk.chosen.extend(self._panic(walk.excluded, patient=patient))
        return Selection(walk.chosen, walk.excluded)

    def reasons(self, models: Container[str], needs: Needs, terms: Terms) -> list[Excluded]:
        """Return why each model whose key is not among ``models`` was not even ranked: for an error that explains."""
        others = (model for model in self.models if model.key not in models)
        told = ((model, self.reason(model, needs, terms, 1.0)) for model in others)
        return [Excluded(model, None, reason) for model, reason in told if reason is not None]

    def _owned(self, row: Ranked) -> Ranked:
        """Return a ranked model with what strangers' calls make of its provider's."""
        if row.model.provider not in self.shared:
            return row
        parts = row.parts._replace(scarcity=row.parts.scarcity + SHARED_SECONDS)
        return Ranked(row.total + SHARED_SECONDS, row.model, parts)

    def open(
        self,
        model: Model,
        parts: Parts,
        needs: Needs,
        excluded: list[Excluded],
        *,
        sparing: float = 1.0,
        own: bool = False,
    ) -> Iterator[Candidate]:
        """Yield the candidates that a model's keys make; add to ``excluded`` those that rest or have nothing left.

        What is left of a quota is kept for conversations that will be back at once; ``own``: this is one of them.
        """
        provider = self.providers[model.provider]
        doubt = self.health.doubted(model.provider, model.id)
        for key in self._keys(model):
            place = Place(model.provider, model.id, key.id)
            rest = self.health.resting(place, free=model.free)
            if rest is not None:
                left = rest.until - self.health.clock()
                excluded.append(Excluded(model, key, f"resting: {rest.reason}", left, rest.breaker))
                continue
            scarce = 0.0
            if self.quota is not None:
                room = self.quota.room(model, key, tokens=needs.tokens, output=needs.output)
                if room.seconds > 0:
                    seconds = room.seconds if math.isfinite(room.seconds) else None
                    excluded.append(Excluded(model, key, f"quota: {room.reason}", seconds, room.guess, room.guess))
                    continue
                scarce = SCARCITY_SECONDS * sparing / max(room.headroom, 0.005)
                if not own and room.headroom < 1.0 and (expected := self.expected(model.key)):
                    scarce *= 1.0 + expected * KEPT_TIMES
            if doubt is not None:
                excluded.append(Excluded(model, key, why_doubted(doubt), doubt.seconds, breaker=True))
                continue
            yield Candidate(model, provider, key, parts, scarce)

    @property
    def exploring(self) -> bool:
        """Return whether this request may find out how models do that nobody has asked for long."""
        return self.served % EXPLORE_EVERY == EXPLORE_EVERY - 1

    def _panic(self, excluded: list[Excluded], *, patient: bool) -> list[Candidate]:
        """Return the first that is out by a guess only, or for its failures, when nobody else is left.

        That is better than a refusal; but where a limit ends soon, waiting for
        that is better still; whoever has waited in vain is not patient any more.
        """
        timed = (row.seconds for row in excluded if row.seconds is not None and not row.breaker)
        soon = any(seconds <= SOON for seconds in timed)
        if patient and soon:
            return []
        out = [row for row in excluded if row.breaker and row.key is not None]
        first = min(out, key=_by_failures, default=None)
        return [Candidate(first.model, self.providers[first.model.provider], first.key)] if first and first.key else []

    def reason(self, model: Model, needs: Needs, terms: Terms, roomy: float) -> str | None:
        """Return why a model may not answer whatever its keys, None when it may."""
        provider = model.provider
        if provider in terms.ignore or (terms.only and provider not in terms.only):
            return "provider not allowed by the request"
        if model.status == "retired":
            return "retired"
        trusted = model.key in terms.named and "capabilities" in model.guessed
        if not trusted and not needs.capabilities <= model.capabilities:
            return f"cannot take: {', '.join(sorted(needs.capabilities - model.capabilities))}"
        lacks = self.inabilities.of((provider, model.id), needs.capabilities) if self.inabilities.found else None
        if lacks is not None:
            return f"cannot take: {lacks}, it said when asked"
        if not model.free and not terms.allow_paid and not (terms.may_pay and model.key in terms.named):
            return "costs money"
        if terms.max_price and (dear := too_dear(model, terms.max_price)) is not None:
            return dear
        if terms.private and model.trains_on_data is not False and provider != "ollama":
            return "may train on prompts"
        window = self.windows.get((provider, model.id)) or model.context
        output = min(needs.output, model.max_output or needs.output)
        if window and needs.tokens * MARGIN * roomy + output > window:
            return f"context of {window} tokens is too small"
        return None

    def _keys(self, model: Model) -> Sequence[Key]:
        """Return a model's keys, a different one first each time."""
        keys = self.providers[model.provider].keys
        if len(keys) < 2:
            return keys
        turn = self.served % len(keys)
        return keys[turn:] + keys[:turn]


Found: TypeAlias = tuple[float, int, Candidate]
"""What a candidate costs, when it was found, and itself."""


class _Walk:
    """One request's way down ranked lists."""

    def __init__(self, selector: Selector, needs: Needs, terms: Terms, *, session: Session | None, full: bool) -> None:
        self.selector = selector
        self.needs = needs
        self.terms = terms
        self.session = session
        self.full = full
        self.exploring = selector.exploring
        self.chosen: list[Candidate] = []
        self.excluded: list[Excluded] = []
        self.seen: set[str] = set()
        self.out: set[str] = set()
        """Who is out for requests of this sort, the first of them until ``out_until``."""
        self.sort = (terms, needs.capabilities, (needs.tokens + needs.output).bit_length())
        """What one was out for, the others are out for: the same terms and abilities, and a like size."""
        self.now = selector.clock()
        self.out_until = math.inf
        self.least = SCARCITY_SECONDS if selector.quota is not None else 0.0
        """What every candidate costs beyond its row's total."""

    def through(self, group: Group) -> None:
        """Add a group's candidates, best first; what the session met last is looked at first.

        Who was out a moment ago is looked at only if nobody else is there, or
        everybody is to be told of.
        """
        ranking = group.ranking
        view = ranking.view(self.sort, self.now)
        self.out, self.out_until = set(), math.inf
        found: list[Found] = []
        best: list[float] = []
        if group.moves and self.session is not None and (known := ranking.by_key.get(self.session.model)):
            self._take(known, group, found, best)
        if not self.exploring:
            for row in view.first:
                self._take(row, group, found, best)
        if len(best) < ENOUGH or not view.first or self.exploring:
            self._along(group, view.rows, found, best)
            self._remember(view, found)
        self._choose(group, found)
        if self.full or (not self.chosen and len(view.rows) < len(ranking.rows)):
            self._choose(group, self._rest(group))

    def _along(self, group: Group, rows: Sequence[Ranked], found: list[Found], best: list[float]) -> None:
        slack = (EXPLORE_SECONDS if self.exploring else 0.0) - self.least * group.sparing
        further = EXPLORE_ROWS
        for row in rows:
            if len(best) >= ENOUGH:
                if not group.moves or row.total - slack > best[ENOUGH - 1] or not further:
                    break
                further -= self.exploring
            self._take(row, group, found, best)

    def _rest(self, group: Group) -> list[Found]:
        """Return whom the walk has not come to."""
        found: list[Found] = []
        best: list[float] = []
        for row in group.ranking.rows:
            self._take(row, group, found, best)
        return found

    def _choose(self, group: Group, found: list[Found]) -> None:
        if group.moves:
            found.sort()
        self.chosen.extend(one for _, _, one in found)

    def _remember(self, view: View, found: list[Found]) -> None:
        """Note who was out, and whose rows made the first candidates: the next request of this sort looks there."""
        if self.out:
            view.leave_out(self.out, self.out_until)
        if self.exploring:
            return
        own = self.session.model if self.session is not None else None
        first = {one.model.key: None for _, _, one in sorted(found) if one.model.key != own}
        keys = frozenset(list(first)[:ENOUGH])
        view.first = [row for row in view.rows if row.model.key in keys] if len(found) >= ENOUGH else ()

    def _take(self, row: Ranked, group: Group, found: list[Found], best: list[float]) -> None:
        _, model, parts = row
        key = model.key
        if key in self.seen:
            return
        self.seen.add(key)
        reason = self.selector.reason(model, self.needs, self.terms, group.roomy)
        if reason is not None:
            self.excluded.append(Excluded(model, None, reason))
            self.out.add(key)
            return
        if group.moves:
            parts = self._own(model, parts, group)
        before, have = len(self.excluded), len(found)
        met = self.session if self.session is not None and key == self.session.model else None
        sparing, own = group.sparing, met is not None
        for candidate in self.selector.open(model, parts, self.needs, self.excluded, sparing=sparing, own=own):
            if met is not None and met.key not in ("", candidate.key.id):
                candidate = candidate._replace(base=row.parts)
            cost = row.total if candidate.base is row.parts else candidate.base.total
            total = cost + candidate.scarcity
            found.append((total, len(found), candidate))
            insort(best, total)
        if len(found) == have:
            self.out.add(key)
            back = min((row.seconds for row in self.excluded[before:] if row.seconds is not None), default=math.inf)
            self.out_until = min(self.out_until, self.now + back)

    def _own(self, model: Model, parts: Parts, group: Group) -> Parts:
        """Return a model's cost with what this request alone knows of it."""
        if self.session is not None and self.session.model == model.key:
            parts = parts._replace(session=-self.session.seconds * group.sticky)
        if self.exploring and self.selector.health.idle(model.provider, model.id) > EXPLORE_IDLE:
            parts = parts._replace(exploration=-EXPLORE_SECONDS)
        return parts


def why_doubted(doubt: Doubted) -> str:
    """Return the reason for passing over who failed so often in a row."""
    return f"doubtful: failed {doubt.run} times in a row"


def _by_failures(row: Excluded) -> tuple[bool, bool, float]:
    """Sort those who are out by a guess first, those who are only doubted before those who rest, the worst last."""
    return not row.guess, row.reason.startswith("resting"), row.seconds or 0.0


def _total(row: Ranked) -> float:
    return row.total
