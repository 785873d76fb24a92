"""The busiest routes go without Flask, and nobody can tell but by the clock."""

import io
import json
from typing import Any

import pytest

from wallas.blueprints.direct import ROUTES, direct

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10},
    "/v1/responses": {"input": "Hello"},
}
TOLD = ("content-type", "x-wallas-provider", "x-wallas-model", "x-content-type-options", "cross-origin-resource-policy")


def answer(app: Any, path: str, *, stream: bool, **environ: Any) -> tuple[str, dict[str, str], bytes]:
    """Return status, headers and body of an answer, as a WSGI server gets them."""
    data = json.dumps({"model": "acme/m", "stream": stream, **BODIES[path]}).encode()
    asked = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8001",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8001",
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **environ,
    }
    heads: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(app(asked, lambda status, headers: heads.append((status, headers))))
    ((status, headers),) = heads
    return status, {name.lower(): value for name, value in headers}, body


class Hidden(io.BytesIO):
    """A body that Flask must read, for its kind is not known."""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", BODIES)
def test_an_answer_is_the_same_with_flask_and_without(apps, provider, path, stream):
    app = apps()
    data = json.dumps({"model": "acme/m", "stream": stream, **BODIES[path]}).encode()
    without = answer(app, path, stream=stream)
    through = answer(app, path, stream=stream, **{"wsgi.input": Hidden(data)})
    assert app.direct is not None
    assert without[0] == through[0] == "200 OK"
    assert sorted(without[1]) == sorted(through[1])
    assert [without[1][name] for name in TOLD] == [through[1][name] for name in TOLD]
    assert b"ok" in without[2] and b"ok" in through[2]


def test_every_direct_route_is_one_of_these():
    assert ROUTES.keys() == BODIES.keys()


@pytest.mark.parametrize("path", BODIES)
def test_what_is_refused_is_told_by_flask(apps, provider, path):
    app = apps()
    assert answer(app, path, stream=False, HTTP_HOST="evil.example")[0].startswith("421")
    assert answer(app, path, stream=False, HTTP_X_WALLAS_HOLD="never")[0].startswith("400")
    assert answer(app, path, stream=False, HTTP_ORIGIN="https://evil.example")[0].startswith("403")


def test_a_clients_key_is_asked_for_without_flask_too(apps, provider):
    app = apps(PROXY_API_KEY="sk-canary-client")
    path = "/v1/chat/completions"
    assert answer(app, path, stream=False)[0].startswith("401")
    assert answer(app, path, stream=False, HTTP_AUTHORIZATION="Bearer sk-canary-client")[0] == "200 OK"


def test_a_hook_that_only_flask_would_call_brings_flask_back(apps, provider):
    app = apps(WALLAS_AUXILIARY="false")
    assert direct(app) is not None
    app.before_request(lambda: None)
    assert direct(app) is None
