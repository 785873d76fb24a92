"""The two ends of an answer: status and headers before its first byte, and what is committed before its last."""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from wallas.catalog.entries import Model
from wallas.codecs.plain import PlainEncoder
from wallas.errors import GatewayError
from wallas.routing.enrich import kept_of
from wallas.routing.trail import trail
from wallas.routing.whole import shown
from wallas.types.chat import ChatResponse, Extra
from wallas.types.events import Event, Finished, Fold, merged
from wallas.types.flow import BLOCK, Want

if TYPE_CHECKING:
    from wallas.routing.attempt import Attempt
    from wallas.routing.attempts import Attempts

log = logging.getLogger(__name__)

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    529: "Overloaded",
}
ANTHROPIC_DOWN = 529
UNKEPT: Extra = {"openai_responses": {"_unkept": True}}
"""What an answer says that could not be kept."""
NAMES_TOLD, NAME_CHARS = 100, 100
"""How much a stream's last comment tells of what was dropped: a client may name anything."""
_compact = json.JSONEncoder(separators=(",", ":")).encode


class Closing:
    """Both ends of an answer.

    Status and headers are fixed once, by the first content, the first keep-alive or the error. Behind it, what the
    client may name next is committed, the usage told, the end written, and the request booked once.
    """

    __slots__ = ("attempts", "booked", "overhead", "whole")

    def __init__(self, attempts: "Attempts") -> None:
        """Belong to one answer."""
        self.attempts = attempts
        plan = attempts.plan
        self.whole = Fold() if plan.keep_response or plan.keep_seals else None
        self.booked = False
        self.overhead: float | None = None
        """Milliseconds until the first request had left: the gateway's own."""

    def open(self, length: int | None = None, *, answered: bool = True) -> None:
        """Fix the head of an answer: 200, and what is known by now; of a keep-alive nobody knows whose it will be."""
        attempts = self.attempts
        if attempts.head is not None:
            return
        headers = [("Content-Type", attempts.out.content_type)]
        if length is not None:
            headers += [("Content-Length", str(length)), ("Cache-Control", "no-store")]
        else:
            headers += [("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no")]
        attempts.head = ("200 OK", headers + self._told(answered=answered, settled=answered))

    def fail(self, error: GatewayError, length: int) -> None:
        """Fix the head of an error."""
        status = error.status
        if status == 503 and self.attempts.plan.codec.WIRE == "anthropic":
            status = ANTHROPIC_DOWN
        headers = [("Content-Type", "application/json"), ("Content-Length", str(length)), ("Cache-Control", "no-store")]
        if error.retry_after is not None:
            headers.append(("Retry-After", str(max(math.ceil(error.retry_after), 1))))
        if status < 429:
            headers.append(("x-should-retry", "false"))
        told = headers + self._told(answered=False, settled=True)
        self.attempts.head = (f"{status} {REASONS.get(status, 'Error')}", told)

    def _told(self, *, answered: bool, settled: bool) -> list[tuple[str, str]]:
        attempts = self.attempts
        hops = attempts.record.hops
        told = [("X-Request-Id", attempts.plan.id)]
        if attempts.plan.codec.WIRE == "anthropic":
            told.append(("request-id", attempts.plan.id))
        if attempts.plan.auxiliary:
            told.append(("X-Wallas-Class", "auxiliary"))
        if attempts.plan.profile:
            told.append(("X-Wallas-Profile", _safe(attempts.plan.profile)))
        if self.overhead is not None:
            told += [("X-Wallas-Overhead-Ms", f"{self.overhead:.2f}")]
        if hops and answered:
            told += [("X-Wallas-Provider", _safe(hops[-1].provider)), ("X-Wallas-Model", _safe(hops[-1].model))]
        if settled:
            told += [("X-Wallas-Attempts", str(len(hops))), ("X-Wallas-Trail", trail(hops))]
            if attempts.dropped:
                told.append(("X-Wallas-Dropped", _safe(", ".join(attempts.dropped))[:2000]))
            if attempts.converted:
                told.append(("X-Wallas-Converted", _safe(", ".join(attempts.converted))[:2000]))
        return told

    def late_news(self) -> str:
        """Return what the head could not say yet, as one line for a comment; "" when it said all."""
        attempts = self.attempts
        hops = attempts.record.hops
        last = hops[-1]
        news = {
            "provider": last.provider,
            "model": last.model,
            "attempts": len(hops),
            "trail": trail(hops),
            "dropped": [name[:NAME_CHARS] for name in attempts.dropped[:NAMES_TOLD]],
        }
        if attempts.converted:
            news["converted"] = [name[: 3 * NAME_CHARS] for name in attempts.converted[:NAMES_TOLD]]
        return "wallas " + _compact(news)

    def watch(self, event: Event) -> None:
        """Remember an event that the client gets, where something of it may have to be kept."""
        if self.whole is not None:
            self.whole.add(event)

    def finish(self, events: Sequence[Event], model: Model) -> Iterator[bytes | Want]:
        """Yield the rest of an answer and its end, after the commit it waits for."""
        told = self._with_usage(events, model)
        if self.whole is not None:
            for event in told:
                self.whole.add(event)
            yield BLOCK
            if not self._commit(self.whole.result()):
                told = [_unstored(event) for event in told]
        out = self.attempts.out
        yield self._plain(out, told) if type(out) is PlainEncoder else self._stream_end(told)
        self.book("ok", 200)

    def give(self, attempt: "Attempt", response: ChatResponse) -> bytes:
        """Return an answer that came whole, after the commit it waits for. May block where ``whole`` is kept."""
        attempts = self.attempts
        answer = shown(attempt, response, attempts.tally.usage(response.usage, attempt.candidate.model, attempt.hop))
        if self.whole is not None and not self._commit(answer):
            answer = msgspec.structs.replace(answer, extra=merged(answer.extra, UNKEPT))
        out: PlainEncoder = attempts.out  # type: ignore[assignment]
        body = out.finish(answer)
        self.open(len(body))
        self.book("ok", 200)
        return body

    def _plain(self, out: PlainEncoder, events: Sequence[Event]) -> bytes:
        for event in events:
            out.encode(event)
        body = out.finish()
        self.open(len(body))
        return body

    def _stream_end(self, events: Sequence[Event]) -> bytes:
        out = self.attempts.out
        self.open()
        body = b""
        for event in events:
            if type(event) is not Finished:
                body += out.encode(event)
        body += out.note(self.late_news())
        for event in events:
            if type(event) is Finished:
                body += out.encode(event)
        return body

    def _with_usage(self, events: Sequence[Event], model: Model) -> list[Event]:
        """Return the events, the last end of which tells what the client is told of the usage."""
        told = list(events)
        for place in range(len(told) - 1, -1, -1):
            event = told[place]
            if type(event) is Finished:
                usage = self.attempts.tally.usage(event.usage, model)
                if self.attempts.others is not None:
                    usage = self.attempts.others.added(usage)
                told[place] = msgspec.structs.replace(event, usage=usage)
                break
        return told

    def _commit(self, response: ChatResponse) -> bool:
        """Keep what the client may name next; return False when that was not possible: the answer goes out anyway."""
        plan, journal = self.attempts.plan, self.attempts.desk.journal
        try:
            said = (choice.message for choice in response.choices)
            if plan.keep_seals and (kept := kept_of(said, before=plan.request.messages)):
                journal.keep_seals(kept)
            if plan.keep_response:
                journal.keep_response(msgspec.structs.replace(plan.request, previous_id=plan.previous_id), response)
        except Exception as error:
            log.error("request %s: the answer could not be kept: %s", plan.id, type(error).__name__)
            return False
        return True

    def book(self, outcome: str, status: int) -> None:
        """Book the request: the first call counts."""
        if self.booked:
            return
        self.booked = True
        record = self.attempts.record
        record.outcome, record.status = outcome, status
        record.ms = (self.attempts.desk.clock() - self.attempts.deadlines.started) * 1000
        if self.attempts.others is None or not self.attempts.others.book():
            self.attempts.desk.journal.record(record)


def _unstored(event: Event) -> Event:
    """Return an answer's end that says that the answer was not kept."""
    if not isinstance(event, Finished):
        return event
    extra = merged(event.response_extra, UNKEPT)
    return msgspec.structs.replace(event, response_extra=extra)


@lru_cache(maxsize=4096)
def _safe(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
