"""Searches by the package ``ddgs``, which reads the pages of several search engines without a key."""

from importlib.util import find_spec
from typing import Any

from wallas.errors import FailureKind, ProviderError
from wallas.integrations.search.backends import DDGS, Ask
from wallas.integrations.search.results import Result, result

REGIONS = {"en": "us-en", "es": "es-es", "de": "de-de", "fr": "fr-fr", "it": "it-it", "pt": "br-pt", "zh": "cn-zh"}
NOTHING = "No results found"
"""What the package raises where there are none (providers.md 18)."""


def installed() -> bool:
    """Return whether the package is here; imports nothing."""
    return find_spec(DDGS) is not None


def search(ask: Ask, *, timeout: float, proxy: str | None = None) -> list[Result]:
    """Return what it finds; raise ProviderError. Blocks."""
    from ddgs import DDGS as Search
    from ddgs.exceptions import DDGSException, RatelimitException, TimeoutException

    region = REGIONS.get(ask.language, "wt-wt")
    try:
        rows: list[dict[str, Any]] = Search(proxy=proxy, timeout=max(int(timeout), 1)).text(
            ask.query, region=region, max_results=ask.most
        )
    except RatelimitException as error:
        raise ProviderError(FailureKind.RATE_LIMIT, "the search engines behind ddgs refuse for now") from error
    except TimeoutException as error:
        raise ProviderError(FailureKind.TIMEOUT, "the search engines behind ddgs did not answer in time") from error
    except DDGSException as error:
        if NOTHING in str(error):
            return []
        raise ProviderError(FailureKind.SERVER, "the search engines behind ddgs gave no answer") from error
    found = (result(DDGS, title=row.get("title"), url=row.get("href"), snippet=row.get("body")) for row in rows)
    return [row for row in found if row is not None]
