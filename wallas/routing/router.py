"""Decides who answers: reads the model's name, finds the candidates, and makes the stream that tries them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from wallas import codecs
from wallas.catalog.entries import Model
from wallas.catalog.snapshot import Catalog
from wallas.codecs import Codec, StreamEncoder
from wallas.codecs.plain import PlainEncoder
from wallas.errors import BadRequest, NotFound
from wallas.ids import fresh
from wallas.providers.base import Provider
from wallas.routing.attempts import Attempts, Plan
from wallas.routing.candidates import Needs, Selection, Selector, Terms, needs_of, preferred
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory, enrich
from wallas.routing.naming import Asked, Names
from wallas.routing.strategies import PROFILES, STRATEGIES
from wallas.routing.stream import Stream
from wallas.settings import Settings
from wallas.types.chat import ChatRequest

ANSWER_PREFIX = {
    codecs.OPENAI_CHAT: "chatcmpl-",
    codecs.OPENAI_RESPONSES: "resp_",
    codecs.ANTHROPIC: "msg_",
}
N_WIRES = (codecs.OPENAI_CHAT, codecs.GEMINI)
KIN = 6
BY_SUFFIX = {"nitro": "rapido", "floor": "price"}
NO_EFFECT = frozenset({"online"})
"""Suffixes that are read, and named as dropped: there is no web search here yet."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller said beside the request, in headers or in the body's ``wallas`` object (surface 4)."""

    tier: str | None = None
    model: str | None = None
    models: tuple[str, ...] = ()
    provider: str | None = None
    cost_mode: str | None = None
    hold: str | None = None
    fallback: bool = True
    timeout: float | None = None
    only: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    private: bool = False
    store: bool = False
    dropped: tuple[str, ...] = ()


