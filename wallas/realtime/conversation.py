"""A session's one conversation: items in their order, bounded in number and size."""

from collections.abc import Iterator

from wallas.errors import BadRequest
from wallas.ids import fresh
from wallas.realtime.items import Item

ITEMS_MOST = 2_000
BYTES_MOST = 32 * 1024 * 1024
ROOT = "root"
"""What a client calls the place before the first item."""


class Conversation:
    """The items; whoever holds the session's lock may change them."""

    def __init__(self) -> None:
        """Start empty."""
        self.id = f"conv_{fresh()[:24]}"
        self.items: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in their order."""
        return iter(self.items.values())

    @property
    def last(self) -> str | None:
        """Return the id of the last item, None of an empty conversation."""
        return next(reversed(self.items), None)

    def get(self, id: str, *, param: str = "item_id") -> Item:
        """Return an item; raise BadRequest where there is none of this name."""
        if id not in self.items:
            raise BadRequest(f"{param}: there is no item {id[:100]!r}", param=param, code="item_not_found")
        return self.items[id]

    def check_room(self, more: int = 0) -> None:
        """Raise BadRequest where no further item is taken: what is full is emptied by deleting."""
        size = sum(item.size for item in self.items.values()) + more
        if len(self.items) >= ITEMS_MOST or size > BYTES_MOST:
            raise BadRequest(
                f"the conversation is full: at most {ITEMS_MOST} items and {BYTES_MOST} bytes are kept; delete some",
                code="conversation_full",
            )

    def add(self, item: Item, *, after: str | None = None, param: str = "previous_item_id") -> str | None:
        """Add an item behind ``after`` (None: at the end) and return the id of the one before it."""
        if item.id in self.items:
            raise BadRequest(f"item.id: {item.id!r} is taken", param="item.id", code="item_id_taken")
        self.check_room(item.size)
        if item.type == "function_call_output" and not any(
            other.type == "function_call" and other.call_id == item.call_id for other in self
        ):
            raise BadRequest(
                f"item.call_id: there is no function_call {item.call_id!r}", param="item.call_id", code="call_not_found"
            )
        if after is None or after == self.last:
            before = self.last
            self.items[item.id] = item
            return before
        if after != ROOT:
            self.get(after, param=param)
        rows = list(self.items.items())
        place = 0 if after == ROOT else [id for id, _ in rows].index(after) + 1
        self.items = dict([*rows[:place], (item.id, item), *rows[place:]])
        return None if after == ROOT else after

    def before(self, id: str) -> str | None:
        """Return the id of the item before this one, None for the first."""
        ids = list(self.items)
        place = ids.index(id) if id in self.items else 0
        return ids[place - 1] if place else None

    def delete(self, id: str) -> None:
        """Forget an item; raise BadRequest where there is none."""
        self.get(id)
        del self.items[id]
