"""The attempt loop without sockets: providers that speak their wire's bytes, break off where told, and are watched.

Everything between the provider's bytes and the client's is the gateway's own
code; only the socket is played, and the clock, so that a stall takes no time.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from tests.faults.clients import PROTOCOLS, Heard
from tests.routing.scripted import ABILITIES, Notes
from wallas import codecs
from wallas.blueprints.respond import encoder
from wallas.catalog.entries import Model
from wallas.codecs import ollama
from wallas.codecs.plain import PlainDecoder, PlainEncoder
from wallas.errors import FailureKind, ProviderError
from wallas.health import BLAMELESS, Health
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
from wallas.simulated import wires
from wallas.simulated.script import Call, Request
from wallas.types.chat import ChatRequest, Text
from wallas.types.flow import END, READ

WIRES = {
    "openai": ("openai_chat", "/v1/chat/completions"),
    "anthropic": ("anthropic", "/v1/messages"),
    "gemini": ("gemini", "/v1beta/models/m:streamGenerateContent"),
    "ollama": ("ollama", "/api/chat"),
    "responses": ("openai_responses", "/v1/responses"),
    "cohere": ("cohere", "/v2/chat"),
}
"""Provider wires by their names in ``wallas.toml``: the codec's name, and a path that speaks it."""
LATE = 1000.0
PLAIN_PIECE = 40
"""Bytes of a plain body that come at once."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        """Start somewhere."""
        self.now = LATE

    def __call__(self) -> float:
        """Return the instant."""
        return self.now


class PlayedBody:
    """A provider's body in pieces; behind the last it is reset, ends, or falls silent."""

    def __init__(self, pieces: Sequence[bytes], then: str, *, status: int = 200, kind: str = "text/event-stream"):
        """Give one piece a read."""
        self.pieces = [piece for piece in pieces if piece]
        self.then = then
        self.status: int | None = status
        self.headers = {"content-type": kind}
        self.failed: Exception | None = None
        self.ended = then == "end" and not self.pieces
        self.let_go = 0

    def fileno(self) -> int:
        """Return no descriptor."""
        return -1

    def pending(self) -> int:
        """Return whether a read would say something."""
        return int(bool(self.pieces) or self.then != "stall" or self.failed is not None)

    def tap(self) -> None:
        """Return None: every piece is looked at."""

    def read(self) -> bytes:
        """Return the next piece, or raise what comes behind the last."""
        if self.failed is not None:
            raise self.failed
        if self.pieces:
            piece = self.pieces.pop(0)
            self.ended = self.then == "end" and not self.pieces
            return piece
        if self.then == "reset":
            raise ProviderError(FailureKind.CUT, "the connection broke", code="cut")
        self.ended = self.then == "end"
        return b""

    def release(self) -> None:
        """Count the letting go."""
        self.let_go += 1

    def abort(self) -> None:
        """Count the letting go."""
        self.let_go += 1


Script = Callable[["Voice"], PlayedBody]


