"""How sessions end, what greedy clients cannot do, and both worker classes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from openai import OpenAI
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.fakes import pause, repeat_anchor, say
from tests.live import children, environment
from tests.postgres import free_port
from tests.realtime.conftest import NOBODY, TABLE
from tests.realtime.talk import Talk, joined
from tests.server.kit import wait_until
from wallas import grace
from wallas.realtime import line as lines
from wallas.realtime import session as sessions
from wallas.realtime.session import Limits
from wallas.settings import ROOT


def ended(talk):
    """Return the last error and the code with which a session was closed."""
    error = talk.error()
    with pytest.raises(ConnectionClosed) as closed:
        talk.next()
    return error.code, closed.value.rcvd.code


@pytest.mark.parametrize(("limits", "code"), [((0.0, 9.0), "session_expired"), ((9.0, 0.0), "session_idle")])
def test_a_session_has_its_time(stage, monkeypatch, limits, code):
    monkeypatch.setattr(sessions.Session.__init__, "__kwdefaults__", {"limits": Limits(*limits)})
    with stage.talk() as talk:
        assert ended(talk) == (code, 1000)


def test_an_answer_that_outlasts_its_server_fails_before_the_session_ends(stage, monkeypatch):
    stage.one.will(say("For ever", finish=None), pause(30))
    monkeypatch.setattr(grace, "seconds_left", lambda: None)
    with stage.talk() as talk:
        talk.say("Hi")
        talk.send("response.create")
        talk.until("response.output_text.delta")
        monkeypatch.setattr(grace, "seconds_left", lambda: 1.0)
        done = talk.until("response.done")[-1].response
        assert (done.status, done.output[0].status) == ("failed", "incomplete")
        assert ended(talk) == ("server_stopping", 1001)
    assert stage.one.wait_until(lambda: stage.one.cancelled)


def test_a_server_that_takes_no_new_work_ends_a_session_after_its_answer(stage, monkeypatch):
    stage.one.will(say("To be ", finish=None), pause(0.3), say("finished"))
    with stage.talk() as talk:
        talk.say("Hi")
        talk.send("response.create")
        talk.until("response.output_text.delta")
        monkeypatch.setattr(stage.service.jobs, "leaving", lambda: True)
        events = talk.until("response.done")
        assert events[-1].response.output[0].content[0].text == "To be finished"
        assert ended(talk) == ("server_stopping", 1001)


def test_a_client_that_leaves_costs_nothing_more(stage):
    stage.one.will(say("For nobody", finish=None), pause(30))
    with stage.talk() as talk:
        talk.say("Hi")
        talk.send("response.create")
        talk.until("response.output_text.delta")
    assert stage.one.wait_until(lambda: stage.one.cancelled)
    wait_until(lambda: stage.app.extensions["realtime"].taken == 0)


def test_a_message_that_is_too_long_ends_the_session_with_1009(stage):
    with connect(f"ws://127.0.0.1:{stage.port}/v1/realtime") as client:
        client.recv(timeout=5)
        with pytest.raises(ConnectionClosed) as closed:
            client.send("x" * (22 << 20))
            while True:
                client.recv(timeout=10)
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


def test_text_that_is_no_utf8_ends_the_session_with_1007(stage):
    with connect(f"ws://127.0.0.1:{stage.port}/v1/realtime") as client:
        client.recv(timeout=5)
        client.socket.sendall(bytes([0x81, 0x82, 0, 0, 0, 0, 0xFF, 0xFE]))
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
        assert closed.value.rcvd.code == 1007


def test_a_client_that_answers_no_ping_is_gone(stage, monkeypatch):
    monkeypatch.setitem(stage.app.config["SOCK_SERVER_OPTIONS"], "ping_interval", 0.1)
    with bare(stage) as raw:
        got = b""
        while piece := raw.recv(65536):
            got += piece
    assert b"\x03\xf0Ping/Pong timeout" in got
    wait_until(lambda: stage.app.extensions["realtime"].taken == 0)


def bare(stage):
    """Return a session's connection without a client of WebSockets."""
    raw = socket.create_connection(("127.0.0.1", stage.port), timeout=10)
    head = "GET /v1/realtime HTTP/1.1", f"Host: localhost:{stage.port}", "Upgrade: websocket", "Connection: Upgrade"
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"
    raw.sendall("\r\n".join([*head, *key, "", ""]).encode())
    return raw


