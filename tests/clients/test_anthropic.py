"""Anthropic's own SDK against a live gateway, with both of its ways to say who it is."""

import base64
from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic

from tests.clients.fleet import WIRES, Fleet
from tests.clients.loops import PIXEL
from tests.clients.received import turns
from tests.fakes import call, finish, hang_up, say, sealed, status, think, usage

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
}
THINKING = {"type": "enabled", "budget_tokens": 2000}
PDF = base64.b64encode(b"%PDF-1.4 one page").decode()


@pytest.fixture(scope="module", params=["bearer", "x-api-key"])
def client(url: str, request: pytest.FixtureRequest) -> Iterator[Anthropic]:
    """Yield the SDK as it is now, and as its older versions spoke."""
    old = {"anthropic-version": "2023-06-01", "x-api-key": "any"}
    how = {"bearer": {"auth_token": "any"}, "x-api-key": {"api_key": "any", "default_headers": old}}[request.param]
    with Anthropic(base_url=url, max_retries=0, **how) as client:
        yield client


@pytest.fixture(scope="module")
def today(url: str) -> Iterator[Anthropic]:
    with Anthropic(base_url=url, max_retries=0, api_key="any") as client:
        yield client


@pytest.mark.parametrize("wire", WIRES)
def test_a_plain_answer(wire: str, client: Anthropic, fleet: Fleet) -> None:
    fleet.one.will(usage(11, 3), say("Good morning."))
    answer = client.messages.create(model=f"{wire}-openai", max_tokens=100, messages=HELLO, system="Be polite.")
    assert [(block.type, block.text) for block in answer.content] == [("text", "Good morning.")]
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 3)
    said = turns(wire, fleet.one.requests[0].json)
    assert [(turn.role, turn.text) for turn in said] == [("system", "Be polite."), ("user", "Hello")]


@pytest.mark.parametrize("wire", WIRES)
def test_a_streamed_answer(wire: str, client: Anthropic, fleet: Fleet) -> None:
    fleet.one.will(usage(11, 3), think("Hm."), say("Good morning."))
    with client.messages.stream(model=f"{wire}-openai", max_tokens=4000, messages=HELLO, thinking=THINKING) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_message()
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert (answer.content[0].thinking, answer.content[1].text) == ("Hm.", "Good morning.")
    assert (kinds.count("message_start"), kinds.count("message_stop")) == (1, 1)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 3)


@pytest.mark.parametrize("wire", WIRES)
def test_tool_calls_have_objects_for_arguments(wire: str, today: Anthropic, fleet: Fleet) -> None:
    fleet.one.will(
        call("weather", '{"town": ', '"Lima"}', finish=False), call("weather", '{"town": "Quito"}', finish=True)
    )
    with today.messages.stream(model=f"{wire}-openai", max_tokens=100, messages=HELLO, tools=[WEATHER]) as stream:
        answer = stream.get_final_message()
    assert [block.input for block in answer.content] == [{"town": "Lima"}, {"town": "Quito"}]
    assert answer.stop_reason == "tool_use"


@pytest.mark.parametrize("wire", WIRES)
def test_thinking_makes_its_round_trip_with_its_signature(wire: str, client: Anthropic, fleet: Fleet) -> None:
    """Whoever made the seal gets it back; where the wire has none, the signature is empty and nobody minds."""
    fleet.one.will(sealed("c2VhbA=="), think("Look it up."), call("weather", '{"town": "Lima"}'))
    asked = {"model": f"{wire}-openai", "max_tokens": 4000, "tools": [WEATHER], "thinking": THINKING}
    first = client.messages.create(messages=HELLO, **asked)
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": first.content[1].id, "content": "Rain."}
    fleet.one.will(say("It rains."))
    said = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    assert client.messages.create(messages=said, **asked).content[0].text == "It rains."
    seals = [turn.seal for turn in turns(wire, fleet.one.requests[-1].json) if turn.seal]
    assert seals == (["c2VhbA=="] if wire in ("anthropic", "responses", "gemini") else [])


@pytest.mark.parametrize("wire", WIRES)
def test_a_picture_from_the_user(wire: str, today: Anthropic, fleet: Fleet) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    asked = [{"role": "user", "content": [picture, {"type": "text", "text": "What is this?"}]}]
    fleet.one.will(say("A pixel."))
    answer = today.messages.create(model=f"{wire}-openai", max_tokens=100, messages=asked)
    assert answer.content[0].text == "A pixel."
    assert PIXEL in fleet.one.requests[0].body.decode()


