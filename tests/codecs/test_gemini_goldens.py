"""Golden files of the Gemini wire: what is made of a body stands beside it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.codecs import goldens, laws
from wallas.codecs import gemini
from wallas.types.events import fold


def compare(path: Path, made: dict[str, Any]) -> None:
    goldens.compare(path, msgspec.json.decode(msgspec.json.encode(made)))


def each(kind: str):
    paths = goldens.cases("gemini", kind)
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


def test_there_are_goldens_of_each_kind():
    assert all(goldens.cases("gemini", kind) for kind in ("request", "stream", "answer"))


@each("request")
def test_a_request_is_read_and_given_back_as_its_golden_says(path: Path):
    body = goldens.load(path)["given"]
    dropped: list[str] = []
    request = gemini.decode_request(body)
    again = gemini.encode_request(request, dropped)
    compare(path, {"request": request, "body": again, "dropped": dropped})
    laws.request_survives(gemini, {key: value for key, value in body.items() if key not in ("model", "stream")})


@each("answer")
def test_an_answer_is_read_and_given_back_as_its_golden_says(path: Path):
    body = goldens.load(path)["given"]
    response = gemini.decode_response(body)
    compare(path, {"response": response, "body": gemini.encode_response(response)})
    laws.response_survives(gemini, body)
    assert fold(laws.read(gemini, laws.written(gemini, response))) == response


@each("stream")
def test_a_stream_is_read_and_written_as_its_golden_says(path: Path):
    stream = goldens.load(path)["given"].encode()
    events = laws.read(gemini, stream)
    whole = fold(events)
    compare(
        path,
        {
            "events": [{"event": type(event).__name__} | msgspec.to_builtins(event) for event in events],
            "body": gemini.encode_response(whole),
            "stream": laws.written(gemini, whole).decode(),
        },
    )
    laws.stream_survives(gemini, stream)


@each("stream")
def test_a_stream_is_the_same_wherever_it_is_cut(path: Path):
    stream = goldens.load(path)["given"].encode()
    whole = laws.read(gemini, stream)
    laws.cuts_do_not_matter(gemini, stream)
    for cut in range(1, len(stream)):
        decoder = gemini.Decoder()
        halves = [*decoder.feed(stream[:cut]), *decoder.feed(stream[cut:]), *decoder.end()]
        assert halves == whole
