"""Turns a caller's words into groups of ranked models and the terms they are under."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import msgspec

from wallas.catalog.entries import Model
from wallas.catalog.snapshot import Catalog
from wallas.content.contents import Contents
from wallas.errors import BadRequest, NotFound
from wallas.health_cache import LEAST_TOKENS
from wallas.providers.base import Provider
from wallas.routing.adapt import Lessons
from wallas.routing.auxiliary import auxiliary
from wallas.routing.candidates import Candidate, Excluded, Selection, Terms, gives_n, preferred
from wallas.routing.difficulty import SPARING, level
from wallas.routing.naming import Asked, Names
from wallas.routing.needs import Needs
from wallas.routing.selector import ENOUGH, Group, Ranking, Selector, Session
from wallas.routing.sessions import Sessions, session_key
from wallas.routing.strategies import PROFILE_ALIASES, PROFILES, STRATEGIES, Parts, Ranked, Strategy
from wallas.routing.wishes import NONE, Wishes, contradictions, losses, nearest, ordered, sort_of, taking_all
from wallas.settings import Settings
from wallas.types.chat import ChatRequest

KIN = 6
TERMS_MOST = 1000
TOOL_LOOP = 3.0
"""How much a warm cache counts at least where tools are offered: a change of model costs habits, too."""
BY_SUFFIX = {"nitro": "rapido", "floor": "price"}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller said beside the request, in headers or in the body's ``wallas`` object (surface 4)."""

    tier: str | None = None
    model: str | None = None
    models: tuple[str, ...] = ()
    provider: str | None = None
    cost_mode: str | None = None
    hold: str | None = None
    hedge: bool = False
    fallback: bool = True
    timeout: float | None = None
    wait: float | None = None
    session: str | None = None
    only: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    private: bool = False
    wishes: Wishes = Wishes()
    store: bool = False
    owner: str = ""
    """Whose uploaded files may be named; "" where everybody is the same."""
    client: str = ""
    """An id of whoever asks, made of the key that was shown; "" where none was."""
    web_search: bool | None = None
    """Whether to search the web first; None: as the model's name, the tools and other fields say."""
    web_results: int = 0
    file_engine: str | None = None
    """How PDFs are to be read: ``native``, ``text`` or ``ocr``; None: as is best."""
    wanted: Callable[[], bool] | None = None
    """Whether whoever asked still waits, for what takes a thread; None: nobody can tell."""
    dropped: tuple[str, ...] = ()
    spelled: Mapping[str, str] = msgspec.field(default_factory=dict)
    """What the caller called these options, for errors: ``wallas.tier`` for ``tier``."""


