"""Keeps what happened: outcomes behind the answer's back, and before its end what the client may name next."""

import time
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine

from wallas.codecs.openai_responses import carried
from wallas.routing.enrich import Kept
from wallas.routing.trail import Hop, Record
from wallas.storage.requests import AttemptRecord, RequestRecord, add_attempts, add_requests
from wallas.storage.responses import load_response, save_response
from wallas.storage.seals import find_seals, make_seal, save_seals
from wallas.storage.writer import Writer
from wallas.types.chat import ChatRequest, ChatResponse, Message

RESPONSE_SECONDS = 30 * 24 * 3600.0


class DatabaseJournal:
    """The journal of one worker over one database."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        """Write behind with ``writer``; commit and read with ``engine``."""
        self.engine = engine
        self.writer = writer

    def record(self, record: Record) -> None:
        """Queue one request's history, with its attempts."""
        last = record.hops[-1] if record.hops else None
        self.writer.put(add_requests, _request_row(record, last))
        for number, hop in enumerate(record.hops, 1):
            self.writer.put(add_attempts, _attempt_row(record, hop, number))

    def keep_seals(self, kept: Mapping[str, Kept]) -> None:
        """Commit seals by tool-call id, and by name and mark."""
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
        """Return what was kept for these tool calls, given as id to name and mark; the newest of each holds."""
        rows = find_seals(self.engine, list(calls), calls=list(calls.values()))
        by_id = {row.call_id: row.value for row in reversed(rows)}
        by_mark = {(row.name, row.arguments_hash): row.value for row in reversed(rows)}
        found = {id: by_id.get(id) or by_mark.get(mark) for id, mark in calls.items()}
        return {id: msgspec.json.decode(value, type=Kept) for id, value in found.items() if value}

    def keep_response(self, request: ChatRequest, response: ChatResponse) -> None:
        """Commit a response with the whole conversation that led to it."""
        save_response(
            self.engine,
            response.id,
            request=msgspec.json.encode(request),
            response=msgspec.json.encode(response),
            expires_at=time.time() + RESPONSE_SECONDS,
        )

    def stored(self, id: str) -> tuple[ChatRequest, ChatResponse] | None:
        """Return a stored response and the request it answered, its earlier turns included."""
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


def _request_row(record: Record, last: Hop | None) -> RequestRecord:
    return RequestRecord(
        request_id=record.id,
        started_at=record.at,
        ms=record.ms,
        wire=record.wire,
        operation="chat",
        stream=record.stream,
        asked_model=record.asked,
        outcome=record.outcome,
        status=record.status,
        attempts=len(record.hops),
        profile=record.profile,
        ttft_ms=last.ttft_ms if last else None,
        error_class=None if record.outcome == "ok" else record.outcome,
        provider=last.provider if last else None,
        model=last.model if last else None,
        key_id=last.key if last else None,
        input_tokens=last.input if last else None,
        output_tokens=last.output if last else None,
        cached_tokens=last.cached if last else None,
        reasoning_tokens=last.reasoning if last else None,
        estimated=last.estimated if last else False,
        cost=last.cost if last else None,
    )


def _attempt_row(record: Record, hop: Hop, number: int) -> AttemptRecord:
    return AttemptRecord(
        request_id=record.id,
        number=number,
        started_at=record.at,
        ms=hop.ms,
        provider=hop.provider,
        model=hop.model,
        key_id=hop.key,
        outcome=hop.outcome,
        ttft_ms=hop.ttft_ms,
        status=hop.status,
        error_class=None if hop.outcome == "ok" else hop.outcome,
        input_tokens=hop.input,
        output_tokens=hop.output,
        cached_tokens=hop.cached,
        reasoning_tokens=hop.reasoning,
        estimated=hop.estimated,
        cost=hop.cost,
    )
