"""The services that search the web, a row each: how they are asked and what of their answer is a result.

Facts: SearXNG and ddgs from providers.md 18 and 19; the others from their public documentation, 2026-11.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from wallas.catalog.entries import Limits
from wallas.errors import FailureKind, ProviderError
from wallas.integrations.search.results import Result, result
from wallas.version import VERSION

AGENT = f"wallas/{VERSION} (https://github.com/; a local gateway for language models)"
"""Wikipedia's and SearXNG's rules ask for an agent that says who it is."""
SOURCE = "its public documentation, read 2026-11-21"


class Ask(NamedTuple):
    """What is asked: the words, how many results are wanted, a language (``en``), the key and where the service is."""

    query: str
    most: int
    language: str
    key: str
    base: str
    engine_id: str = ""


class Call(NamedTuple):
    """One HTTP call."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: dict[str, Any] | None = None


class Backend(NamedTuple):
    """A service: ``keys`` are its variables (none: no key), ``call`` how it is asked, ``read`` what it found."""

    name: str
    label: str
    base_url: str
    call: Callable[[Ask], Call]
    read: Callable[[Any], list[Any]]
    keys: tuple[str, ...] = ()
    limits: Limits | None = None
    note: str = ""
    free: bool = True


def _get(ask: Ask, path: str, query: dict[str, Any], **headers: str) -> Call:
    return Call(
        "GET", f"{ask.base}{path}?{urlencode(query)}", {"Accept": "application/json", "User-Agent": AGENT} | headers
    )


def _list(value: Any, *path: str) -> list[Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def searxng(ask: Ask) -> Call:
    """Return the call of a SearXNG instance, whose settings must allow the format json."""
    query = {"q": ask.query, "format": "json", "categories": "general", "language": ask.language, "safesearch": 1}
    return _get(ask, "/search", query, **{"Accept-Language": f"{ask.language},en;q=0.5"})


def read_searxng(said: Any) -> list[Any]:
    """Return its results; raise SERVER where every engine behind it failed, which looks like no result."""
    rows = _list(said, "results")
    if not rows and said.get("unresponsive_engines"):
        raise ProviderError(FailureKind.SERVER, "none of SearXNG's engines answered")
    return [_row("searxng", row, "title", "url", "content", "publishedDate") for row in rows]


def brave(ask: Ask) -> Call:
    """Return the call of Brave's web search."""
    query = {"q": ask.query, "count": min(ask.most, 20), "search_lang": ask.language}
    return _get(ask, "/res/v1/web/search", query, **{"X-Subscription-Token": ask.key})


def tavily(ask: Ask) -> Call:
    """Return the call of Tavily, a basic search: one credit."""
    body = {"query": ask.query, "max_results": min(ask.most, 20), "search_depth": "basic", "include_answer": False}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ask.key}", "User-Agent": AGENT}
    return Call("POST", f"{ask.base}/search", headers, body)


def serpapi(ask: Ask) -> Call:
    """Return the call of SerpAPI's Google engine."""
    query = {"engine": "google", "q": ask.query, "num": min(ask.most, 20), "hl": ask.language, "api_key": ask.key}
    return _get(ask, "/search.json", query)


def read_serpapi(said: Any) -> list[Any]:
    """Return its results; an ``error`` in a 200 is one, save that Google found nothing."""
    error = said.get("error")
    if isinstance(error, str) and "hasn't returned any results" not in error:
        raise ProviderError(FailureKind.SERVER, f"SerpAPI says: {error[:200]}")
    return [_row("serpapi", row, "title", "link", "snippet", "date") for row in _list(said, "organic_results")]


def google(ask: Ask) -> Call:
    """Return the call of Google's programmable search engine."""
    query = {"key": ask.key, "cx": ask.engine_id, "q": ask.query, "num": min(ask.most, 10), "hl": ask.language}
    return _get(ask, "/customsearch/v1", query)


def wikipedia(ask: Ask) -> Call:
    """Return the call of the encyclopedia in the language asked for, with the beginning of each article."""
    query = {
        "action": "query",
        "format": "json",
        "formatversion": 2,
        "generator": "search",
        "gsrsearch": ask.query[:300],
        "gsrlimit": min(ask.most, 20),
        "prop": "extracts|info",
        "exintro": 1,
        "explaintext": 1,
        "exlimit": 20,
        "exchars": 500,
        "inprop": "url",
    }
    return _get(ask._replace(base=ask.base.replace("{language}", quote(ask.language))), "/w/api.php", query)


def read_wikipedia(said: Any) -> list[Any]:
    """Return its articles in the order of their rank."""
    rows = sorted(_list(said, "query", "pages"), key=lambda row: row.get("index") or 0)
    return [_row("wikipedia", row, "title", "fullurl", "extract") for row in rows]


def reader(name: str, path: tuple[str, ...], *fields: str) -> Callable[[Any], list[Any]]:
    """Return what reads a plain list of results: its path, and the fields of title, address, text and date."""
    return lambda said: [_row(name, row, *fields) for row in _list(said, *path)]


def _row(name: str, row: dict[str, Any], title: str, url: str, snippet: str, date: str = "") -> Result | None:
    return result(name, title=row.get(title), url=row.get(url), snippet=row.get(snippet), date=row.get(date))


BACKENDS: tuple[Backend, ...] = (
    Backend("searxng", "SearXNG", "", searxng, read_searxng, note="your own instance: SEARXNG_URL"),
    Backend(
        "brave",
        "Brave Search",
        "https://api.search.brave.com",
        brave,
        reader("brave", ("web", "results"), "title", "url", "description", "age"),
        keys=("BRAVE_API_KEY",),
        limits=Limits(rpm=60, rpmonth=2000, reset="utc", source=SOURCE),
    ),
    Backend(
        "tavily",
        "Tavily",
        "https://api.tavily.com",
        tavily,
        reader("tavily", ("results",), "title", "url", "content", "published_date"),
        keys=("TAVILY_API_KEY",),
        limits=Limits(rpm=100, rpmonth=1000, reset="utc", source=SOURCE),
    ),
    Backend(
        "serpapi",
        "SerpAPI",
        "https://serpapi.com",
        serpapi,
        read_serpapi,
        keys=("SERPAPI_KEY", "SERPAPI_API_KEY"),
        limits=Limits(rph=50, rpmonth=250, reset="utc", source=SOURCE),
    ),
    Backend(
        "google_cse",
        "Google programmable search",
        "https://customsearch.googleapis.com",
        google,
        reader("google_cse", ("items",), "title", "link", "snippet"),
        keys=("GOOGLE_CSE_KEY",),
        limits=Limits(rpd=100, reset="America/Los_Angeles", source=SOURCE),
        note="needs GOOGLE_CSE_ID too",
    ),
    Backend(
        "wikipedia",
        "Wikipedia",
        "https://{language}.wikipedia.org",
        wikipedia,
        read_wikipedia,
        note="articles only; asked when nobody else answers, or by name",
    ),
)
DDGS = "ddgs"
"""The package of that name searches several engines without a key; it comes after SearXNG."""
