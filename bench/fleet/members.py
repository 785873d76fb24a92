"""The fleet at work: each provider on a port of its own, in its own wire, keeping its quotas and meeting its fate."""

import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.fleet.quotas import DIALECTS, Meter, told
from bench.fleet.tasks import CACHED_FROM, SPEC, right, spec_in, steps_done
from bench.fleet.world import House, Kind, World
from wallas.simulated.script import (
    NEVER,
    Request,
    Step,
    call,
    close,
    finish,
    hang_up,
    headers,
    marked_anchor,
    pause,
    say,
    status,
    usage,
)
from wallas.simulated.server import Provider
from wallas.simulated.wires import last_user_text

PIECE = 24
"""Characters a piece: six tokens."""
CACHE_SECONDS = 300.0
PREFILL = 30_000.0
"""Tokens a second that are read of a prompt; a cached beginning costs a tenth."""
DATA_URL = re.compile(r'"(?:data:image/png;base64,)?iVBOR[^"]*"')


@dataclass
class Call:
    """One call as the fleet saw it."""

    at: float
    house: str
    model: str
    key: int
    how: str
    spec: str = ""
    cached: bool = False
    again: bool = False
    """Whether the prompt's beginning had been asked before, by whomever: a cache could have had it."""


@dataclass
class Books:
    """What the fleet has seen in a run."""

    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, call: Call) -> Call:
        """Add a call."""
        with self.lock:
            self.calls.append(call)
        return call

    def count(self, *hows: str) -> int:
        """Return how many calls ended in one of these ways."""
        return sum(call.how in hows for call in self.calls)

    def dead(self) -> Counter[str]:
        """Return how often each dead thing was called."""
        return Counter(call.how + f" {call.house}" for call in self.calls if call.how.startswith("dead"))


