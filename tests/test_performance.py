"""What a request and a chunk may cost: counted in function calls, which are exact where times are noise.

The figures are those measured on 2026-11-21 (docs/performance.md) with a tenth more. Whoever needs more changes the
figure in the same commit, and says there what it buys.
"""

import contextlib
import gc
import io
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from sqlalchemy import event

from tests.fakes import FakeProvider, say
from tests.routing.scenes import frames, text
from tests.routing.scripted import ScriptedProvider, ask, candidate, stream_of
from wallas import create_app
from wallas.journal import add_records
from wallas.routing.trail import Hop, Record
from wallas.server import Worker
from wallas.settings import load_settings
from wallas.storage.circuits import load_rests
from wallas.storage.engine import open_database
from wallas.storage.findings import load_findings
from wallas.storage.migrate import upgrade
from wallas.storage.quota import load_quota
from wallas.storage.sessions import load_sessions
from wallas.storage.writer import Writer
from wallas.transport import Transport
from wallas.transport_body import Body, Link
from wallas.waits import anywhere

CHUNK_CALLS = {
    "openai_chat": 24,
    "openai_responses": 46,
    "anthropic": 24,
    "gemini": 48,
    "ollama": 43,
    "cohere": 24,
}
"""For one chunk from a provider of each wire to a client of the OpenAI chat wire; a thread's waiting for it is 15."""
CHUNK_CALLS_TO = {"openai_responses": 29, "anthropic": 24, "gemini": 43, "ollama": 24, "cohere": 24}
"""The same from a provider of the OpenAI chat wire to clients of the other wires."""
WORKED_CHUNK_CALLS = 14
"""For one chunk on our own worker, from the wait for it to its leaving."""
SHORT_STREAM_CALLS = 387
"""For the beginning and the end of a stream on our own worker: one of five words, in as few pieces as they come."""
CHUNK_SYSTEM_CALLS = {"epoll.poll": 1, "socket.recv": 1, "socket.send": 1}
PLAIN_CALLS = 342
"""For one plain request of words from WSGI's environ to the last byte of the answer; 200 of them say who may answer."""
KERNEL = ("epoll.", "eventfd_", "poll.", "select", "socket.")
WORKED_CALLS = 304
"""For the same request on our own worker: from the client's bytes to the answer's, in the loop's one thread."""
SYSTEM_CALLS = {
    "epoll.poll": 2,
    "socket.recv": 2,
    "socket.send": 2,
}
"""What that thread asks of the kernel: waiting for either side, the client's request, the provider's answer, and
what is sent to both."""
COMMIT_CALLS = 205
"""For the writer's commit of ten requests with their attempts and counts, on SQLite."""
QUESTION_CALLS = 75
"""For one question of what workers share."""
MARGIN = 1.1

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WARM_UP = 8
TALE = "".join(f"Sentence {n} of the tale tells of bird {n * n * 7 % 101}, who sang for {n} days. " for n in range(20))


def calls(action: Callable[[], object]) -> Counter[str]:
    """Return how often each Python and C function is called by an action in this thread."""
    counts: Counter[str] = Counter()

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            counts[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            counts[argument.__qualname__] += 1

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return counts


class SocketProvider(ScriptedProvider):
    """A provider at the other end of a socket pair; what it sends is written by the test."""

    def __init__(self, wire: str) -> None:
        super().__init__("p", wire)
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)

    def chat(self, request: Any, *, key: Any, dropped: Any = None) -> Any:
        return Body(Link(Transport(), self.here, ("http", "p", 80)), "POST", reused=False, whole=True)

    def send(self, frame: bytes) -> None:
        self.there.sendall(b"%x\r\n%b\r\n" % (len(frame), frame))


@pytest.fixture
def chunk_by_chunk() -> Iterator[Callable[..., Iterator[Counter[str]]]]:
    """Return a function that yields, chunk by chunk, the calls that a stream between two wires takes."""
    opened: list[SocketProvider] = []

    def counted(wire: str, client: str = "openai_chat") -> Iterator[Counter[str]]:
        provider = SocketProvider(wire)
        opened.append(provider)
        stream = stream_of(ask(), [candidate(provider)], wire=client)
        told = [frame for frame in frames(text(TALE), wire=wire, size=5) if frame]
        provider.there.sendall(HEAD)
        iterator = iter(stream.bind(lambda *head: None, None))
        for frame in told[:WARM_UP]:
            provider.send(frame)
        next(iterator)
        for frame in told[WARM_UP:-WARM_UP]:
            provider.send(frame)
            yield calls(lambda: next(iterator))
        stream.close()

    yield counted
    for provider in opened:
        provider.here.close()
        provider.there.close()


