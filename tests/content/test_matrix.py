"""Each kind of file in each client protocol to each kind of model: the fact in it reaches the model.

A covering part runs here: each kind with each model, the protocols in turn. ``MATRIX=all`` runs all of it
(``python -m bench.content.matrix``).
"""

import base64
import os

import pytest

from tests.content import samples
from tests.content.bodies import PROTOCOLS, QUESTION
from tests.content.conftest import Gate, hearing, reading
from tests.content.kinds import AS_IT_IS, KINDS, MODELS, PICTURE, PICTURES, WAVE, needs_ffmpeg
from tests.fakes import say

WHOLE = [(name, model, protocol) for name in KINDS for model in MODELS for protocol in PROTOCOLS]
COVERING = [case for number, case in enumerate(WHOLE) if number % len(PROTOCOLS) == number // len(PROTOCOLS) % 5]
CASES = WHOLE if os.environ.get("MATRIX") == "all" else COVERING


def test_the_part_that_always_runs_covers_every_pair():
    kinds = {(name, model) for name, model, _ in COVERING}
    assert len(kinds) == len(KINDS) * len(MODELS) == len(COVERING)
    assert {(model, protocol) for _, model, protocol in COVERING} == {(m, p) for m in MODELS for p in PROTOCOLS}


def arrived(gate: Gate, expected: str, data: bytes) -> bool:
    """Return whether a model got what it should: bytes, pictures, or words."""
    match expected:
        case "as it is":
            return gate.got(base64.b64encode(data).decode())
        case "wave":
            return gate.got('"format":"wav"') and gate.got(base64.b64encode(b"RIFF").decode()[:5])
        case "picture":
            return gate.sent().count('"image_url":{"url"') == 1
        case "3 pictures":
            return gate.sent().count('"image_url":{"url"') >= 3
        case _:
            return gate.got(expected)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_in_a_file_reaches_the_model(gateway, model):
    gate = gateway(model)
    gate.library.hooks.read_pages, gate.library.hooks.transcribe = reading(), hearing
    gate.provider.otherwise = lambda request: (say("read"),)
    lost = {}
    for name, _, protocol in (case for case in CASES if case[1] == model and not needs_ffmpeg(case[0])):
        kind = KINDS[name]
        data, expected = kind.make(), getattr(kind, model)
        path, body, headers = PROTOCOLS[protocol](f"acme/{model}", name, kind.mime, data)
        answer = gate.post(path, body, **headers)
        told = answer.headers.get("X-Wallas-Converted")
        well = answer.status_code == 200 and gate.got(QUESTION) and arrived(gate, expected, data)
        if not well or bool(told) == (expected == AS_IT_IS):
            lost[name, protocol] = (answer.status_code, told or answer.text[:300])
    assert lost == {}


WIRES = {"openai": "/v1", "responses": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "ollama": ""}
TAKEN = {"openai": "pdf", "responses": "pdf", "anthropic": "pdf", "gemini": "pdf", "ollama": ""}


@pytest.mark.parametrize("wire", WIRES)
def test_each_wire_has_its_place_for_pictures_and_documents(gateway, wire):
    gate = gateway("native", wire=wire, prefix=WIRES[wire])
    for name, mime, data in (
        ("photo.png", "image/png", samples.page_picture(3, (200, 280))),
        ("towns.pdf", "application/pdf", samples.pdf()),
    ):
        path, body, headers = PROTOCOLS["openai"]("acme/native", name, mime, data)
        answer = gate.post(path, body, **headers)
        assert answer.status_code == 200, answer.text
        native = name.endswith("png") or TAKEN[wire]
        assert gate.got(base64.b64encode(data).decode() if native else samples.ANSWER)
        assert bool(answer.headers.get("X-Wallas-Converted")) is not bool(native)


def test_what_the_matrix_expects_is_told_apart(gateway):
    gate = gateway("blind")
    path, body, headers = PROTOCOLS["openai"]("acme/blind", "x.txt", "text/plain", b"nothing of the kind")
    assert gate.post(path, body, **headers).status_code == 200
    expectations = (AS_IT_IS, WAVE, PICTURE, PICTURES, samples.ANSWER)
    assert not any(arrived(gate, expected, samples.pdf()) for expected in expectations)
