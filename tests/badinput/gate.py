"""A gateway in this process with one scripted provider behind it, and what a client gets that is refused."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from flask import Flask
from flask.testing import FlaskClient

from tests.badinput.doors import Door, Told, told
from tests.badinput.sdks import Sdks
from tests.fakes import FakeProvider
from wallas.app import create_app
from wallas.settings import load_settings

CANARY = "sk-canary-4b1d"
NOBODY = {f"{name}_BASE_URL": "http://127.0.0.1:1/v1" for name in ("KILO", "OVHCLOUD", "LLM7")}
"""Providers that serve anybody are moved to where nobody listens: no test leaves this machine."""


ABILITIES = """["chat", "tools", "parallel_tools", "vision", "audio", "video", "pdf",
    "json_object", "json_schema", "reasoning", "logprobs"]"""


class Refusal(NamedTuple):
    """A 4xx: its status, what it says, and how long it took."""

    status: int
    told: Told
    seconds: float
    headers: Mapping[str, str]

    @property
    def param(self) -> str:
        """Return the field at fault."""
        return self.told.param


class Errors(logging.Handler):
    """Keeps what the gateway logs as an error."""

    def __init__(self) -> None:
        """Start without any."""
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record in."""
        self.said.append(logging.Formatter().format(record))


class Gate:
    """The gateway and its provider."""

    def __init__(self, app: Flask, provider: FakeProvider, sdks: Sdks, errors: Errors) -> None:
        """Ask ``app``, and see what ``provider`` was asked and what ``errors`` were logged."""
        self.app = app
        self.provider = provider
        self.sdks = sdks
        self.errors = errors
        self.client: FlaskClient = app.test_client()

    def ask(self, door: Door, body: Any, *, url: str | None = None, **more: Any) -> Any:
        """Return the answer to a JSON body, or to bytes as they are; no error may be logged on the way."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        more.setdefault("content_type", "application/json")
        answer = self.client.post(url or door.url(), data=data, **more)
        assert self.errors.said == []
        return answer

    def refuse(self, door: Door, body: Any, status: int = 400, **more: Any) -> Refusal:
        """Return the refusal of a body; fail unless it is one, in the door's own form, and nobody was called."""
        before = len(self.provider.requests)
        started = time.perf_counter()
        answer = self.ask(door, body, **more)
        seconds = time.perf_counter() - started
        assert answer.status_code == status, answer.data[:500]
        assert len(self.provider.requests) == before
        return self.read(door.protocol, answer, seconds)

    def read(self, protocol: str, answer: Any, seconds: float = 0.0) -> Refusal:
        """Return an error, after its protocol's SDK has read it too."""
        said = told(protocol, answer.status_code, answer.content_type, answer.data)
        assert answer.headers["x-should-retry"] == "false"
        self.sdks.check(protocol, answer.status_code, dict(answer.headers), answer.data, said.message)
        return Refusal(answer.status_code, said, seconds, answer.headers)


def table(url: str, name: str = "acme", key: str = CANARY) -> str:
    """Return the table of a provider with a model that can all, and one for vectors."""
    return f"""
[providers.{name}]
wire = "openai"
base_url = "{url}/v1"
api_key = "{key}"
free = true
discover = false
never_rest = true
[[providers.{name}.models]]
id = "m"
context = 400000
max_output = 200000
capabilities = {ABILITIES}
[[providers.{name}.models]]
id = "vectors"
kind = "embedding"
capabilities = ["embeddings"]
"""


@contextmanager
def gateway(folder: Path, url: str, **settings: str) -> Iterator[Flask]:
    """Yield a gateway whose one provider is at ``url``."""
    (folder / "wallas.toml").write_text(table(url))
    environ = {"OLLAMA_UPSTREAM": "http://127.0.0.1:1", **NOBODY, **settings}
    app = create_app(load_settings(environ, directory=folder))
    try:
        yield app
    finally:
        app.extensions["wallas"].close()


@contextmanager
def errors_kept() -> Iterator[Errors]:
    """Yield what is logged as an error from here on."""
    kept = Errors()
    logging.getLogger("wallas").addHandler(kept)
    try:
        yield kept
    finally:
        logging.getLogger("wallas").removeHandler(kept)