@pytest.mark.parametrize("wire", CHUNK_CALLS)
def test_a_chunk_takes_no_more_calls_than_it_did(chunk_by_chunk, wire):
    each = [counts.total() for counts in chunk_by_chunk(wire)]
    assert len(each) > 100
    usual = sorted(each)[len(each) // 2]
    assert usual <= CHUNK_CALLS[wire] * MARGIN, usual


@pytest.mark.parametrize("wire", CHUNK_CALLS_TO)
def test_a_chunk_for_another_wire_takes_no_more_calls_than_it_did(chunk_by_chunk, wire):
    each = sorted(counts.total() for counts in chunk_by_chunk("openai_chat", wire))
    assert each[len(each) // 2] <= CHUNK_CALLS_TO[wire] * MARGIN, each[len(each) // 2]


def test_no_chunk_makes_a_poll_object_a_fault_or_a_log_line(chunk_by_chunk):
    seen: Counter[str] = sum(chunk_by_chunk("openai_chat"), Counter())
    assert seen["poll.poll"] > 100
    assert not {"poll", "ProviderError.__init__", "Logger._log"} & seen.keys()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[Any, FakeProvider]]:
    """Return the app with one scripted provider."""
    with FakeProvider() as provider:
        config = tmp_path / "wallas.toml"
        table = {"base_url": f"{provider.url}/v1", "api_key": "sk-x", "discover": False}
        lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in table.items()]
        config.write_text("\n".join(["[providers.openai]", *lines]))
        settings = {
            "WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'wallas.sqlite'}",
            "WALLAS_CONFIG": str(config),
            "WALLAS_KEYLESS": "off",
            "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
        }
        app = create_app(load_settings(settings, directory=tmp_path))
        yield app, provider
        app.extensions["wallas"].close()


def asked(**fields: Any) -> bytes:
    """Return a chat request's body."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How are you? " * 40}]
    return msgspec.json.encode({"model": "openai/gpt-4o-mini", "messages": messages, "temperature": 0.5} | fields)


def post(app: Any, **fields: Any) -> bytes:
    """Return the app's answer to a chat request, as a WSGI server gets it."""
    data = asked(**fields)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/chat/completions",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8001",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8001",
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    return b"".join(app(environ, lambda status, headers: None))


def test_a_plain_request_takes_no_more_calls_than_it_did(gateway):
    app, provider = gateway
    for _ in range(5):
        provider.will(say("Well, thank you."))
    for _ in range(3):
        assert b"Well, thank you." in post(app)
    totals = [calls(lambda: post(app)).total() for _ in range(2)]
    assert min(totals) <= PLAIN_CALLS * MARGIN, totals


class Inside(Worker):
    """Our worker in a test's own thread, which turns its loop."""

    def init_signals(self) -> None:
        """Leave this process's signals alone."""

    def run(self) -> None:
        """Begin only."""
        self.begin()


@pytest.fixture
def worker(gateway: Any) -> Iterator[tuple[Inside, socket.socket]]:
    """Return a worker around the app, and a client's connection to it."""
    cfg = Config()
    for name, value in {"threads": 4, "keepalive": 75, "errorlog": "-", "worker_connections": 8}.items():
        cfg.set(name, value)
    listener = socket.create_server(("127.0.0.1", 0))
    application = SimpleNamespace(wsgi=lambda: gateway[0])
    worker = Inside(0, os.getppid(), [listener], application, 60, cfg, Logger(cfg))
    worker.init_process()
    try:
        with socket.create_connection(listener.getsockname()) as client:
            yield worker, client
    finally:
        anywhere()
        for one in (listener, worker.poll, worker.tmp, *(accepted.sock for accepted in worker.clients.values())):
            one.close()
        for descriptor in (worker.bell, *worker.PIPE):
            os.close(descriptor)


def worked(worker: Inside, client: socket.socket) -> tuple[bytes, Counter[str]]:
    """Return the answer to a chat request on a connection that stays, and the calls that the worker's loop took."""
    body, counts = asked(), Counter[str]()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nContent-Length: {len(body)}\r\n\r\n"
    client.sendall(head.encode() + body)
    client.setblocking(False)
    while True:
        counts += calls(worker._turn)
        with contextlib.suppress(BlockingIOError):
            return client.recv(65536), counts