class Router:
    """Routes chat requests over one snapshot of catalog and providers; ``reload`` replaces the snapshot whole."""

    def __init__(
        self,
        settings: Settings,
        *,
        catalog: Catalog,
        providers: Mapping[str, Provider],
        desk: Desk,
        memory: Memory,
        discover: Callable[[str], bool] = lambda name: False,
    ) -> None:
        """Route among ``providers``, those that can be used.

        ``discover`` looks for a name that means nothing yet, and returns whether to read it again.
        """
        self.discover = discover
        self.settings = settings
        self.providers = dict(providers)
        self.desk = desk
        self.memory = memory
        self.reload(catalog)

    def reload(self, catalog: Catalog) -> None:
        """Take a new catalog snapshot."""
        self.catalog = catalog
        usable = frozenset(self.providers)
        self.names = Names(catalog, usable=usable, aliases=self.settings.aliases, profiles=self.settings.profiles)
        self.selector = Selector(catalog.models, self.providers, self.desk.health)
        self.selector.windows = self.desk.windows
        self.desk.health.zones = {model.provider: model.limits.reset for model in catalog.models if model.limits}

    def chat(
        self,
        request: ChatRequest,
        options: Options,
        *,
        codec: Codec,
        out: StreamEncoder | PlainEncoder,
        request_id: str,
    ) -> Stream:
        """Return the stream that answers; raise GatewayError for what can be refused before the first header."""
        plan = self.plan(enrich(request, self.memory), options, codec=codec, out=out, request_id=request_id)
        plan = msgspec.structs.replace(plan, previous_id=request.previous_id)
        return Stream(Attempts(plan, self.desk))

    def plan(
        self,
        request: ChatRequest,
        options: Options,
        *,
        codec: Codec,
        out: StreamEncoder | PlainEncoder,
        request_id: str,
    ) -> Plan:
        """Return everything that is decided before the first attempt."""
        asked = self.read(request.model, options)
        needs = needs_of(request)
        if request.stream is isinstance(out, PlainEncoder):
            request = msgspec.structs.replace(request, stream=not request.stream)
        selection = self.selection(request, asked, options, needs)
        profile = asked[0].profile
        hold = options.hold or (PROFILES[profile].hold if profile in PROFILES else "part")
        return Plan(
            id=request_id,
            request=request,
            needs=needs,
            candidates=selection.candidates,
            excluded=selection.excluded,
            codec=codec,
            out=out,
            answer_id=ANSWER_PREFIX.get(codec.WIRE, "") + fresh(),
            created=int(time.time()),
            asked=request.model[:200],
            profile=profile,
            hold=hold,
            fallback=options.fallback,
            total=options.timeout or self.settings.request_timeout,
            keep_response=options.store,
            keep_seals=codec.WIRE != codecs.GEMINI and bool(request.tools),
            dropped=(*options.dropped, *(f":{suffix}" for one in asked for suffix in one.suffixes & NO_EFFECT)),
        )

    def read(self, model: str, options: Options) -> list[Asked]:
        """Return what the caller's model names mean, in order: header before body before the model field."""
        if options.tier is not None:
            asked = self._named(options.tier)
            if asked.profile is None:
                raise BadRequest(f"X-Willaku-Tier: {options.tier[:100]!r} is no virtual model", param="X-Willaku-Tier")
            return [asked]
        first = options.model or model
        names = list(dict.fromkeys([first, *options.models])) if first else list(options.models)
        if not names:
            raise BadRequest("model is missing", param="model", code="missing_required_parameter")
        return [self._named(name) for name in names]

    def _named(self, name: str) -> Asked:
        """Return what a name means, after a look at the provider that may have it if nobody here knows it."""
        try:
            return self.names.read(name)
        except NotFound:
            if not self.discover(name):
                raise
        return self.names.read(name)

    def selection(self, request: ChatRequest, asked: Sequence[Asked], options: Options, needs: Needs) -> Selection:
        """Return who may answer, best first, and who may not and why."""
        named: list[Model] = []
        roomy = 1.0
        for one in asked:
            found, factor = self._models(request, one, needs, alone=len(asked) == 1)
            named.extend(found)
            roomy = max(roomy, factor)
        terms = self.terms(asked, options)
        models = list({id(model): model for model in named}.values())  # a model's own hash would read all its fields
        if (request.n or 1) > 1:
            models = self._able_of_n(models, request)
        selection = self.selector.select(models, needs, terms, roomy=roomy)
        if not selection.candidates:
            wanted = [PROFILES[one.profile].needs for one in asked if one.profile in PROFILES]
            needs = needs._replace(capabilities=needs.capabilities.union(*wanted))
            selection.excluded.extend(self.selector.reasons(models, needs, terms))
        issuers = frozenset(
            part.seal.issuer for message in request.messages for part in message.parts if part.seal is not None
        )
        return Selection(preferred(selection.candidates, order=options.order, issuers=issuers), selection.excluded)

    def terms(self, asked: Sequence[Asked], options: Options) -> Terms:
        """Return what the caller allows, in the options and in the suffixes of the names."""
        if options.provider and options.provider not in self.providers:
            raise BadRequest(f"provider {options.provider[:100]!r} is not configured here", param="X-Wallas-Provider")
        suffixes = frozenset(suffix for one in asked for suffix in one.suffixes)
        pays = options.cost_mode != "free_only" and "free" not in suffixes
        return Terms(
            allow_paid=pays and (options.cost_mode == "allow_paid" or self.settings.allow_paid),
            may_pay=pays,
            named=frozenset(key for one in asked for key in one.named),
            only=options.only | ({options.provider} if options.provider else frozenset()),
            ignore=options.ignore,
            private=options.private or "private" in suffixes,
        )

    def _models(
        self, request: ChatRequest, asked: Asked, needs: Needs, *, alone: bool
    ) -> tuple[Iterable[Model], float]:
        """Return the models that one name means, ranked, and how roomy their windows shall be.

        The kin of one that is ``alone`` may stand in for it; a caller's list has its own order.
        """
        if asked.strategy is not None:
            if asked.strategy not in STRATEGIES:
                raise BadRequest(f"profile {asked.profile!r}: no strategy {asked.strategy!r}", param="model")
            return self.selector.rank(STRATEGIES[asked.strategy], request, asked.models), 1.0
        if asked.profile is not None:
            profile = PROFILES[asked.profile]
            return self.selector.best(asked.profile, request, needs.capabilities | profile.needs), profile.roomy
        kept = (tuple(map(id, asked.models)), asked.suffixes, asked.exact, needs.capabilities, alone)
        return self.selector.kept(kept, lambda: self._meant(request, asked, needs, alone=alone)), 1.0

    def _meant(self, request: ChatRequest, asked: Asked, needs: Needs, *, alone: bool) -> Sequence[Model]:
        """Return the models that were asked for by name, and who may stand in for them unless that was exact."""
        strategy = STRATEGIES[next((BY_SUFFIX[suffix] for suffix in asked.suffixes if suffix in BY_SUFFIX), "standard")]
        exact = self.selector.rank(strategy, request, asked.models) or asked.models
        if asked.exact:
            return exact
        same = [model for name in {model.name for model in exact} for model in self.catalog.by_name.get(name, ())]
        same = [model for model in same if model.provider in self.providers]
        elsewhere = self.selector.rank(STRATEGIES["standard"], request, same)
        return [*exact, *elsewhere, *(self._kin(request, exact[0], needs) if alone else ())]

    def _kin(self, request: ChatRequest, model: Model, needs: Needs) -> list[Model]:
        """Return the free models nearest in quality to one that was asked for by a bare id."""
        able = [other for other in self.selector.best("standard", request, needs.capabilities) if other.free]
        return sorted(able, key=lambda other: abs(other.quality - model.quality))[:KIN]

    def _able_of_n(self, models: Iterable[Model], request: ChatRequest) -> list[Model]:
        able = [
            model
            for model in models
            if self.providers[model.provider].wire in N_WIRES and "n" not in self.providers[model.provider].row.drops
        ]
        if not able:
            raise BadRequest(f"n: no model here gives {request.n} answers at once", param="n")
        return able
