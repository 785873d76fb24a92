"""Asks each provider for its own model list and hands it to the store; who does not answer keeps the old one."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from wallas.catalog.listing import Lister, Listing, is_local, listed

AT_ONCE = 4


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
