"""What all embeddings wires share: vectors that can be trusted, inputs as text, tasks in each wire's words."""

import base64
import binascii
import struct
from collections.abc import Mapping
from typing import Any

from wallas.codecs.limits import without_nul
from wallas.codecs.reading import read
from wallas.codecs.refusals import refusal
from wallas.errors import BadRequest, FailureKind, ProviderError
from wallas.types.chat import Extra, Text
from wallas.types.media import EmbedInput, EmbedTask, Mixed

Body = dict[str, Any]
Vectors = tuple[tuple[float, ...], ...]

INPUTS = 2_048
"""Inputs that one request of a client may have (OpenAI's own limit)."""
LARGEST = 3.4028235e38
"""The largest float32: nothing larger, and no NaN, is a component."""


def vectors(raw: list[Any], *, count: int | None, dimensions: int | None) -> Vectors:
    """Return vectors of numbers, or of base64 (float32, little-endian); raise MALFORMED for any that cannot be used.

    ``count`` and ``dimensions`` are what was asked; None does not check. A wrong
    count, a vector of another length, an empty one, NaN or infinity would spoil a
    client's index without a word, so they are failures.
    """
    if count is not None and len(raw) != count:
        raise ProviderError(FailureKind.MALFORMED, f"{len(raw)} vectors for {count} inputs")
    made = tuple(_vector(one) for one in raw)
    lengths = {len(one) for one in made}
    if len(lengths) > 1 or 0 in lengths:
        raise ProviderError(FailureKind.MALFORMED, f"vectors of different lengths: {sorted(lengths)}")
    if dimensions is not None and lengths - {dimensions}:
        raise ProviderError(FailureKind.MALFORMED, f"vectors of {lengths.pop()} dimensions, asked were {dimensions}")
    return made


def _vector(raw: Any) -> tuple[float, ...]:
    values = unpacked(raw) if isinstance(raw, str) else read(raw, tuple[float, ...])
    total = sum(values)
    if total != total or (values and max(map(abs, values)) > LARGEST):
        raise ProviderError(FailureKind.MALFORMED, "a vector with a component that is no finite number")
    return values


def unpacked(text: str) -> tuple[float, ...]:
    """Return a vector that came as base64 of little-endian float32."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (ValueError, struct.error) as error:
        raise ProviderError(FailureKind.MALFORMED, "a vector that is no base64 of float32") from error


def packed(vector: tuple[float, ...]) -> str:
    """Return a vector as base64 of little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def listed(body: Any, key: str) -> list[Any]:
    """Return the list under a key of a provider's body; raise what the body says in its place."""
    if isinstance(body, dict) and isinstance(body.get(key), list):
        found: list[Any] = body[key]
        return found
    if isinstance(body, dict) and (body.get("error") or isinstance(body.get("message"), str)):
        raise refusal(200, {}, body)
    raise ProviderError(FailureKind.MALFORMED, f"an answer without {key}")


def kept(wire: str, rest: Body) -> Extra:
    """Return what only one wire knows as ``extra``."""
    return {wire: rest} if rest else {}


def some(inputs: list[Any], param: str) -> list[Any]:
    """Return a client's inputs; raise BadRequest when there are none or too many."""
    if not inputs:
        raise BadRequest(f"{param}: expected at least one input", param=param)
    if len(inputs) > INPUTS:
        raise BadRequest(f"{param}: {len(inputs)} inputs are too many, at most {INPUTS} are taken", param=param)
    return inputs


def text(value: Any, param: str) -> str:
    """Return one text of a client; raise BadRequest for anything else."""
    if not isinstance(value, str):
        raise BadRequest(f"{param}: expected text, got {type(value).__name__}", param=param)
    return without_nul(value)


def words(one: EmbedInput) -> str:
    """Return an input as text; raise UNSUPPORTED for tokens and images, which no text can stand for."""
    if isinstance(one, str):
        return one
    if isinstance(one, Mixed) and all(isinstance(part, Text) for part in one.parts):
        return "\n".join(part.text or "" for part in one.parts)
    what = "an image" if isinstance(one, Mixed) else "token numbers"
    raise ProviderError(FailureKind.UNSUPPORTED, f"{what} cannot be embedded here", param="input")


def task_of(word: str | None, tasks: Mapping[EmbedTask, str]) -> EmbedTask | None:
    """Return the task that a wire's word means, or None."""
    return next((task for task, said in tasks.items() if said == word), None)
