"""A gateway before one scripted provider whose models can do different things."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes import FakeProvider, say
from wallas import create_app
from wallas.content.hooks import PageText, Transcript
from wallas.content.works import Works
from wallas.settings import load_settings

WORKS = Works()
"""Shared by all gateways of these tests: what one has read the next knows."""
MODELS = {
    "blind": ["chat", "tools"],
    "seeing": ["chat", "tools", "vision"],
    "native": ["chat", "tools", "vision", "pdf", "audio", "video"],
}


class Gate:
    """The gateway as a test sees it: bodies in, answers out, and what the provider got."""

    def __init__(self, app: Any, provider: FakeProvider) -> None:
        self.app = app
        self.provider = provider
        self.client = app.test_client()

    @property
    def library(self) -> Any:
        return self.app.extensions["wallas"].library

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        """Return the answer to a JSON body."""
        return self.client.post(path, data=msgspec.json.encode(body), headers={"Host": "127.0.0.1", **headers})

    def sent(self) -> str:
        """Return all that the provider got last, as one text."""
        return msgspec.json.encode(self.provider.requests[-1].json).decode()

    def got(self, text: str) -> bool:
        """Return whether this was in what the provider got last; pytest explains no comparison of megabytes."""
        return text in self.sent()


Making = Callable[..., Gate]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Making]:
    """Return a function that makes a gateway whose models are those named, on a wire."""
    made: list[tuple[Any, FakeProvider]] = []

    def make(*models: str, wire: str = "openai", prefix: str = "/v1", **settings: str) -> Gate:
        provider = FakeProvider().__enter__()
        rows = "".join(
            f'[[providers.acme.models]]\nid = "{name}"\ncontext = 200000\ncapabilities = {MODELS[name]}\n'
            for name in models
        )
        config = tmp_path / "wallas.toml"
        head = f'[providers.acme]\nwire = "{wire}"\nbase_url = "{provider.url}{prefix}"\napi_key = "sk-a"\n'
        config.write_text(f"{head}free = true\ndiscover = false\n{rows}")
        values = {
            "WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'wallas.sqlite'}",
            "WALLAS_CONFIG": str(config),
            "WALLAS_KEYLESS": "off",
            "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
        }
        app = create_app(load_settings(values | settings, directory=tmp_path))
        made.append((app, provider))
        app.extensions["wallas"].library.works = WORKS
        for _ in range(20):
            provider.will(say("read"))
        return Gate(app, provider)

    yield make
    for app, provider in made:
        app.extensions["wallas"].library.works = Works()
        app.extensions["wallas"].close()
        provider.__exit__(None, None, None)


def reading(text: str = "| 7 | Quito | 7307 |") -> Any:
    """Return what reads every page as this text, and remembers what it was asked."""
    asked: list[tuple[str, Any]] = []

    def read_pages(data, *, mime, pages=None, language=None, caller):
        asked.append((mime, pages))
        return [PageText(number, f"{text} (page {number})", 0.9, "reader") for number in pages or [1]]

    read_pages.asked = asked
    return read_pages


def hearing(data, *, mime, name=None, caller):
    """Return what is said in every sound."""
    return Transcript("It is 7307 in Quito", "ear", "en", [(0.0, 2.0, "Hello"), (12.0, 14.0, "It is 7307 in Quito")])


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
