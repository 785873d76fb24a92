"""OpenAI's own SDK against a live gateway: Responses, stateless and stateful."""

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.clients.fleet import WIRES, Fleet
from tests.clients.received import turns
from tests.fakes import call, finish, hang_up, say, sealed, status, think, usage

WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"town": {"type": "string"}},
        "required": ["town"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Town(BaseModel):
    """What the structured answers are parsed into."""

    name: str
    people: int


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("wire", WIRES)
def test_a_plain_answer(wire: str, client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(usage(11, 3), think("Hm."), say("Good morning."))
    answer = client.responses.create(model=f"{wire}-openai", input="Hello", instructions="Be polite.")
    assert answer.output_text == "Good morning."
    assert answer.status == "completed"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 3)
    said = turns(wire, fleet.one.requests[0].json)
    assert [(turn.role, turn.text) for turn in said] == [("system", "Be polite."), ("user", "Hello")]


@pytest.mark.parametrize("wire", WIRES)
def test_a_streamed_answer_builds_the_final_response(wire: str, client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(think("Hm."), say("Good morning."))
    with client.responses.stream(model=f"{wire}-openai", input="Hello", reasoning={"effort": "low"}) as stream:
        events = list(stream)
        answer = stream.get_final_response()
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(set(numbers))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Good morning."
    assert answer.output_text == "Good morning."
    assert [item.type for item in answer.output] == ["reasoning", "message"]


@pytest.mark.parametrize("wire", WIRES)
def test_calls_arrive_with_ids_of_their_own(wire: str, client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(
        call("weather", '{"town": ', '"Lima"}', finish=False), call("weather", '{"town": "Quito"}', finish=True)
    )
    with client.responses.stream(model=f"{wire}-openai", input="Hello", tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_response()
    calls = [item for item in answer.output if item.type == "function_call"]
    assert [made.arguments.replace(" ", "") for made in calls] == ['{"town":"Lima"}', '{"town":"Quito"}']
    assert len({made.call_id for made in calls} | {made.id for made in calls}) == 4


@pytest.mark.parametrize("wire", WIRES)
def test_a_structured_answer_is_parsed(wire: str, client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(say('{"name": "Lima", "people": 10}'))
    answer = client.responses.parse(model=f"{wire}-openai", input="Hello", text_format=Town)
    assert answer.output_parsed == Town(name="Lima", people=10)
    assert "people" in fleet.one.requests[0].body.decode()


def test_a_conversation_goes_on_from_a_stored_response(client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(sealed("c2VhbA=="), think("A name."), say("Hello, Ada."))
    first = client.responses.create(model="responses-anthropic", input="I am Ada.", instructions="Be polite.")
    fleet.one.will(status(503))
    fleet.two.will(say("You are Ada."))
    second = client.responses.create(model="responses-anthropic", input="Who am I?", previous_response_id=first.id)
    assert second.output_text == "You are Ada."
    assert second.previous_response_id == first.id
    said = turns("anthropic", fleet.two.requests[0].json)
    assert [(turn.role, turn.text) for turn in said if turn.role != "thought"] == [
        ("user", "I am Ada."),
        ("assistant", "Hello, Ada."),
        ("user", "Who am I?"),
    ]
    fleet.one.will(say("Still Ada."))
    third = client.responses.create(model="responses-anthropic", input="Sure?", previous_response_id=second.id)
    assert third.output_text == "Still Ada."
    said = turns("responses", fleet.one.requests[-1].json)
    assert [turn.seal for turn in said if turn.role == "thought"] == ["c2VhbA=="]
    assert [turn.text for turn in said if turn.role == "user"] == ["I am Ada.", "Who am I?", "Sure?"]


def test_a_stored_response_is_read_listed_and_deleted(client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(say("Hello, Ada."))
    made = client.responses.create(model="anthropic-openai", input="I am Ada.", metadata={"a": "b"})
    read = client.responses.retrieve(made.id)
    assert (read.id, read.output_text, read.metadata) == (made.id, "Hello, Ada.", {"a": "b"})
    (item,) = client.responses.input_items.list(made.id).data
    assert (item.role, item.content[0].text) == ("user", "I am Ada.")
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="anthropic-openai", input="?", previous_response_id=made.id)
    assert caught.value.param == "previous_response_id"


def test_what_shall_not_be_stored_is_not(client: OpenAI, fleet: Fleet) -> None:
    made = client.responses.create(model="anthropic-openai", input="I am Ada.", store=False)
    assert made.store is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_a_streamed_response_is_stored_before_its_end_is_told(client: OpenAI, fleet: Fleet) -> None:
    with client.responses.stream(model="anthropic-openai", input="Hello") as stream:
        for event in stream:
            if event.type == "response.completed":
                assert client.responses.retrieve(event.response.id).output_text == event.response.output_text


def test_input_tokens_are_estimated_and_never_too_few(client: OpenAI) -> None:
    words = "word " * 1000
    count = client.responses.input_tokens.count(model="openai-openai", input=words)
    assert 1000 <= count.input_tokens < 3000


def test_an_answer_cut_for_length_is_incomplete(client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(say("Once upon", finish=None), finish("length"))
    answer = client.responses.create(model="anthropic-openai", input="Tell.", max_output_tokens=16)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.output_text == "Once upon"


@pytest.mark.parametrize(("field", "value"), [("conversation", "conv_1"), ("background", True)])
def test_what_is_not_served_is_refused_by_name(field: str, value: object, client: OpenAI, fleet: Fleet) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="auto", input="Hello", **{field: value})
    assert caught.value.param == field
    assert fleet.one.requests == []


def test_a_broken_stream_ends_in_an_error_event_and_not_in_a_completed_one(client: OpenAI, fleet: Fleet) -> None:
    """After too few words to go on from."""
    fleet.one.will(say("Well", finish=None), hang_up)
    events = list(client.responses.create(model="openai-openai", input="Hello", stream=True))
    kinds = [event.type for event in events]
    assert "response.output_text.delta" in kinds
    assert kinds[-2:] == ["error", "response.failed"]
    assert events[-1].response.error.code == "stream_interrupted"
