"""What may be guessed of a model from the family its id looks like: quality, coding, and what it can take.

The first pattern that fits the normal name wins, so the table goes from the
particular to the general. Quality is a prior: routing starts from it and
learns better; a user's own figure replaces it.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from wallas.catalog.entries import UNKNOWN_QUALITY, Origin
from wallas.catalog.names import billions, normal_name

DATA = Path(__file__).parent / "data"

SIZES = ((400, 60.0), (100, 54.0), (60, 48.0), (25, 44.0), (12, 40.0), (7, 34.0), (3, 26.0), (1, 16.0), (0, 10.0))
"""Quality of an unknown family by billions of parameters; own estimate, as the families are."""

UNKNOWN_CAN = frozenset({"tools"})
"""What an unknown chat model is tried with: a refusal is learned from and the next model asked."""


class Family(msgspec.Struct, frozen=True):
    """One line of ``families.json``: ``match`` is a normal name with ``*`` for any text, ``can`` capability words."""

    match: str
    quality: float
    coding: float
    can: frozenset[str]


class Families(msgspec.Struct, frozen=True):
    """The file ``families.json``."""

    source: str
    date: str
    families: tuple[Family, ...]


class Traits(NamedTuple):
    """What a model's name tells; ``known`` is False when no family fits."""

    quality: float
    coding: float
    can: frozenset[str]
    known: bool


@cache
def _file() -> Families:
    return msgspec.json.decode((DATA / "families.json").read_bytes(), type=Families)


@cache
def _table() -> tuple[tuple[tuple[str, ...], Family], ...]:
    return tuple((tuple(family.match.split("*")), family) for family in _file().families)


@lru_cache(maxsize=128)
def _beginning(letter: str) -> tuple[tuple[tuple[str, ...], Family], ...]:
    """Return those lines of the table, in its order, that a name may fit which begins with this letter."""
    return tuple(row for row in _table() if row[0][0][:1] in ("", letter))


@cache
def prior_origin() -> Origin:
    """Return who says what a family lets one expect."""
    return Origin(source=f"family: {_file().source}", date=_file().date, confidence="low")


def fits(name: str, pieces: tuple[str, ...]) -> bool:
    """Return whether a name has these pieces in order, the first at its start, the last at its end.

    Two hundred patterns as regular expressions took 35 ms to compile; this takes none.
    """
    first, *rest = pieces
    if not name.startswith(first):
        return False
    if not rest:
        return name == first
    at = len(first)
    for piece in rest[:-1]:
        at = name.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(name) - at >= len(rest[-1]) and name.endswith(rest[-1])


@lru_cache(maxsize=16384)
def traits(model: str) -> Traits:
    """Return what the id of a chat model lets one expect."""
    name = normal_name(model)
    for pieces, family in _beginning(name[:1]):
        if fits(name, pieces):
            return Traits(family.quality, family.coding, family.can, True)
    size = billions(model)
    quality = UNKNOWN_QUALITY if size is None else next(value for least, value in SIZES if size >= least)
    return Traits(quality, quality - 4, UNKNOWN_CAN, False)
