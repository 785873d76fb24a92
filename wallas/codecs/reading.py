"""Reads what providers say into typed fields, trusting none of it."""

import hashlib
from typing import Any, TypeVar

import msgspec

from wallas.errors import FailureKind, ProviderError

T = TypeVar("T")

MOST_TOKENS = 10**9
"""A larger count is a provider's mistake."""


def read(value: Any, kind: type[T]) -> T:
    """Return a provider's value as ``kind``; raise MALFORMED when it is of another shape."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ProviderError(FailureKind.MALFORMED, f"an answer of another shape: {error}") from error


def tokens(count: Any) -> int | None:
    """Return a count of tokens, or None for what cannot be one."""
    if isinstance(count, bool) or not isinstance(count, int | float):
        return None
    return int(count) if 0 <= count <= MOST_TOKENS else None


def call_id(given: str | None, *, taken: set[str], seed: str) -> str:
    """Return a tool call's id and note it in ``taken``; a missing or repeated one is made anew from ``seed``.

    ``seed`` says which call of which answer it is, so that two answers never share an id.
    """
    made = given
    if not made or made in taken:
        made = "call_" + hashlib.sha256(f"{seed}\0{len(taken)}".encode()).hexdigest()[:24]
    taken.add(made)
    return made
