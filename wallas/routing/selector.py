"""Finds who may answer a request, best first, and says of everyone else why not and until when.

Ranked lists are kept, and follow what health learns four times a second. A
request walks one from the top, adds its own terms, and stops when no later
model can win.
"""

import math
import time
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from wallas.catalog.entries import Model
from wallas.health import Health, Place
from wallas.providers.base import Provider
from wallas.quota.windows import Window
from wallas.routing.candidates import Candidate, Excluded, Selection, Terms, is_shared, too_dear
from wallas.routing.costs import Costs
from wallas.routing.front import Front
from wallas.routing.inability import Inabilities
from wallas.routing.moment import Moment
from wallas.routing.needs import MARGIN, Needs
from wallas.routing.ranking import LiveRanking, Ranking, Stand, ranked
from wallas.routing.strategies import BY_LEVEL, STRATEGIES, Ranked, Strategy
from wallas.routing.walk import Walk
from wallas.settings import Key
from wallas.types.chat import ChatRequest

RANKED_SECONDS = 0.25
RANKED_MOST = 1000
SOON = 5.0
"""A limit that ends within this time is waited for, streaming or not."""
SHARED_SECONDS = 30.0
"""What the few calls of a provider that serves strangers are worth."""
CACHING_SECONDS = 2.0
"""What a cache is worth to a conversation with tools that begins: most of its turns are still to come."""
LEAST_WORTH = 0.2
EXPLORE_EVERY = 50


class Room(NamedTuple):
    """What a quota says of one more call: seconds until it fits (0: now, infinity: never), the free share, 0 to 1.

    A ``guess`` is no more than that: the call may be made where nobody else can be asked. ``short`` is the window of
    requests that has nothing left, and what it lacks.
    """

    seconds: float = 0.0
    headroom: float = 1.0
    reason: str = ""
    guess: bool = False
    short: tuple[Window, float] | None = None


AMPLE = Room()


class Quota(Protocol):
    """What is left of a candidate's limits."""

    def rooms(self, *, tokens: int, output: int, sure: bool = False) -> Callable[[Place, Model, Key], Room]:
        """Return what tells whether one more call of so many tokens in and ``output`` at most (0: not said) out fits.

        Costs a microsecond for each candidate, never blocks.
        """


class Group(NamedTuple):
    """Models that one name means, ranked; ``moves`` says whether a request's own terms may reorder them."""

    ranking: Ranking
    moves: bool = True
    roomy: float = 1.0
    sticky: float = 1.0
    sparing: float = 1.0
    """How much quotas that run low are spared."""


