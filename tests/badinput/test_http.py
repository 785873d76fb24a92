"""What is wrong already as HTTP, sent by bare sockets to a gunicorn as users run it."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from werkzeug.wrappers import Request

from tests.badinput.doors import DOORS, told
from tests.badinput.gate import NOBODY, table
from tests.fakes import FakeProvider, say
from tests.faults.gateway import Gateway, serving
from wallas.blueprints.body import BODY_BYTES, raw_body
from wallas.codecs.framing import encode
from wallas.errors import GatewayError

SPOKEN = [DOORS[name] for name in ("chat", "messages", "generate", "ollama_chat")]
doors = pytest.mark.parametrize("door", SPOKEN, ids=lambda door: door.protocol)
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Yield a gateway with one thread, so that a request that holds it would be noticed by the next."""
    folder = tmp_path_factory.mktemp("live")
    with (
        FakeProvider(models=["m"], otherwise=lambda request: (say("ok"),)) as provider,
        serving(folder, provider, config=table(provider.url), WALLAS_THREADS="2", **NOBODY) as running,
    ):
        yield running
        assert "Traceback" not in running.said()


class Answer:
    """What a socket got: how many answers, and the first one's status, headers and body."""

    def __init__(self, data: bytes) -> None:
        """Read the first answer, interim ones passed over."""
        self.count = data.count(b"HTTP/1.1 ") + data.count(b"HTTP/1.0 ")
        head, _, rest = data.partition(b"\r\n\r\n")
        if b" 100 " in head:
            self.count -= 1
            head, _, rest = rest.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0] else 0
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        self.body = rest[: int(self.headers.get("content-length", len(rest)))]

    @property
    def kind(self) -> str | None:
        """Return the content type."""
        return self.headers.get("content-type")


