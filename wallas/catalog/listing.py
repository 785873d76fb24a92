"""A provider's own model list as it was last read: what storage keeps and what a snapshot is built from."""

import logging
import re
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from wallas.catalog.entries import Entry, Model
from wallas.errors import WallasError
from wallas.settings import Key

log = logging.getLogger(__name__)

MODELS_MOST = 5000
RETIRED_DAYS = 30
MODEL_ID = re.compile(r"[\w.:/@+-]{1,200}", re.ASCII)
"""No space, quote, bracket or letter beyond ASCII: an id goes into URLs, log lines and pages unescaped."""


class Listing(Entry, frozen=True, kw_only=True):
    """The models a provider named on a day (``YYYY-MM-DD``); ``models`` has only what the list itself said."""

    provider: str
    date: str
    models: tuple[Model, ...] = ()

    def after(self, old: "Listing | None") -> "Listing":
        """Return this list with the models that the one before had and this one lacks, marked with the day.

        Lists lag and lose rows for an hour, so nothing is forgotten; only after RETIRED_DAYS is it retired.
        """
        if old is None:
            return self
        named = {model.id for model in self.models}
        gone = (
            msgspec.structs.replace(model, missing_since=model.missing_since or self.date)
            for model in old.models
            if model.id not in named
        )
        kept = sorted(gone, key=lambda model: model.missing_since or "", reverse=True)
        return msgspec.structs.replace(self, models=(*self.models, *kept)[:MODELS_MOST])

    @property
    def named(self) -> frozenset[str]:
        """Return the ids that the list itself had, without those that it once had."""
        return frozenset(model.id for model in self.models if model.missing_since is None)

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


class Lister(Protocol):
    """A provider as far as this needs it."""

    keys: tuple[Key, ...]

    def list_models(self, key: Key) -> list[Model]:
        """Return the provider's own list; raise WallasError where it cannot be had."""


def is_local(provider: Lister) -> bool:
    """Return whether a provider runs on this machine."""
    return bool(getattr(getattr(provider, "row", None), "local", False))


def listed(name: str, provider: Lister) -> tuple[Model, ...] | None:
    """Return a provider's list by the first of its keys that is let in; None where none is, or it has no list."""
    for key in provider.keys:
        try:
            models = checked(provider.list_models(key))
        except WallasError as error:
            if is_local(provider):
                return ()
            log.info("model list of %s: %s", name, error)
            continue
        return tuple(model for model in models if model.provider == name)
    return None
