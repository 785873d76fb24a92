"""Turns a request into groups of ranked models, and these into who may answer it, best first."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations
from typing import Any

import msgspec

from wallas.catalog.entries import Model
from wallas.catalog.snapshot import Catalog
from wallas.content.contents import Contents
from wallas.errors import BadRequest
from wallas.health_cache import LEAST_TOKENS
from wallas.providers.base import Provider
from wallas.routing.adapt import Lessons
from wallas.routing.auxiliary import auxiliary
from wallas.routing.candidates import Candidate, Excluded, Selection, gives_n, preferred
from wallas.routing.difficulty import SPARING, last_words, level
from wallas.routing.naming import Asked
from wallas.routing.needs import Needs
from wallas.routing.options import Options
from wallas.routing.ranking import Nearest, Ranking
from wallas.routing.saying import Said, Sayings
from wallas.routing.selector import Group, Selector, Session, Sort
from wallas.routing.sessions import SESSION_TOKENS, Sessions, session_key
from wallas.routing.sight import Sight, sight_of
from wallas.routing.strategies import LENIENT, PROFILES, STRATEGIES, Strategy
from wallas.routing.walk import ENOUGH
from wallas.routing.wishes import losses, ordered, taking_all
from wallas.settings import Settings
from wallas.types.chat import ChatRequest

KIN = 6
SORTS_MOST = 2000
"""Sorts of requests that are kept; with one more, all that was said is forgotten: nobody has use for so many."""
TOOL_LOOP = 3.0
"""How much a warm cache counts at least where tools are offered: a change of model costs habits, too."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One request, read: what was said, what it takes, and of which sort it is."""

    chooser: "Chooser"
    request: ChatRequest
    options: Options
    needs: Needs
    said: Said
    sort: Sort
    session: str
    """Which conversation it belongs to; "" where that does not matter yet, for no cache keeps so short a beginning."""
    auxiliary: str | None
    hold: str
    issuers: frozenset[str]
    """Whose seals the conversation carries."""
    wire: str = ""
    contents: Contents | None = None

    def again(self, *, patient: bool = True) -> Selection:
        """Return who may answer as of now: what was found a moment ago is looked at again."""
        return self.chooser.select(self, patient=patient, sure=True)

    def unfit(self) -> list[Excluded]:
        """Return why each model that was meant may not answer whatever its keys: a walk passes them over unsaid."""
        told: dict[str, Excluded] = {}
        for group in self.sort.groups:
            for row in group.ranking.rows:
                reason = self.chooser.selector.reason(row.model, self.needs, self.said.terms, group.roomy)
                if reason is not None:
                    told[row.key] = Excluded(row.model, None, reason)
        return list(told.values())