class Voice:
    """What a provider says to one request, on its own wire."""

    def __init__(self, wire: str, request: ChatRequest) -> None:
        """Answer ``request`` as it comes canonical, encoded for the wire."""
        name, path = WIRES[wire]
        body = codecs.codec(name).encode_request(request)
        if not request.stream:
            path = path.replace(":streamGenerateContent", ":generateContent")
        self.asked = request
        self.name = name
        asked = Request("POST", path, "", {}, b"", json.loads(json.dumps(body)), name, 0.0)
        asked.stream = request.stream
        self.writer = wires.writer(asked)
        self.frames: list[bytes] = []
        self.texts: list[str] = []
        """What text had been said before each frame."""

    @property
    def anchor(self) -> str | None:
        """Return the words that the request asks to repeat."""
        last = self.asked.messages[-1]
        return asked_anchor("".join(part.text for part in last.parts if isinstance(part, Text)))

    @property
    def shown(self) -> str:
        """Return the text that a continuation request says was shown."""
        return "".join(part.text for part in self.asked.messages[-2].parts if isinstance(part, Text))

    def say(self, *pieces: str) -> "Voice":
        """Say text in these pieces."""
        for piece in pieces:
            said = self.writer.said  # type: ignore[attr-defined]
            self._frames(self.writer.text(piece), said)
        return self

    def think(self, *pieces: str) -> "Voice":
        """Reason aloud in these pieces."""
        for piece in pieces:
            self._frames(self.writer.think(piece))
        return self

    def call(self, name: str, *fragments: str) -> "Voice":
        """Call a tool."""
        count = len(self.writer.calls)
        self._frames(self.writer.call(Call(name, f"call_{id(self)}_{count}", count), list(fragments)))
        return self

    def finish(self, reason: str = "stop") -> "Voice":
        """End the answer."""
        if self.asked.stream:
            self._frames(self.writer.finish(reason))
        else:
            body = self.writer.plain(reason)
            self.frames = [body[start : start + PLAIN_PIECE] for start in range(0, len(body), PLAIN_PIECE)]
            self.texts = [""] * len(self.frames)
        return self

    def _frames(self, frames: Sequence[bytes], said: str | None = None) -> None:
        self.frames += frames
        self.texts += [self.writer.said if said is None else said] * len(frames)  # type: ignore[attr-defined]

    def broken(self, *, fault: str, cut: int) -> PlayedBody:
        """Break off before frame number ``cut``: one of FAULTS."""
        before, frame, after = self.frames[:cut], b"".join(self.frames[cut : cut + 1]), self.frames[cut + 1 :]
        half = frame[: len(frame) // 2]
        match fault:
            case "reset" | "end" | "stall":
                return self._body(before, fault)
            case "reset inside" | "end inside":
                return self._body([*before, half], fault.partition(" ")[0])
            case "error event":
                return self._body([*before, *self.writer.error("overloaded_error", "down", 529)], "end")
            case "bad JSON":
                ending = re.search(rb"[\r\n]*\Z", frame)
                assert ending is not None
                return self._body([*before, half + ending[0], *after], "end")
            case "noise":
                noise = b'{"broken": \n' if self.name == "ollama" else b'data: {"broken": \n\n'
                return self._body([*before, noise, frame, *after], "end")
        raise KeyError(fault)

    def whole(self) -> PlayedBody:
        """Say everything and end."""
        return self._body(self.frames, "end")

    def refused(self, status: int, message: str) -> PlayedBody:
        """Refuse."""
        return PlayedBody([self.writer.plain_error("invalid_request_error", message, status)], "end", status=status)

    def _body(self, pieces: Sequence[bytes], then: str) -> PlayedBody:
        kind = self.writer.stream_type if self.asked.stream else "application/json"
        return PlayedBody(pieces, then, kind=kind)


class Player:
    """A provider without a network: each call is answered by the next of its scripts."""

    def __init__(self, name: str, wire: str, *scripts: Script) -> None:
        """Name it and say what it will do."""
        self.name = name
        self.kind = wire
        self.wire = WIRES[wire][0]
        self.row = Row(name=name, label=name, base_url="http://127.0.0.1:9", wire=self.wire)
        self.scripts = list(scripts)
        self.asked: list[ChatRequest] = []
        self.bodies: list[PlayedBody] = []
        self.timeouts = Timeouts()
        self.keys = (Key(secret=Secret("k"), account="acc", id="k1"),)

    def chat(self, request: ChatRequest, *, key: Key, dropped: list[str] | None = None) -> PlayedBody:
        """Answer by the next script."""
        self.asked.append(request)
        body = self.scripts.pop(0)(Voice(self.kind, request))
        self.bodies.append(body)
        return body

    def decoder(self, request: ChatRequest) -> Any:
        """Return the wire's own decoder."""
        codec = codecs.codec(self.wire)
        return codec.Decoder() if request.stream else PlainDecoder(codec.decode_response)

    def decode_error(self, status: int, headers: Any, body: bytes) -> ProviderError:
        """Return what a refusal means."""
        return codecs.codec(self.wire).decode_error(status, headers, body)


class Play:
    """One request of a client, answered by players; afterwards everything that was booked."""

    def __init__(
        self,
        protocol: str,
        players: Sequence[Player],
        *,
        stream: bool = True,
        body: dict[str, Any] | None = None,
        **plan: Any,
    ) -> None:
        """Ask in the client's own words; ``plan`` overrides what the router would have decided."""
        spoken = PROTOCOLS[protocol]
        _, asked = spoken.asks("auto", stream)
        asked = {"model": "auto", "stream": stream} | asked | (body or {})
        codec: Any = codecs.codec(spoken.wire)
        request = ollama.decode_generate(asked) if protocol == "generate" else codec.decode_request(asked)
        self.spoken, self.players, self.clock = spoken, players, Clock()
        self.desk = Desk(
            health=Health(clock=self.clock, jitter=lambda: 0.5), ledger=Ledger(), journal=Notes(), clock=self.clock
        )
        if protocol == "generate":
            whole = partial(ollama.encode_response, request=request, generate=True)
            out: Any = ollama.Encoder(request, generate=True) if stream else PlainEncoder(whole, ollama.encode_error)
        else:
            out = encoder(codec, request)
        fields = {
            "id": "req",
            "request": request,
            "needs": needs_of(request),
            "candidates": [_candidate(player) for player in players],
            "excluded": [],
            "codec": codec,
            "out": out,
            "answer_id": "id1",
            "created": 1,
            "asked": request.model,
        }
        self.stream = Stream(Attempts(Plan(**fields | plan), self.desk))
        self.data = b"".join(self._driven())
        self.streamed = stream and "+json" not in str(self.stream.head) and self._is_stream()

    def _is_stream(self) -> bool:
        assert self.stream.head is not None
        kind = dict(self.stream.head[1])["Content-Type"]
        return "event-stream" in kind or "ndjson" in kind

    def _driven(self) -> Iterator[bytes]:
        stream = self.stream
        while stream.want != END:
            if stream.want == READ and not stream.body.ended and not stream.body.pending():
                self.clock.now = max(self.clock.now, stream.alarm())
                yield stream.tick(self.clock.now)
            else:
                yield stream.step()
        stream.close()

    @property
    def heard(self) -> Heard:
        """Return what the client reads."""
        return self.spoken.stream(self.data) if self.streamed else self.spoken.plain(json.loads(self.data))

    @property
    def outcomes(self) -> list[str]:
        """Return how each attempt ended."""
        return [hop.outcome for hop in self.desk.journal.records[0].hops]  # type: ignore[attr-defined]

    def untidy(self) -> str | None:
        """Return what was left open or booked other than once; None when all is in order."""
        records = self.desk.journal.records  # type: ignore[attr-defined]
        if len(records) != 1:
            return f"{len(records)} records"
        hops = records[0].hops
        asked = sum(len(player.asked) for player in self.players)
        if len(hops) != asked:
            return f"{len(hops)} attempts booked, {asked} made"
        open_ = [body for player in self.players for body in player.bodies if not body.let_go]
        if open_:
            return f"{len(open_)} connections left"
        ledger = self.desk.ledger
        settled = sum(one.calls for one in ledger.settled.values())
        if ledger.open or settled != asked:
            return f"{ledger.open} reservations left, {settled} of {asked} settled"
        circuits = self.desk.health.circuits.values()
        good, bad = sum(one.successes for one in circuits), sum(one.failures for one in circuits)
        expected = sum(hop.outcome == "ok" for hop in hops)
        blameless = {kind.name.lower() for kind in BLAMELESS}
        failures = sum(hop.outcome != "ok" and hop.outcome not in blameless for hop in hops)
        if (good, bad) != (expected, failures):
            return f"health counts {good} good and {bad} bad where {expected} and {failures} were due"
        return None


def _candidate(player: Player) -> Candidate:
    model = Model(provider=player.name, id="m", capabilities=ABILITIES, free=True)
    return Candidate.of(model, player, player.keys[0])  # type: ignore[arg-type]
