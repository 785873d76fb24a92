"""A gateway in the test's own process before scripted providers on real sockets, each a provider of its own name."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.fakes import FakeProvider, fake_providers
from wallas.app import create_app
from wallas.settings import load_settings
from wallas.storage.engine import reading

NOBODY = {f"{name}_BASE_URL": "http://127.0.0.1:1/v1" for name in ("KILO", "OVHCLOUD", "LLM7")}
"""Providers that serve anybody are moved to where nobody listens: no test leaves this machine."""


class Arena:
    """The gateway and its providers a, b, c...; the first has the best prior."""

    def __init__(self, app: Any, providers: list[FakeProvider]) -> None:
        self.app = app
        self.providers = providers
        self.service = app.extensions["wallas"]
        self.client = app.test_client()

    def post(self, path: str, body: dict[str, Any], **more: Any) -> Any:
        """Return the answer to a JSON body."""
        return self.client.post(path, data=json.dumps(body), **more)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return what the database has, once a whole request is written: its last branch does that."""
        limit = time.monotonic() + 5
        while time.monotonic() < limit:
            self.service.writer.flush()
            with reading(self.service.engine) as connection:
                if connection.execute(text("select 1 from requests")).first():
                    return [dict(row) for row in connection.execute(text(query)).mappings()]
            time.sleep(0.005)
        raise AssertionError("nothing was written")


def table(name: str, url: str, *, quality: float, model: str = "m", extra: str = "") -> str:
    """Return a provider's table with one model."""
    return f"""
[providers.{name}]
wire = "openai"
base_url = "{url}/v1"
api_key = "sk-{name}"
free = true
discover = false
{extra}
[[providers.{name}.models]]
id = "{model}"
context = 100000
quality = {quality}
capabilities = ["chat", "tools", "json_object", "json_schema"]
"""


@contextmanager
def arena(
    folder: Path, *, count: int = 3, qualities: tuple[float, ...] = (80, 70, 60, 50, 40, 30), more: str = ""
) -> Iterator[Arena]:
    """Run a gateway with ``count`` providers, best prior first; ``more`` goes into its wallas.toml."""
    with fake_providers(count) as providers:
        tables = [
            table(name, one.url, quality=quality)
            for name, one, quality in zip("abcdef", providers, qualities, strict=False)
        ]
        (folder / "wallas.toml").write_text("\n".join([*tables, more]))
        app = create_app(load_settings({"OLLAMA_UPSTREAM": "http://127.0.0.1:1", **NOBODY}, directory=folder))
        try:
            yield Arena(app, providers)
        finally:
            app.extensions["wallas"].close()


def events(data: bytes) -> list[tuple[str, Any]]:
    """Return the SSE events of a stream as (name, JSON or text)."""
    found = []
    for block in data.decode().split("\n\n"):
        lines = block.splitlines()
        name = next((line[7:] for line in lines if line.startswith("event: ")), "")
        for line in lines:
            if line.startswith("data: "):
                said = line[6:]
                found.append((name, said if said == "[DONE]" else json.loads(said)))
    return found
