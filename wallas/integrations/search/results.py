"""What a search finds: results, merged and each page once."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

TRACKING = re.compile(r"^(utm_\w+|gclid|fbclid|mc_[ce]id|ref_src|igshid|srsltid)$")
TITLE_CHARACTERS = 300
SNIPPET_CHARACTERS = 2000
_TAGS = re.compile(r"<[^>]{0,500}>")
_SPACE = re.compile(r"\s+")


class Result(NamedTuple):
    """One page: its title, address, a piece of its text, who found it, and its date as it was said."""

    title: str
    url: str
    snippet: str
    backend: str
    date: str | None = None


def result(backend: str, *, title: object, url: object, snippet: object, date: object = None) -> Result | None:
    """Return what a service says of a page, cleaned; None where it has no address that a browser could open."""
    address = url.strip() if isinstance(url, str) else ""
    if not address.lower().startswith(("http://", "https://")) or len(address) > 4000 or not address.isprintable():
        return None
    name = plain(title)[:TITLE_CHARACTERS] or urlsplit(address).netloc
    when = plain(date)[:40] or None
    return Result(name, address, plain(snippet)[:SNIPPET_CHARACTERS], backend, when)


def plain(text: object) -> str:
    """Return text without markup and with single spaces; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    return _SPACE.sub(" ", html.unescape(_TAGS.sub("", text))).strip()


def page_of(url: str) -> str:
    """Return what two addresses of one page have in common: no scheme, ``www.``, fragment, tracking or last slash."""
    parts = urlsplit(url)
    query = urlencode(sorted(pair for pair in parse_qsl(parts.query) if not TRACKING.match(pair[0])))
    host = (parts.hostname or "").removeprefix("www.") + (f":{parts.port}" if _port(parts.port) else "")
    return urlunsplit(("", host, parts.path.rstrip("/"), query, ""))


def merged(lists: Iterable[Sequence[Result]], most: int) -> list[Result]:
    """Return results of several services, each page once: first all first places, then all second ones, and so on."""
    rows = [list(one) for one in lists]
    seen: dict[str, Result] = {}
    for place in range(max(map(len, rows), default=0)):
        for row in rows:
            if place < len(row):
                found = row[place]
                known = seen.setdefault(page_of(found.url), found)
                if len(found.snippet) > len(known.snippet):
                    seen[page_of(found.url)] = known._replace(snippet=found.snippet)
    return list(seen.values())[:most]


def _port(port: int | None) -> bool:
    return port not in (None, 80, 443)
