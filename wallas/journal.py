"""Keeps what happened: outcomes behind the answer's back, and before its end what the client may name next."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from wallas.codecs.openai_responses import carried
from wallas.errors import GatewayError
from wallas.health import BLAMELESS
from wallas.routing.deadlines import OUT_OF_TIME
from wallas.routing.enrich import Kept
from wallas.routing.trail import Hop, Record
from wallas.storage.circuits import CircuitChange, save_circuits
from wallas.storage.plain import Writing
from wallas.storage.requests import add_attempts, add_requests
from wallas.storage.responses import load_response, save_response
from wallas.storage.seals import find_seals, make_seal, save_seals
from wallas.storage.writer import Writer
from wallas.types.chat import ChatRequest, ChatResponse, Message
from wallas.types.span import spelled

log = logging.getLogger(__name__)

UNSEALED_MOST = 5000
"""Calls without a seal that a worker remembers: what some hundred conversations of agents show again."""

RESPONSE_SECONDS = 30 * 24 * 3600.0


class DatabaseJournal:
    """The journal of one worker over one database."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        """Write behind with ``writer``; commit and read with ``engine``."""
        self.engine = engine
        self.writer = writer
        self.unsealed: dict[tuple[str, str, str], None] = {}
        """Calls for which nothing was kept, the oldest first: an agent sends all of them again with every turn."""

    def record(self, record: Record) -> None:
        """Queue one request's history, with its attempts."""
        self.writer.put(add_records, record)

    def keep_seals(self, kept: Mapping[str, Kept]) -> None:
        """Commit seals by tool-call id, and by name and mark."""
        for id, own in kept.items():
            self.unsealed.pop((id, own.name, own.mark), None)
        save_seals(
            self.engine,
            [
                make_seal(
                    call_id,
                    name=own.name,
                    arguments_hash=own.mark,
                    issuer=own.seal.issuer if own.seal else "",
                    value=msgspec.json.encode(own).decode(),
                )
                for call_id, own in kept.items()
            ],
        )

    def seals(self, calls: Mapping[str, tuple[str, str]]) -> dict[str, Kept]:
        """Return what was kept for these tool calls, given as id to name and mark; the newest of each holds.

        What was not kept when a call came back first is not kept later: it is committed before the call is told.
        A database that cannot be read costs the seals, not the answer.
        """
        calls = {id: mark for id, mark in calls.items() if (id, *mark) not in self.unsealed}
        if not calls:
            return {}
        try:
            rows = find_seals(self.engine, list(calls), calls=list(calls.values()))
        except SQLAlchemyError as error:
            log.warning("no seals, the database does not answer: %s", type(error).__name__)
            return {}
        by_id = {row.call_id: row.value for row in reversed(rows)}
        by_mark = {(row.name, row.arguments_hash): row.value for row in reversed(rows)}
        found = {id: by_id.get(id) or by_mark.get(mark) for id, mark in calls.items()}
        self._remember([(id, *calls[id]) for id, value in found.items() if not value])
        return {id: msgspec.json.decode(value, type=Kept) for id, value in found.items() if value}

    def _remember(self, bare: Iterable[tuple[str, str, str]]) -> None:
        self.unsealed.update(dict.fromkeys(bare))
        if len(self.unsealed) > UNSEALED_MOST:
            for call in list(self.unsealed)[: UNSEALED_MOST // 2]:
                self.unsealed.pop(call, None)

    def keep_response(self, request: ChatRequest, response: ChatResponse) -> None:
        """Commit a response with the whole conversation that led to it."""
        save_response(
            self.engine,
            response.id,
            request=msgspec.json.encode(request, enc_hook=spelled),
            response=msgspec.json.encode(response),
            expires_at=time.time() + RESPONSE_SECONDS,
            previous_id=request.previous_id,
        )

    def stored(self, id: str) -> tuple[ChatRequest, ChatResponse] | None:
        """Return a stored response and the request it answered, its earlier turns included."""
        with answering_database():
            row = load_response(self.engine, id)
        if row is None:
            return None
        request = msgspec.json.decode(row.request, type=ChatRequest)
        return request, msgspec.json.decode(row.response, type=ChatResponse)

    def conversation(self, id: str) -> Sequence[Message] | None:
        """Return the messages of the conversation that ends in a stored response."""
        found = self.stored(id)
        if found is None:
            return None
        request, response = found
        return carried((*request.messages, *(choice.message for choice in response.choices[:1])))


def add_records(to: Writing, records: Sequence[Record]) -> None:
    """Store requests that have ended with their attempts, and count these in the same transaction.

    So the counts of `circuits` are the sums of what `attempts` has, whenever the process is killed.
    """
    told = [(record, record.hops[:]) for record in records]
    add_requests(to, [_request(record, len(hops), hops[-1] if hops else UNTRIED) for record, hops in told])
    tried = [(record, number, hop) for record, hops in told for number, hop in enumerate(hops, 1)]
    if not tried:
        return
    add_attempts(to, [_attempt(*one) for one in tried])
    if changes := counted([(record, hop) for record, _, hop in tried]):
        save_circuits(to, changes)


UNCOUNTED = frozenset({"answering", "cancelled", OUT_OF_TIME} | {kind.name.lower() for kind in BLAMELESS})
"""How an attempt may end that is to nobody's credit and nobody's blame."""


def counted(tries: Iterable[tuple[Record, Hop]]) -> list[CircuitChange]:
    """Return what attempts add to the counts of each (provider, model, key)."""
    found: dict[tuple[str, str, str], _Count] = {}
    for record, hop in tries:
        if hop.outcome in UNCOUNTED:
            continue
        place = (hop.provider, hop.model, hop.key)
        count = found.get(place)
        if count is None:
            count = found[place] = _Count()
        count.at = max(count.at, record.at + (hop.after + hop.ms) / 1000)
        if hop.outcome == "ok":
            count.successes += 1
            count.run = 0
        else:
            count.failures += 1
            count.run += 1
    return [
        CircuitChange(*place, one.successes, one.failures, None, None, None, None, None, one.at, one.run)
        for place, one in found.items()
    ]


class _Count(msgspec.Struct):
    """How often one circuit answered and failed, how often since its last success, and when its last attempt ended."""

    successes: int = 0
    failures: int = 0
    run: int = 0
    at: float = 0.0


@contextmanager
def answering_database() -> Iterator[None]:
    """Turn a database that does not answer into an error that a client can read."""
    try:
        yield
    except SQLAlchemyError as error:
        log.error("a stored response could not be had: %s", type(error).__name__)
        raise GatewayError("the gateway's database does not answer", status=503, code="storage_unavailable") from error


UNTRIED = Hop(provider="", model="", key="")
"""Stands for the last attempt of a request that came to none."""


def _request(record: Record, attempts: int, hop: Hop) -> dict[str, object]:
    """Return the row of a request, whose last attempt is ``hop``."""
    return {
        "request_id": record.id,
        "started_at": record.at,
        "ms": record.ms,
        "wire": record.wire,
        "operation": record.operation,
        "stream": record.stream,
        "asked_model": record.asked,
        "outcome": record.outcome,
        "status": record.status,
        "attempts": attempts,
        "profile": record.profile,
        "ttft_ms": hop.ttft_ms,
        "error_class": None if record.outcome == "ok" else record.outcome,
        "provider": hop.provider or None,
        "model": hop.model or None,
        "key_id": None if hop is UNTRIED else hop.key,
        "input_tokens": hop.input,
        "output_tokens": hop.output,
        "cached_tokens": hop.cached,
        "reasoning_tokens": hop.reasoning,
        "estimated": hop.estimated,
        "cost": hop.cost,
        "client_id": record.client or None,
    }


def _attempt(record: Record, number: int, hop: Hop) -> dict[str, object]:
    """Return the row of an attempt."""
    return {
        "request_id": record.id,
        "number": number,
        "started_at": record.at + hop.after / 1000,
        "ms": hop.ms,
        "provider": hop.provider,
        "model": hop.model,
        "key_id": hop.key,
        "outcome": hop.outcome,
        "ttft_ms": hop.ttft_ms,
        "status": hop.status,
        "error_class": None if hop.outcome == "ok" else hop.outcome,
        "input_tokens": hop.input,
        "output_tokens": hop.output,
        "cached_tokens": hop.cached,
        "reasoning_tokens": hop.reasoning,
        "estimated": hop.estimated,
        "cost": hop.cost,
        "said_model": hop.said_model or None,
        "client_id": record.client or None,
    }
