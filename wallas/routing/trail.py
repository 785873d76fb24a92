"""What happened to one request, as values: the hops that were tried, told in headers, errors, logs and the database."""

import msgspec


class Hop(msgspec.Struct, kw_only=True):
    """One attempt: who, how it ended (``ok``, or the failure's kind), and when; durations in milliseconds.

    ``after`` is when it began, counted from the request's beginning.
    """

    provider: str
    model: str
    key: str
    outcome: str = "answering"
    message: str = ""
    status: int | None = None
    after: float = 0.0
    ms: float = 0.0
    ttft_ms: float | None = None
    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None
    estimated: bool = False
    cost: float | None = None
    retry_after: float | None = None
    said_model: str = ""
    """The model that the answer names, where that is another than was asked."""

    def row(self) -> dict[str, object]:
        """Return this attempt as the client is told of it in an error: a provider's own words stay in the log."""
        told: dict[str, object] = {
            "provider": self.provider,
            "model": self.model,
            "reason": self.outcome,
            "ms": round(self.ms, 1),
        }
        if self.status is not None:
            told["status"] = self.status
        elif self.message:
            told["message"] = self.message
        if self.retry_after is not None:
            told["retry_after_seconds"] = round(self.retry_after, 3)
        return told


class Record(msgspec.Struct, kw_only=True):
    """One request's history, for the database: never a prompt, an answer or a key. ``at`` is epoch seconds."""

    id: str
    at: float
    wire: str
    asked: str
    profile: str | None
    stream: bool
    operation: str = "chat"
    client: str = ""
    status: int = 0
    outcome: str = "open"
    ms: float = 0.0
    hops: list[Hop] = []


def trail(hops: list[Hop]) -> str:
    """Return the hops as one header value: ``groq/m rate_limit 35ms, gemini/n ok 812ms``."""
    text = ""
    for hop in hops:
        told = f"{hop.provider}/{hop.model} {hop.outcome} {hop.ms:.0f}ms"
        text = f"{text}, {told}" if text else told
    return text if text.isascii() else text.encode("ascii", "replace").decode().encode("ascii", "replace").decode()
