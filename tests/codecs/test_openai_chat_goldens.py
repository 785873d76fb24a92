"""Golden files of the chat completions wire: what is made of requests, answers and streams, and the laws upon them."""

from pathlib import Path

import msgspec
import pytest

from tests.codecs import laws
from tests.codecs.goldens import cases, compare, load
from wallas.codecs import openai_chat as codec
from wallas.types.events import fold

WIRE = "openai_chat"


def named(kind: str) -> pytest.MarkDecorator:
    paths = cases(WIRE, kind)
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


@named("request")
def test_a_request_becomes_what_its_golden_file_says(path: Path) -> None:
    request = codec.decode_request(load(path)["given"])
    lost: list[str] = []
    compare(path, {"canonical": request, "encoded": codec.encode_request(request, lost), "dropped": lost})


@named("request")
def test_a_request_survives_its_own_wire(path: Path) -> None:
    laws.request_survives(codec, load(path)["given"])


@named("response")
def test_an_answer_becomes_what_its_golden_file_says(path: Path) -> None:
    response = codec.decode_response(load(path)["given"])
    compare(path, {"canonical": response, "encoded": codec.encode_response(response)})


@named("response")
def test_an_answer_survives_its_own_wire(path: Path) -> None:
    laws.response_survives(codec, load(path)["given"])


@named("stream")
def test_a_stream_becomes_what_its_golden_file_says(path: Path) -> None:
    events = laws.read(codec, load(path)["given"].encode())
    whole = fold(events)
    told = [[type(event).__name__, msgspec.to_builtins(event)] for event in events]
    compare(path, {"events": told, "written": laws.written(codec, whole).decode()})


@named("stream")
def test_a_stream_survives_its_own_wire(path: Path) -> None:
    laws.stream_survives(codec, load(path)["given"].encode())


@named("stream")
def test_any_cut_of_a_stream_gives_the_same_events(path: Path) -> None:
    stream = load(path)["given"].encode()
    laws.cuts_do_not_matter(codec, stream)
    whole = laws.read(codec, stream)
    for place in range(len(stream)):
        decoder = codec.Decoder()
        events = [*decoder.feed(stream[:place]), *decoder.feed(stream[place:])]
        assert events + ([] if decoder.done else list(decoder.end())) == whole


@named("stream")
def test_a_streams_answer_written_whole_says_the_same(path: Path) -> None:
    whole = fold(laws.read(codec, load(path)["given"].encode()))
    again = codec.decode_response(codec.encode_response(whole))
    assert [choice.stop_reason for choice in again.choices] == [choice.stop_reason for choice in whole.choices]
    assert again.usage == whole.usage
    assert again.extra == whole.extra
