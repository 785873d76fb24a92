"""Embeds texts: the attempt loop without a stream, and without any model but the one that was asked for."""

import time
from collections.abc import Iterable

import msgspec

from wallas.catalog.entries import Model
from wallas.errors import FailureKind, NotFound, ProviderError
from wallas.health import Place
from wallas.routing import outcome
from wallas.routing.attempts import MOST_ATTEMPTS
from wallas.routing.candidates import BYTES_PER_TOKEN, Candidate, Excluded
from wallas.routing.router import Options, Router
from wallas.routing.trail import Hop, Record
from wallas.transport import Body
from wallas.types.chat import Usage
from wallas.types.media import EmbedRequest, EmbedResponse


def embed(router: Router, request: EmbedRequest, options: Options, *, request_id: str, wire: str) -> EmbedResponse:
    """Return the vectors; only the same model elsewhere may stand in, for vectors of others cannot be compared."""
    candidates, excluded = _candidates(router, request.model, options)
    record = Record(
        id=request_id, at=time.time(), wire=wire, asked=request.model, profile=None, stream=False, operation="embed"
    )
    started = router.desk.clock()
    failures: list[ProviderError] = []
    answer: EmbedResponse | None = None
    for candidate in candidates[: MOST_ATTEMPTS if options.fallback else 1]:
        try:
            answer = _attempt(router, request, candidate, record)
            break
        except ProviderError as error:
            failures.append(error)
            if not error.verdict.next_candidate:
                break
    record.ms = (router.desk.clock() - started) * 1000
    record.outcome, record.status = ("ok", 200) if answer is not None else ("failed", 503)
    router.desk.journal.record(record)
    if answer is None:
        if failures and not failures[-1].verdict.next_candidate:
            raise outcome.refused(failures[-1])
        raise outcome.all_failed(failures, record.hops, excluded, overdue=False)
    return answer


def _candidates(router: Router, name: str, options: Options) -> tuple[list[Candidate], list[Excluded]]:
    asked = router.names.read(options.model or name)
    exact = [model for model in asked.models if model.kind == "embedding"]
    if not exact:
        raise NotFound(f"{name[:100]!r} is no embedding model here", param="model", code="model_not_found")
    models = dict.fromkeys([*exact, *([] if asked.exact else _elsewhere(router, exact))])
    paid = options.cost_mode == "allow_paid" or router.settings.allow_paid
    candidates: list[Candidate] = []
    excluded: list[Excluded] = []
    for model in models:
        if not model.free and not paid and model not in exact:
            excluded.append(Excluded(model, None, "costs money"))
            continue
        provider = router.providers[model.provider]
        for key in provider.keys:
            rest = router.desk.health.resting(Place(model.provider, model.id, key.id), free=model.free)
            if rest is None:
                candidates.append(Candidate(model, provider, key))
            else:
                left = rest.until - router.desk.health.clock()
                excluded.append(Excluded(model, key, f"resting: {rest.reason}", left, rest.breaker))
    return candidates, excluded


def _elsewhere(router: Router, exact: Iterable[Model]) -> list[Model]:
    same = [other for model in exact for other in router.catalog.same(model)]
    return [model for model in same if model.kind == "embedding" and model.provider in router.providers]


def _attempt(router: Router, request: EmbedRequest, candidate: Candidate, record: Record) -> EmbedResponse:
    desk, model = router.desk, candidate.model
    hop = Hop(provider=model.provider, model=model.id, key=candidate.key.id)
    hop.after = (time.time() - record.at) * 1000
    record.hops.append(hop)
    tokens = sum(len(text) for text in request.inputs if isinstance(text, str | tuple)) / BYTES_PER_TOKEN
    reservation = desk.ledger.reserve(model.provider, model.id, candidate.key.account, tokens=int(tokens))
    started = desk.clock()
    spent: int | None = None
    try:
        asked = msgspec.structs.replace(request, model=model.id)
        body = candidate.provider.embed(asked, key=candidate.key)
        answer = candidate.provider.decode_embeddings(asked, _whole(candidate, body))
        hop.outcome = "ok"
        desk.health.succeeded(candidate.place, latency=desk.clock() - started)
        usage = answer.usage or Usage(input=int(tokens))
        spent = hop.input = usage.input
        return msgspec.structs.replace(answer, provider=model.provider, model=answer.model or model.id, usage=usage)
    except ProviderError as error:
        hop.outcome, hop.message, hop.status = error.kind.name.lower(), error.message, error.status
        desk.health.failed(candidate.place, error)
        raise
    finally:
        hop.ms = (desk.clock() - started) * 1000
        desk.ledger.settle(reservation, tokens=spent)


def _whole(candidate: Candidate, body: Body) -> bytes:
    """Return the whole answer, waiting in this thread; raise ProviderError for a refusal or a late one."""
    limit = candidate.provider.timeouts.whole
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
    if body.status != 200:
        raise candidate.provider.decode_error(body.status or 0, body.headers, bytes(data))
    return bytes(data)
