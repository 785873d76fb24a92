"""One of several candidates that are asked the same at once: an ordinary one-candidate attempt in a thread of its own.

``docs/fork.md`` tells what forks are for. A branch ends whole, in its
provider's failure, or cut off because another won; all of them make one record.
"""

import copy
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from wallas.errors import GatewayError
from wallas.routing.attempts import Attempts
from wallas.routing.candidates import Candidate
from wallas.routing.desk import Desk, Journal
from wallas.routing.enrich import Kept
from wallas.routing.plan import Plan
from wallas.routing.stream import Stream
from wallas.routing.trail import Hop, Record
from wallas.types.chat import ChatRequest, ChatResponse, Text, ToolCall
from wallas.types.events import Event, Finished, Fold, Ping
from wallas.types.flow import Inlet

log = logging.getLogger(__name__)

PREVIEW = 240


class Listening:
    """What stands where a client's encoder does, and keeps what it hears instead of writing bytes."""

    def __init__(self) -> None:
        """Know of no error."""
        self.fault: GatewayError | None = None

    def words(self, index: int, choice: int) -> None:
        """Return None: words go through ``encode``."""

    def ping(self) -> bytes:
        """Return nothing: nobody waits here."""
        return b""

    def note(self, text: str) -> bytes:
        """Return nothing."""
        return b""

    def error(self, error: GatewayError) -> bytes:
        """Keep the error that a client would have got."""
        self.fault = error
        return b""


class Heard(Listening):
    """What stands in the client's place for one branch: it writes nothing and keeps the whole answer."""

    content_type = "application/json"

    def __init__(self) -> None:
        """Start with nothing heard."""
        super().__init__()
        self.whole = Fold()
        self.ended = 0

    def encode(self, event: Event) -> bytes:
        """Keep an event."""
        if not isinstance(event, Ping):
            self.whole.add(event)
            self.ended += isinstance(event, Finished)
        return b""


class Sheaf:
    """The journal of all branches of one request: it writes one record once the last of them has ended."""

    def __init__(self, journal: Journal, record: Record, *, branches: int) -> None:
        """Gather the records of so many branches into ``record``."""
        self.journal = journal
        self.whole = record
        self.left = branches + 1
        self.parts: list[tuple[Record, float]] = []
        self.last: Record | None = None
        self.lock = threading.Lock()

    def record(self, record: Record) -> None:
        """Keep one branch's history; its hops are told from the whole request's beginning."""
        with self.lock:
            self.parts.append((record, (record.at - self.whole.at) * 1000))

    def keep_seals(self, kept: Mapping[str, Kept]) -> None:
        """Commit seals: the client may go on with any of the answers."""
        self.journal.keep_seals(kept)

    def keep_response(self, request: ChatRequest, response: ChatResponse) -> None:
        """Commit a stored response."""
        self.journal.keep_response(request, response)

    def leave(self) -> None:
        """Note that a branch, or the request itself, is over; the last one writes."""
        with self.lock:
            self.left -= 1
            if self.left:
                return
        self.gather()
        self.journal.record(self.whole)

    def join(self, branches: int) -> None:
        """Wait for so many more branches."""
        with self.lock:
            self.left += branches

    def gather(self, *, before: bool = False) -> None:
        """Put the hops of the branches that have ended into the whole record, behind its own or ``before`` them."""
        with self.lock:
            parts, self.parts = self.parts, []
        hops = []
        for record, later in sorted(parts, key=lambda part: part[0] is self.last):
            for hop in record.hops:
                hop.after += later
                hops.append(hop)
        own = self.whole.hops[:]
        self.whole.hops[:] = [*hops, *own] if before else [*own, *hops]


