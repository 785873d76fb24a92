"""The busiest routes go without Flask, and nobody can tell but by the clock."""

import base64
import io
import json
from typing import Any

import pytest

from tests.badinput.doors import PICTURE
from wallas.blueprints.direct import ROUTES, direct
from wallas.types.flow import Heading

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


def test_a_body_is_let_go_of_when_it_was_decoded(apps, provider):
    data = io.BytesIO(json.dumps({"model": "acme/m", "stream": False, **BODIES["/v1/messages"]}).encode())
    length = str(len(data.getvalue()))
    status, _, _ = answer(apps(), "/v1/messages", stream=False, **{"wsgi.input": data, "CONTENT_LENGTH": length})
    assert (status, data.getvalue()) == ("200 OK", b"")


@pytest.mark.parametrize("input", [io.BytesIO, Hidden])
def test_large_pictures_reach_the_provider_as_they_came_and_damaged_ones_are_refused(apps, provider, input):
    picture = base64.b64encode(base64.b64decode(PICTURE) + bytes(range(256)) * 400).decode()

    def told(url: str) -> tuple[str, dict[str, str], bytes]:
        parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
        data = asked("/v1/chat/completions", messages=[{"role": "user", "content": parts}])
        given = {"wsgi.input": input(data), "CONTENT_LENGTH": str(len(data))}
        return answer(apps(), "/v1/chat/completions", stream=False, **given)

    url = f"data:image/png;base64,{picture}"
    assert told(url)[0] == "200 OK"
    ((_, part),) = [message["content"] for message in provider.requests[-1]["messages"]]
    assert part == {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    status, _, data = told(url[:-4] + "@@@@")
    assert status.startswith("400")
    assert json.loads(data)["error"]["param"] == "messages[0].content[1].image_url.url"


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


HEAD = {
    "REQUEST_METHOD": "POST",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "127.0.0.1:8001",
}


def asked(path: str, **fields: Any) -> bytes:
    """Return a request's body."""
    return json.dumps({"model": "acme/m", **BODIES[path], **fields}).encode()


@pytest.mark.parametrize("path", BODIES)
def test_what_a_head_says_is_looked_at_once_for_all_bodies_behind_it(apps, provider, path):
    app = apps(PROXY_API_KEY="sk-canary-client")
    answer(app, path, stream=False)
    heading = Heading({**HEAD, "PATH_INFO": path, "CONTENT_LENGTH": "9", "HTTP_X_API_KEY": "sk-canary-client"})
    first = app.at_once(heading, asked(path))
    known = heading.known
    second = app.at_once(heading, asked(path, user="u"))
    assert heading.known is known and first.attempts.plan.id != second.attempts.plan.id
    for stream in (first, second):
        assert b"ok" in b"".join(stream.bind(lambda *head: None, None))


@pytest.mark.parametrize(
    "said",
    [
        {"HTTP_X_API_KEY": "wrong"},
        {},
        {"HTTP_X_API_KEY": "sk-canary-client", "HTTP_HOST": "evil.example"},
        {"HTTP_X_API_KEY": "sk-canary-client", "HTTP_ORIGIN": "http://127.0.0.1:8001"},
        {"HTTP_X_API_KEY": "sk-canary-client", "HTTP_CONTENT_ENCODING": "gzip"},
        {"HTTP_X_API_KEY": "sk-canary-client", "PATH_INFO": "/v1/models"},
        {"HTTP_X_API_KEY": "sk-canary-client", "REQUEST_METHOD": "GET"},
    ],
)
def test_a_head_that_flask_must_see_is_left_to_it_with_every_body(apps, provider, said):
    app, path = apps(PROXY_API_KEY="sk-canary-client"), "/v1/chat/completions"
    answer(app, path, stream=False)
    heading = Heading({**HEAD, "PATH_INFO": path, "CONTENT_LENGTH": "9", **said})
    assert [app.at_once(heading, asked(path)) for _ in range(2)] == [None, None]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"messages": 7}', b'{"wallas": {"hold": "never"}}', b"\xff{}"])
def test_a_bad_body_is_told_by_flask_and_its_head_stays_good(apps, provider, body):
    app, path = apps(), "/v1/chat/completions"
    answer(app, path, stream=False)
    heading = Heading({**HEAD, "PATH_INFO": path, "CONTENT_LENGTH": "9"})
    assert app.at_once(heading, body) is None
    stream = app.at_once(heading, asked(path))
    assert b"ok" in b"".join(stream.bind(lambda *head: None, None))


def test_what_the_head_says_beside_the_body_counts_for_each(apps, provider):
    app, path = apps(), "/v1/chat/completions"
    answer(app, path, stream=False)
    said = {"HTTP_X_WALLAS_HOLD": "off", "HTTP_X_REQUEST_ID": "mine"}
    heading = Heading({**HEAD, "PATH_INFO": path, "CONTENT_LENGTH": "9", **said})
    for _ in range(2):
        stream = app.at_once(heading, asked(path))
        assert (stream.attempts.plan.hold, stream.attempts.plan.id) == ("off", "mine")
        stream.close()


def test_a_hook_that_only_flask_would_call_brings_flask_back(apps, provider):
    app = apps(WALLAS_AUXILIARY="false")
    assert direct(app) is not None
    app.before_request(lambda: None)
    assert direct(app) is None
