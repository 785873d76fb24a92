"""Embeds texts: the attempt loop without a stream, and without any model but the one that was asked for."""

import time
from collections.abc import Iterable

import msgspec

from wallas.catalog.entries import Model
from wallas.errors import FailureKind, GatewayError, NotFound, ProviderError
from wallas.quota.learning import listen, settle_failure
from wallas.routing import outcome
from wallas.routing.admission import Held, book_refusal, held, refuse, reserve
from wallas.routing.attempts import MOST_ATTEMPTS
from wallas.routing.candidates import Candidate, Selection
from wallas.routing.needs import BYTES_PER_TOKEN, Needs
from wallas.routing.router import Options, Router
from wallas.routing.selector import Group
from wallas.routing.strategies import in_order
from wallas.routing.trail import Hop, Record
from wallas.transport import Body
from wallas.types.chat import Usage
from wallas.types.media import EmbedRequest, EmbedResponse

STALE = "stale"


def embed(router: Router, request: EmbedRequest, options: Options, *, request_id: str, wire: str) -> EmbedResponse:
    """Return the vectors; only the same model elsewhere may stand in, for vectors of others cannot be compared."""
    selection = _selection(router, request.model, options)
    record = Record(
        id=request_id, at=time.time(), wire=wire, asked=request.model, profile=None, stream=False, operation="embed"
    )
    started = router.desk.clock()
    record.outcome, record.status = "internal_error", 500
    try:
        answer = _answer(router, request, selection, record, most=MOST_ATTEMPTS if options.fallback else 1)
        record.outcome, record.status = "ok", 200
    except GatewayError as error:
        record.outcome, record.status = error.code or error.type, error.status
        raise
    finally:
        record.ms = (router.desk.clock() - started) * 1000
        router.desk.journal.record(record)
    return answer


def _selection(router: Router, name: str, options: Options) -> Selection:
    asked = router.names.read(options.model or name)
    exact = [model for model in asked.models if model.kind == "embedding"]
    if not exact:
        raise NotFound(f"{name[:100]!r} is no embedding model here", param="model", code="model_not_found")
    models = {model.key: model for model in (*exact, *(() if asked.exact else _elsewhere(router, exact)))}
    ranking = router.selector.rank(in_order, None, list(models.values()))
    terms = router.chooser.terms([asked], options)
    return router.selector.select([Group(ranking, moves=False)], Needs(frozenset(), 0, 0), terms, full=True)


def _elsewhere(router: Router, exact: Iterable[Model]) -> list[Model]:
    same = [other for model in exact for other in router.catalog.same(model)]
    return [model for model in same if model.kind == "embedding" and model.provider in router.providers]


def _answer(router: Router, request: EmbedRequest, selection: Selection, record: Record, *, most: int) -> EmbedResponse:
    """Return the first candidate's answer that comes; raise GatewayError when none does."""
    failures: list[ProviderError] = []
    for candidate in selection.candidates[:most]:
        try:
            return _repeated(router, request, candidate, record)
        except ProviderError as error:
            failures.append(error)
            if not error.verdict.next_candidate:
                break
    if failures and not failures[-1].verdict.next_candidate and failures[-1].kind is not FailureKind.GATEWAY:
        raise outcome.refused(failures[-1])
    raise outcome.all_failed(failures, record.hops, selection.excluded, overdue=False)


def _repeated(router: Router, request: EmbedRequest, candidate: Candidate, record: Record) -> EmbedResponse:
    """Return an answer; a connection that had gone stale is nobody's fault, and asked for once more."""
    try:
        return _attempt(router, request, candidate, record, blames_stale=False)
    except ProviderError as error:
        if error.code != STALE:
            raise
        record.hops.pop()
    return _attempt(router, request, candidate, record, blames_stale=True)


def _attempt(
    router: Router, request: EmbedRequest, candidate: Candidate, record: Record, *, blames_stale: bool
) -> EmbedResponse:
    desk, model = router.desk, candidate.model
    started = desk.clock()
    hop = Hop(provider=model.provider, model=model.id, key=candidate.key.id, after=(time.time() - record.at) * 1000)
    record.hops.append(hop)
    tokens = sum(len(text) for text in request.inputs if isinstance(text, str | tuple)) / BYTES_PER_TOKEN
    needs = Needs(frozenset(), int(tokens), 1)
    reservation = reserve(desk.ledger, model, candidate.key, needs)
    if isinstance(reservation, Held):
        hop.outcome, hop.message, hop.retry_after = "no_quota", reservation.reason, reservation.seconds
        raise refuse(reservation)
    try:
        asked = msgspec.structs.replace(request, model=model.id)
        body = candidate.provider.embed(asked, key=candidate.key)
        data = _whole(body, candidate.provider.timeouts.whole)
        listen(desk.ledger, reservation.seat, body.headers)
        if body.status != 200:
            refusal = candidate.provider.decode_error(body.status or 0, body.headers, data)
            book_refusal(desk.ledger, reservation, refusal, body.headers, data)
            raise refusal
        answer = candidate.provider.decode_embeddings(asked, data)
        hop.outcome = "ok"
        desk.health.succeeded(candidate.place, latency=desk.clock() - started)
        usage = answer.usage or Usage(input=int(tokens))
        hop.input = usage.input
        desk.ledger.settle(reservation, input=usage.input, output=0, alive=True)
        return msgspec.structs.replace(answer, provider=model.provider, model=answer.model or model.id, usage=usage)
    except ProviderError as error:
        hop.outcome, hop.message, hop.status = error.kind.name.lower(), error.message, error.status
        if error.code != STALE or blames_stale:
            desk.health.failed(candidate.place, error)
        settle_failure(desk.ledger, reservation, error)
        kept = held(desk.health, desk.ledger, model, candidate.key, needs)
        hop.retry_after = kept.seconds if kept else error.retry_after
        raise
    finally:
        hop.ms = (desk.clock() - started) * 1000
        desk.ledger.settle(reservation)


def _whole(body: Body, limit: float) -> bytes:
    """Return the whole answer or refusal, waiting in this thread; raise ProviderError for a late one."""
    until = time.monotonic() + limit
    data = bytearray()
    try:
        while not body.ended:
            left = until - time.monotonic()
            if left <= 0 or not body.wait(left):
                raise ProviderError(FailureKind.TIMEOUT, f"no answer within {limit:g} s")
            data += body.read()
    finally:
        body.release()
    return bytes(data)
