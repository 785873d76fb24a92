"""A gateway in this process, real rows of providers moved to one scripted server, and OpenAI's own client."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai import OpenAI

from tests.fakes import FakeProvider, Step, status
from wallas.app import create_app
from wallas.quota.ledger import Ledger
from wallas.routing.admission import Rooms
from wallas.routing.desk import RetryBudget
from wallas.service import Pace
from wallas.settings import load_settings
from wallas.videos import Pace as VideoPace

KEYS = {
    "OPENAI": "/openai/v1",
    "GROQ": "/groq/v1",
    "GEMINI": "/gemini/v1beta",
    "MISTRAL": "/mistral/v1",
    "OPENROUTER": "/openrouter/v1",
    "POLLINATIONS": "/pollinations/v1",
    "HUGGINGFACE": "/huggingface/v1",
    "NVIDIA": "/nvidia/v1",
    "COHERE": "/cohere",
}
TOML = """
[providers.{name}]
wire = "openai"
base_url = "{url}/{name}/v1"
api_key = "sk-{name}"
free = true
discover = false
"""
MODEL = """
[[providers.{name}.models]]
id = "{id}"
kind = "{kind}"
quality = {quality}
"""
QUICK = Pace(videos=VideoPace(first=0.02, longest=0.05, grace=0.3))
KINDS = ("speech", "transcription", "image", "video", "rerank", "moderation")


class Stage:
    """The gateway, what its providers were asked, and clients of it."""

    def __init__(self, app: Flask, provider: FakeProvider) -> None:
        """Know both."""
        self.app = app
        self.provider = provider
        self.client: FlaskClient = app.test_client()
        self.service = app.extensions["wallas"]
        transport = httpx.WSGITransport(app=app)
        http = httpx.Client(transport=transport, base_url="http://localhost")
        self.sdk = OpenAI(api_key="sk-any", base_url="http://localhost/v1", http_client=http, max_retries=0)

    def on(self, path: str, body: object, kind: str = "application/json", code: int = 200) -> None:
        """Answer whatever is asked of a path that ends so."""
        self.provider.on(path, status(code, body, {"Content-Type": kind}))

    def will(self, path: str, *steps: Step) -> None:
        """Answer a path by steps."""
        self.provider.on(path, *steps)

    @property
    def asked(self):  # type: ignore[no-untyped-def]
        """Return the last request that a provider got."""
        return self.provider.requests[-1]


@pytest.fixture(scope="session")
def stage_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Yield one stage for the whole session."""
    folder: Path = tmp_path_factory.mktemp("making")
    with FakeProvider() as provider:
        tables = []
        for name, quality in (("one", 90), ("two", 80)):
            tables.append(TOML.format(name=name, url=provider.url))
            tables += [MODEL.format(name=name, id=f"{name}-{kind}", kind=kind, quality=quality) for kind in KINDS]
        (folder / "wallas.toml").write_text("".join(tables))
        environ = {"OLLAMA_UPSTREAM": "http://127.0.0.1:1", "WALLAS_KEYLESS": "0", "WALLAS_ALLOW_PAID": "1"}
        for name, path in KEYS.items():
            environ |= {f"{name}_API_KEY": f"sk-{name.lower()}", f"{name}_BASE_URL": provider.url + path}
        app = create_app(load_settings(environ, directory=folder), pace=QUICK)
        app.extensions["wallas"].jobs.close()
        yield Stage(app, provider)
        with suppress(Exception):
            app.extensions["wallas"].close()


@pytest.fixture
def stage(stage_all: Stage) -> Stage:
    """Return the stage with nothing left of earlier tests, in which nobody rests and everybody else fails."""
    stage_all.provider.forget()
    stage_all.provider.otherwise = lambda request: (status(500),)
    router = stage_all.service.router
    router.desk.budget = RetryBudget()
    router.desk.ledger = Ledger()
    router.desk.quota = Rooms(router.desk.ledger)
    router.reload(router.catalog)
    router.desk.health.rests.clear()
    router.desk.health.breakers.clear()
    router.desk.health.doubts.doubts.clear()
    return stage_all
