"""Makes the Flask app: the one place where the layers meet."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from wallas.blueprints import guard
from wallas.blueprints.direct import Direct, direct
from wallas.blueprints.respond import on_fault, on_gateway_error, on_http_error
from wallas.errors import GatewayError
from wallas.service import Pace, Service
from wallas.settings import Settings, load_settings
from wallas.types.flow import Heading

log = logging.getLogger(__name__)

BLUEPRINTS = (
    "openai",
    "responses",
    "anthropic",
    "gemini",
    "ollama",
    "listing",
    "gateway",
    "explain",
    "fork",
    "usage",
    "convert",
    "files",
    "ocr",
    "search",
    "speech",
    "transcription",
    "images",
    "judging",
    "videos",
    "realtime",
)


class Gateway(Flask):
    """Flask without what costs time and is not used here: views that are coroutines, routes that depend on the host."""

    direct: Direct | None = None
    """What answers the busiest routes; None until the first request, and where only Flask may."""
    ready = False

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer a request, without Flask where that is possible."""
        if not self.ready:
            self.direct, self.ready = direct(self), True
        if self.direct is not None and (stream := self.direct.answer(environ, start_response)) is not None:
            return stream
        return super().wsgi_app(environ, start_response)

    def at_once(self, heading: Heading, body: bytes) -> Any:
        """Answer a request as ``wsgi_app`` does, in a thread that must not wait; None for what only that can answer."""
        return None if self.direct is None else self.direct.at_once(heading, body)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: none of ours is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what matches a request's path; whether its host is ours, the guard tells."""
        if request is None:
            return None
        environ = request.environ
        return MapAdapter(
            self.url_map,
            server_name=environ.get("HTTP_HOST", ""),
            script_name=environ.get("SCRIPT_NAME", ""),
            subdomain="",
            url_scheme="ws" if opens_websocket(environ) else environ["wsgi.url_scheme"],
            path_info=request.path,
            default_method=request.method,
            query_args=environ.get("QUERY_STRING", ""),
        )


def opens_websocket(environ: Mapping[str, Any]) -> bool:
    """Return whether a request asks for a WebSocket, for which routes of their own exist."""
    if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
        return False
    return "upgrade" in {word.strip().lower() for word in environ.get("HTTP_CONNECTION", "").split(",")}


def create_app(settings: Settings | Mapping[str, str] | None = None, *, pace: Pace | None = None) -> Flask:
    """Return the gateway as a WSGI app; ``settings`` default to the process's environment and files."""
    if not isinstance(settings, Settings):
        settings = load_settings(settings)
    app = Gateway("wallas", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["wallas"] = Service(settings, pace=pace)
    guard.install(app, settings)
    for name in BLUEPRINTS:
        module = __import__(f"wallas.blueprints.{name}", fromlist=["bp"])
        app.register_blueprint(module.bp)
    app.register_error_handler(GatewayError, on_gateway_error)
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(Exception, on_fault)
    return app
