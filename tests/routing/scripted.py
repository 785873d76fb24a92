"""Providers without sockets for tests of the attempt loop: bodies that say what a script says, cut where told."""

from collections.abc import Iterator, Sequence
from typing import Any

from wallas import codecs
from wallas.catalog.entries import Model
from wallas.codecs.plain import PlainDecoder, PlainEncoder
from wallas.errors import FailureKind, ProviderError
from wallas.health import Health
from wallas.providers.row import Row
from wallas.quota.ledger import Ledger
from wallas.routing.attempts import Attempts
from wallas.routing.candidates import Candidate
from wallas.routing.continuation import asked_anchor
from wallas.routing.desk import Desk
from wallas.routing.needs import needs_of
from wallas.routing.plan import Plan
from wallas.routing.stream import Stream
from wallas.settings import Key, Secret, Timeouts
from wallas.types.chat import ChatRequest, Message, Text

ABILITIES = frozenset({"chat", "tools", "json_object", "json_schema", "reasoning", "vision"})


class ScriptedBody:
    """A provider's answer that is all there; it ends cleanly, or in the fault it is given."""

    def __init__(self, data: bytes, *, status: int = 200, fault: Exception | None = None, size: int = 65536) -> None:
        self.chunks = [data[start : start + size] for start in range(0, len(data), size)]
        self.status: int | None = status
        self.headers = {"content-type": "text/event-stream"}
        self.fault = fault
        self.failed: Exception | None = None
        self.ended = not self.chunks and fault is None
        self.aborted = self.released = False

    def fileno(self) -> int:
        return -1

    def pending(self) -> int:
        return 1

    def tap(self) -> None:
        return None

    def read(self) -> bytes:
        if self.failed:
            raise self.failed
        if self.chunks:
            data = self.chunks.pop(0)
            self.ended = not self.chunks and self.fault is None
            return data
        if self.fault:
            raise self.fault
        self.ended = True
        return b""

    def release(self) -> None:
        self.released = True

    def abort(self) -> None:
        self.aborted = True


class ScriptedProvider:
    """Any object with ``chat`` is a provider: this one answers each call with the next of its scripts."""

    def __init__(self, name: str, wire: str, *scripts: Any) -> None:
        self.name = name
        self.wire = wire
        self.row = Row(name=name, label=name, base_url="http://127.0.0.1:9", wire=wire)
        self.scripts = list(scripts)
        self.requests: list[ChatRequest] = []
        self.bodies: list[ScriptedBody] = []
        self.timeouts = Timeouts()
        self.never_rest = False
        self.keys = (Key(secret=Secret("k"), account="acc", id="k1"),)

    def chat(self, request: ChatRequest, *, key: Key, dropped: list[str] | None = None) -> ScriptedBody:
        self.requests.append(request)
        script = self.scripts.pop(0)
        made = script(request) if callable(script) else script
        if isinstance(made, Exception):
            raise made
        self.bodies.append(made)
        return made

    def decoder(self, request: ChatRequest) -> Any:
        codec = codecs.codec(self.wire)
        return codec.Decoder() if request.stream else PlainDecoder(codec.decode_response)

    def decode_error(self, status: int, headers: Any, body: bytes) -> ProviderError:
        return codecs.codec(self.wire).decode_error(status, headers, body)


class Notes:
    """A journal that remembers."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.kept: dict[str, Any] = {}
        self.responses: list[Any] = []

    def record(self, record: Any) -> None:
        self.records.append(record)

    def keep_seals(self, kept: Any) -> None:
        self.kept.update(kept)

    def keep_response(self, request: Any, response: Any) -> None:
        self.responses.append((request, response))


def candidate(provider: ScriptedProvider, id: str = "m", **traits: Any) -> Candidate:
    """Return a free candidate at a scripted provider."""
    traits = {"capabilities": ABILITIES, "free": True} | traits
    return Candidate.of(Model(provider=provider.name, id=id, **traits), provider, provider.keys[0])  # type: ignore[arg-type]


def ask(text: str = "Tell me a tale", **fields: Any) -> ChatRequest:
    """Return a streaming request."""
    return ChatRequest(
        **{"model": "auto", "messages": (Message(role="user", parts=(Text(text=text),)),), "stream": True} | fields
    )


def desk(**parts: Any) -> Desk:
    """Return the shared state of one test."""
    return Desk(**{"health": Health(jitter=lambda: 0.5), "ledger": Ledger(), "journal": Notes()} | parts)


def stream_of(
    request: ChatRequest, candidates: Sequence[Candidate], *, wire: str, at: Desk | None = None, **plan: Any
) -> Stream:
    """Return the stream that answers a request with these candidates."""
    codec = codecs.codec(wire)
    out = codec.Encoder(request) if request.stream else PlainEncoder(codec.encode_response, codec.encode_error)
    fields = {
        "id": "req",
        "request": request,
        "needs": needs_of(request),
        "candidates": candidates,
        "excluded": [],
        "codec": codec,
        "out": out,
        "answer_id": "id1",
        "created": 1,
        "asked": request.model,
    }
    return Stream(Attempts(Plan(**fields | plan), at or desk()))


def driven(stream: Stream) -> bytes:
    """Return all bytes of a stream, driven as a parking server would."""
    return b"".join(drive(stream))


def drive(stream: Stream) -> Iterator[bytes]:
    """Yield what each step gives."""
    while stream.want != "end":
        yield stream.step()


def cut() -> ProviderError:
    """Return the fault of a body that ended too early."""
    return ProviderError(FailureKind.CUT, "cut")


def anchor_in(request: ChatRequest) -> str:
    """Return the words that a continuation request asks to repeat."""
    part = request.messages[-1].parts[0]
    assert isinstance(part, Text)
    anchor = asked_anchor(part.text)
    assert anchor is not None
    return anchor
