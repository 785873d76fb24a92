"""The busiest routes without Flask: its contexts, matching and responses cost a tenth of a whole request.

Only what goes well is answered here. Whatever is refused, on whatever grounds, goes through Flask
from the beginning, so that every error is told in one place; and so does everything as soon as
somebody has hung a hook on the app that this file does not know.
"""

import io
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeAlias, cast

from flask import Flask

from wallas.blueprints.anthropic import asked_message
from wallas.blueprints.body import guarded_body, json_object
from wallas.blueprints.cut import Places
from wallas.blueprints.guard import HARDENED, HOOKS, Guard
from wallas.blueprints.openai import asked_chat
from wallas.blueprints.options import SAID, options, options_of
from wallas.blueprints.respond import encoder, id_said
from wallas.blueprints.responses import asked_response
from wallas.codecs import Codec, anthropic, openai_chat, openai_responses
from wallas.routing.router import Options, Router
from wallas.routing.stream import Stream
from wallas.types.chat import ChatRequest
from wallas.types.flow import Heading

Read: TypeAlias = Callable[[dict[str, Any], Options, Mapping[str, Any]], tuple[ChatRequest, Options] | None]

ROUTES: Mapping[str, tuple[Read, ModuleType, Places | None]] = {
    "/v1/chat/completions": (asked_chat, openai_chat, openai_chat.file_places),
    "/v1/messages": (asked_message, anthropic, None),
    "/v1/responses": (asked_response, openai_responses, None),
}
"""POST routes that stream: how a body is read, given the options and the environ (None: it is none for here), its
codec, and where its large files are, which need not be decoded."""


class Caller:
    """What a request's head alone says: that it may come in, what is asked for, by whom, under what name."""

    __slots__ = ("codec", "environ", "id", "options", "places", "read")

    def __init__(self, environ: dict[str, Any], read: Read, codec: Codec, places: Places | None) -> None:
        """Take in a head that passed the guard."""
        self.environ = environ
        self.read = read
        self.codec = codec
        self.places = places
        self.options = options_of(environ)
        """Those of a body that says nothing of its own; None where the head says more than who asks."""
        self.id = id_said(environ)


class Direct:
    """Answers what needs no Flask; ``answer`` and ``at_once`` return None for all else."""

    def __init__(self, guard: Guard, router: Router) -> None:
        """Answer behind this guard."""
        self.guard = guard
        self.router = router

    def answer(self, environ: dict[str, Any], start_response: Any) -> Stream | None:
        """Return the stream that answers, as a ``StreamResponse`` would."""
        body = environ["wsgi.input"]
        caller = self._caller(environ) if type(body) is io.BytesIO else None  # any other could not be read twice
        if caller is None:
            return None
        try:
            stream = self._stream(caller, guarded_body(caller, places=caller.places))
        except Exception:
            stream = None
        if stream is None:
            body.seek(0)
            return None
        body.truncate(0)  # what is in it was decoded
        http10 = environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
        return stream.bind(start_response, environ.get("gunicorn.socket"), http10=http10)

    def at_once(self, heading: Heading, body: bytes) -> Stream | None:
        """Return the same for a request that is whole, without WSGI; what its head says is looked at once."""
        caller = heading.known
        if caller is None:
            caller = heading.known = self._caller(heading.environ) or False
        if caller is False:
            return None
        try:
            return self._stream(caller, json_object(body))
        except Exception:
            return None

    def _caller(self, environ: dict[str, Any]) -> Caller | None:
        """Return who asks for one of the routes; None for what Flask must look at, all that is refused among it."""
        route = ROUTES.get(environ["PATH_INFO"])
        if route is None or environ["REQUEST_METHOD"] != "POST" or not environ.keys().isdisjoint(ODD):
            return None
        read, codec, places = route
        try:
            self.guard.check(environ)
            return Caller(environ, read, cast(Codec, codec), places)
        except Exception:
            return None

    def _stream(self, caller: Caller, body: dict[str, Any]) -> Stream | None:
        said = caller.options
        if said is None or not SAID.isdisjoint(body):
            said = options(caller.environ, body)
        found = caller.read(body, said, caller.environ)
        if found is None:
            return None
        chat, said = found
        codec = caller.codec
        stream = self.router.chat(chat, said, codec=codec, out=encoder(codec, chat), request_id=caller.id)
        stream.extra_headers = HARDENING
        return stream


ODD = frozenset({"HTTP_ORIGIN", "HTTP_CONTENT_ENCODING"})
"""Headers of requests that Flask answers."""
HARDENING = list(HARDENED)


def direct(app: Flask) -> Direct | None:
    """Return what answers an app's busiest routes, None where a hook is in the way that only Flask would call."""
    hooks: list[Any] = [*app.before_request_funcs.values(), *app.after_request_funcs.values()]
    hooks += [*app.teardown_request_funcs.values(), [*app.teardown_appcontext_funcs]]
    if {hook.__qualname__ for group in hooks for hook in group} - HOOKS:
        return None
    return Direct(app.extensions["guard"], app.extensions["wallas"].router)