class Sort:
    """Requests that mean the same models on the same terms and take the same abilities, whatever else they say."""

    __slots__ = ("front", "groups", "terms")

    def __init__(self, groups: Sequence[Group], terms: Terms) -> None:
        """Mean these groups, one after the other."""
        self.groups = groups
        self.terms = terms
        self.front: Front | None = None
        """Whom the last of them found."""


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
        self.costs = Costs(health)
        self.refreshed = -math.inf
        self.stands: dict[str, Stand] = {}
        self.lists: dict[Hashable, Ranking] = {}
        self.windows: dict[tuple[str, str], int] = {}
        self.expected: Callable[[str], int] = lambda model: 0
        """How many conversations will be back at a model at once."""
        self.inabilities = Inabilities()
        self.shared = {name: SHARED_SECONDS for name, one in providers.items() if is_shared(one)}
        self.served = 0

    def best(self, profile: str, capabilities: frozenset[str], *, level: int = -1, cached: bool = False) -> Ranking:
        """Return all models that have the capabilities, as the profile ranks them.

        ``level`` is ``auto``'s; ``cached``: the request is one of many with the same beginning.
        """
        return self.live(
            (profile, level, capabilities, cached),
            STRATEGIES[profile] if level < 0 else BY_LEVEL[level],
            lambda: [model for model in self.models if model.capabilities >= capabilities],
            extra=self.shared,
            cached=CACHING_SECONDS if cached else 0.0,
        )

    def worth(self, model: str) -> float:
        """Return how far a conversation should stay with a model, 0 to 1: less where nothing was found in its cache."""
        return min(LEAST_WORTH + 2.0 * self.health.caches.chance(model), 1.0)

    def live(
        self,
        what: Hashable,
        strategy: Strategy,
        models: Callable[[], Iterable[Model]],
        *,
        extra: Mapping[str, float] | None = None,
        cached: float = 0.0,
    ) -> Ranking:
        """Return these models as a strategy ranks them, the list known as ``what`` if there is one.

        It follows health, at most four times a second. ``extra`` and ``cached`` are those of ``LiveRanking``.
        """
        self.refresh(self.clock())
        known = self.lists.get(what)
        if known is None:
            if len(self.lists) >= RANKED_MOST:
                self.lists.clear()
            if strategy.live:
                known = LiveRanking(map(self.stand, models()), strategy, self.costs, extra=extra or {}, cached=cached)
            else:
                known = self.rank(strategy, None, list(models()))
            self.lists[what] = known
        return known

    def refresh(self, now: float) -> None:
        """Let ranked lists follow what health learned, unless they did just now."""
        if now - self.refreshed >= RANKED_SECONDS:
            self.refreshed = now
            self.costs.refresh()

    def stand(self, model: Model) -> Stand:
        """Return a model's place in ranked lists."""
        known = self.stands.get(model.key)
        if known is None or known.model is not model:
            known = self.stands[model.key] = Stand(model, self.providers[model.provider])
        return known

    def rank(self, strategy: Strategy, request: ChatRequest | None, models: Sequence[Model]) -> Ranking:
        """Return the given models as a strategy ranks them now."""
        return self.ranking(strategy(request, models, self.health))

    def ranking(self, rows: Iterable[Ranked]) -> Ranking:
        """Return a ranking of these rows, best first, that stays as it is."""
        return ranked(rows, self.stand)

    def advance(self) -> None:
        """Count a real request: whose turn it is among keys, and when to explore, moves on."""
        self.served += 1

    def select(
        self,
        sort: Sort,
        needs: Needs,
        *,
        session: Session | None = None,
        full: bool = False,
        patient: bool = True,
        sure: bool = False,
    ) -> Selection:
        """Return who of a sort's groups, one after the other, may answer, with each key, and who may not.

        Unless ``full``, a group's walk stops once no later model can be among
        the first. Who is not ``patient`` waits for no limit that ends soon.
        ``sure``: nobody is among them by what was found a moment ago only.
        """
        now = self.clock()
        if now - self.refreshed >= RANKED_SECONDS:
            self.refresh(now)
        moment = Moment(self, needs, session=session, sure=sure or full, now=now)
        exploring = self.served % EXPLORE_EVERY == EXPLORE_EVERY - 1
        front = sort.front
        if front is not None and not (moment.sure or exploring) and front.lasts(moment, sort.groups[0].roomy):
            plain = front.alone and session is None
            kept = front.again(moment, sort.groups[0]) if plain else Walk(moment, sort).again(front)
            if kept is not None:
                return kept
            moment.excluded.clear()
        walk = Walk(moment, sort, exploring=exploring)
        walk.down(full=full)
        if not walk.chosen:
            walk.chosen.extend(self._panic(walk.excluded, patient=patient))
        return Selection(walk.chosen, walk.excluded)

    def reasons(self, models: Container[str], needs: Needs, terms: Terms) -> list[Excluded]:
        """Return why each model whose key is not among ``models`` was not even ranked: for an error that explains."""
        others = (model for model in self.models if model.key not in models)
        told = ((model, self.reason(model, needs, terms, 1.0)) for model in others)
        return [Excluded(model, None, reason) for model, reason in told if reason is not None]

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
        return (
            [Candidate.of(first.model, self.providers[first.model.provider], first.key)] if first and first.key else []
        )

    def never(self, model: Model, needs: Needs, terms: Terms, roomy: float) -> str | None:
        """Return why a model may not answer, by what does not change while the catalog stays; None when it may."""
        return (
            _barred(model, needs, terms)
            or _unwanted(model, terms)
            or _too_small(model, model.context, needs, roomy=roomy)
        )

    def reason(self, model: Model, needs: Needs, terms: Terms, roomy: float) -> str | None:
        """Return why a model may not answer whatever its keys, None when it may."""
        place = model.provider, model.id
        if barred := _barred(model, needs, terms):
            return barred
        lacks = self.inabilities.of(place, needs.capabilities) if self.inabilities.found else None
        if lacks is not None:
            return f"cannot take: {lacks}, it said when asked"
        window = self.windows.get(place) or model.context
        return _unwanted(model, terms) or _too_small(model, window, needs, roomy=roomy)


def _barred(model: Model, needs: Needs, terms: Terms) -> str | None:
    provider = model.provider
    if provider in terms.ignore or (terms.only and provider not in terms.only):
        return "provider not allowed by the request"
    if model.status == "retired":
        return "retired"
    if not needs.capabilities <= model.capabilities:
        trusted = "capabilities" in model.guessed and model.key in terms.named
        if not trusted:
            return f"cannot take: {', '.join(sorted(needs.capabilities - model.capabilities))}"
    return None


def _unwanted(model: Model, terms: Terms) -> str | None:
    if not model.free and not terms.allow_paid and not (terms.may_pay and model.key in terms.named):
        return "costs money"
    if terms.max_price and (dear := too_dear(model, terms.max_price)) is not None:
        return dear
    if terms.quantizations and (stored := model.precision or "unknown") not in terms.quantizations:
        return f"quantization {stored} is none of provider.quantizations"
    if terms.private and model.trains_on_data is not False and model.provider != "ollama":
        return "may train on prompts"
    return None


def _too_small(model: Model, window: int | None, needs: Needs, *, roomy: float) -> str | None:
    output = min(needs.output, model.max_output or needs.output)
    if window and needs.tokens * MARGIN * roomy + output > window:
        return f"context of {window} tokens is too small"
    return None


def _by_failures(row: Excluded) -> tuple[bool, bool, float]:
    """Sort those who are out by a guess first, those who are only doubted before those who rest, the worst last."""
    return not row.guess, row.reason.startswith("resting"), row.seconds or 0.0