class Chooser:
    """Chooses who answers, from one snapshot of catalog and providers."""

    def __init__(
        self,
        settings: Settings,
        *,
        catalog: Catalog,
        providers: dict[str, Provider],
        selector: Selector,
        sayings: Sayings,
        sessions: Sessions,
        lessons_of: Callable[[Candidate], Lessons] = lambda candidate: Lessons(),
    ) -> None:
        """Choose among usable ``providers`` whom the ``sayings`` mean."""
        self.settings = settings
        self.catalog = catalog
        self.providers = providers
        self.selector = selector
        self.sayings = sayings
        self.sessions = sessions
        self.lessons_of = lessons_of
        self.sorts = 0
        """How many sorts of requests are kept."""

    def choose(
        self,
        request: ChatRequest,
        options: Options,
        needs: Needs,
        *,
        sight: Sight | None = None,
        wire: str = "",
        contents: Contents | None = None,
    ) -> Choice:
        """Return what the caller's words mean; raise BadRequest or NotFound for those that mean nothing.

        ``sight`` is what was seen of the request, if somebody looked already; ``wire`` is the caller's, by which
        some parameters are told; ``contents`` are the request's files.
        """
        sight = sight or sight_of(request)
        said = self.sayings.of(request.model, options)
        kind, shape = self._shape(request, said, needs) if said.profiled or said.uneven else (None, ())
        key = needs.capabilities, needs.native, needs.tokens.bit_length(), shape
        sort = said.sorts.get(key)
        if sort is None:
            sort = said.sorts[key] = self._sort(said, needs, shape)
        return Choice(
            chooser=self,
            request=request,
            options=options,
            needs=needs,
            said=said,
            sort=sort,
            session=session_key(request, options.session, sight=sight)
            if options.session or needs.tokens >= SESSION_TOKENS
            else "",
            auxiliary=kind,
            hold=options.hold or said.hold,
            issuers=sight.issuers if sight.odd else NOBODY,
            wire=wire,
            contents=contents,
        )

    def select(self, choice: Choice, *, full: bool = False, patient: bool = True, sure: bool = False) -> Selection:
        """Return who may answer, best first, and who may not and why.

        ``full`` looks at everybody; who is not ``patient`` waits for no limit that ends soon;
        ``sure``: what was found a moment ago is looked at again.
        """
        needs, said = choice.needs, choice.said
        several = (choice.request.n or 1) > 1 and said.profile is not None
        met = self.sessions.bonus(choice.session, needs.tokens) if needs.tokens >= SESSION_TOKENS else None
        session = met and Session(met.model, met.seconds * self.selector.worth(met.model), met.key)
        everybody = full or several or said.wished or bool(choice.options.order)
        selection = self.selector.select(
            choice.sort, needs, session=session, patient=patient, full=everybody, sure=sure
        )
        if selection.candidates and not (everybody or choice.issuers):
            return selection
        if choice.issuers and not everybody and all(one.issuer not in choice.issuers for one in selection.candidates):
            selection = self.selector.select(choice.sort, needs, session=session, patient=patient, full=True)
        if said.wished:
            selection = self._wished(selection, choice, full=full)
        chosen, excluded = selection
        if full or not chosen:
            wanted = msgspec.structs.replace(needs, capabilities=needs.capabilities | said.needs)
            ranked = {row.key for group in choice.sort.groups for row in group.ranking.rows}
            excluded = [*excluded, *self.selector.reasons(ranked, wanted, said.terms)]
        chosen = preferred(chosen, order=choice.options.order, issuers=choice.issuers)
        if several:
            chosen = sorted(chosen, key=lambda candidate: not gives_n(candidate.provider))
        return Selection(chosen, excluded)

    def _wished(self, selection: Selection, choice: Choice, *, full: bool) -> Selection:
        """Return a selection in the order that the caller would like, without those that lack a parameter."""
        wishes, found, left = choice.options.wishes, selection.candidates, list[Excluded]()
        if wishes.reorders:
            found = ordered(found, wishes, self.selector.health, asked=choice.said.names)
        if wishes.require_parameters:

            def lost(candidate: Candidate) -> list[str]:
                lessons, contents = self.lessons_of(candidate), choice.contents
                return losses(candidate, choice.request, wire=choice.wire, lessons=lessons, contents=contents)[0]

            found, left = taking_all(found, lost, most=None if full else ENOUGH)
        return Selection(found, [*selection.excluded, *left])

    def _shape(self, request: ChatRequest, said: Said, needs: Needs) -> tuple[str | None, tuple[Any, ...]]:
        """Return what auxiliary call a request is, if it is one, and what else says whom the names mean.

        Virtual models go by difficulty, tools, whether more such requests are to follow, and whether it is an
        auxiliary call; the kin of a model by the quality of whoever of that name comes first now.
        """
        if not said.profiled:
            return None, (self._exact(said.asked[0]).rows[0].model.quality,)
        words, tools = last_words(request), bool(request.tools)
        kind = auxiliary(request, words) if said.virtual and self.settings.auxiliary else None
        hard = level(request, tokens=needs.tokens, words=words) if said.levelled else -1
        return kind, (hard, tools, tools and needs.tokens >= LEAST_TOKENS, kind is not None)

    def _sort(self, said: Said, needs: Needs, shape: tuple[Any, ...]) -> Sort:
        """Return whom requests mean that say and take the same; ``shape`` is what else says whom the names mean."""
        self.sorts += 1
        if self.sorts > SORTS_MOST:
            self.sayings.said.clear()
            self.sorts = 1
        alone = len(said.asked) == 1
        groups = [group for one in said.asked for group in self._groups(one, needs, shape, alone=alone)]
        return Sort(groups, said.terms)

    def _groups(self, asked: Asked, needs: Needs, shape: tuple[Any, ...], *, alone: bool) -> Sequence[Group]:
        """Return the models that one name means, ranked: one group, or those asked for and who may stand in.

        The kin of one that is ``alone`` may; a caller's list has its own order.
        """
        live, ids = self.selector.live, _ids(asked)
        if asked.strategy is not None:
            if asked.strategy not in STRATEGIES:
                raise BadRequest(f"profile {asked.profile!r}: no strategy {asked.strategy!r}", param="model")
            ranked = live((ids, asked.strategy), STRATEGIES[asked.strategy], lambda: asked.models)
            return [Group(ranked, moves=asked.strategy in PROFILES)]
        if asked.profile is not None:
            return self._profiled(asked.profile, needs, *shape)
        moves, exact = "floor" not in asked.suffixes, self._exact(asked)
        if asked.exact:
            return [Group(exact, moves=moves)]
        elsewhere = live((ids, "same"), _lenient(asked), lambda: self._elsewhere(asked.models))
        if not alone:
            return [Group(exact, moves=moves), Group(elsewhere, moves=moves)]
        kin = self._kin(shape[0] if shape else asked.models[0].quality, needs)
        return [Group(exact, moves=moves), Group(elsewhere, moves=moves), Group(kin, moves=False)]

    def _exact(self, asked: Asked) -> Ranking:
        """Return the very models that a name means, ranked."""
        return self.selector.live(_ids(asked), _lenient(asked), lambda: asked.models)

    def _elsewhere(self, models: Sequence[Model]) -> list[Model]:
        """Return these models at the other providers that have them."""
        same = {other.key: other for model in models for other in self.catalog.same(model)}
        return [model for model in same.values() if model.provider in self.providers]

    def _profiled(
        self, name: str, needs: Needs, hard: int, tools: bool, cached: bool, is_auxiliary: bool
    ) -> list[Group]:
        """Return who may answer as a virtual model: who takes its files as they are first, at last all who can do."""
        profile = PROFILES[name]
        hard = hard if profile.quality is None else -1
        groups = [
            Group(
                self.selector.best(name, needs.capabilities | profile.needs | own, level=hard, cached=cached),
                roomy=profile.roomy,
                sticky=max(profile.sticky, TOOL_LOOP) if tools else profile.sticky,
                sparing=SPARING[hard] if hard >= 0 else 1.0,
            )
            for own in fewer(needs.native)
        ]
        if is_auxiliary:
            groups.insert(0, Group(self.selector.best("auxiliary", needs.capabilities | profile.needs)))
        return groups

    def _kin(self, quality: float, needs: Needs) -> Ranking:
        """Return the free models nearest in quality to one that was asked for by a bare id."""

        def far(one: Model) -> float:
            return abs(one.quality - quality)

        def near() -> list[Model]:
            best = (self.selector.best("standard", needs.capabilities | own) for own in fewer(needs.native))
            free = [row.model for row in next((one.rows for one in best if one.rows), ()) if row.model.free]
            most = sorted(map(far, free))[:KIN]
            return [one for one in free if far(one) <= most[-1]]

        what = ("kin", quality, needs.capabilities, needs.native)
        kin = self.selector.live(what, STRATEGIES["standard"], near, extra=self.selector.shared)
        return Nearest(kin, far, most=KIN)


NOBODY = frozenset[str]()


def _ids(asked: Asked) -> Hashable:
    return tuple(map(id, asked.models)), asked.suffixes


def _lenient(asked: Asked) -> Strategy:
    return LENIENT[next((suffix for suffix in asked.suffixes if suffix in LENIENT), "")]


def fewer(native: frozenset[str]) -> Iterator[frozenset[str]]:
    """Yield the sets of what a model may take as it is, all of it first, then ever less, at last nothing.

    Who takes no PDF may still see its pages.
    """
    for size in range(len(native), -1, -1):
        for own in map(frozenset, combinations(sorted(native), size)):
            if "pdf" in native - own and "vision" not in own:
                yield own | {"vision"}
            yield own
