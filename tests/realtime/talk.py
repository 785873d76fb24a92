"""A session as a test has it: events sent, and events read until the one that is awaited."""

import json
from typing import Any


class Talk:
    """One connection of OpenAI's client."""

    def __init__(self, connection: Any) -> None:
        """Read the first event."""
        self.connection = connection
        self.raw: list[dict[str, Any]] = []
        """Every event as it came."""
        self.created = self.until("session.created")[-1]

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        self.connection.send({"type": kind, **fields})

    def raw_send(self, data: str | bytes) -> None:
        """Send anything."""
        self.connection._connection.send(data)

    def next(self) -> Any:
        """Return the next event as the client reads it; none may be unknown to it."""
        data = self.connection._connection.recv(timeout=10, decode=False)
        self.raw.append(json.loads(data))
        return self.connection.parse_event(data)

    def until(self, kind: str) -> list[Any]:
        """Return the events up to the first of a kind."""
        got = [self.next()]
        while got[-1].type != kind:
            got.append(self.next())
        return got

    def ask(self, text: str = "Hello", **response: Any) -> list[Any]:
        """Add a user's message, want an answer, and return the events of it."""
        self.say(text)
        self.send("response.create", **({"response": response} if response else {}))
        return self.until("response.done")

    def say(self, text: str) -> None:
        """Add a user's message and wait until it is there."""
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    def update(self, **session: Any) -> Any:
        """Change the session and return what it is then."""
        self.send("session.update", session={"type": "realtime", **session})
        return self.until("session.updated")[-1].session

    def error(self) -> Any:
        """Return the next error."""
        return self.until("error")[-1].error


def kinds(events: list[Any]) -> list[str]:
    """Return the types of events, each run of deltas as one."""
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event.type or not event.type.endswith("delta"):
            found.append(event.type)
    return found


def joined(events: list[Any], kind: str) -> str:
    """Return the deltas of a kind as one text."""
    return "".join(event.delta for event in events if event.type == kind)
