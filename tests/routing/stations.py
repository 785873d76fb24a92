"""Providers with rows, for tests of what is decided before the first attempt."""

from pathlib import Path
from typing import Any

from tests.routing.scripted import Notes, ScriptedProvider
from wallas.catalog.entries import Model
from wallas.catalog.snapshot import Catalog
from wallas.health import Health
from wallas.providers.row import Row
from wallas.quota.ledger import Ledger
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory
from wallas.routing.router import Router
from wallas.settings import Key, Secret, load_settings
from wallas.types.chat import Media, Message, Reasoning, Refusal, Text, ToolCall, ToolResult

ABLE = frozenset({"chat", "tools", "json_object", "json_schema"})


class Station(ScriptedProvider):
    """A scripted provider with a row and as many keys as told."""

    def __init__(self, name: str, *scripts: Any, wire: str = "openai_chat", keys: int = 1, **row: Any) -> None:
        super().__init__(name, wire, *scripts)
        self.row = Row(name=name, label=name, base_url="http://127.0.0.1:9", wire=wire, **row)
        self.never_rest = False
        self.keys = tuple(Key(secret=Secret(f"s{number}"), account="acc", id=f"k{number}") for number in range(keys))


def model(provider: str, id: str, **traits: Any) -> Model:
    """Return a free model that can chat and call."""
    return Model(provider=provider, id=id, **{"capabilities": ABLE, "free": True} | traits)


def router(
    directory: Path, models: list[Model], *stations: Station, environ: dict[str, str] | None = None, **parts: Any
) -> Router:
    """Return a router among these stations, over this catalog."""
    desk = parts.pop("desk", None) or Desk(health=Health(jitter=lambda: 0.5), ledger=Ledger(), journal=Notes())
    memory = Memory(conversation=lambda id: None, seals=lambda ids: {})
    return Router(
        load_settings(environ or {}, directory=directory),
        catalog=Catalog(models),
        providers={station.name: station for station in stations},  # type: ignore[misc]
        desk=desk,
        **{"memory": memory} | parts,
    )


def many_parts() -> tuple[Message, ...]:
    """Return messages with a part of every kind that weighs something."""
    return (
        Message(role="user", parts=(Text(text="ñ" * 100), Media(kind="image", data="aaaa"))),
        Message(role="user", parts=(Media(kind="document", text="x" * 360), Media(kind="document", data="aaaa"))),
        Message(
            role="assistant",
            parts=(
                Reasoning(text="a", summary="b"),
                ToolCall(id="c", name="weather", arguments="{}"),
                Refusal(text="n"),
            ),
        ),
        Message(
            role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="y" * 36), Media(kind="audio", data="a"))),)
        ),
    )
