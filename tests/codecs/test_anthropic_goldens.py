"""Golden files of the Anthropic wire: what is made of a body stands beside it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.codecs import goldens, laws
from wallas.codecs import anthropic
from wallas.types.events import fold


def compare(path: Path, made: dict[str, Any]) -> None:
    goldens.compare(path, msgspec.json.decode(msgspec.json.encode(made)))


def each(kind: str):
    paths = goldens.cases("anthropic", kind)
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


def test_there_are_goldens_of_each_kind():
    assert all(goldens.cases("anthropic", kind) for kind in ("request", "stream", "answer"))


@each("request")
def test_a_request_is_read_and_given_back_as_its_golden_says(path: Path):
    body = goldens.load(path)["given"]
    dropped: list[str] = []
    request = anthropic.decode_request(body)
    again = anthropic.encode_request(request, dropped)
    compare(path, {"request": request, "body": again, "dropped": dropped})
    laws.request_survives(anthropic, body)


@each("answer")
def test_an_answer_is_read_and_given_back_as_its_golden_says(path: Path):
    body = goldens.load(path)["given"]
    response = anthropic.decode_response(body)
    compare(path, {"response": response, "body": anthropic.encode_response(response)})
    laws.response_survives(anthropic, body)


@each("stream")
def test_a_stream_is_read_and_written_as_its_golden_says(path: Path):
    stream = goldens.load(path)["given"].encode()
    events = laws.read(anthropic, stream)
    whole = fold(events)
    compare(
        path,
        {
            "events": [{"event": type(event).__name__} | msgspec.to_builtins(event) for event in events],
            "body": anthropic.encode_response(whole),
            "stream": laws.written(anthropic, whole).decode(),
        },
    )
    laws.stream_survives(anthropic, stream)


@each("stream")
def test_a_stream_may_be_cut_at_every_byte(path: Path):
    stream = goldens.load(path)["given"].encode()
    whole = laws.read(anthropic, stream)
    for place in range(len(stream)):
        decoder = anthropic.Decoder()
        events = [*decoder.feed(stream[:place]), *decoder.feed(stream[place:])]
        assert events == whole
        assert decoder.done
    laws.cuts_do_not_matter(anthropic, stream)
