"""OpenAI Realtime over a WebSocket: who may open one, and what is lent to it."""

import base64
import binascii
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState

from wallas.blueprints.guard import REALTIME_BETA, subprotocols
from wallas.blueprints.options import options
from wallas.blueprints.respond import error_response
from wallas.codecs import openai_chat
from wallas.errors import BadRequest, GatewayError
from wallas.routing.router import Options

bp = Blueprint("realtime", __name__)

MESSAGE_BYTES = 21 * 1024 * 1024
"""15 MiB of sound in base64, OpenAI's own limit for one event, and some words around it."""
PING_SECONDS = 25.0
"""Who does not answer a ping within this is gone."""
RECEIVE_BYTES = 16 * 1024
FULL_SECONDS = 5.0
SUBPROTOCOL = "realtime"
OTHER_KINDS = ("call_id",)
"""Query parameters of sessions that are none for here: calls by WebRTC and SIP."""


@bp.record_once
def _prepare(state: BlueprintSetupState) -> None:
    state.app.config.setdefault(
        "SOCK_SERVER_OPTIONS",
        {
            "max_message_size": MESSAGE_BYTES,
            "ping_interval": PING_SECONDS,
            "receive_bytes": RECEIVE_BYTES,
            "subprotocols": [SUBPROTOCOL],
        },
    )


@bp.get("/v1/realtime")
def no_websocket() -> Response:
    """Refuse a request that is no WebSocket's."""
    error = GatewayError(
        "GET /v1/realtime is a WebSocket: send Upgrade: websocket", status=426, code="upgrade_required"
    )
    error.type = "invalid_request_error"
    refused = error_response(error, openai_chat)
    refused.headers["Upgrade"] = "websocket"
    return refused


@bp.route("/v1/realtime", websocket=True)
def realtime() -> Response:
    """Open a session, if it can be; what is refused is refused before the upgrade, with a status and a body."""
    from wallas.realtime.line import Socket

    check_handshake(request.environ)
    body = {"model": request.args.get("model") or "auto"}
    g.realtime = (body["model"], options(request.environ, body))
    _check_model(*g.realtime)
    rooms = _rooms(current_app._get_current_object())  # type: ignore[attr-defined]
    if not rooms.enter():
        raise GatewayError(
            f"{rooms.most} Realtime sessions are open, and each holds a thread: WALLAS_THREADS allows no more",
            status=503,
            code="too_many_sessions",
            retry_after=FULL_SECONDS,
        )
    try:
        environ = request.environ
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)  # unpacked, a message may be a thousand times its size
        name = "gunicorn.socket" if "gunicorn.socket" in environ else "werkzeug.socket"
        g.socket = Socket(environ[name])
        environ[name] = g.socket
        answer: Response = _view()()
        return answer
    finally:
        rooms.leave()


def check_handshake(environ: dict[str, Any]) -> None:
    """Raise BadRequest for an upgrade that is none (RFC 6455, 4.2.1), and for sessions that are not served."""
    for name in OTHER_KINDS:
        if name in request.args:
            raise BadRequest(f"{name}: calls by WebRTC or SIP are not served here", param=name)
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13":
        raise GatewayError("Sec-WebSocket-Version: 13 is spoken here", status=426, param="Sec-WebSocket-Version")
    try:
        key = base64.b64decode(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 16:
        raise BadRequest("Sec-WebSocket-Key: expected 16 bytes in base64", param="Sec-WebSocket-Key")
    if not any(source in environ for source in ("gunicorn.socket", "werkzeug.socket")):
        raise GatewayError("this server lends no connections, so no WebSocket can be opened", status=501)


def _check_model(model: str, said: Options) -> None:
    """Raise NotFound for a model that nobody here has."""
    current_app.extensions["wallas"].router.read(said.model or said.tier or model, said)


def _rooms(app: Flask) -> Any:
    from wallas.realtime.talk import Rooms

    found = app.extensions.get("realtime")
    if found is None:
        most = max(app.extensions["wallas"].settings.threads // 2, 1)
        found = app.extensions.setdefault("realtime", Rooms(most))
    return found


@cache
def _view() -> Callable[[], Response]:
    """Return the view that flask-sock makes of ``_serve``, loaded when the first client comes."""
    from flask_sock import Sock

    made: list[Callable[[], Response]] = []

    class Taker:
        def route(self, path: str, **more: Any) -> Callable[[Callable[[], Response]], None]:
            return made.append

    Sock().route("/v1/realtime", bp=Taker())(_serve)
    return made[0]


def _serve(websocket: Any) -> None:
    """Serve one session over its WebSocket."""
    from wallas.realtime.line import GOODBYE_SECONDS, Line
    from wallas.realtime.session import Session
    from wallas.realtime.settings import Settings
    from wallas.realtime.talk import talk

    service, sock = current_app.extensions["wallas"], g.socket
    sock.waiting = websocket.input_buffer
    model, said = g.realtime
    line = Line(websocket, beta=speaks_beta(request.environ), room=sock.room.set)
    settings = Settings(model=model)
    if request.args.get("intent") == "transcription":
        settings = Settings(model=model, kind="transcription")
    session = Session(service.router, line, settings, said)
    try:
        talk(session, leaving=partial(_leaves, service))
    finally:
        sock.room.set()
        websocket.thread.join(GOODBYE_SECONDS)  # it reads the client's own goodbye
        sock.cut()
        websocket.thread.join(GOODBYE_SECONDS)


def speaks_beta(environ: dict[str, Any]) -> bool:
    """Return whether a client wants the beta's shapes: by OpenAI's header, or by the subprotocol of browsers."""
    said = environ.get("HTTP_OPENAI_BETA", "")
    return "realtime=v1" in said.replace(" ", "") or REALTIME_BETA in subprotocols(environ)


def _leaves(service: Any) -> bool:
    return bool(service.jobs.leaving())