class Member:
    """One provider of the fleet."""

    def __init__(self, house: House, true: World, books: Books, clock: Callable[[], float]) -> None:
        """Prepare; ``clock`` gives the seconds since the run began."""
        self.house = house
        self.true = true
        self.books = books
        self.clock = clock
        self.kinds = {kind.id: kind for kind in house.models}
        accounts = range(house.keys)
        self.shared = {key: Meter(house.limits) for key in accounts}
        self.own = {(key, kind.id): Meter(kind.limits) for key in accounts for kind in house.models}
        self.caches: dict[tuple[str, str], float] = {}
        self.rng = random.Random(f"{true.seed} {house.name}")
        self.lock = threading.Lock()
        self.server = Provider(models=list(self.kinds), anchor=marked_anchor, otherwise=self.steps)
        self.server.context_size = max(kind.context for kind in house.models)
        self.closed = False
        self.before = 0

    def die(self) -> None:
        """Reset every connection from now on; what is asked of a corpse is counted as it connects."""
        self.closed = True
        self.before = self.server.accepted
        self.server.door = "slam"
        self.server.close_idle()

    def steps(self, request: Request) -> Sequence[Step]:
        """Return what is answered to one request, and book it."""
        now = self.clock()
        text = DATA_URL.sub('"image"', request.body.decode("utf-8", "replace"))
        spec = spec_in(text)
        key = self._key(request)
        seen = self.books.note(Call(now, self.house.name, request.model, key, "ok", str(spec or "")))
        refused = self._refused(request, seen, text, key, now)
        if refused is not None:
            return refused
        kind = self.kinds[request.model]
        tokens = max(len(text) // 4, 1)
        failing = self.true.spell(self.house.name, now)
        if failing in ("500", "reset", "hang"):
            seen.how = failing
            return _FAILS[failing]
        for meter in (self.shared[key], self.own[key, kind.id]):
            refusal = meter.take(kind.id, tokens, now)
            if refusal is not None:
                seen.how = "429"
                return (status(*DIALECTS[self.house.dialect](refusal)),)
        return self._answer(request, seen, kind, text, tokens, key, slow=failing == "slow")

    def _refused(self, request: Request, seen: Call, text: str, key: int, now: float) -> Sequence[Step] | None:
        """Return the refusal of what is dead, unknown or beyond a model's abilities."""
        death = self.true.dead(self.house.name, request.model, key, now)
        if death is not None:
            seen.how = f"dead {death.what}"
            return _DEAD[death.what](request)
        kind = self.kinds.get(request.model)
        if kind is None:
            seen.how = "dead model"
            return _DEAD["model"](request)
        if '"tools"' in text and "tools" not in kind.can:
            seen.how = "unable"
            return (_bad(f"`tools` is not supported with this model: {kind.id}", "tools", "unsupported_parameter"),)
        if '"image"' in text and "vision" not in kind.can:
            seen.how = "unable"
            return (_bad(f"{kind.id} does not support image input", "messages", "unsupported_content"),)
        if len(text) // 4 > kind.context:
            seen.how = "unable"
            said = f"This model's maximum context length is {kind.context} tokens. However, your messages resulted in "
            return (_bad(f"{said}{len(text) // 4} tokens.", "messages", "context_length_exceeded"),)
        return None

    def _answer(
        self, request: Request, seen: Call, kind: Kind, text: str, tokens: int, key: int, *, slow: bool
    ) -> Sequence[Step]:
        spec = spec_in(text)
        with self.lock:
            luck, wait, pace, spot = (
                self.rng.random(),
                self.rng.lognormvariate(0, 0.35),
                self.rng.uniform(0.8, 1.2),
                self.rng.random(),
            )
        cached = self._cached(kind, seen, text, key)
        read = tokens * (0.1 if cached else 1.0) / PREFILL
        ttft = (kind.ttft * wait + read) * (self.true.slowness if slow else 1.0)
        gap = PIECE / 4 / (kind.speed * pace) * (4.0 if slow else 1.0)
        if spec is None:
            return (pause(ttft), say("Hello.", size=PIECE))
        words = self._said(request, spec, steps_done(text, spec.seed))
        state = self.own[key, kind.id].state(self.clock())
        for window, row in self.shared[key].state(self.clock()).items():
            state[window] = min(state.get(window, row), row, key=lambda one: one[1])
        fields = told(self.house.dialect, state)
        begin: list[Step] = [headers(**{name.replace("-", "_"): value for name, value in fields.items()}), pause(ttft)]
        if luck < self.true.empty:
            seen.how = "empty"
            return (*begin, finish())
        if isinstance(words, tuple):
            name, arguments = words[0], json.dumps(words[1])
            half = len(arguments) // 2
            if luck < self.true.cut:
                seen.how = "cut"
                return (*begin, call(name, arguments[:half], finish=False), close)
            return (
                *begin,
                usage(tokens, 20, cached=tokens if cached else 0),
                call(name, arguments[:half], arguments[half:]),
            )
        if spec.kind == "json" and luck > 1 - kind.broken_json:
            seen.how = "bad json"
            words = "Here you are: " + words[: max(int(len(words) * spot), 5)]
        self.own[key, kind.id].correct(len(words) // 4, self.clock())
        self.shared[key].correct(len(words) // 4, self.clock())
        if luck < self.true.cut:
            seen.how = "cut"
            part = words[: int(len(words) * spot)]
            return (*begin, say(part, size=PIECE, gap=gap, finish=None), hang_up if spot < 0.5 else close)
        counts = usage(tokens, len(words) // 4, cached=tokens if cached else 0)
        if not request.stream:
            begin.append(pause(gap * len(words) / PIECE))
            gap = 0.0
        return (*begin, counts, say(words, size=PIECE, gap=gap))

    def _said(self, request: Request, spec: Any, done: int) -> str | tuple[str, dict[str, Any]]:
        """Return the words of the answer, or the call; a continuation goes on where it was asked to."""
        answer = right(spec, done)
        if answer.call is not None:
            return answer.call
        words = json.dumps(answer.value) if answer.text is None else answer.text
        anchor = marked_anchor(last_user_text(request))
        if anchor is not None:
            _, found, after = words.partition(anchor)
            return anchor + after if found else "I do not know how to go on."
        return words

    def _cached(self, kind: Kind, seen: Call, text: str, key: int) -> bool:
        """Return whether the prompt's beginning is in the model's cache, and put it there."""
        first = SPEC.search(text)
        if first is None or len(text) // 4 < CACHED_FROM:
            return False
        place = hashlib.blake2b(first[0].encode(), digest_size=8).hexdigest()
        now = self.clock()
        with _MET_LOCK:
            seen.again = place in _MET
            _MET.add(place)
        if not kind.caches:
            return False
        known = (f"{kind.id}@{key}", place)
        with self.lock:
            seen.cached = now - self.caches.get(known, -1e9) < CACHE_SECONDS
            self.caches[known] = now
        return seen.cached

    def _key(self, request: Request) -> int:
        """Return the number of the key that a request carries."""
        fields = request.headers
        secret = fields.get("x-goog-api-key") or fields.get("x-api-key") or fields.get("authorization", "")
        found = re.search(r"-(\d+)$", secret)
        return min(int(found[1]), self.house.keys - 1) if found else 0


_MET: set[str] = set()
_MET_LOCK = threading.Lock()


def _bad(message: str, param: str, code: str) -> Step:
    """Refuse a request for what it asks, in the form of the wire that it came in."""

    def step(exchange: Any) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
        exchange.whole(400, _ERRORS.get(exchange.request.wire, lambda one: {"error": one})(error), {})

    return step


_ERRORS: dict[str, Callable[[dict[str, str]], Any]] = {
    "gemini": lambda one: {"error": {"code": 400, "message": one["message"], "status": "INVALID_ARGUMENT"}},
    "anthropic": lambda one: {"type": "error", "error": {"type": "invalid_request_error", "message": one["message"]}},
    "cohere": lambda one: {"id": "e1", "message": one["message"]},
    "ollama": lambda one: {"error": one["message"]},
}


def _gone(request: Request) -> Sequence[Step]:
    error = {
        "message": f"The model `{request.model}` has been decommissioned and is no longer supported.",
        "type": "invalid_request_error",
        "code": "model_decommissioned",
    }
    return (status(404, {"error": error}),)


_DEAD: dict[str, Callable[[Request], Sequence[Step]]] = {
    "model": _gone,
    "key": lambda request: (status(401, {"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}),),
    "provider": lambda request: (status(410, {"error": {"message": "This service has been shut down."}}),),
}
_FAILS: dict[str, Sequence[Step]] = {
    "500": (pause(0.05), status(500)),
    "reset": (pause(0.05), hang_up),
    "hang": (pause(NEVER),),
}


class Fleet:
    """All members, and the clock of their run."""

    def __init__(self, true: World) -> None:
        """Open the ports; ``begin`` starts the clock."""
        self.true = true
        self.books = Books()
        self.began: float | None = None
        _MET.clear()
        self.members = {house.name: Member(house, true, self.books, self.clock) for house in true.houses}
        for member in self.members.values():
            member.server.start()
        self.timers: list[threading.Timer] = []

    def clock(self) -> float:
        """Return the seconds since the run began; 0 before."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    def begin(self) -> None:
        """Start the clock, and what is to happen by it."""
        self.began = time.monotonic()
        for death in self.true.deaths:
            if death.what == "provider" and death.how == "reset":
                timer = threading.Timer(death.start, self.members[death.house].die)
                timer.daemon = True
                timer.start()
                self.timers.append(timer)

    def corpses(self) -> int:
        """Return how often a provider that refuses connections was called once dead."""
        return sum(max(member.server.accepted - member.before, 0) for member in self.members.values() if member.closed)

    def stop(self) -> None:
        """Close all ports."""
        for timer in self.timers:
            timer.cancel()
        for member in self.members.values():
            member.server.close()
