"""A gateway in this process that lends connections, scripted providers behind it, and OpenAI's own client before it."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from openai import OpenAI
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes import FakeProvider, say, status
from tests.realtime.talk import Talk
from wallas.app import create_app
from wallas.quota.ledger import Ledger
from wallas.realtime import talk as talking
from wallas.routing.admission import Rooms
from wallas.routing.desk import RetryBudget
from wallas.settings import load_settings

TABLE = """
[providers.{name}]
wire = "openai"
base_url = "{url}/v1"
api_key = "sk-{name}"
free = true
discover = false
[[providers.{name}.models]]
id = "{name}-m"
context = 400000
quality = {quality}
capabilities = ["chat", "tools", "parallel_tools", "vision", "prefill"]
"""
SOUND = """
[[providers.one.models]]
id = "ear"
kind = "transcription"
[[providers.one.models]]
id = "mouth"
kind = "speech"
"""
NOBODY = {f"{name}_BASE_URL": "http://127.0.0.1:1/v1" for name in ("KILO", "OVHCLOUD", "LLM7")}


class Quiet(WSGIRequestHandler):
    """Says nothing of the requests it serves."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing."""


class Stage:
    """The gateway, its two providers, and clients of it."""

    def __init__(self, app, one, two, port, programs, key) -> None:  # type: ignore[no-untyped-def]
        """Know all of them; ``programs`` are the providers of this machine, which are left out."""
        self.app, self.port, self.programs = app, port, programs
        self.one: FakeProvider = one
        self.two: FakeProvider = two
        self.service = app.extensions["wallas"]
        self.sdk = self.client(key)

    def client(self, key: str = "sk-any") -> OpenAI:
        """Return OpenAI's client."""
        url = f"http://127.0.0.1:{self.port}/v1"
        return OpenAI(api_key=key, base_url=url, websocket_base_url=url.replace("http", "ws"), max_retries=0)

    def talk(self, *, beta: bool = False, model: str = "one/one-m", **more) -> Talk:  # type: ignore[no-untyped-def]
        """Return a session that has begun."""
        realtime = self.sdk.beta.realtime if beta else self.sdk.realtime
        options = {"legacy": True}  # websockets 17 warns of the way in which the SDK opens connections
        return Talk(realtime.connect(model=model, websocket_connection_options=options, **more).enter(), beta=beta)


def staged(
    folder: Path, one: FakeProvider, two: FakeProvider, *, sound: bool = True, **settings: str
) -> Iterator[Stage]:
    """Yield a gateway that serves, without the programs of this machine."""
    tables = [TABLE.format(name="one", url=one.url, quality=90), SOUND if sound else ""]
    (folder / "wallas.toml").write_text("".join([*tables, TABLE.format(name="two", url=two.url, quality=50)]))
    environ = {"OLLAMA_UPSTREAM": "http://127.0.0.1:1", "WALLAS_KEYLESS": "0", "WALLAS_CATALOG": "off", **NOBODY}
    app = create_app(load_settings(environ | settings, directory=folder))
    app.extensions["wallas"].jobs.close()
    router = app.extensions["wallas"].router
    programs = {name: one for name, one in router.providers.items() if one.row.program}
    for name in programs:
        del router.providers[name]
    router.reload(router.catalog)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Stage(app, one, two, server.server_port, programs, settings.get("PROXY_API_KEY", "sk-any"))
    finally:
        server.shutdown()
        server.server_close()
        with suppress(Exception):
            app.extensions["wallas"].close()


@pytest.fixture(scope="session")
def providers() -> Iterator[tuple[FakeProvider, FakeProvider]]:
    """Yield two scripted providers."""
    with FakeProvider() as one, FakeProvider() as two:
        yield one, two


@pytest.fixture(scope="session")
def stage_all(providers, tmp_path_factory) -> Iterator[Stage]:  # type: ignore[no-untyped-def]
    """Yield one stage for the whole session."""
    yield from staged(tmp_path_factory.mktemp("realtime"), *providers)


@pytest.fixture(scope="session")
def mute_all(providers, tmp_path_factory) -> Iterator[Stage]:  # type: ignore[no-untyped-def]
    """Yield a stage without speech and transcription, that wants a key and has few threads."""
    folder = tmp_path_factory.mktemp("mute")
    yield from staged(folder, *providers, sound=False, PROXY_API_KEY="sk-door", WALLAS_THREADS="4")


def fresh(stage: Stage) -> Stage:
    """Return a stage with nothing left of earlier tests, in which nobody rests."""
    for provider in (stage.one, stage.two):
        provider.forget()
        provider.otherwise = lambda request: (status(500),)
    stage.one.otherwise = lambda request: (say("ok"),)
    router = stage.service.router
    router.desk.budget = RetryBudget()
    router.desk.ledger = Ledger()
    router.desk.quota = Rooms(router.desk.ledger)
    router.reload(router.catalog)
    router.desk.health.rests.clear()
    router.desk.health.breakers.clear()
    router.desk.health.doubts.doubts.clear()
    return stage


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sessions look at their clocks often."""
    monkeypatch.setattr(talking, "LOOK_SECONDS", 0.05)


@pytest.fixture
def stage(stage_all: Stage) -> Stage:
    """Return the stage."""
    return fresh(stage_all)


@pytest.fixture
def mute(mute_all: Stage) -> Stage:
    """Return the stage that neither hears nor speaks."""
    return fresh(mute_all)
