"""Scenes of the attempt loop: scripted providers, a clock that stands still, and what must hold at every end."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tests.routing.scripted import Notes, ScriptedBody, ScriptedProvider, ask, candidate
from wallas import codecs
from wallas.codecs import pulled
from wallas.codecs.plain import PlainEncoder
from wallas.errors import FailureKind, ProviderError
from wallas.health import Health
from wallas.quota.ledger import Ledger
from wallas.routing.attempts import Attempts
from wallas.routing.candidates import Candidate
from wallas.routing.desk import Desk
from wallas.routing.needs import needs_of
from wallas.routing.plan import Plan
from wallas.routing.stream import Stream
from wallas.routing.waiting import Pause
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Message,
    Part,
    Reasoning,
    StopReason,
    Text,
    Tool,
    ToolCall,
    Usage,
)
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, fold, unfold

TALE = "".join(f"Sentence {number} of the tale says that the {number}th bird sang. " for number in range(12))
WEATHER = Tool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
USED = Usage(input=10, output=20)


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def call(arguments: str = '{"city":"Lima"}', *, name: str = "weather", id: str = "call_1") -> ToolCall:
    """Return a call of the tool that scenes offer."""
    return ToolCall(id=id, name=name, arguments=arguments)


def answer(*parts: Part, reason: StopReason | None = StopReason.STOP, n: int = 1, **fields: Any) -> ChatResponse:
    """Return a whole answer of these parts, ``n`` times."""
    choice = Choice(message=Message(role="assistant", parts=parts), stop_reason=reason)
    return ChatResponse(**{"id": "x", "model": "m", "choices": (choice,) * n, "usage": USED} | fields)


def text(words: str = TALE, **fields: Any) -> ChatResponse:
    """Return a whole answer of nothing but words."""
    return answer(Text(text=words), **fields)


def pieces(response: ChatResponse, size: int = 7) -> list[Event]:
    """Return the events of an answer that comes a few characters at a time."""
    events: list[Event] = []
    for event in unfold(response):
        if isinstance(event, PartDelta) and len(event.text) > size:
            *words, last = [event.text[start : start + size] for start in range(0, len(event.text), size)]
            events += [PartDelta(event.index, word, event.choice) for word in words]
            events.append(msgspec.structs.replace(event, text=last))
        else:
            events.append(event)
    return events


def frames(response: ChatResponse, *, wire: str = "anthropic", size: int = 7) -> list[bytes]:
    """Return what a provider of this wire sends for each event of its answer."""
    encoder = codecs.codec(wire).Encoder(None)
    return [encoder.encode(event) for event in pieces(response, size)]


def cut() -> ProviderError:
    """Return the fault of a body that ended too early."""
    return ProviderError(FailureKind.CUT, "cut")


def streamed(response: ChatResponse, *, wire: str = "anthropic", frames_shown: int | None = None) -> ScriptedBody:
    """Return the body of a streamed answer; with ``frames_shown`` it is cut after so many frames."""
    told = frames(response, wire=wire)
    if frames_shown is None:
        return ScriptedBody(b"".join(told))
    return ScriptedBody(b"".join(told[:frames_shown]), fault=cut())


def whole(response: ChatResponse, *, wire: str = "anthropic") -> ScriptedBody:
    """Return the body of a plain answer."""
    return ScriptedBody(msgspec.json.encode(codecs.codec(wire).encode_response(response)))


def until(words: str, response: ChatResponse, *, wire: str = "anthropic") -> int:
    """Return how many frames tell the answer up to and including these words."""
    said = ""
    for number, event in enumerate(pieces(response), 1):
        said += event.text if isinstance(event, PartDelta) else ""
        if words in said:
            return number
    raise AssertionError(words)


def refusal(status: int, message: str = "no", *, type: str = "api_error", **headers: str) -> ScriptedBody:
    """Return a provider's refusal on the Anthropic wire."""
    body = ScriptedBody(msgspec.json.encode({"error": {"type": type, "message": message}}), status=status)
    body.headers = {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return body


class Hanging(ScriptedBody):
    """A body that says its part and then nothing more, until somebody fails it."""

    def __init__(self, data: bytes = b"", *, head: bool = True) -> None:
        super().__init__(data, fault=cut())
        if not head:
            self.status = None

    @property
    def silent(self) -> bool:
        return not self.chunks and self.failed is None

    def pending(self) -> int:
        return 0 if self.silent else 1

    def read(self) -> bytes:
        return b"" if self.silent else super().read()


class Listener:
    """A client's encoder that remembers the events it was given."""

    def __init__(self, out: Any) -> None:
        self.out = out
        self.events: list[Event] = []
        self.errors: list[Any] = []
        self.pings = 0

    @property
    def content_type(self) -> str:
        return str(self.out.content_type)

    def encode(self, event: Event) -> bytes:
        self.events.append(event)
        return self.out.encode(event)

    def words(self, index: int, choice: int) -> None:
        return None

    def ping(self) -> bytes:
        self.pings += 1
        return self.out.ping()

    def note(self, text: str) -> bytes:
        return self.out.note(text)

    def error(self, error: Any) -> bytes:
        self.errors.append(error)
        return self.out.error(error)


class Scene:
    """One request, its candidates and its client; ``play`` drives it to its end and checks what must always hold."""

    def __init__(
        self,
        request: ChatRequest,
        *candidates: Candidate,
        wire: str = "anthropic",
        clock: Any = None,
        notes: Notes | None = None,
        ending: Callable[[], float | None] = lambda: None,
        **plan: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.notes = notes or Notes()
        self.health = Health(clock=self.clock, wall=lambda: 1_700_000_000.0, jitter=lambda: 0.5)
        self.desk = Desk(health=self.health, ledger=Ledger(), journal=self.notes, clock=self.clock, ending=ending)
        self.codec = codecs.codec(wire)
        self.out: Any
        if request.stream:
            self.out = Listener(self.codec.Encoder(request))
        else:
            self.out = PlainEncoder(self.codec.encode_response, self.codec.encode_error)
        self.request = request
        self.candidates = candidates
        fields: dict[str, Any] = {
            "id": "req",
            "request": request,
            "needs": needs_of(request),
            "candidates": candidates,
            "excluded": [],
            "codec": self.codec,
            "out": self.out,
            "answer_id": "id1",
            "created": 1,
            "asked": request.model,
        }
        self.attempts = Attempts(Plan(**fields | plan), self.desk)
        self.stream = Stream(self.attempts)
        self.data = b""

    def play(self, *, cancel_after: int | None = None) -> bytes:
        """Drive the stream as a parking server would, and the clock while everybody is silent; return all bytes."""
        steps = 0
        while self.stream.want != "end":
            if cancel_after is not None and steps >= cancel_after:
                break
            steps += 1
            self.data += self.step()
        self.stream.close()
        self.check()
        return self.data

    def step(self) -> bytes:
        """Return what one move of the server brings."""
        body = self.stream.body
        if self.stream.want == "read" and (isinstance(body, Pause) or getattr(body, "silent", False)):
            self.clock.now = max(self.clock.now, self.stream.alarm())
            return self.stream.tick(self.clock.now)
        return self.stream.step()

    def check(self) -> None:
        """Assert what holds at the end of every request, however it went."""
        assert self.desk.ledger.open == 0
        assert len(self.notes.records) == 1
        assert self.record.outcome != "open" and self.record.status
        assert all(hop.outcome != "answering" for hop in self.record.hops)
        for one in self.candidates:
            for body in one.provider.bodies:  # type: ignore[attr-defined]
                assert body.aborted or body.released
        if isinstance(self.out, Listener):
            well_formed(self.out.events, whole=self.record.outcome == "ok")
            assert len(self.out.errors) <= 1 and not (self.out.errors and self.record.outcome == "ok")

    @property
    def record(self) -> Any:
        """Return what was written down."""
        return self.notes.records[0]

    @property
    def outcomes(self) -> list[str]:
        """Return how each attempt ended."""
        return [hop.outcome for hop in self.record.hops]

    @property
    def status(self) -> int:
        """Return the status that the client sees."""
        assert self.stream.head is not None
        return int(self.stream.head[0].split()[0])

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that the client sees."""
        assert self.stream.head is not None
        return dict(self.stream.head[1])

    @property
    def heard(self) -> ChatResponse:
        """Return the answer as the client's own decoder reads it."""
        if not self.request.stream:
            return self.codec.decode_response(msgspec.json.decode(self.data))
        return fold(pulled(self.codec.Decoder(), [self.data]))

    @property
    def words(self) -> str:
        """Return the text that the client was shown."""
        choices = fold(self.out.events).choices
        return "".join(part.text for choice in choices[:1] for part in choice.message.parts if isinstance(part, Text))

    @property
    def error(self) -> dict[str, Any]:
        """Return the error that the client got, as JSON."""
        lines = [line for line in self.data.split(b"\n") if b'"error"' in line]
        value = msgspec.json.decode(lines[-1].removeprefix(b"data: "))
        return value["error"] if isinstance(value["error"], dict) else value


def well_formed(events: Sequence[Event], *, whole: bool) -> None:
    """Assert that a client got one stream: one start, parts numbered without a gap, each ended once, then the ends."""
    begun: dict[int, int] = {}
    opened: set[tuple[int, int]] = set()
    finished: set[int] = set()
    for number, event in enumerate(events):
        assert isinstance(event, Started) == (number == 0), event
        match event:
            case PartStarted():
                assert event.index == begun.get(event.choice, 0), events
                begun[event.choice] = event.index + 1
                opened.add((event.choice, event.index))
            case PartDelta():
                assert (event.choice, event.index) in opened, events
            case PartEnded():
                opened.remove((event.choice, event.index))
            case Finished():
                assert event.choice not in finished
                assert not any(choice == event.choice for choice, _ in opened), events
                finished.add(event.choice)
    if whole:
        assert finished and not opened
    else:
        assert not finished


def provider(name: str, *scripts: Any, wire: str = "anthropic") -> Candidate:
    """Return a candidate whose provider answers with these scripts."""
    return candidate(ScriptedProvider(name, wire, *scripts))


def asked_of(one: Candidate) -> list[ChatRequest]:
    """Return what a candidate's provider was asked."""
    return one.provider.requests  # type: ignore[attr-defined, no-any-return]


def asks(text: str = "Tell me a tale", **fields: Any) -> ChatRequest:
    """Return a streaming request that offers a tool."""
    return ask(text, **{"tools": (WEATHER,)} | fields)


def thought(words: str = "Let me think.", **fields: Any) -> Reasoning:
    """Return a thought."""
    return Reasoning(text=words, **fields)


def going_on(response: ChatResponse, after: str = TALE) -> Callable[[ChatRequest], ScriptedBody]:
    """Return a script that repeats the anchor it is asked for, and goes on with the tale and then the answer's rest."""
    from tests.routing.scripted import anchor_in

    def script(request: ChatRequest) -> ScriptedBody:
        anchor = anchor_in(request)
        rest = after[after.index(anchor) + len(anchor) :]
        first, *others = response.choices[0].message.parts
        assert isinstance(first, Text)
        parts = (Text(text=anchor + rest + first.text), *others)
        return streamed(answer(*parts, reason=response.stop_reason))

    return script
