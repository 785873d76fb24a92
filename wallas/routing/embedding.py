"""Embeds texts, in as many calls as a provider needs, and never by another model than the one that was asked for."""

from collections.abc import Callable

import msgspec

from wallas.catalog.entries import Model
from wallas.errors import FailureKind, ProviderError
from wallas.routing.candidates import Candidate
from wallas.routing.line import Line
from wallas.routing.needs import BYTES_PER_TOKEN
from wallas.routing.operation import Run, Task, begin
from wallas.routing.router import Options, Router
from wallas.types.chat import Usage
from wallas.types.media import EmbedInput, EmbedRequest, EmbedResponse


def _embeds(model: Model) -> bool:
    return model.kind == "embedding"


EMBED = Task(name="embed", noun="embedding", able=_embeds, kin=False)


def embed(
    router: Router,
    request: EmbedRequest,
    options: Options,
    *,
    request_id: str,
    wire: str,
    told: Callable[[Run], object] = lambda run: None,
) -> EmbedResponse:
    """Return the vectors; only the same model elsewhere may stand in, for vectors of others cannot be compared.

    What is more than a provider takes at once is asked for in several calls. ``told`` gets the run when all went well.
    """
    with begin(router, EMBED, request.model, options, request_id=request_id, wire=wire) as run:
        answers: list[EmbedResponse] = []
        rest = request.inputs
        while rest or not answers:
            answer = _batch(run, request, rest, size=len(answers[0].vectors[0]) if answers else None)
            answers.append(answer)
            rest = rest[len(answer.vectors) :] if answer.vectors else ()
        told(run)
        return answers[0] if len(answers) == 1 else joined(answers)


def _batch(run: Run, request: EmbedRequest, inputs: tuple[EmbedInput, ...], *, size: int | None) -> EmbedResponse:
    """Return the vectors of as many inputs as whoever answers takes at once; they have ``size`` dimensions."""

    def ask(candidate: Candidate, line: Line) -> EmbedResponse:
        provider, model = candidate.provider, candidate.model
        asked = msgspec.structs.replace(request, model=model.id, inputs=inputs[: provider.row.embed_batch])
        reply = line.reply(lambda: provider.embed(asked, key=candidate.key))
        answer = provider.decode_embeddings(asked, reply.data)
        if size is not None and any(len(vector) != size for vector in answer.vectors):
            raise ProviderError(FailureKind.MALFORMED, f"vectors of another length than the first {size}")
        usage = answer.usage or Usage(input=_estimate(asked.inputs))
        return msgspec.structs.replace(answer, provider=model.provider, model=answer.model or model.id, usage=usage)

    return run.answer(ask, tokens=_estimate(inputs), usage=lambda answer: answer.usage)


def joined(answers: list[EmbedResponse]) -> EmbedResponse:
    """Return several answers as one: vectors in order, tokens added up."""
    spent = sum(answer.usage.input or 0 for answer in answers if answer.usage)
    vectors = tuple(vector for answer in answers for vector in answer.vectors)
    return msgspec.structs.replace(answers[-1], vectors=vectors, usage=Usage(input=spent))


def _estimate(inputs: tuple[EmbedInput, ...]) -> int:
    return int(sum(len(one) for one in inputs if isinstance(one, str | tuple)) / BYTES_PER_TOKEN)
