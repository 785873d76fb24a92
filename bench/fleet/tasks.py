"""What is asked and what is right: every request carries a spec from which any member can work out the one answer."""

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SPEC = re.compile(r"\[\[task (\w+) seed=(\d+) words=(\d+) steps=(\d+)\]\]")
RESULT = re.compile(r"\[\[result (\d+) (\d+)\]\]")
SYLLABLES = ("ba", "co", "di", "fu", "ga", "he", "ji", "ko", "lu", "me", "no", "pa", "ri", "so", "tu", "va", "xe", "zo")
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SHORT = 60.0
"""A run shorter than so many seconds shall not end with the wait for its longest errand."""
CACHED_FROM = 1024
"""Prompts shorter than so many tokens are not cached, as at most providers."""


@dataclass(frozen=True)
class Spec:
    """What one request asks for; ``steps`` is the number of tool calls before an agent's answer."""

    kind: str
    seed: int
    words: int
    steps: int = 0

    def __str__(self) -> str:
        """Return the words that stand in the prompt."""
        return f"[[task {self.kind} seed={self.seed} words={self.words} steps={self.steps}]]"


@dataclass(frozen=True)
class Right:
    """The one right answer: a text, a JSON value, or a call of the tool."""

    text: str | None = None
    value: Any = None
    call: tuple[str, dict[str, Any]] | None = None


def spec_in(body: str) -> Spec | None:
    """Return the last spec in a body of any wire."""
    found = SPEC.findall(body)
    if not found:
        return None
    kind, seed, words, steps = found[-1]
    return Spec(kind, int(seed), int(words), int(steps))


def steps_done(body: str, seed: int) -> int:
    """Return how many results of a task's tool calls a body of any wire carries."""
    return len({step for number, step in RESULT.findall(body) if int(number) == seed})


def prose(seed: int, words: int) -> str:
    """Return the words that every member says to a task: the same at all of them."""
    rng = random.Random(seed)
    said = ["".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3))) for _ in range(words)]
    lines = [" ".join(said[start : start + 12]) for start in range(0, len(said), 12)]
    return f"Answer {seed}: " + ".\n".join(lines) + f". End of {seed}."


def right(spec: Spec, done: int = 0) -> Right:
    """Return the right answer to a task of which ``done`` tool calls have their result."""
    if spec.kind == "json":
        rng = random.Random(spec.seed)
        tags = ["".join(rng.choice(SYLLABLES) for _ in range(2)) for _ in range(spec.words // 8 + 1)]
        return Right(value={"id": spec.seed, "tags": tags, "score": rng.randint(0, 1000), "ok": rng.random() < 0.5})
    if done < spec.steps:
        return Right(call=("lookup", {"key": f"k-{spec.seed}-{done}", "depth": done}))
    return Right(text=prose(spec.seed, spec.words))


SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "score": {"type": "integer"},
        "ok": {"type": "boolean"},
    },
    "required": ["id", "tags", "score", "ok"],
    "additionalProperties": False,
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{name.capitalize()} something by its key and depth.",
            "parameters": {
                "type": "object",
                "properties": {"key": {"type": "string"}, "depth": {"type": "integer"}},
                "required": ["key", "depth"],
            },
        },
    }
    for name in ("lookup", "store", "remove", "search")
]


@dataclass
class Ask:
    """One request: its body, what is right, and how it is marked in the report."""

    at: float
    kind: str
    body: dict[str, Any]
    right: Right
    stream: bool
    hard: bool = False
    session: int | None = None
    turn: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Errand:
    """A chain of requests of one client: each is made from the answers before it."""

    at: float
    kind: str
    specs: list[Spec]
    stream: bool
    model: str
    hard: bool = False
    number: int = 0
    system: str = ""
    filler: str = ""

    @property
    def requests(self) -> int:
        """Return how many requests the errand takes when all goes well."""
        return sum(spec.steps + 1 for spec in self.specs)


def filler(seed: int, tokens: int) -> str:
    """Return about so many tokens of text that nobody has to read."""
    rng = random.Random(seed)
    line = " ".join("".join(rng.choice(SYLLABLES) for _ in range(2)) for _ in range(40))
    return "\n".join(f"{number} {line}" for number in range(max(tokens * 4 // (len(line) + 5), 1)))


def day(rng: random.Random, *, requests: int, seconds: float, model: str) -> list[Errand]:
    """Return the errands of a run: chats, agents with tools, JSON, images and 100 000-token prompts, half streaming."""
    errands: list[Errand] = []
    left = requests
    shares = {"chat": 0.45, "json": 0.10, "image": 0.06, "long": 0.04}
    numbers = iter(range(100_000, 10_000_000))

    def spec(kind: str, words: int, steps: int = 0) -> Spec:
        return Spec(kind, next(numbers) * 10 + rng.randrange(10), words, steps)

    for kind, share in shares.items():
        for _ in range(round(requests * share)):
            at = rng.uniform(0, seconds)
            words = rng.choice((20, 40, 80, 160)) if kind == "chat" else rng.choice((16, 40))
            hard = kind == "long" or rng.random() < 0.3
            one = Errand(at, kind, [spec(kind, words)], rng.random() < 0.5, model, hard, next(numbers))
            one.filler = filler(
                one.number, 100_000 if kind == "long" else rng.choice((50, 300, 1500) if hard else (20, 50))
            )
            errands.append(one)
            left -= 1
    while left > 0:
        turns = min(rng.randint(1, 3), left) if seconds >= SHORT else 1
        specs = [spec("agent", rng.choice((20, 40)), rng.randint(1, 3)) for _ in range(turns)]
        one = Errand(rng.uniform(0, seconds * 0.85), "agent", specs, rng.random() < 0.5, model, True, next(numbers))
        one.system = "You are an agent. Use the tools.\n" + filler(one.number, rng.choice((1200, 2500, 5000)))
        errands.append(one)
        left -= one.requests
    return sorted(errands, key=lambda one: one.at)


def first_messages(errand: Errand) -> list[dict[str, Any]]:
    """Return what stands before an errand's first task."""
    return [{"role": "system", "content": errand.system}] if errand.system else []


def question(errand: Errand, spec: Spec) -> dict[str, Any]:
    """Return the user's message that asks for a task."""
    text = f"{errand.filler}\n\nPlease do this: {spec}" if errand.filler else f"Please do this: {spec}"
    if spec.kind == "image":
        parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": PIXEL}}]
        return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}
    return {"role": "user", "content": text}


def body(errand: Errand, messages: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the request that an errand sends for a conversation so far."""
    asked: dict[str, Any] = {"model": errand.model, "messages": list(messages), "stream": errand.stream}
    if errand.kind == "agent":
        asked["tools"] = TOOLS
    if errand.kind == "json":
        asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    if errand.stream:
        asked["stream_options"] = {"include_usage": True}
    return asked


def result(spec: Spec, step: int) -> str:
    """Return what the tool says to one call of a task."""
    return f"[[result {spec.seed} {step}]] " + json.dumps({"found": step * 7 + spec.seed % 11})
