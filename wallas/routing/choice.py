"""Turns a caller's words into groups of ranked models and the terms they are under."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any, NamedTuple

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
from wallas.routing.difficulty import SPARING, last_words, level
from wallas.routing.naming import Asked, Names
from wallas.routing.needs import Needs
from wallas.routing.ranking import Ranking
from wallas.routing.selector import Group, Selector, Session
from wallas.routing.sessions import Sessions, session_key
from wallas.routing.strategies import LENIENT, PROFILE_ALIASES, PROFILES, STRATEGIES
from wallas.routing.walk import ENOUGH
from wallas.routing.wishes import NONE, Wishes, contradictions, losses, nearest, ordered, sort_of, taking_all
from wallas.settings import Settings
from wallas.types.chat import ChatRequest

KIN = 6
KEPT_MOST = 1000
TOOL_LOOP = 3.0
"""How much a warm cache counts at least where tools are offered: a change of model costs habits, too."""


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
    quantizations: frozenset[str] = frozenset()
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
    wishes: Wishes | None = None
    """None where nothing is wished."""
    asked: Sequence[Sequence[str]] = ()
    """The names of the models that each asked name means, in order."""
    wire: str = ""
    contents: Contents | None = None
    dropped: tuple[str, ...] = ()


class Said(NamedTuple):
    """What the caller's words mean, whatever the request's content: kept, for few are said ever anew."""

    asked: Sequence[Asked]
    terms: Terms
    profile: str | None
    virtual: bool
    """Whether the first name is a virtual model of the gateway's own."""
    hold: str
    needs: frozenset[str]
    names: Sequence[Sequence[str]]
    wished: bool


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
        self.said: dict[tuple[Any, ...], Said] = {}
        self.terms_said: dict[tuple[Any, ...], Terms] = {}
        self.groups: dict[tuple[Any, ...], Sequence[Group]] = {}

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
        said = self.say(request.model, options)
        words = last_words(request)
        kind = auxiliary(request, words) if said.virtual and self.settings.auxiliary else None
        alone = len(said.asked) == 1
        groups = [self._groups(request, one, needs, kind, alone=alone, words=words) for one in said.asked]
        return Choice(
            groups=groups[0] if alone else list(chain.from_iterable(groups)),
            terms=said.terms,
            order=options.order,
            session=session_key(request, options.session),
            profile=said.profile,
            auxiliary=kind,
            hold=options.hold or said.hold,
            needs=said.needs,
            wishes=options.wishes if said.wished else None,
            asked=said.names,
            wire=wire,
            contents=contents,
        )

    def say(self, model: str, options: Options) -> Said:
        """Return what the names and the options mean; raise BadRequest or NotFound for those that mean nothing."""
        one = options
        whose = one.provider, one.only, one.ignore, one.order
        key = model, one.tier, one.model, one.models, whose, one.cost_mode, one.private, one.quantizations, one.wishes
        known = self.said.get(key)
        if known is None:
            if len(self.said) >= KEPT_MOST:
                self.said.clear()
            known = self.said[key] = self._say(model, options)
        return known

    def _say(self, model: str, options: Options) -> Said:
        asked = self.read(model, options)
        sort_of(frozenset(suffix for one in asked for suffix in one.suffixes), options.wishes)
        profiles = [PROFILES[one.profile] for one in asked if one.profile in PROFILES]
        return Said(
            asked=asked,
            terms=self.terms(asked, options),
            profile=asked[0].profile,
            virtual=asked[0].profile in PROFILES,
            hold=profiles[0].hold if profiles else "part",
            needs=frozenset[str]().union(*(profile.needs for profile in profiles)),
            names=[[model.name for model in one.models] for one in asked] if options.wishes.reorders else (),
            wished=options.wishes != NONE,
        )

    def select(
        self,
        request: ChatRequest,
        choice: Choice,
        needs: Needs,
        *,
        full: bool = False,
        patient: bool = True,
        sure: bool = False,
    ) -> Selection:
        """Return who may answer, best first, and who may not and why.

        ``full`` looks at everybody; who is not ``patient`` waits for no limit that ends soon;
        ``sure``: what was found a moment ago is looked at again.
        """
        groups, terms, several = choice.groups, choice.terms, (request.n or 1) > 1 and choice.profile is not None
        bonus = self.sessions.bonus(choice.session, needs.tokens)
        session = None
        if bonus is not None:
            session = Session(bonus.model, bonus.seconds * self.selector.worth(bonus.model), bonus.key)
        issuers = _issuers(request)
        everybody = full or several or choice.wishes is not None or bool(choice.order)
        select = self.selector.select
        selection = select(groups, needs, terms, session=session, patient=patient, full=everybody, sure=sure)
        if issuers and not everybody and all(one.issuer not in issuers for one in selection.candidates):
            selection = select(groups, needs, terms, session=session, patient=patient, full=True)
        if choice.wishes is not None:
            selection = self._wished(selection, request, choice, choice.wishes, full=full)
        chosen, excluded = selection
        if full or not chosen:
            wanted = needs._replace(capabilities=needs.capabilities | choice.needs)
            ranked = {row.key for group in groups for row in group.ranking.rows}
            excluded.extend(self.selector.reasons(ranked, wanted, terms))
        if issuers or choice.order:
            chosen = preferred(chosen, order=choice.order, issuers=issuers)
        if several:
            chosen = sorted(chosen, key=lambda candidate: not gives_n(candidate.provider))
        return Selection(chosen, excluded)

    def unfit(self, choice: Choice, needs: Needs) -> list[Excluded]:
        """Return why each model that was meant may not answer whatever its keys: a walk passes them over unsaid."""
        told: dict[str, Excluded] = {}
        for group in choice.groups:
            for row in group.ranking.rows:
                reason = self.selector.reason(row.model, needs, choice.terms, group.roomy)
                if reason is not None:
                    told[row.key] = Excluded(row.model, None, reason)
        return list(told.values())

    def _wished(
        self, selection: Selection, request: ChatRequest, choice: Choice, wishes: Wishes, *, full: bool
    ) -> Selection:
        """Return a selection in the order that the caller would like, without those that lack a parameter."""
        found, left = selection.candidates, list[Excluded]()
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
        wishes, stored = options.wishes, options.quantizations
        return self._same(pay, pays, named_keys, only, options.ignore, private, wishes.max_price, stored)

    def _same(self, *terms: Any) -> Terms:
        """Return terms, the same object for the same ones: ranked lists are looked up by them."""
        known = self.terms_said.get(terms)
        if known is None:
            if len(self.terms_said) >= KEPT_MOST:
                self.terms_said.clear()
            known = self.terms_said[terms] = Terms(**dict(zip(Terms.__struct_fields__, terms, strict=True)))
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
        self, request: ChatRequest, asked: Asked, needs: Needs, kind: str | None, *, alone: bool, words: str
    ) -> Sequence[Group]:
        """Return the models that one name means, ranked: one group, or those asked for and who may stand in.

        The kin of one that is ``alone`` may; a caller's list has its own order.
        """
        live, ids = self.selector.live, (tuple(map(id, asked.models)), asked.suffixes)
        if asked.strategy is not None:
            if asked.strategy not in STRATEGIES:
                raise BadRequest(f"profile {asked.profile!r}: no strategy {asked.strategy!r}", param="model")
            ranked = live((ids, asked.strategy), STRATEGIES[asked.strategy], lambda: asked.models)
            return [Group(ranked, moves=asked.strategy in PROFILES)]
        if asked.profile is not None:
            return self._profiled(request, asked.profile, needs, kind, words)
        strategy = LENIENT[next((suffix for suffix in asked.suffixes if suffix in LENIENT), "")]
        moves = "floor" not in asked.suffixes
        exact = live(ids, strategy, lambda: asked.models)
        if asked.exact:
            return [Group(exact, moves=moves)]
        elsewhere = live((*ids, "same"), strategy, lambda: self._elsewhere(asked.models))
        if not alone:
            return [Group(exact, moves=moves), Group(elsewhere, moves=moves)]
        kin = self._kin(exact.rows[0].model, needs)
        return [Group(exact, moves=moves), Group(elsewhere, moves=moves), Group(kin, moves=False)]

    def _elsewhere(self, models: Sequence[Model]) -> list[Model]:
        """Return these models at the other providers that have them."""
        same = {other.key: other for model in models for other in self.catalog.same(model)}
        return [model for model in same.values() if model.provider in self.providers]

    def _profiled(self, request: ChatRequest, name: str, needs: Needs, kind: str | None, words: str) -> Sequence[Group]:
        hard = level(request, tokens=needs.tokens, words=words) if PROFILES[name].quality is None else -1
        tools = bool(request.tools)
        cached = tools and needs.tokens >= LEAST_TOKENS
        key = (name, hard, needs.capabilities, needs.native, tools, cached, kind is not None)
        known = self.groups.get(key)
        if known is None:
            if len(self.groups) >= KEPT_MOST:
                self.groups.clear()
            known = self.groups[key] = self._of_profile(name, hard, needs, tools=tools, cached=cached)
            if kind is not None:
                wanted = needs.capabilities | PROFILES[name].needs
                known = self.groups[key] = [Group(self.selector.best("auxiliary", wanted)), *known]
        return known

    def _of_profile(self, name: str, hard: int, needs: Needs, *, tools: bool, cached: bool) -> list[Group]:
        profile = PROFILES[name]
        return [
            Group(
                self.selector.best(name, needs.capabilities | profile.needs | own, level=hard, cached=cached),
                roomy=profile.roomy,
                sticky=max(profile.sticky, TOOL_LOOP) if tools else profile.sticky,
                sparing=SPARING[hard] if hard >= 0 else 1.0,
            )
            for own in fewer(needs.native)
        ]

    def _kin(self, model: Model, needs: Needs) -> Ranking:
        """Return the free models nearest in quality to one that was asked for by a bare id."""
        what = (model.quality, needs.capabilities, needs.native)

        def far(one: Model) -> float:
            return abs(one.quality - model.quality)

        def near() -> list[Model]:
            best = (self.selector.best("standard", needs.capabilities | own) for own in fewer(needs.native))
            free = [row.model for row in next((one.rows for one in best if one.rows), ()) if row.model.free]
            most = sorted(map(far, free))[:KIN]
            return [one for one in free if far(one) <= most[-1]]

        kin = self.selector.live(("kin", what), STRATEGIES["standard"], near, extra=self.selector.shared)
        return self.selector.kept(what, lambda: Ranking(sorted(kin.rows, key=lambda row: far(row.model))[:KIN]))


def _issuers(request: ChatRequest) -> frozenset[str]:
    """Return whose seals a conversation carries."""
    found: set[str] = set()
    for message in request.messages:
        for part in message.parts:
            if part.seal is not None:
                found.add(part.seal.issuer)
    return frozenset(found)


def fewer(native: frozenset[str]) -> Iterator[frozenset[str]]:
    """Yield the sets of what a model may take as it is, all of it first, then ever less, at last nothing.

    Who takes no PDF may still see its pages.
    """
    for size in range(len(native), -1, -1):
        for own in map(frozenset, combinations(sorted(native), size)):
            if "pdf" in native - own and "vision" not in own:
                yield own | {"vision"}
            yield own