def beside(options: Options, model: str = "") -> Options:
    """Return the options of a call that is made beside a request for a model: who may be asked, and at which cost."""
    suffixes = {word for name in (model, options.model or "", *options.models) for word in name.split(":")[1:]}
    return Options(
        cost_mode="free_only" if "free" in suffixes else options.cost_mode,
        only=frozenset({options.provider}) if options.provider else options.only,
        ignore=options.ignore,
        private=options.private or "private" in suffixes,
        client=options.client,
        wanted=options.wanted,
    )


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, read against one catalog: who may be meant, in groups, and on what terms."""

    groups: Sequence[Group]
    terms: Terms
    order: tuple[str, ...]
    session: str
    profile: str | None
    auxiliary: str | None
    hold: str
    needs: frozenset[str]
    wishes: Wishes = Wishes()
    asked: Sequence[Sequence[str]] = ()
    """The names of the models that each asked name means, in order."""
    wire: str = ""
    contents: Contents | None = None
    dropped: tuple[str, ...] = ()


class Chooser:
    """Reads requests against one snapshot of catalog and providers."""

    def __init__(
        self,
        settings: Settings,
        *,
        catalog: Catalog,
        providers: Mapping[str, Provider],
        selector: Selector,
        sessions: Sessions,
        discover: Callable[[str], bool],
        names: Callable[[], Names],
        lessons_of: Callable[[Candidate], Lessons] = lambda candidate: Lessons(),
    ) -> None:
        """Choose among usable ``providers``; ``discover`` may make ``names`` return newer ones."""
        self.settings = settings
        self.catalog = catalog
        self.providers = providers
        self.selector = selector
        self.sessions = sessions
        self.discover = discover
        self.names = names
        self.lessons_of = lessons_of
        self.known_terms: dict[tuple[Any, ...], Terms] = {}

    def choose(
        self,
        request: ChatRequest,
        options: Options,
        needs: Needs,
        *,
        wire: str = "",
        contents: Contents | None = None,
    ) -> Choice:
        """Return what the caller's words mean; raise BadRequest or NotFound for those that mean nothing.

        ``wire`` is the caller's, by which some parameters are told; ``contents`` are the request's files.
        """
        asked = self.read(request.model, options)
        kind = auxiliary(request) if self.settings.auxiliary and asked[0].profile in PROFILES else None
        suffixes = frozenset(suffix for one in asked for suffix in one.suffixes)
        sort_of(suffixes, options.wishes)
        profiles = [PROFILES[one.profile] for one in asked if one.profile in PROFILES]
        return Choice(
            groups=[group for one in asked for group in self._groups(request, one, needs, kind, alone=len(asked) == 1)],
            terms=self.terms(asked, options),
            order=options.order,
            session=session_key(request, options.session),
            profile=asked[0].profile,
            auxiliary=kind,
            hold=options.hold or (profiles[0].hold if profiles else "part"),
            needs=frozenset[str]().union(*(profile.needs for profile in profiles)),
            wishes=options.wishes,
            asked=[[model.name for model in one.models] for one in asked] if options.wishes.reorders else (),
            wire=wire,
            contents=contents,
        )

    def select(
        self, request: ChatRequest, choice: Choice, needs: Needs, *, full: bool = False, patient: bool = True
    ) -> Selection:
        """Return who may answer, best first, and who may not and why.

        ``full`` looks at everybody; who is not ``patient`` waits for no limit that ends soon.
        """
        groups, wishes = choice.groups, choice.wishes
        bonus = self.sessions.bonus(choice.session, needs.tokens)
        session = None
        if bonus is not None:
            session = Session(bonus.model, bonus.seconds * self.selector.worth(bonus.model), bonus.key)
        several = (request.n or 1) > 1 and choice.profile is not None
        issuers = frozenset(
            part.seal.issuer for message in request.messages for part in message.parts if part.seal is not None
        )
        everybody = full or wishes != NONE or bool(choice.order) or several
        pick = partial(self.selector.select, groups, needs, choice.terms, session=session, patient=patient)
        selection = pick(full=everybody)
        if issuers and not everybody and all(one.issuer not in issuers for one in selection.candidates):
            selection = pick(full=True)
        if wishes != NONE:
            selection = self._wished(selection, request, choice, full=full)
        if not selection.candidates or full:
            wanted = needs._replace(capabilities=needs.capabilities | choice.needs)
            ranked = {key for group in groups for key in group.ranking.by_key}
            selection.excluded.extend(self.selector.reasons(ranked, wanted, choice.terms))
        chosen = preferred(selection.candidates, order=choice.order, issuers=issuers)
        if several:
            chosen.sort(key=lambda candidate: not gives_n(candidate.provider))
        return Selection(chosen, selection.excluded)

    def _wished(self, selection: Selection, request: ChatRequest, choice: Choice, *, full: bool) -> Selection:
        """Return a selection in the order that the caller would like, without those that lack a parameter."""
        wishes, found, left = choice.wishes, selection.candidates, list[Excluded]()
        if wishes.reorders:
            found = ordered(found, wishes, self.selector.health, asked=choice.asked)
        if wishes.require_parameters:

            def lost(candidate: Candidate) -> list[str]:
                lessons = self.lessons_of(candidate)
                return losses(candidate, request, wire=choice.wire, lessons=lessons, contents=choice.contents)[0]

            found, left = taking_all(found, lost, most=None if full else ENOUGH)
        return Selection(found, [*selection.excluded, *left])

    def read(self, model: str, options: Options) -> list[Asked]:
        """Return what the caller's model names mean, in order: header before body before the model field."""
        if options.tier is not None:
            return [self._tier(options.tier, options.spelled.get("tier", "X-Willaku-Tier"))]
        first = options.model or model
        names = list(dict.fromkeys([first, *options.models])) if first else list(options.models)
        if not names:
            raise BadRequest("model is missing", param="model", code="missing_required_parameter")
        return [self._named(name) for name in names]

    def _tier(self, name: str, param: str) -> Asked:
        with contextlib.suppress(NotFound):
            asked = self._named(name)
            if asked.profile is not None:
                return asked
            raise BadRequest(f"{param}: {name[:100]!r} is a model, and no virtual one", param=param)
        near = nearest(name, [*PROFILES, *PROFILE_ALIASES, *self.settings.profiles])
        raise NotFound(f"{param}: {name[:100]!r} is no virtual model{near}", param=param, code="model_not_found")

    def _named(self, name: str) -> Asked:
        """Return what a name means, after a look at the provider that may have it if nobody here knows it."""
        try:
            return self.names().read(name)
        except NotFound:
            if not self.discover(name):
                raise
        return self.names().read(name)

    def terms(self, asked: Sequence[Asked], options: Options) -> Terms:
        """Return what the caller allows, in the options and in the suffixes of the names."""
        suffixes = frozenset(suffix for one in asked for suffix in one.suffixes)
        param = options.spelled.get("provider", "X-Wallas-Provider")
        if options.provider and options.provider not in self.providers:
            raise self._no_provider(param, options.provider)
        if options.only and self.providers.keys().isdisjoint(options.only):
            raise self._no_provider("provider.only", *sorted(options.only))
        named = (param, options.provider) if options.provider else None
        contradictions(provider=named, only=options.only, ignore=options.ignore, order=options.order)
        only = frozenset({options.provider}) if options.provider else options.only
        pays = options.cost_mode != "free_only" and "free" not in suffixes
        pay = pays and (options.cost_mode == "allow_paid" or self.settings.allow_paid)
        named_keys = frozenset().union(*(one.named for one in asked))
        private = options.private or "private" in suffixes
        return self._same(pay, pays, named_keys, only, options.ignore, private, options.wishes.max_price)

    def _same(self, *terms: Any) -> Terms:
        """Return terms, the same object for the same ones: ranked lists are looked up by them."""
        known = self.known_terms.get(terms)
        if known is None:
            if len(self.known_terms) >= TERMS_MOST:
                self.known_terms.clear()
            known = self.known_terms[terms] = Terms(**dict(zip(Terms.__struct_fields__, terms, strict=True)))
        return known

    def _no_provider(self, param: str, *names: str) -> NotFound:
        """Return the error for providers that nobody can ask here, with the nearest that one can."""
        name = names[0]
        known = sorted(self.providers)
        hint = nearest(name, known)
        if any(self.catalog.of(each) for each in names):
            hint = "; set a key for it in instance/.env" + hint
        told = ", ".join(repr(each[:100]) for each in names[:5])
        return NotFound(f"{param}: {told} is not configured here{hint}", param=param, code="provider_not_found")

    def _groups(
        self, request: ChatRequest, asked: Asked, needs: Needs, kind: str | None, *, alone: bool
    ) -> list[Group]:
        """Return the models that one name means, ranked: one group, or those asked for and who may stand in.

        The kin of one that is ``alone`` may; a caller's list has its own order.
        """
        if asked.strategy is not None:
            if asked.strategy not in STRATEGIES:
                raise BadRequest(f"profile {asked.profile!r}: no strategy {asked.strategy!r}", param="model")
            ranked = self.selector.rank(STRATEGIES[asked.strategy], request, asked.models)
            return [Group(ranked, moves=asked.strategy in PROFILES)]
        if asked.profile is not None:
            return self._profiled(request, asked.profile, needs, kind)
        strategy = STRATEGIES[next((BY_SUFFIX[suffix] for suffix in asked.suffixes if suffix in BY_SUFFIX), "standard")]
        moves = "floor" not in asked.suffixes
        kept, ids = self.selector.kept, (tuple(map(id, asked.models)), asked.suffixes)
        exact = kept(ids, lambda: self._all_of(strategy, request, asked.models))
        if asked.exact:
            return [Group(exact, moves=moves)]
        elsewhere = kept((*ids, "same"), lambda: self._all_of(strategy, request, self._elsewhere(asked.models)))
        if not alone:
            return [Group(exact, moves=moves), Group(elsewhere, moves=moves)]
        kin = kept((*ids, needs.capabilities, needs.native), lambda: self._kin(request, exact.rows[0].model, needs))
        return [Group(exact, moves=moves), Group(elsewhere, moves=moves), Group(kin, moves=False)]

    def _all_of(self, strategy: Strategy, request: ChatRequest, models: Sequence[Model]) -> Ranking:
        """Return named models as a strategy ranks them; those that it would not take by itself come last."""
        ranking = self.selector.rank(strategy, request, models)
        left = [model for model in models if model.key not in ranking.by_key]
        last = ranking.rows[-1].total if ranking.rows else 0.0
        return Ranking([*ranking.rows, *(Ranked(last, model, Parts()) for model in left)]) if left else ranking

    def _elsewhere(self, models: Sequence[Model]) -> list[Model]:
        """Return these models at the other providers that have them."""
        same = {other.key: other for model in models for other in self.catalog.same(model)}
        return [model for model in same.values() if model.provider in self.providers]

    def _profiled(self, request: ChatRequest, name: str, needs: Needs, kind: str | None) -> list[Group]:
        profile = PROFILES[name]
        wanted = needs.capabilities | profile.needs
        hard = level(request, tokens=needs.tokens) if profile.quality is None else -1
        sticky = max(profile.sticky, TOOL_LOOP) if request.tools else profile.sticky
        cached = bool(request.tools) and needs.tokens >= LEAST_TOKENS
        sparing = SPARING[hard] if hard >= 0 else 1.0
        groups = [
            Group(
                self.selector.best(name, request, wanted | own, level=hard, cached=cached),
                roomy=profile.roomy,
                sticky=sticky,
                sparing=sparing,
            )
            for own in fewer(needs.native)
        ]
        return [Group(self.selector.best("auxiliary", request, wanted)), *groups] if kind else groups

    def _kin(self, request: ChatRequest, model: Model, needs: Needs) -> Ranking:
        """Return the free models nearest in quality to one that was asked for by a bare id."""
        best = (self.selector.best("standard", request, needs.capabilities | own) for own in fewer(needs.native))
        able = [row for row in next((one for one in best if one.rows), Ranking(())).rows if row.model.free]
        return Ranking(sorted(able, key=lambda row: abs(row.model.quality - model.quality))[:KIN])


def fewer(native: frozenset[str]) -> Iterator[frozenset[str]]:
    """Yield the sets of what a model may take as it is, all of it first, then ever less, at last nothing.

    Who takes no PDF may still see its pages.
    """
    for size in range(len(native), -1, -1):
        for own in map(frozenset, combinations(sorted(native), size)):
            if "pdf" in native - own and "vision" not in own:
                yield own | {"vision"}
            yield own
