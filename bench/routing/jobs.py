"""What is asked, when: chats, agents with tools whose prompts grow, batches, pictures, long texts; a day of them."""

import math
from dataclasses import dataclass, field
from random import Random

from wallas.types.chat import ChatRequest, Media, Message, Output, Text, Tool, ToolCall, ToolResult

FILLER = (
    "The river runs past the old mill and the road bends where the hedge begins to thin out near the chapel wall and "
    "nobody quite remembers who planted the row of limes along it although every spring somebody asks again. "
)
HARD_WORDS = (
    "Prove that \\sum_{k} 1/k^2 converges and bound the tail.",
    "Find the race in this code:\n```python\ndef take(self):\n    if self.n: self.n -= 1\n```\nand mend it.",
    "Refactor this class without changing what it does:\n```ts\nclass Store { get(k) { return this.m[k]; } }\n```",
    "Given 3 * x + 2 = 17 and y^2 = x + 11, derive all solutions step by step.",
    "Compare the two treaties' clauses on fishing rights and draw up an argument for each side.",
)
EASY_WORDS = (
    "What is a good name for a grey cat?",
    "Translate this into Spanish: where is the station?",
    "Say in one sentence what a mortgage is.",
    "Which of these is a fruit: apple, stone, lamp?",
    "Is `x => x` valid JavaScript?",
)
TOOLS = tuple(
    Tool(name=name, description=f"{name} a file of the project", parameters={"type": "object", "properties": {}})
    for name in ("read", "write", "list", "search", "run")
)


@dataclass
class Job:
    """One request: what it says, what it truly takes, and what it needs. ``at`` is seconds since the beginning."""

    id: int
    at: float
    kind: str
    hard: bool
    tokens: int
    output: int
    text: str
    session: str
    turn: int = 0
    stream: bool = True
    after: "Job | None" = None
    """The turn before, whose answer this one waits for."""
    needs: frozenset[str] = frozenset()
    done: float | None = field(default=None, compare=False)

    def request(self) -> ChatRequest:
        """Return the request as a client sends it."""
        messages: list[Message] = []
        if self.kind == "agent":
            messages.append(Message(role="system", parts=(Text(text=_prose(f"agent {self.session}", 5000)),)))
        opening = f"{self.session}: {self.text}"
        room = max(int(self.tokens * 3.6) - len(opening) - (5000 if self.kind == "agent" else 0), 0)
        messages.append(Message(role="user", parts=(Text(text=opening),)))
        if self.turn:
            messages += _history(self, room)
        elif room:
            messages[-1] = Message(role="user", parts=(Text(text=opening + "\n" + _prose(self.session, room)),))
        if self.kind == "image":
            picture = Media(kind="image", mime="image/png", data="iVBORw0KGgo=")
            messages.append(Message(role="user", parts=(Text(text="What is in it?"), picture)))
        return ChatRequest(
            model="auto",
            messages=tuple(messages),
            stream=self.stream,
            tools=TOOLS if self.kind == "agent" else (),
            output=Output(kind="schema", schema={"type": "object"}) if self.kind == "json" else None,
            max_tokens=None,
        )


def _history(job: Job, room: int) -> list[Message]:
    """Return the turns between the first question and now: calls and their results for an agent, else talk."""
    if job.kind != "agent":
        said = _prose(job.session, room)
        return [
            Message(role="assistant", parts=(Text(text=said),)),
            Message(role="user", parts=(Text(text=f"{job.text} ({job.turn})"),)),
        ]
    each = room // job.turn
    messages: list[Message] = []
    for turn in range(job.turn):
        name = f"call_{job.session}_{turn}"
        messages.append(Message(role="assistant", parts=(ToolCall(id=name, name="read", arguments='{"path":"a"}'),)))
        result = (Text(text=_prose(name, each)),)
        messages.append(Message(role="tool", parts=(ToolResult(call_id=name, parts=result),)))
    return messages


