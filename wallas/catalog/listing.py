"""A provider's own model list as it was last read: what storage keeps and what a snapshot is built from."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from wallas.catalog.entries import Entry, Model

MODELS_MOST = 5000
MODEL_ID = re.compile(r"[\w.:/@+-]{1,200}", re.ASCII)
"""No space, quote, bracket or letter beyond ASCII: an id goes into URLs, log lines and pages unescaped."""


class Listing(Entry, frozen=True, kw_only=True):
    """The models a provider named on a day (``YYYY-MM-DD``); ``models`` has only what the list itself said."""

    provider: str
    date: str
    models: tuple[Model, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return this as JSON values, for storage."""
        value: dict[str, Any] = msgspec.to_builtins(self)
        return value

    @classmethod
    def parse(cls, value: Any) -> "Listing":
        """Return what ``plain`` gave; raise ``msgspec.ValidationError`` for anything else."""
        return msgspec.convert(value, cls)


def checked(models: Iterable[Model]) -> tuple[Model, ...]:
    """Return the entries whose ids may be shown and called, each once, at most MODELS_MOST of them (U64)."""
    kept: dict[str, Model] = {}
    for model in models:
        if len(kept) >= MODELS_MOST:
            break
        if MODEL_ID.fullmatch(model.id) and ".." not in model.id and "//" not in model.id:
            kept.setdefault(model.id, model)
    return tuple(kept.values())
