"""A session as a test has it: events sent, and events read until the one that is awaited."""

import json
from functools import cache
from typing import Any, get_args

from openai.types.beta.realtime import RealtimeServerEvent as BetaEvent
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, ValidationError


@cache
def types(beta: bool) -> dict[str, type[BaseModel]]:
    """Return OpenAI's own type of each event, by its name."""
    members = get_args(get_args(BetaEvent if beta else RealtimeServerEvent)[0])
    return {get_args(member.model_fields["type"].annotation)[0]: member for member in members}


def check(event: dict[str, Any], *, beta: bool) -> None:
    """Fail for an event that is not as OpenAI's types want it; only a model may have any name."""
    try:
        types(beta)[event["type"]].model_validate(event, strict=True)
    except ValidationError as error:
        faults = [fault for fault in error.errors() if fault["loc"][-1] != "model"]
        assert faults == [], event


class Talk:
    """One connection of OpenAI's client."""

    def __init__(self, connection: Any, *, beta: bool = False) -> None:
        """Read the first event."""
        self.connection = connection
        self.beta = beta
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
        """Return the next event as the client reads it; it must be as OpenAI's types want it."""
        data = self.connection._connection.recv(timeout=10, decode=False)
        self.raw.append(json.loads(data))
        check(self.raw[-1], beta=self.beta)
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
