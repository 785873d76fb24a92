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
from wallas.blueprints.body import Asking
from wallas.blueprints.guard import HARDENED, HOOKS, Guard
from wallas.blueprints.openai import asked_chat
from wallas.blueprints.respond import streamed
from wallas.blueprints.responses import asked_response
from wallas.codecs import Codec, anthropic, openai_chat, openai_responses
from wallas.routing.router import Options, Router
from wallas.routing.stream import Stream
from wallas.types.chat import ChatRequest

Read: TypeAlias = Callable[[Asking], tuple[ChatRequest, Options] | None]

ROUTES: Mapping[str, tuple[Read, ModuleType]] = {
    "/v1/chat/completions": (asked_chat, openai_chat),
    "/v1/messages": (asked_message, anthropic),
    "/v1/responses": (asked_response, openai_responses),
}
"""POST routes that stream: how a request is read (None: it is none for here), and its codec."""


class Plain:
    """A request that is nothing but its environ."""

    __slots__ = ("environ",)

    def __init__(self, environ: dict[str, Any]) -> None:
        """Know the environ."""
        self.environ = environ


class Direct:
    """Answers what needs no Flask; ``answer`` returns None for all else."""

    def __init__(self, guard: Guard, router: Router) -> None:
        """Answer behind this guard."""
        self.guard = guard
        self.router = router

    def answer(self, environ: dict[str, Any], start_response: Any) -> Stream | None:
        """Return the stream that answers, as a ``StreamResponse`` would."""
        route, body = ROUTES.get(environ["PATH_INFO"]), environ["wsgi.input"]
        if route is None or environ["REQUEST_METHOD"] != "POST" or "HTTP_ORIGIN" in environ:
            return None
        if type(body) is not io.BytesIO:  # it could not be read twice
            return None
        asked, (read, codec) = Plain(environ), route
        try:
            self.guard.check(environ)
            found = read(asked)
            stream = found and streamed(self.router, asked, *found, codec=cast(Codec, codec))
        except Exception:
            stream = None
        if stream is None:
            body.seek(0)
            return None
        stream.extra_headers = list(HARDENED)
        http10 = environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
        return stream.bind(start_response, environ.get("gunicorn.socket"), http10=http10)


def direct(app: Flask) -> Direct | None:
    """Return what answers an app's busiest routes, None where a hook is in the way that only Flask would call."""
    hooks: list[Any] = [*app.before_request_funcs.values(), *app.after_request_funcs.values()]
    hooks += [*app.teardown_request_funcs.values(), [*app.teardown_appcontext_funcs]]
    if {hook.__qualname__ for group in hooks for hook in group} - HOOKS:
        return None
    return Direct(app.extensions["guard"], app.extensions["wallas"].router)
