"""Settings are taken anew without a stream noticing, wrong ones never; a stop is bounded and refuses newcomers."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import FakeProvider, say
from tests.state.kit import Gateway, Line, gateway, profile, provider, wait_until
from wallas.settings import ROOT

WORDS = "word " * 60
WRONG = {
    "toml": "[providers.one\n",
    "an unknown key": "[providers.acme]\nwyre = 1\n",
    "no address": "[providers.acme]\nfree = true\n",
    "a header that breaks framing": (
        '[providers.acme]\nwire = "openai"\nbase_url = "http://127.0.0.1:1/v1"\nheaders = {"Content-Length" = "3"}\n'
    ),
    "a model's id": (
        '[providers.acme]\nwire = "openai"\nbase_url = "http://127.0.0.1:1/v1"\n[[providers.acme.models]]\nid = "a b"\n'
    ),
    "a strategy": '[profiles.acme]\nmodels = ["one/m"]\nstrategy = "guess"\n',
}


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """Yield a provider."""
    with FakeProvider(otherwise=lambda request: (say("Hello"),)) as fake:
        yield fake


@pytest.fixture
def running(fake: FakeProvider, tmp_path: Path) -> Iterator[Gateway]:
    """Yield a gateway of two workers with that provider."""
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    with gateway(tmp_path, url, provider("one", fake.url) + profile("one/m")) as running:
        yield running


class Streamed:
    """A stream that is read in a thread of its own."""

    def __init__(self, line: Line, **headers: str) -> None:
        """Begin, and wait for the first words."""
        body = {"model": "mine", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
        self.answer = line.request("POST", "/v1/chat/completions", body, headers)
        self.pid = line.pid
        self.data = self.answer.read(20)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        self.data += self.answer.read()

    def events(self) -> list[dict[str, object]]:
        """Return the events once all have come."""
        self.thread.join(40)
        return [json.loads(row[6:]) for row in self.data.split(b"\n") if row.startswith(b"data: {")]

    def text(self) -> str:
        """Return the words once all have come; fail if the end is missing."""
        choices = [choice for event in self.events() for choice in event["choices"]]
        assert self.data.rstrip().endswith(b"data: [DONE]")
        assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("way", ["signal", "command"])
def test_a_reload_takes_a_new_key_and_a_new_provider_while_a_stream_goes_on(running, fake, way):
    fake.will(say(WORDS, gap=0.06))
    old = running.workers()
    stream = Streamed(running.line())
    assert stream.pid in old
    with FakeProvider(otherwise=lambda request: (say("from the new one"),)) as new:
        running.configure(
            provider("one", fake.url, api_key="sk-canary-new") + provider("new", new.url) + profile("one/m")
        )
        if way == "signal":
            running.process.send_signal(signal.SIGHUP)
        else:
            done = running.command("reload")
            assert (done.returncode, "go on" in done.stdout) == (0, True), done.stderr
        wait_until(lambda: len(running.workers() - old) == 2)
        wait_until(lambda: fresh(running, old))
        line = fresh(running, old)
        assert line.chat(model="new/m")["choices"][0]["message"]["content"] == "from the new one"
        assert line.chat()["choices"][0]["message"]["content"] == "Hello"
        assert fake.requests[-1].headers["authorization"] == "Bearer sk-canary-new"
        assert fake.requests[0].headers["authorization"] == "Bearer sk-canary-one"
        assert stream.text() == WORDS
        wait_until(lambda: not running.workers() & old, seconds=8)


def fresh(running: Gateway, old: set[int]) -> Line | None:
    """Return a connection to a worker that is not of the old ones, if one takes it."""
    line = running.line()
    return line if line.pid not in old else None


def test_wrong_settings_are_not_taken_and_the_log_says_what_is_wrong(running):
    # The process that looks at the database at a start may still be ending.
    workers = running.wait_until(lambda: len(found := running.workers()) == 2 and found)
    for number, (what, config) in enumerate(WRONG.items(), 1):
        running.configure(config)
        running.process.send_signal(signal.SIGHUP)
        running.wait_until(lambda number=number: running.said().count("Not reloaded") == number)
        refused = running.command("reload")
        assert refused.returncode != 0 and "wallas.toml" in refused.stderr, what
        assert "Traceback" not in refused.stderr
    assert running.workers() == workers
    assert {line.chat()["choices"][0]["message"]["content"] for line in running.lines()} == {"Hello"}
    assert "Traceback" not in running.said()


@pytest.mark.parametrize("what", sorted(WRONG))
def test_wrong_settings_do_not_start_and_are_named(tmp_path, what):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    with pytest.raises(RuntimeError, match="exit status 78") as told, gateway(tmp_path, url, WRONG[what]):
        pass
    assert "wallas.toml" in str(told.value) and "Traceback" not in str(told.value)


def test_a_stop_refuses_newcomers_at_once_and_lets_streams_finish(running, fake):
    fake.will(say(WORDS, gap=0.05))
    stream = Streamed(running.line())
    running.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", running.port), timeout=2)
        assert time.monotonic() - began < 0.1
    assert stream.text() == WORDS
    assert running.process.wait(8) == 0
    assert running.rows("SELECT outcome FROM requests") == [("ok",)]


def test_a_stream_that_outlasts_a_stop_ends_with_an_honest_error_before_the_process_does(fake, tmp_path):
    fake.will(say("word " * 2000, gap=0.02))
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    hasty = ROOT / "tests" / "state" / "hasty.conf.py"
    with gateway(tmp_path, url, provider("one", fake.url) + profile("one/m"), conf=hasty) as running:
        stream = Streamed(running.line())
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert "error" in stream.events()[-1]
        assert time.monotonic() - began < 4
        assert running.process.wait(8) == 0
        assert time.monotonic() - began < 5
        assert running.rows("SELECT outcome FROM attempts") == [("gateway",)]
