"""Whether a text has the form that a JSON Schema's ``format`` names (2020-12, validation 7.3).

What programs that ask for these forms take as well is let pass: a time without its zone (Python's own), a space for
the ``T`` (RFC 3339, 5.6), letters beyond ASCII in an address. Forms that are not here are notes.
"""

import re
from collections.abc import Callable
from datetime import date
from ipaddress import AddressValueError, IPv4Address, IPv6Address

TIME = re.compile(
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.\d+)?(?:[zZ]|[+-](?P<hours>\d\d):(?P<minutes>\d\d))?",
    re.ASCII,
)
MOST = {"hour": 23, "minute": 59, "second": 60, "hours": 23, "minutes": 59}
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
EMAIL = re.compile(r'(?:"[^"]*"|[^@\s"]+)@(?:\[[^\]\s]+\]|[^@\s\[\]]+)')
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]*")
UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?))*"
)
DURATION = re.compile(
    r"P(?!\Z)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)", re.ASCII
)
LONGEST = 10_000
"""Characters of a text whose form is looked at."""


def _is_date(text: str) -> bool:
    if DAY.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    found = TIME.fullmatch(text)
    return found is not None and all(int(said) <= MOST[name] for name, said in found.groupdict().items() if said)


def _is_instant(text: str) -> bool:
    return len(text) > 10 and text[10] in "Tt " and _is_date(text[:10]) and _is_time(text[11:])


def _is_address(kind: type[IPv4Address] | type[IPv6Address]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            kind(text)
        except AddressValueError:
            return False
        return "%" not in text

    return holds


def _has_form(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "time": _is_time,
    "date-time": _is_instant,
    "duration": _has_form(DURATION),
    "email": _has_form(EMAIL),
    "hostname": _has_form(HOSTNAME),
    "ipv4": _is_address(IPv4Address),
    "ipv6": _is_address(IPv6Address),
    "uri": _has_form(URI),
    "uuid": _has_form(UUID),
}


def has_format(text: str, name: str) -> bool:
    """Return whether a text has the form of this name; of forms that are not known here, every text has it."""
    holds = FORMATS.get(name)
    return holds is None or len(text) > LONGEST or holds(text)
