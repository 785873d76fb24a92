"""Function calls that arrive in pieces: a name first, then the values of single arguments by their path.

Vertex sends them so when asked for ``streamFunctionCallArguments``. The
pieces come in any order, so the arguments are told when they are whole.
"""

import re
from itertools import pairwise
from typing import Any

from wallas.errors import FailureKind, ProviderError

MOST_ITEMS = 10_000

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")


def in_pieces(call: dict[str, Any]) -> bool:
    """Tell whether a ``functionCall`` is only a piece of one."""
    return "partialArgs" in call or bool(call.get("willContinue"))


class Pieces:
    """The arguments of one call as they come in."""

    def __init__(self, index: int) -> None:
        """Collect for the part of this index."""
        self.index = index
        self.args: dict[str, Any] = {}
        self.growing: str | None = None

    def add(self, call: dict[str, Any]) -> bool:
        """Take a piece in; return whether the call is whole now."""
        self.args |= call.get("args") or {}
        for piece in call.get("partialArgs") or ():
            if isinstance(piece.get("jsonPath"), str):
                self._place(piece)
        return not call.get("willContinue")

    def _place(self, piece: dict[str, Any]) -> None:
        path = piece["jsonPath"]
        steps = _steps(path)
        if not steps:
            return
        holder: Any = self.args
        for step, following in pairwise(steps):
            holder = _inside(holder, step, [] if isinstance(following, int) else {})
        value = _value(piece)
        if self.growing == path and isinstance(value, str):
            value = _inside(holder, steps[-1], "") + value
        _put(holder, steps[-1], value)
        self.growing = path if piece.get("willContinue") else None


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for match in _STEP.finditer(path.removeprefix("$")):
        name, number, single, double = match.groups()
        steps.append(
            int(number) if number is not None else next(key for key in (name, single, double) if key is not None)
        )
    return steps


def _value(piece: dict[str, Any]) -> Any:
    for key in ("stringValue", "numberValue", "boolValue"):
        if key in piece:
            return piece[key]
    return None if "nullValue" in piece else ""


def _inside(holder: Any, step: str | int, empty: Any) -> Any:
    """Return what a holder has at a step, an empty value of the right kind put there first where it has nothing."""
    if isinstance(step, int) and isinstance(holder, list):
        found = holder[step] if step < len(holder) else None
    else:
        found = holder.get(step) if isinstance(holder, dict) else None
    if type(found) is not type(empty):
        _put(holder, step, empty)
        return empty
    return found


def _put(holder: Any, step: str | int, value: Any) -> None:
    if isinstance(holder, dict) and isinstance(step, str):
        holder[step] = value
    elif isinstance(holder, list) and isinstance(step, int) and step < MOST_ITEMS:
        holder.extend([None] * (step + 1 - len(holder)))
        holder[step] = value
    else:
        raise ProviderError(FailureKind.MALFORMED, "a piece of a function call that has no place in it")
