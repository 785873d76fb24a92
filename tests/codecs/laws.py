"""The laws that every codec obeys, as functions of a codec module and something its wire said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wallas.codecs import Codec, pulled
from wallas.types.chat import ChatResponse
from wallas.types.events import Event, fold, unfold

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings"


def recordings(wire: str) -> list[dict[str, Any]]:
    """Return the recorded exchanges of a wire, or none where the folder is not there."""
    path = RECORDINGS / f"{wire}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the bytes in pieces of ``size``."""
    return (data[start : start + size] for start in range(0, len(data), size))


def read(codec: Codec, stream: bytes, size: int = 65536) -> list[Event]:
    """Return the events of a provider's stream that arrives in pieces of ``size``."""
    return list(pulled(codec.Decoder(), chunks(stream, size)))


def written(codec: Codec, response: ChatResponse) -> bytes:
    """Return a whole answer as the stream that a client of this wire gets."""
    encoder = codec.Encoder(None)
    return b"".join(encoder.encode(event) for event in unfold(response))


def request_survives(codec: Codec, body: dict[str, Any]) -> None:
    """Assert that a request decodes to the same value after it was encoded for its own wire."""
    once = codec.decode_request(body)
    assert codec.decode_request(codec.encode_request(once)) == once


def response_survives(codec: Codec, body: dict[str, Any]) -> None:
    """Assert that an answer decodes to the same value after it was encoded for its own wire, and folds to itself."""
    once = codec.decode_response(body)
    assert codec.decode_response(codec.encode_response(once)) == once
    assert fold(unfold(once)) == once


def stream_survives(codec: Codec, stream: bytes) -> None:
    """Assert that a stream's answer is the same after it was written as a stream and read again."""
    whole = fold(read(codec, stream))
    assert fold(read(codec, written(codec, whole))) == whole


def cuts_do_not_matter(codec: Codec, stream: bytes, sizes: tuple[int, ...] = (1, 2, 3, 7, 64, 1000)) -> None:
    """Assert that a stream gives the same events however its bytes are cut."""
    whole = read(codec, stream)
    for size in sizes:
        assert read(codec, stream, size) == whole
