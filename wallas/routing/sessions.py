"""Remembers which model a conversation met last, because its beginning may still be cached there."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from wallas.routing.sight import Sight, sight_of
from wallas.types.chat import ChatRequest, Text

SESSION_SECONDS = 600.0
CACHE_SECONDS = 240.0
"""How long most providers keep a prompt's beginning, a little less: Anthropic's five minutes are the shortest known."""
TOOL_SECONDS = 15.0
"""How long an agent is waited for that was given calls of tools."""
DUE_MOST = 200
SESSIONS_MOST = 20_000
PREFILL_SPEED = 1500.0
"""Tokens that are worth a second when a cache holds them; fewer than are read in one: they spare quota, too (bench)."""
BONUS_MOST = 6.0
SESSION_TOKENS = 512
PASSING = ("fork:", "judge:")
"""Keys that no conversation has."""
LONG = 32_768
"""Characters from which on a conversation's opening is told by its ends and its length."""
TOLD_LATER = 0.5
"""Seconds by which another worker's word has to be newer than one's own: clocks differ a little."""


class Met(msgspec.Struct, frozen=True):
    """A model that a session met: its key, the tokens of the prompt, when, and with which credential.

    ``number`` counts what this worker has seen itself.
    """

    model: str
    tokens: int
    at: float
    key: str
    number: int = 0


class Bonus(NamedTuple):
    """The model that has a conversation's beginning in its cache, the seconds that saves, and with which credential."""

    model: str
    seconds: float
    key: str = ""


class Sessions:
    """The sessions of one worker, the oldest forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any."""
        self.clock = clock
        self.met: dict[str, Met] = {}
        """Where this worker's own sessions were last, the latest at the end."""
        self.count = self.told = 0
        """How many answers were noted, and how many of them the others know of."""
        self.heard: OrderedDict[str, Met] = OrderedDict()
        """What other workers told, by print."""
        self.due: dict[str, dict[str, float]] = {}
        """By model, the sessions that will be back at once with the results of their tools, and until when."""
        self.lock = threading.Lock()

    def expected(self, model: str) -> int:
        """Return how many sessions will be back at a model at once: it spoke last, and called tools."""
        due = self.due.get(model)
        if not due:
            return 0
        now = self.clock()
        return sum(until > now for until in tuple(due.values()))

    def _expect(self, key: str, model: str, before: Met | None, calls: bool) -> None:
        if before is not None and before.model in self.due:
            self.due[before.model].pop(key, None)
        if calls:
            due = self.due.setdefault(model, {})
            now = self.clock()
            if len(due) >= DUE_MOST:
                due = self.due[model] = {name: until for name, until in due.items() if until > now}
            due[key] = now + TOOL_SECONDS

    def remember(
        self,
        key: str,
        model: str,
        tokens: int,
        *,
        credential: str = "",
        calls: bool = False,
        now: float | None = None,
    ) -> None:
        """Note that a session's last answer came from a model, called with a credential ("": any).

        ``calls``: it called tools, so that the session will be back. ``now`` is when it came if not now.
        """
        at = self.clock() if now is None else now
        with self.lock:
            before = self.met.pop(key, None)
            if calls or self.due:
                self._expect(key, model, before, calls)
            self.count += 1
            self.met[key] = Met(model, tokens, at, credential, self.count)
            if before is None and len(self.met) > SESSIONS_MOST:
                del self.met[next(iter(self.met))]

    def drain(self) -> list[tuple[str, Met]]:
        """Return what is new since the last time, for the other workers."""
        news = []
        with self.lock:
            for key, met in reversed(self.met.items()):
                if met.number <= self.told:
                    break
                news.append((key, met))
            self.told = self.count
        return [(key, met) for key, met in reversed(news) if not key.startswith(PASSING)]

    def learn(self, id: str, model: str, tokens: int, *, credential: str, seconds: float) -> None:
        """Take in what another worker told so many seconds after it happened; ``id`` is a ``print_of``."""
        with self.lock:
            known, at = self.heard.get(id), self.clock() - seconds
            if known is None or at > known.at + 1e-3:
                self.heard[id] = Met(model, tokens, at, credential)
                self.heard.move_to_end(id)
                if len(self.heard) > SESSIONS_MOST:
                    self.heard.popitem(last=False)

    def _latest(self, key: str) -> Met | None:
        met = self.met.get(key)
        told = self.heard.get(print_of(key)) if self.heard else None
        if met is None or told is None:
            return met or told
        return told if told.at > met.at + TOLD_LATER else met

    def again(self, key: str, model: str, *, credential: str) -> bool:
        """Return whether a session's last answer came from this model with this credential, not long ago."""
        met = self._latest(key)
        return (
            met is not None and met.model == model and met.key == credential and self.clock() - met.at < CACHE_SECONDS
        )

    def bonus(self, key: str, tokens: int) -> Bonus | None:
        """Return who has this session's beginning, and the seconds that its cache saves; None without."""
        met = self._latest(key) if tokens >= SESSION_TOKENS else None
        if met is None or met.tokens < SESSION_TOKENS or self.clock() - met.at > SESSION_SECONDS:
            return None
        return Bonus(met.model, min(met.tokens / PREFILL_SPEED, tokens / PREFILL_SPEED, BONUS_MOST), met.key)


def session_key(request: ChatRequest, named: str | None, *, sight: Sight | None = None) -> str:
    """Return what names a conversation: the caller's own name for it, else a print of how it begins.

    ``sight`` is what was seen of the request, if somebody looked already.
    """
    if named:
        return f"named:{named}"
    for wire in ("openai_chat", "openai_responses") if request.extra else ():
        if isinstance(key := request.extra.get(wire, {}).get("prompt_cache_key"), str) and key:
            return f"cache:{key}"
    said = request.user or (str(request.metadata.get("user_id", "")) if request.metadata else "")
    opening = _opening(request)
    if (sight or sight_of(request)).size >= LONG:
        opening = [_ends(text) for text in opening]
    return print_of("\0".join([said, request.model, *opening]))


def _opening(request: ChatRequest) -> list[str]:
    """Return the texts up to the first turn of the user's."""
    texts: list[str] = []
    for message in request.messages:
        texts += [part.text for part in message.parts if type(part) is Text]
        if message.role == "user":
            break
    return texts


def _ends(text: str) -> str:
    """Return what tells a text from others of its sort: a print of a megabyte would cost as much as to send it."""
    return text if len(text) < LONG else f"{len(text)}\0{text[: LONG // 2]}\0{text[-LONG // 2 :]}"


def print_of(key: str) -> str:
    """Return a print of a conversation's beginning or key: what a caller says stays in this process."""
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()