def test_a_plain_request_takes_no_more_of_the_worker_than_it_did(gateway, worker):
    _, provider = gateway
    for _ in range(16):
        provider.will(say("Well, thank you."))
    for _ in range(12):  # the first of all prepares the app in a thread, and its connection stays there for a while
        assert worked(*worker)[0].startswith(b"HTTP/1.1 200 OK")
    each = [worked(*worker)[1] for _ in range(4)]
    fewest = min(each, key=Counter.total)
    assert fewest.total() <= WORKED_CALLS * MARGIN, fewest.total()
    assert {name: fewest[name] for name in fewest if name.startswith(KERNEL)} == SYSTEM_CALLS


def test_a_chunk_takes_no_more_of_the_worker_than_it_did(gateway, worker):
    loop, client = worker
    gateway[1].will(say(TALE, size=5, gap=0.002))
    body = asked(stream=True)
    client.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    client.setblocking(False)
    turns, data = [], b""
    while not data.endswith(b"\r\n0\r\n\r\n"):
        turns.append(calls(loop._turn))
        with contextlib.suppress(BlockingIOError):
            data = data[-100:] + client.recv(65536)
    one_each = [counts for counts in turns if counts["Shortcut.step"] == 1 and counts["socket.send"] == 1]
    assert len(one_each) > 20
    usual = sorted(one_each, key=Counter.total)[len(one_each) // 2]
    assert usual.total() <= WORKED_CHUNK_CALLS * MARGIN, usual.total()
    assert {name: usual[name] for name in usual if name.startswith(KERNEL)} == CHUNK_SYSTEM_CALLS


def test_a_stream_s_beginning_and_end_take_no_more_of_the_worker_than_they_did(gateway, worker):
    loop, client = worker
    body = asked(stream=True)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    client.setblocking(False)
    totals = []
    for _ in range(16):
        gateway[1].will(say("Well, thank you very much.", size=100))
        client.sendall(head + body)
        counts, data = Counter[str](), b""
        while not data.endswith(b"\r\n0\r\n\r\n"):
            counts += calls(loop._turn)
            with contextlib.suppress(BlockingIOError):
                data += client.recv(65536)
        totals.append(counts.total())
    assert min(totals) <= SHORT_STREAM_CALLS * MARGIN, sorted(totals)


def test_a_request_leaves_nothing_for_the_garbage_collector(gateway, worker):
    """What knows itself by a circle stays until the collector comes by, and bodies with it."""
    _, provider = gateway
    for _ in range(17):
        provider.will(say("Well, thank you."))
    for _ in range(12):
        worked(*worker)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            worked(*worker)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = Counter(type(one).__name__ for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    ours = {"Answer", "Attempt", "Attempts", "Body", "ChatRequest", "Exchange", "Plan", "Stream"}
    assert not ours & left.keys(), left


@pytest.mark.parametrize("stream", [False, True])
def test_the_thread_that_answers_asks_the_database_nothing(gateway, stream):
    app, provider = gateway
    asked: list[Any] = []

    @event.listens_for(app.extensions["wallas"].engine, "checkout")
    def note(connection: Any, entry: Any, lent: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            asked.append(connection)

    for _ in range(2):
        provider.will(say("Well, thank you."))
    assert b"finish_reason" in post(app, stream=stream) and b"finish_reason" in post(app, stream=stream)
    assert asked == []
    assert app.extensions["wallas"].writer.flush()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Writer]:
    """Yield a writer on an empty database, which nobody else uses."""
    upgrade(url := f"sqlite:///{tmp_path / 'wallas.sqlite'}")
    engine = open_database(url)
    writer = Writer(engine)
    yield writer
    writer.close()
    engine.dispose()


def test_what_is_recorded_is_committed_in_few_calls(told):
    def record(number: int) -> Record:
        hop = Hop(provider="acme", model="m", key="k", outcome="ok", ms=1.0, input=3, output=4)
        return Record(
            id=f"r{number}", at=1.0, wire="openai", asked="auto", profile="auto", stream=False, outcome="ok", hops=[hop]
        )

    items = [(add_records, record(number)) for number in range(10)]
    told._write(items)
    counts = calls(lambda: told._write(items))
    assert counts.total() <= COMMIT_CALLS * MARGIN, counts.most_common(30)
    assert counts["Cursor.execute"] == 5, "BEGIN, and ten rows of each table in two statements"


def test_what_workers_share_is_asked_for_in_few_calls(told):
    engine = told.engine
    for question in (
        lambda: load_rests(engine, now=1.0, since=0.0),
        lambda: load_findings(engine, since=0.0),
        lambda: load_sessions(engine, since=0.0),
        lambda: load_quota(engine, since=0.0),
    ):
        question()
        counts = calls(question)
        assert counts.total() <= QUESTION_CALLS * MARGIN, counts.most_common(30)
