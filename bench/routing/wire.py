"""The simulated line: takes what the real adapters send, and gives bytes when their time has come."""

import json
import math
from collections.abc import Mapping
from typing import Any

from bench.routing.clock import Clock
from bench.routing.fleet import Brain
from bench.routing.jobs import Job
from bench.routing.world import Fate, World
from wallas.errors import FailureKind, ProviderError
from wallas.transport_http import Address

FAIR = "The mill stands where the river bends."


class SimBody:
    """A provider's answer, as ``wallas.transport.Body``: pieces with the instants at which they are here."""

    def __init__(self, clock: Clock, pieces: list[tuple[float, bytes | None]], fate: Fate) -> None:
        """Hold the pieces; None is the connection's break."""
        self.clock = clock
        self.pieces = pieces
        self.fate = fate
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.ended = False
        self.failed: Exception | None = None

    @property
    def due(self) -> float:
        """Return when there is something to read next."""
        return self.pieces[0][0] if self.pieces else math.inf

    def fileno(self) -> int:
        """Return that there is no socket."""
        return -1

    def pending(self) -> int:
        """Return whether something can be read now."""
        return self.failed is not None or self.due <= self.clock.now

    def tap(self) -> None:
        """Return that nobody else reads here."""

    def read(self) -> bytes:
        """Return what has come; raise what the line, or a deadline, says."""
        if self.failed is not None:
            raise self.failed
        if self.due > self.clock.now:
            return b""
        _, data = self.pieces.pop(0)
        if data is None:
            raise ProviderError(FailureKind.CONNECT, "connection refused", code="econnrefused")
        self.status, self.headers = self.fate.status, self.fate.headers
        self.ended = not self.pieces
        return data

    def release(self) -> None:
        """Do nothing: there is no connection to keep."""

    def abort(self) -> None:
        """Give up."""
        self.pieces = []


class SimTransport:
    """Stands where ``wallas.transport.Transport`` stands; ``asking`` is the job whose stream is being moved."""

    def __init__(self, world: World) -> None:
        """Send into this world."""
        self.world = world
        self.asking: Job | None = None
        self.answered: dict[int, tuple[Brain, Fate]] = {}
        """Who was called last for each job, and with what result."""
        self.accounts = {secret: account for house in world.houses.values() for secret, account in house.keys}

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", **limits: Any) -> SimBody:
        """Return the answer that the world has for this call."""
        assert self.asking is not None
        house = url.split("/")[2].partition(".")[0]
        gemini = self.world.houses[house].wire == "gemini"
        model = url.split("/models/")[1].partition(":")[0] if gemini else _model(body)
        secret = headers.get("x-goog-api-key") or headers["Authorization"].removeprefix("Bearer ")
        brain, job = self.world.brains[f"{house}/{model}"], self.asking
        fate = self.world.call(job, brain, secret, self.accounts[secret])
        self.answered[job.id] = (brain, fate)
        return SimBody(self.world.clock, self._pieces(fate, job, brain, gemini=gemini), fate)

    def deliver(self, address: Address, body: bytes, **limits: Any) -> SimBody:
        """Return the same for a request whose address is known already."""
        _, *lines = address.lines.decode("latin-1").removesuffix("\r\n").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        url = f"{address.target.scheme}://{address.target.netloc}{address.target.path}"
        return self.send(address.method, url, headers=headers, body=body)

    def _pieces(self, fate: Fate, job: Job, brain: Brain, *, gemini: bool) -> list[tuple[float, bytes | None]]:
        now = self.world.clock.now
        if fate.how == "hang":
            return []
        if fate.how == "connect":
            return [(now + fate.first, None)]
        if fate.how in ("status", "limited"):
            return [(now + fate.first, fate.body)]
        if fate.how == "empty":
            fate.headers = {"content-type": "text/event-stream" if job.stream else "application/json"}
        text = "" if fate.how == "empty" else '{"a": 1}' if job.kind == "json" else FAIR
        write = _gemini if gemini else _openai
        if not job.stream:
            fate.headers["content-type"] = "application/json"
            return [(now + fate.last, write(text, fate, job, brain, whole=True)[0])]
        first, rest = write(text, fate, job, brain, whole=False)
        return [(now + fate.first, first), (now + max(fate.last, fate.first), rest)]


def _model(body: bytes) -> str:
    start = body.index(b'"model":"') + 9
    return body[start : body.index(b'"', start)].decode()


def _openai(text: str, fate: Fate, job: Job, brain: Brain, *, whole: bool) -> tuple[bytes, bytes]:
    usage = {
        "prompt_tokens": fate.input,
        "completion_tokens": job.output,
        "total_tokens": fate.input + job.output,
        "prompt_tokens_details": {"cached_tokens": fate.cached},
    }
    common = {"id": f"c{job.id}", "created": 1, "model": brain.id}
    if whole:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        answer = {**common, "object": "chat.completion", "choices": [choice], "usage": usage}
        return json.dumps(answer).encode(), b""
    common["object"] = "chat.completion.chunk"
    deltas = [
        {**common, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
        {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**common, "choices": [], "usage": usage},
    ]
    first, *rest = (b"data: " + json.dumps(delta).encode() + b"\n\n" for delta in deltas)
    return first, b"".join(rest) + b"data: [DONE]\n\n"


def _gemini(text: str, fate: Fate, job: Job, brain: Brain, *, whole: bool) -> tuple[bytes, bytes]:
    usage = {
        "promptTokenCount": fate.input,
        "candidatesTokenCount": job.output,
        "totalTokenCount": fate.input + job.output,
        "cachedContentTokenCount": fate.cached,
    }
    parts = [{"text": text}] if text else []
    said = {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}], "modelVersion": brain.id}
    end = {"candidates": [{"finishReason": "STOP", "index": 0}], "usageMetadata": usage, "modelVersion": brain.id}
    if whole:
        said["candidates"][0]["finishReason"] = "STOP"  # type: ignore[index]
        said["usageMetadata"] = usage
        return json.dumps(said).encode(), b""
    first, rest = (b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in (said, end))
    return first, rest