def masked(text):
    """Return a text as a client's frame."""
    data = text.encode()
    head = bytes([0x81, 0xFF]) + len(data).to_bytes(8, "big") if len(data) > 65535 else bytes([0x81, 0x80 | len(data)])
    return head + bytes(4) + data


def test_a_client_that_reads_nothing_is_dropped(stage, monkeypatch):
    monkeypatch.setattr(lines, "SEND_SECONDS", 0.3)
    with bare(stage) as raw:
        content = [{"type": "input_text", "text": "x" * 1_000_000}]
        item = {"id": "a", "type": "message", "role": "user", "content": content}
        raw.sendall(masked(json.dumps({"type": "conversation.item.create", "item": item})))
        again = masked(json.dumps({"type": "conversation.item.retrieve", "item_id": "a"}))
        with pytest.raises(OSError):
            for _ in range(200):
                raw.sendall(again)
                time.sleep(0.01)
    wait_until(lambda: stage.app.extensions["realtime"].taken == 0)


@pytest.fixture(scope="module")
def both(providers, tmp_path_factory):
    """Return what serves the gateway by a worker class."""
    one, two = providers
    running = []

    def serve(worker):
        folder = tmp_path_factory.mktemp(worker)
        port = free_port()
        tables = [
            TABLE.format(name=name, url=at.url, quality=50 + at.port % 40) for name, at in (("one", one), ("two", two))
        ]
        (folder / "wallas.toml").write_text("".join(tables))
        more = {"WALLAS_CONFIG": str(folder / "wallas.toml"), "WALLAS_WORKER_CLASS": worker, "WALLAS_KEYLESS": "0"}
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(folder, port, {**NOBODY, **more}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        running.append(process)
        limit = time.monotonic() + 30
        while time.monotonic() < limit and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        return process, port, folder / "log"

    yield serve
    for process in running:
        workers = children(process.pid) if process.poll() is None else set()
        process.kill()
        process.wait()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize("worker", ["wallas", "gthread"])
def test_sessions_live_and_end_on_both_workers(stage, both, worker):
    tale = "Once upon a time there was a small gateway that never gave up on its answers, whatever happened to it."
    process, port, log = both(worker)
    url = f"http://127.0.0.1:{port}/v1"
    sdk = OpenAI(api_key="sk", base_url=url, max_retries=0)
    stage.one.will(say(tale))
    stage.two.otherwise = lambda request: (repeat_anchor, say("ok"))
    options = {"legacy": True}
    with (
        Talk(sdk.realtime.connect(model="one/one-m", websocket_connection_options=options).enter()) as talk,
        Talk(sdk.realtime.connect(model="one/one-m", websocket_connection_options=options).enter()) as idle,
    ):
        assert joined(talk.ask(), "response.output_text.delta") == tale
        stage.one.will(say("More", finish=None), pause(30))
        talk.say("And then?")
        talk.send("response.create")
        talk.until("response.output_text.delta")
        talk.send("response.cancel")
        assert talk.until("response.done")[-1].response.status == "cancelled"
        assert stage.one.wait_until(lambda: stage.one.cancelled)
        assert sdk.models.list().data
        sdk.close()
        process.send_signal(signal.SIGTERM)
        assert ended(idle) == ("server_stopping", 1001)
        assert ended(talk) == ("server_stopping", 1001)
    assert process.wait(10) == 0
    assert "Traceback" not in log.read_text(), log.read_text()
