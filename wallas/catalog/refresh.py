"""Asks each provider for its own model list and hands it to the store; who does not answer keeps the old one."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

from wallas.catalog.entries import Model
from wallas.catalog.listing import Listing, checked
from wallas.errors import WallasError
from wallas.settings import Key

log = logging.getLogger(__name__)

AT_ONCE = 4


class Lister(Protocol):
    """A provider as far as this needs it."""

    keys: tuple[Key, ...]

    def list_models(self, key: Key) -> list[Model]:
        """Return the provider's own list; raise WallasError where it cannot be had."""


def refresh(
    providers: Mapping[str, Lister], store: Callable[[str, Listing], None], *, today: str | None = None
) -> dict[str, int]:
    """Fetch and store the lists; return how many models each provider named, without those that failed.

    An empty answer is not stored, except that of a provider on this machine,
    whose models go when its engine stops. Takes as long as the slowest
    provider.
    """
    day = today or datetime.now(UTC).date().isoformat()
    counts: dict[str, int] = {}
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="wallas-lists") as pool:
        asked = {name: pool.submit(listed, name, provider) for name, provider in providers.items()}
        for name, answer in asked.items():
            models = answer.result()
            if models is None or not (models or is_local(providers[name])):
                continue
            store(name, Listing(provider=name, date=day, models=models))
            counts[name] = len(models)
    return counts


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
