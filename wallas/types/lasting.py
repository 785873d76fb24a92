"""Lists that come again with every turn, and what was made of them: an agent's tools are the same for hours."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

_NOTHING = object()


class LastingList(list[Any]):
    """A list of JSON that is kept from request to request. Nobody may change it, or what is in it."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        """Hold items, of which nothing was made yet."""
        super().__init__(items)
        self.made: dict[Any, Any] = {}


class LastingTuple(tuple[Any, ...]):
    """Values made of such a list, kept as long as it is."""

    made: dict[Any, Any]

    def __new__(cls, items: Iterable[Any] = ()) -> "LastingTuple":
        """Hold items, of which nothing was made yet."""
        self = super().__new__(cls, items)
        self.made = {}
        return self


def once(items: Any, make: Callable[..., T], *how: Any) -> T:
    """Return ``make(items, *how)``; of items that last it is made once, and must not be changed.

    ``how`` has to be hashable, and come from few values.
    """
    if type(items) is not LastingTuple and type(items) is not LastingList:
        return make(items, *how)
    made: dict[Any, Any] = items.made
    found = made.get((make, *how), _NOTHING)
    if found is _NOTHING:
        found = made[make, *how] = make(items, *how)
    return found  # type: ignore[no-any-return]
