"""Golden files of the Responses wire: what is made of requests, answers and streams, and the laws upon them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.codecs import laws
from tests.codecs.goldens import FOLDER, cases, load
from tests.codecs.goldens import compare as compare_values
from wallas.codecs import openai_responses as codec
from wallas.types.events import fold

WIRE = "openai_responses"


def compare(path: Path, made: dict[str, Any]) -> None:
    compare_values(path, msgspec.json.decode(msgspec.json.encode(made)))


def given_of(name: str) -> Any:
    return load(FOLDER / WIRE / f"{name}.json")["given"]


def named(kind: str) -> pytest.MarkDecorator:
    paths = cases(WIRE, kind)
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


@named("request")
def test_a_request_becomes_what_its_golden_file_says(path: Path) -> None:
    given = load(path)["given"]
    request = codec.decode_request(given)
    lost: list[str] = []
    compare(path, {"canonical": request, "encoded": codec.encode_request(request, lost), "dropped": lost})
    laws.request_survives(codec, given)


@named("request")
def test_a_request_is_given_back_as_it_came(path: Path) -> None:
    given = load(path)["given"]
    encoded = codec.encode_request(codec.decode_request(given))
    encoded = {key: value for key, value in encoded.items() if key in given}
    stripped = {key: value for key, value in given.items() if key not in ("input", "include")}
    assert {key: encoded[key] for key in stripped} == stripped
    assert set(encoded["include"]) == set(given["include"])


@named("answer")
def test_an_answer_becomes_what_its_golden_file_says(path: Path) -> None:
    given = load(path)["given"]
    answer = codec.decode_response(given)
    compare(path, {"canonical": answer, "encoded": codec.encode_response(answer)})
    laws.response_survives(codec, given)


@named("stream")
def test_a_stream_becomes_what_its_golden_file_says(path: Path) -> None:
    given = load(path)["given"].encode()
    answer = fold(laws.read(codec, given))
    compare(path, {"canonical": answer, "encoded": laws.written(codec, answer).decode()})
    laws.stream_survives(codec, given)


@named("stream")
def test_a_stream_may_be_cut_at_any_byte(path: Path) -> None:
    laws.cuts_do_not_matter(codec, load(path)["given"].encode())


@pytest.mark.parametrize("name", ["stream_everything", "stream_only_final"])
def test_a_stream_folds_to_its_final_response(name: str) -> None:
    plain = codec.decode_response(given_of("answer_everything"))
    assert fold(laws.read(codec, given_of(name).encode())) == plain