class Branch:
    """One candidate's try. ``run`` is for a thread of a pool, everything else for the thread that judges."""

    def __init__(self, candidate: Candidate, *, number: int) -> None:
        """Stand by with one candidate."""
        self.candidate = candidate
        self.number = number
        self.heard = Heard()
        self.attempts: Attempts | None = None
        self.stream: Stream | None = None
        self.is_cut = False
        self.over = False
        self.near, self.far = socket.socketpair()

    @property
    def id(self) -> str:
        """Return ``provider/model``, which no other branch of the request has."""
        return self.candidate.model.key

    @property
    def hops(self) -> list[Hop]:
        """Return the tries so far: one, or two where a refusal taught how to ask better."""
        return self.attempts.record.hops if self.attempts else []

    @property
    def whole(self) -> bool:
        """Return whether a whole answer came."""
        return self.over and bool(self.hops) and self.hops[-1].outcome == "ok"

    @property
    def status(self) -> str:
        """Return how it stands: waiting, answering, cancelled, ok, or its failure's kind."""
        if self.is_cut and not self.whole:
            return "cancelled"
        return self.hops[-1].outcome if self.hops else "waiting"

    @property
    def seconds(self) -> float:
        """Return how long it took, or has taken so far."""
        if self.attempts is None:
            return 0.0
        taken = self.attempts.record.ms / 1000
        return taken or self.attempts.desk.clock() - self.attempts.deadlines.started

    @property
    def first_seconds(self) -> float | None:
        """Return the seconds to the first content, None before it."""
        last = self.hops[-1] if self.hops else None
        return None if last is None or last.ttft_ms is None else (last.after + last.ttft_ms) / 1000

    def response(self) -> ChatResponse:
        """Return the answer as far as it has come."""
        return self.heard.whole.result()

    def run(self, plan: Plan, desk: Desk, sheaf: Sheaf, done: Callable[[], None]) -> None:
        """Ask, and wait for the end; never raises."""
        try:
            if not self.is_cut:
                self._ask(plan, desk, sheaf)
        except Exception:
            log.exception("request %s: the branch at %s broke", plan.id, self.id)
        finally:
            self.over = True
            done()

    def cut(self) -> None:
        """Shut it down at once, from another thread: its own thread wakes and cuts its provider off."""
        self.is_cut = True
        if self.stream is not None:
            self.stream.cancelled = True
        self.far.close()

    def close(self) -> None:
        """Close what wakes its thread; only once that has ended."""
        self.near.close()
        self.far.close()

    def _ask(self, plan: Plan, desk: Desk, sheaf: Sheaf) -> None:
        own = copy.copy(desk)
        own.journal = sheaf
        self.attempts = Attempts(self.plan_of(plan), own)
        self.attempts.closing.open()  # from here on an error comes to ``heard`` as a value
        self.stream = Stream(self.attempts).bind(_nobody, self.near)
        self.stream.cancelled = self.is_cut
        for _ in self.stream:
            pass

    def plan_of(self, plan: Plan) -> Plan:
        """Return this branch's own plan: one candidate, one try, a whole answer."""
        prefix = plan.answer_id[: -len(secrets.token_hex(14))]
        return msgspec.structs.replace(
            plan,
            request=msgspec.structs.replace(plan.request, stream=True),
            candidates=[self.candidate],
            excluded=[],
            again=None,
            out=self.heard,
            answer_id=prefix + secrets.token_hex(14),
            session=f"fork:{plan.id}",
            hold="turn",
            fallback=False,
            wait=0.0,
        )


def _nobody(*head: Any) -> None:
    """Take the status that no client waits for."""


class Bell:
    """What the judging stream waits for, in the shape of a provider's body: it rings when a branch has ended."""

    ended = False

    def __init__(self) -> None:
        """Open a descriptor that becomes readable when the bell rings."""
        self.failed: Exception | None = None
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.inlet = Inlet(self.descriptor)
        self.lock = threading.Lock()

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.descriptor

    def pending(self) -> int:
        """Return that a poll tells everything."""
        return 0

    def ring(self) -> None:
        """Wake whoever waits; from any thread, also when it is too late."""
        with self.lock:
            if self.descriptor >= 0:
                os.eventfd_write(self.descriptor, 1)

    def quiet(self) -> None:
        """Stop ringing."""
        self.failed = None
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)

    def abort(self) -> None:
        """Close the descriptor."""
        with self.lock:
            if self.descriptor >= 0:
                self.inlet.end()
                os.close(self.descriptor)
                self.descriptor = -1


def said(response: ChatResponse) -> str:
    """Return the first answer's text, with its tool calls as they would be written."""
    if not response.choices:
        return ""
    parts = response.message.parts
    calls = [f"{part.name}({part.arguments})" for part in parts if isinstance(part, ToolCall)]
    return "\n".join([*(part.text for part in parts if isinstance(part, Text)), *calls])


def preview(text: str) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(text[: PREVIEW * 2].split())
    return line if len(line) <= PREVIEW else line[: PREVIEW - 1] + "…"