def post(path: str, *headers: str, body: bytes = b"", host: str | None = "localhost") -> bytes:
    """Return a request as bytes."""
    lines = [f"POST {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def talk(live: Gateway, data: bytes, *, end: bool = False, seconds: float = 5.0) -> Answer:
    """Return what comes for these bytes until the other side closes, or for 0.15 s of silence after an answer."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=seconds) as sock:
        got = b""
        try:
            sock.sendall(data)
            if end:
                sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                got += piece
                sock.settimeout(0.15)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        return Answer(got)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


CHUNKED = "Transfer-Encoding: chunked"
GOOD = encode(DOORS["chat"].good())
CHAT = DOORS["chat"].path


@doors
def test_c10_a_body_that_says_it_is_too_long_is_refused_before_it_comes(live, door):
    started = time.perf_counter()
    answer = talk(live, post(door.url(), f"Content-Length: {BODY_BYTES + 1}"))
    assert (answer.status, answer.count) == (413, 1)
    assert "33554433 bytes" in told(door.protocol, 413, answer.kind, answer.body).message
    assert time.perf_counter() - started < 1


@doors
def test_c11_a_body_in_chunks_that_is_too_long_is_never_cut(live, door):
    data = chunk(b" " * 65536) * (BODY_BYTES // 65536) + chunk(encode(door.good())) + b"0\r\n\r\n"
    answer = talk(live, post(door.url(), CHUNKED, body=data))
    assert (answer.status, answer.count) == (413, 1)
    told(door.protocol, 413, answer.kind, answer.body)


@doors
def test_c11_a_chunk_that_says_it_is_too_long_is_refused_before_it_comes(live, door):
    answer = talk(live, post(door.url(), CHUNKED, body=b"2000001\r\n{"))
    assert (answer.status, answer.count) == (413, 1)
    told(door.protocol, 413, answer.kind, answer.body)


BROKEN = {
    "size": b"zz\r\nhello\r\n0\r\n\r\n",
    "empty-size": b"\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "prefixed": b"0x5\r\nhello\r\n0\r\n\r\n",
    "terminator": b"5\r\nhelloXX0\r\n\r\n",
    "overflow": b"f" * 64 + b"\r\nhello\r\n0\r\n\r\n",
    "overflow-64": b"8000000000000000\r\nhello\r\n0\r\n\r\n",
    "endless-size": b"0" * 20_000,
    "extension": b"5;\x01\r\nhello\r\n0\r\n\r\n",
}


@doors
@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_c14_broken_chunks_are_a_400_and_the_end(live, door, data):
    answer = talk(live, post(door.url(), CHUNKED, body=data + GET))
    assert (answer.status, answer.count) == (400, 1)
    told(door.protocol, 400, answer.kind, answer.body)


@doors
def test_c14_chunks_that_end_too_soon_are_a_400(live, door):
    answer = talk(live, post(door.url(), CHUNKED, body=b"10\r\nhel"), end=True)
    assert (answer.status, answer.count) == (400, 1)
    told(door.protocol, 400, answer.kind, answer.body)


def test_chunks_with_extensions_and_trailers_are_read(live):
    data = b"%x;a=b\r\n%b\r\n0\r\nX-A: b\r\n\r\n" % (len(GOOD), GOOD)
    assert talk(live, post(CHAT, CHUNKED, "Connection: close", body=data)).status == 200


@doors
def test_c12_a_body_shorter_than_it_says_is_a_408_at_its_end(live, door):
    data = encode(door.good())
    answer = talk(live, post(door.url(), f"Content-Length: {len(data) + 5}", body=data), end=True)
    assert (answer.status, answer.count) == (408, 1)
    told(door.protocol, 408, answer.kind, answer.body)


class Pipe:
    """A body that is read from a socket."""

    def __init__(self, sock: socket.socket) -> None:
        """Read from ``sock``."""
        self.sock = sock

    def read(self, size: int) -> bytes:
        """Return what comes next."""
        return self.sock.recv(size)


def test_c12_a_body_that_stops_is_a_408_and_the_end_of_its_connection():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environ = {"CONTENT_LENGTH": "10", "wsgi.input": Pipe(ours), "gunicorn.socket": ours}
        with pytest.raises(GatewayError) as caught:
            raw_body(Request(environ, populate_request=False), silence=0.05)
        assert caught.value.status == 408
        assert ours.gettimeout() is None
        assert ours.recv(100) == b""


def test_c12_a_client_that_is_reset_while_it_sends_breaks_nothing(live):
    with socket.create_connection(("127.0.0.1", live.port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(post(CHAT, "Content-Length: 100", body=b"{"))
    assert talk(live, GET).status == 200


LENGTH = f"Content-Length: {len(GOOD)}"
SMUGGLED = {
    "length-and-chunks": post(CHAT, LENGTH, CHUNKED, body=chunk(GOOD) + b"0\r\n\r\n"),
    "two-lengths": post(CHAT, LENGTH, LENGTH, body=GOOD),
    "other-lengths": post(CHAT, LENGTH, "Content-Length: 5", body=GOOD),
    "signed-length": post(CHAT, f"Content-Length: +{len(GOOD)}", body=GOOD),
    "negative-length": post(CHAT, "Content-Length: -1", body=GOOD),
    "list-of-lengths": post(CHAT, f"Content-Length: {len(GOOD)}, {len(GOOD)}", body=GOOD),
    "xchunked": post(CHAT, "Transfer-Encoding: xchunked", body=chunk(GOOD) + b"0\r\n\r\n"),
    "gzip-chunked": post(CHAT, "Transfer-Encoding: gzip, chunked", body=chunk(GOOD) + b"0\r\n\r\n"),
    "nul": post(CHAT, LENGTH, "X-A: b\0c", body=GOOD),
    "space-before-colon": post(CHAT, LENGTH, "X-A : b", body=GOOD),
    "two-hosts": post(CHAT, LENGTH, "Host: localhost", body=GOOD),
}


@pytest.mark.parametrize("data", SMUGGLED.values(), ids=SMUGGLED)
def test_c13_a_request_that_two_servers_could_read_differently_gets_one_400_and_the_end(live, data):
    answer = talk(live, data + GET)
    assert (answer.status, answer.count) == (400, 1)


LARGE = {
    "200-headers": (post(CHAT, LENGTH, *(f"X-A{number}: b" for number in range(200)), body=GOOD), 431),
    "16-kB-header": (post(CHAT, LENGTH, "X-A: " + "b" * 16_384, body=GOOD), 431),
    "9-kB-address": (post("/v1/models?a=" + "x" * 9_000), 414),
}


@pytest.mark.parametrize(("data", "status"), LARGE.values(), ids=LARGE)
def test_c15_heads_that_are_too_large_are_refused(live, data, status):
    answer = talk(live, data)
    assert (answer.status, answer.count) == (status, 1)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, bytes(range(256)) * 4])
def test_c16_what_is_no_http_is_refused(live, data):
    assert talk(live, data).status == 400


HOSTS = {
    "missing": (None, 400),
    "empty": ("", 400),
    "odd": ("a/?x#", 400),
    "user": ("a@localhost", 400),
    "spaces": ("local host", 400),
    "wrong": ("evil.com", 421),
    "suffix": ("localhost.evil.com", 421),
    "dot": ("localhost.", 421),
    "upper": ("LOCALHOST:8001", 200),
    "v6": ("[::1]:8001", 200),
    "v4": ("127.0.0.1:1", 200),
    "name": ("localhost", 200),
}


@doors
@pytest.mark.parametrize(("host", "status"), HOSTS.values(), ids=HOSTS)
def test_c17_only_our_own_hosts_are_answered_for(live, door, host, status):
    data = encode(door.good())
    answer = talk(live, post(door.url(), f"Content-Length: {len(data)}", "Connection: close", body=data, host=host))
    assert (answer.status, answer.count) == (status, 1)
    if status != 200:
        told(door.protocol, status, answer.kind, answer.body)


def test_c17_http_10_without_a_host_is_refused_too(live):
    data = post(CHAT, LENGTH, body=GOOD, host=None).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = talk(live, data)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["param"] == "Host"


def test_c18_a_client_may_wait_for_100_continue(live):
    with socket.create_connection(("127.0.0.1", live.port), timeout=5) as sock:
        sock.sendall(post(CHAT, LENGTH, "Expect: 100-continue", "Connection: close"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(GOOD)
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")


@doors
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", None], ids=str)
def test_c33_json_as_curl_d_sends_it_is_read(live, door, kind):
    data = encode(door.good())
    headers = [f"Content-Type: {kind}"] if kind else []
    request = post(door.url(), *headers, f"Content-Length: {len(data)}", "Connection: close", body=data)
    assert talk(live, request).status == 200


@doors
def test_c33_a_form_of_another_site_is_refused_and_the_next_request_is_still_read(live, door):
    data = encode(door.good())
    headers = ["Content-Type: text/plain", "Origin: https://evil.example", f"Content-Length: {len(data)}"]
    answer = talk(live, post(door.url(), *headers, body=data) + GET)
    assert (answer.status, answer.count) == (403, 2)
    told(door.protocol, 403, answer.kind, answer.body)


METHODS = {
    "TRACE": ("/v1/models", 405),
    "BREW": ("/v1/chat/completions", 405),
    "PUT": ("/api/chat", 405),
    "HEAD": ("/v1/models", 200),
    "OPTIONS": ("/v1/models", 204),
}


@pytest.mark.parametrize(("method", "row"), METHODS.items(), ids=METHODS)
def test_c39_other_methods_are_answered_without_a_call(live, method, row):
    answer = talk(live, f"{method} {row[0]} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status, answer.count) == (row[1], 1)
    if method in ("HEAD", "OPTIONS"):
        assert answer.body == b""
    elif row[1] == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/nowhere", "/v1/messages", "/api/chat"])
def test_c39_a_refused_head_has_no_body(live, path):
    answer = talk(live, f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.status in (404, 405)
    assert answer.body == b""


PATHS = {
    "/v1/../health": 404,
    "/v1/%2e%2e/health": 404,
    "/v1/models;a=b": 404,
    "/health/": 200,
    "//v1/models": 200,
    "///v1/models": 200,
    "/v1//models": 404,
    "/v1/models/": 200,
    "/v1/models%2f..%2f..%2fhealth": 404,
    "/V1/models": 404,
    "http://localhost/health": 200,
}


@pytest.mark.parametrize(("path", "status"), PATHS.items(), ids=PATHS)
def test_c40_odd_paths_lead_nowhere_else(live, path, status):
    answer = talk(live, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status, answer.count) == (status, 1)
    if status == 404:
        told("openai", 404, answer.kind, answer.body)


def test_the_gateway_still_answers_after_all_that(live):
    assert talk(live, GET).status == 200
    assert talk(live, post(CHAT, LENGTH, "Connection: close", body=GOOD)).status == 200