def _prose(name: str, size: int) -> str:
    return (name + " " + FILLER * (size // len(FILLER) + 1))[:size]


class Diary:
    """Collects jobs; every seed has its own."""

    def __init__(self, seed: int, what: str) -> None:
        """Begin an empty one."""
        self.random = Random(f"jobs {what} {seed}")
        self.jobs: list[Job] = []

    def add(self, at: float, kind: str, *, tokens: int, output: int, hard: bool, **more: object) -> Job:
        """Write a job down."""
        random = self.random
        words = HARD_WORDS if hard else EASY_WORDS
        session = str(more.pop("session", f"s{len(self.jobs)}"))
        job = Job(
            id=len(self.jobs),
            at=at,
            kind=kind,
            hard=hard,
            tokens=max(tokens, 30),
            output=output,
            text=str(more.pop("text", random.choice(words))),
            session=session,
            **more,  # type: ignore[arg-type]
        )
        self.jobs.append(job)
        return job

    def chat(self, at: float) -> None:
        """Write down a conversation of a few turns."""
        random = self.random
        session, before, size = f"c{len(self.jobs)}", None, random.lognormvariate(4.6, 0.8)
        hard = random.random() < 0.35
        text = random.choice(HARD_WORDS if hard else EASY_WORDS)
        for turn in range(random.choice([1, 1, 2, 3, 4])):
            output = int(random.lognormvariate(5.2, 0.6))
            before = self.add(
                at,
                "chat",
                tokens=int(size),
                output=output,
                hard=hard,
                session=session,
                turn=turn,
                after=before,
                text=text,
            )
            size += output + random.lognormvariate(4.0, 0.6)
            at += random.uniform(8, 30)

    def agent(self, at: float, turns: tuple[int, int] = (6, 24)) -> None:
        """Write down an agent's work: a long prefix that grows with every tool's result."""
        random = self.random
        session, before, size = f"a{len(self.jobs)}", None, random.uniform(2500, 7000)
        hard = random.random() < 0.7
        text = random.choice(HARD_WORDS if hard else EASY_WORDS)
        for turn in range(random.randint(*turns)):
            output = int(random.lognormvariate(4.4, 0.6))
            before = self.add(
                at,
                "agent",
                tokens=int(size),
                output=output,
                hard=hard,
                session=session,
                turn=turn,
                after=before,
                needs=frozenset({"tools"}),
                text=text,
            )
            size += output + random.lognormvariate(6.0, 0.8)
            at += random.uniform(2, 8)

    def single(self, at: float, kind: str) -> None:
        """Write down a lone request: with a schema, a picture, or a long text."""
        random = self.random
        tokens = int({"json": 300, "image": 900, "long": 100_000}[kind] * random.uniform(0.7, 1.1))
        needs = frozenset({"vision"}) if kind == "image" else frozenset[str]()
        output = int(random.lognormvariate(4.8, 0.5))
        self.add(at, kind, tokens=tokens, output=output, hard=random.random() < 0.4, needs=needs)

    def batch(self, at: float, count: int, *, width: int = 4) -> None:
        """Write down a batch of small plain requests, so many at a time."""
        before: list[Job | None] = [None] * width
        for number in range(count):
            lane = number % width
            output = int(self.random.lognormvariate(3.6, 0.4))
            before[lane] = self.add(
                at,
                "batch",
                tokens=int(self.random.uniform(150, 600)),
                output=output,
                hard=False,
                stream=False,
                after=before[lane],
            )


def chat(seed: int, seconds: float = 900.0) -> list[Job]:
    """Return conversations, two beginning every three seconds or so."""
    diary = Diary(seed, "chat")
    for at in _arrivals(diary.random, seconds - 90, 1 / 1.5):
        diary.chat(at)
    return _sorted(diary)


def agents(seed: int, seconds: float = 900.0) -> list[Job]:
    """Return agents at work, five to ten at a time."""
    diary = Diary(seed, "agents")
    for at in _arrivals(diary.random, seconds - 120, 1 / 12):
        diary.agent(at)
    return _sorted(diary)


def batch(seed: int, seconds: float = 900.0) -> list[Job]:
    """Return batches, with some chats beside them."""
    diary = Diary(seed, "batch")
    for begin in range(5):
        diary.batch(begin * seconds / 6, 60)
    for at in _arrivals(diary.random, seconds - 90, 1 / 12):
        diary.chat(at)
    return _sorted(diary)


def mixed(seed: int, seconds: float = 300.0, count: int = 1150) -> list[Job]:
    """Return everything at once: 1150 requests in 300 seconds."""
    diary = Diary(seed, "mixed")
    random = diary.random
    while len(diary.jobs) < count:
        at = random.uniform(0, seconds - 10)
        draw = random.random()
        if draw < 0.09:
            diary.agent(random.uniform(0, seconds * 0.7), turns=(4, 14))
        elif draw < 0.24:
            diary.single(at, "json")
        elif draw < 0.36:
            diary.single(at, "image")
        elif draw < 0.375:
            diary.single(at, "long")
        else:
            diary.chat(random.uniform(0, seconds * 0.9))
    return _sorted(diary)


def day(seed: int, seconds: float = 86400.0) -> list[Job]:
    """Return a day: people come in the morning and leave at night; agents work, a batch runs at noon and at night."""
    diary = Diary(seed, "day")
    random = diary.random
    for at in _arrivals(random, seconds - 600, 1 / 40):
        if random.random() > 0.15 + 0.85 * max(math.sin((at / 3600 - 1.0) / 16 * math.pi), 0.0):
            continue
        draw = random.random()
        if draw < 0.10:
            diary.agent(at)
        elif draw < 0.2:
            diary.single(at, random.choice(["json", "image"]))
        elif draw < 0.21:
            diary.single(at, "long")
        else:
            diary.chat(at)
    diary.batch(6 * 3600, 120)
    diary.batch(18 * 3600, 120)
    return _sorted(diary)


def _arrivals(random: Random, seconds: float, rate: float) -> list[float]:
    found, at = [], random.expovariate(rate)
    while at < seconds:
        found.append(at)
        at += random.expovariate(rate)
    return found


def _sorted(diary: Diary) -> list[Job]:
    return sorted(diary.jobs, key=lambda job: (job.at, job.id))


WORKLOADS = {"chat": chat, "agents": agents, "batch": batch, "mixed": mixed, "day": day}