@pytest.mark.parametrize("wire", ["openai", "responses", "anthropic", "gemini"])
def test_a_document_where_the_wire_has_one(wire: str, today: Anthropic, fleet: Fleet) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    asked = [{"role": "user", "content": [{"type": "document", "source": source, "title": "One"}]}]
    fleet.one.will(say("One page."))
    answer = today.messages.create(model=f"{wire}-openai", max_tokens=100, messages=asked)
    assert answer.content[0].text == "One page."
    assert PDF in fleet.one.requests[0].body.decode()


@pytest.mark.parametrize("wire", WIRES)
def test_a_document_of_plain_text_reaches_everybody(wire: str, today: Anthropic, fleet: Fleet) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "The key is under the mat."}
    asked = [{"role": "user", "content": [{"type": "document", "source": source}, {"type": "text", "text": "Where?"}]}]
    fleet.one.will(say("Under the mat."))
    today.messages.create(model=f"{wire}-openai", max_tokens=100, messages=asked)
    assert "under the mat" in fleet.one.requests[0].body.decode()


def test_tokens_are_counted_and_never_too_few(client: Anthropic) -> None:
    asked = [{"role": "user", "content": "word " * 1000}]
    count = client.messages.count_tokens(model="openai-openai", messages=asked, tools=[WEATHER], system="Be short.")
    assert 1000 <= count.input_tokens < 3000


def test_models_are_listed_in_anthropics_shape(client: Anthropic) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert {"auto", "one-anthropic/claude-haiku-4-5"} <= set(listed)
    assert listed["auto"].type == "model"
    assert client.models.retrieve("one-anthropic/claude-haiku-4-5").display_name == "one-anthropic/claude-haiku-4-5"


def test_stop_sequences_and_length_are_told_apart(today: Anthropic, fleet: Fleet) -> None:
    fleet.one.will(say("Once upon", finish=None), finish("length"))
    answer = today.messages.create(model="gemini-openai", max_tokens=2, messages=HELLO, stop_sequences=["END"])
    assert answer.stop_reason == "max_tokens"
    assert fleet.one.requests[0]["generationConfig"]["stopSequences"] == ["END"]


def test_errors_have_anthropics_shape_and_types(client: Anthropic, fleet: Fleet) -> None:
    fleet.one.will(status(503))
    fleet.two.will(status(500))
    fleet.two.will(status(500))
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model="openai-anthropic", max_tokens=10, messages=HELLO)
    assert caught.value.status_code == 529
    assert caught.value.body["error"]["type"] == "overloaded_error"
    wrong = [{"role": "user", "content": [{"type": "text", "text": 7}]}]
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model="openai-anthropic", max_tokens=10, messages=wrong)
    assert "messages[0].content[0].text" in refused.value.body["error"]["message"]
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_a_stream_that_nobody_can_go_on_with_raises(today: Anthropic, fleet: Fleet) -> None:
    fleet.one.will(say("Well", finish=None), hang_up)
    with (
        pytest.raises(anthropic.APIStatusError),
        today.messages.stream(model="openai-openai", max_tokens=10, messages=HELLO) as stream,
    ):
        stream.get_final_message()


def test_redacted_thinking_goes_home_and_nowhere_else(today: Anthropic, fleet: Fleet) -> None:
    blocks = [{"type": "redacted_thinking", "data": "c2VjcmV0"}, {"type": "text", "text": "Hello."}]
    body = {"id": "x", "type": "message", "role": "assistant", "model": "m", "content": blocks}
    body |= {"stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    asked = {"model": "anthropic-gemini", "max_tokens": 4000, "thinking": THINKING}
    fleet.one.will(status(200, body))
    first = today.messages.create(messages=HELLO, **asked)
    assert first.content[0].type == "redacted_thinking"
    said = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": "And?"}]
    fleet.one.will(status(503))
    today.messages.create(messages=said, **asked)
    assert "c2VjcmV0" in fleet.one.requests[-1].body.decode()
    assert fleet.one.requests[-1]["messages"][1]["content"][0] == blocks[0]
    assert "c2VjcmV0" not in fleet.two.requests[-1].body.decode()
