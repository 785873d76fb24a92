"""Decides who answers: reads the model's name, finds the candidates, and makes the stream that tries them."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from wallas import codecs
from wallas.catalog.snapshot import Catalog
from wallas.codecs import Codec, StreamEncoder
from wallas.codecs.plain import PlainEncoder
from wallas.content.contents import Contents
from wallas.content.library import Library
from wallas.errors import BadRequest
from wallas.ids import fresh
from wallas.providers.base import Provider
from wallas.routing.attempts import Attempts
from wallas.routing.candidates import Selection
from wallas.routing.choice import Chooser
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory, enrich
from wallas.routing.naming import Asked, Names
from wallas.routing.needs import needs_of
from wallas.routing.online_wish import wanted
from wallas.routing.options import Options, beside
from wallas.routing.plan import Plan
from wallas.routing.saying import Sayings
from wallas.routing.selector import Selector
from wallas.routing.sight import Sight, sight_of
from wallas.routing.stream import Source, Stream
from wallas.settings import Settings
from wallas.types.chat import ChatRequest, only_words
from wallas.waits import may_wait

if TYPE_CHECKING:
    from wallas.routing.online import Online, Search

__all__ = ["Options", "Router"]

ANSWER_PREFIX = defaultdict(
    str, {codecs.OPENAI_CHAT: "chatcmpl-", codecs.OPENAI_RESPONSES: "resp_", codecs.ANTHROPIC: "msg_"}
)
"""How answers' names begin on a wire that says so."""
WAIT_STREAMING = 10.0
WAIT_PLAIN = 5.0


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
        library: Library | None = None,
        search: "Callable[[], Search] | None" = None,
    ) -> None:
        """Route among ``providers``, those that can be used.

        ``discover`` looks for a name that means nothing yet, and returns whether to read it again.
        ``library`` reads files; without it a file goes only to who takes it as it is.
        """
        self.library = library
        self.search = search
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
        self.selector = Selector(
            catalog.models, self.providers, self.desk.health, quota=self.desk.quota, clock=self.desk.clock
        )
        self.selector.windows = self.desk.windows
        self.selector.expected = self.desk.sessions.expected
        self.selector.inabilities = self.desk.inabilities
        self.desk.health.zones = {model.provider: model.limits.reset for model in catalog.models if model.limits}
        self.sayings = Sayings(
            self.settings,
            catalog=catalog,
            providers=self.providers,
            discover=self._discovered,
            names=lambda: self.names,
        )
        self.chooser = Chooser(
            self.settings,
            catalog=catalog,
            providers=self.providers,
            selector=self.selector,
            sayings=self.sayings,
            sessions=self.desk.sessions,
            lessons_of=self.desk.lessons_of,
        )

    def read(self, model: str, options: Options) -> list[Asked]:
        """Return what a model's name means; raise NotFound for one that means nothing."""
        return self.sayings.read(model, options)

    def chat(
        self,
        request: ChatRequest,
        options: Options,
        *,
        codec: Codec,
        out: StreamEncoder | PlainEncoder,
        request_id: str,
    ) -> Stream:
        """Return the stream that answers; raise GatewayError for what can be refused before the first header.

        ``request_id`` is what the client calls the request, "" for no name of its own.
        """
        sight, previous = sight_of(request), request.previous_id
        online = self.search is not None and wanted(request, options)
        if previous is None and sight.words and not online:
            plan = self.plan(request, options, codec=codec, out=out, request_id=request_id, sight=sight)
        else:
            plan = self._prepared(request, options, codec=codec, out=out, request_id=request_id, sight=sight)
        if previous is not None:
            plan = msgspec.structs.replace(plan, previous_id=previous)
        self.selector.advance()
        return Stream(Attempts(plan, self.desk))

    def _prepared(
        self,
        request: ChatRequest,
        options: Options,
        *,
        codec: Codec,
        out: StreamEncoder | PlainEncoder,
        request_id: str,
        sight: Sight,
    ) -> Plan:
        """Return the plan of a request of which something is to be looked up: earlier turns, seals, files, the web."""
        enriched = enrich(request, self.memory, sight=sight)
        contents, online = self.contents(enriched, options, codec.WIRE), self.online(enriched, options, codec)
        make = partial(self.plan, options=options, codec=codec, out=out, request_id=request_id, contents=contents)
        if online is None and (contents is None or contents.glance()):
            return make(enriched, sight=sight if enriched is request else None)
        self.sayings.read(request.model, options)
        return make(enriched, online=online, look=lambda: make(online.request if online else enriched, online=online))

    def contest(
        self,
        request: ChatRequest,
        options: Options,
        *,
        codec: Codec,
        out: StreamEncoder | PlainEncoder,
        request_id: str,
        held: Callable[[Plan, Desk], Source],
    ) -> Stream:
        """Return the stream of a contest that ``held`` makes, for which everybody able is looked at."""
        enriched = enrich(request, self.memory)
        online = self.online(enriched, options, codec)
        if online is not None:
            online.run()
            enriched = online.request
        contents = self.seen(enriched, options, codec.WIRE)
        plan = self.plan(
            enriched, options, codec=codec, out=out, request_id=request_id, full=True, contents=contents, online=online
        )
        self.selector.advance()
        return Stream(held(plan, self.desk))

    def plan(
        self,
        request: ChatRequest,
        options: Options,
        *,
        codec: Codec,
        out: StreamEncoder | PlainEncoder,
        request_id: str,
        full: bool = False,
        contents: Contents | None = None,
        look: Callable[[], Plan] | None = None,
        online: "Online | None" = None,
        sight: Sight | None = None,
    ) -> Plan:
        """Return everything that is decided before the first attempt; ``full`` looks at everybody, not at the best.

        ``contents`` are the request's files; with ``look`` nobody is chosen yet: it makes the plan once they are.
        ``sight`` is what was seen of the request, if somebody looked already.
        """
        sight = sight or sight_of(request)
        needs = needs_of(request, contents, sight=sight)
        if request.stream is (type(out) is PlainEncoder):
            request = msgspec.structs.replace(request, stream=not request.stream)
        chooser = self.chooser
        choice = chooser.choose(request, options, needs, sight=sight, wire=codec.WIRE, contents=contents)
        if contents is not None:
            contents.trusted = frozenset(key for key in choice.said.terms.named if self._is_guess(key))
            if look is None:
                refuse(contents)
        selection = Selection([], []) if look else chooser.select(choice, full=full)
        now, name = time.time(), fresh()
        patience = WAIT_STREAMING if request.stream else WAIT_PLAIN
        return Plan(
            id=request_id or name,
            request=request,
            needs=needs,
            candidates=selection.candidates,
            excluded=selection.excluded,
            again=choice.again,
            unfit=choice.unfit,
            codec=codec,
            out=out,
            answer_id=ANSWER_PREFIX[codec.WIRE] + name,
            created=int(now),
            at=now,
            asked=request.model[:200],
            profile=choice.said.profile,
            auxiliary=choice.auxiliary,
            session=choice.session,
            client=options.client,
            hold=choice.hold,
            hedge=options.hedge,
            fallback=options.fallback,
            total=options.timeout or self.settings.request_timeout,
            wait=patience if options.wait is None else options.wait,
            keep_response=options.store,
            keep_seals=codec.WIRE != codecs.GEMINI and bool(request.tools),
            dropped=(*options.dropped, *online.dropped) if online else options.dropped,
            contents=contents,
            look=look,
            online=online,
        )

    def online(self, request: ChatRequest, options: Options, codec: Codec) -> "Online | None":
        """Return the web search that a caller wants before the answer, not made yet; None for nearly everybody."""
        most = wanted(request, options) if self.search is not None else 0
        if not most:
            return None
        from wallas.routing.online import UNCITED, Online, query_of, turns_of
        from wallas.routing.querying import better, unsure

        query = query_of(request)
        library, search = self.library, self.search
        if not query or library is None or search is None:
            return None
        doubt = unsure(turns_of(request), query)
        return Online(
            request,
            query,
            search=search(),
            fetcher=library.fetcher,
            works=library.works,
            most=most,
            cites=codec.WIRE not in UNCITED,
            better=partial(better, self, request.messages, beside(options, request.model)) if doubt else None,
        )

    def contents(self, request: ChatRequest, options: Options, wire: str) -> Contents | None:
        """Return the files of a request, not yet looked at; None for a request of words alone."""
        if self.library is None or only_words(request.messages):
            return None
        terms = partial(beside, options, request.model)
        return self.library.contents(
            request.messages, owner=options.owner, engine=options.file_engine, wire=wire, terms=terms
        )

    def seen(self, request: ChatRequest, options: Options, wire: str) -> Contents | None:
        """Return the files of a request after a look at all of them. May block."""
        contents = self.contents(request, options, wire)
        if contents is not None and not contents.glance():
            contents.look()
        return contents

    def _discovered(self, name: str) -> bool:
        """Look for a name that means nothing yet, which may take seconds."""
        may_wait()
        return self.discover(name)

    def _is_guess(self, key: str) -> bool:
        model = self.catalog.by_key.get(key)
        return model is not None and "capabilities" in model.guessed


def refuse(contents: Contents) -> None:
    """Raise BadRequest for a file by an address that nobody is sent to."""
    for item in contents.items.values():
        if item.error is not None and item.error.code == "refused_url":
            raise BadRequest(f"{item.where}: {item.error.message}", param=item.where, code="refused_url")
