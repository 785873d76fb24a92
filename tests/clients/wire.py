"""What programs do with an answer, by hand: send JSON, read the status, the headers and the stream."""

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

Json = dict[str, Any]


class Answered(NamedTuple):
    """A whole answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.text)

    @property
    def events(self) -> list[Json]:
        """Return the events of a server-sent stream, without its end mark."""
        lines = self.text.splitlines()
        data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
        return [json.loads(one) for one in data if one != "[DONE]"]


def send(url: str, body: Json | bytes | None = None, headers: dict[str, str] | None = None) -> Answered:
    """GET, or POST a body."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    kind = {} if data is None else {"content-type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=kind | (headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return read(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return read(refused)


def read(answer: Any) -> Answered:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answered(answer.status, headers, answer.read().decode())


def chat_text(answered: Answered) -> str:
    """Return the words of a streamed chat completion."""
    choices = [choice for event in answered.events for choice in event.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
