"""OpenAI's own SDK against a live gateway: chat completions, legacy completions, embeddings, models."""

import base64
import math
import struct
from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.clients.fleet import WIRES, Fleet
from tests.clients.loops import PIXEL
from tests.fakes import call, finish, say, status, think, usage

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
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
    fleet.one.will(usage(11, 3), say("Good morning."))
    answer = client.chat.completions.create(model=f"{wire}-openai", messages=HELLO)
    assert answer.choices[0].message.content == "Good morning."
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 3)


@pytest.mark.parametrize("wire", WIRES)
def test_a_streamed_answer_has_one_role_one_end_and_usage_where_it_was_asked_for(
    wire: str, client: OpenAI, fleet: Fleet
) -> None:
    fleet.one.will(usage(11, 3), think("Hm."), say("Good morning."))
    stream = client.chat.completions.create(
        model=f"{wire}-openai", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "Good morning."
    assert "".join(getattr(choice.delta, "reasoning_content", "") or "" for choice in choices) == "Hm."
    assert [choice.delta.role for choice in choices if choice.delta.role] == ["assistant"]
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    (told,) = [chunk.usage for chunk in chunks if chunk.usage]
    assert (told.prompt_tokens, told.completion_tokens) == (11, 3)


def test_a_stream_without_stream_options_tells_no_usage(client: OpenAI, fleet: Fleet) -> None:
    chunks = list(client.chat.completions.create(model="openai-openai", messages=HELLO, stream=True))
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("wire", WIRES)
def test_parallel_tool_calls_arrive_apart(wire: str, client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(
        call("weather", '{"town": ', '"Lima"}', finish=False), call("weather", '{"town": "Quito"}', finish=True)
    )
    with client.chat.completions.stream(model=f"{wire}-openai", messages=HELLO, tools=[WEATHER]) as stream:
        answer = stream.get_final_completion()
    calls = answer.choices[0].message.tool_calls
    assert [made.function.name for made in calls] == ["weather", "weather"]
    assert [made.function.arguments.replace(" ", "") for made in calls] == ['{"town":"Lima"}', '{"town":"Quito"}']
    assert len({made.id for made in calls}) == 2
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("wire", WIRES)
def test_a_structured_answer_is_parsed(wire: str, client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(say('{"name": "Lima", "people": 10}'))
    answer = client.chat.completions.parse(model=f"{wire}-openai", messages=HELLO, response_format=Town)
    assert answer.choices[0].message.parsed == Town(name="Lima", people=10)
    assert "people" in fleet.one.requests[0].body.decode()


def test_a_schema_travels_to_a_chat_provider_whole(client: OpenAI, fleet: Fleet) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    schema["additionalProperties"] = False
    form = {"type": "json_schema", "json_schema": {"name": "one", "strict": True, "schema": schema}}
    fleet.one.will(say('{"a": 1}'))
    client.chat.completions.create(model="openai-openai", messages=HELLO, response_format=form)
    assert fleet.one.requests[0]["response_format"] == form


def test_an_answer_that_breaks_its_schema_is_asked_of_the_next_provider(client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(say("Sorry, I cannot say it in JSON."))
    fleet.two.will(say('```json\n{"name": "Lima", "people": 10}\n```'))
    answer = client.chat.completions.parse(model="openai-openai", messages=HELLO, response_format=Town)
    assert answer.choices[0].message.parsed == Town(name="Lima", people=10)


def test_several_answers_at_once(client: OpenAI, fleet: Fleet) -> None:
    said = [{"role": "assistant", "content": f"No. {number}"} for number in (0, 1)]
    rows = [{"index": number, "message": said[number], "finish_reason": "stop"} for number in (0, 1)]
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": rows}
    fleet.one.will(status(200, body))
    answer = client.chat.completions.create(model="openai-openai", messages=HELLO, n=2)
    assert [choice.message.content for choice in answer.choices] == ["No. 0", "No. 1"]
    assert fleet.one.requests[0]["n"] == 2


@pytest.mark.parametrize("stream", [True, False])
def test_several_answers_from_who_gives_one_at_a_time(client: OpenAI, fleet: Fleet, stream: bool) -> None:
    for words in ("No. 0", "No. 1", "No. 2"):
        fleet.one.will(usage(11, 3), say(words))
    made = client.chat.completions.create(
        model="anthropic-cohere",
        messages=HELLO,
        n=3,
        stream=stream,
        **({"stream_options": {"include_usage": True}} if stream else {}),
    )
    said = ["", "", ""]
    if stream:
        for chunk in made:
            for choice in chunk.choices:
                said[choice.index] += choice.delta.content or ""
            spent = chunk.usage
    else:
        said, spent = [choice.message.content for choice in made.choices], made.usage
    assert sorted(said) == ["No. 0", "No. 1", "No. 2"]
    assert (spent.prompt_tokens, spent.completion_tokens) == (33, 9)


def test_log_probabilities(client: OpenAI, fleet: Fleet) -> None:
    token = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}
    row = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi"},
        "logprobs": {"content": [token], "refusal": None},
        "finish_reason": "stop",
    }
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [row]}
    fleet.one.will(status(200, body))
    answer = client.chat.completions.create(model="openai-openai", messages=HELLO, logprobs=True, top_logprobs=2)
    (told,) = answer.choices[0].logprobs.content
    assert (told.token, told.logprob, told.bytes) == ("Hi", -0.25, [72, 105])
    assert (fleet.one.requests[0]["logprobs"], fleet.one.requests[0]["top_logprobs"]) == (True, 2)


@pytest.mark.parametrize("wire", WIRES)
def test_a_picture_as_a_data_url(wire: str, client: OpenAI, fleet: Fleet) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}]
    fleet.one.will(say("A pixel."))
    answer = client.chat.completions.create(model=f"{wire}-openai", messages=asked)
    assert answer.choices[0].message.content == "A pixel."
    assert PIXEL in fleet.one.requests[0].body.decode()


@pytest.mark.parametrize("wire", ["openai", "gemini"])
def test_sound_goes_where_the_wire_has_it(wire: str, client: OpenAI, fleet: Fleet) -> None:
    data = base64.b64encode(b"RIFF....WAVEfmt ").decode()
    sound = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is said?"}, sound]}]
    fleet.one.will(say("Nothing."))
    answer = client.chat.completions.create(model=f"{wire}-openai", messages=asked)
    assert answer.choices[0].message.content == "Nothing."
    assert data in fleet.one.requests[0].body.decode()


def test_sampling_that_a_wire_lacks_is_dropped_by_name(client: OpenAI, fleet: Fleet) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model="anthropic-openai", messages=HELLO, seed=7, frequency_penalty=0.5, max_completion_tokens=50
    )
    assert {"seed", "frequency_penalty"} <= set(answer.headers["x-wallas-dropped"].split(", "))
    assert fleet.one.requests[0]["max_tokens"] == 50


def test_an_answer_cut_for_length_says_so(client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(say("Once upon", finish=None), finish("length"))
    answer = client.chat.completions.create(model="anthropic-openai", messages=HELLO, max_tokens=2)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Once upon", "length")


def test_legacy_completions_whole_and_streamed(client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(say("there was a king."))
    fleet.one.will(say("there was a king."))
    whole = client.completions.create(model="anthropic-openai", prompt="Once upon a time ", max_tokens=20)
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == ("there was a king.", "stop")
    stream = client.completions.create(model="anthropic-openai", prompt="Once upon a time ", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == "there was a king."


@pytest.mark.parametrize("form", [None, "float", "base64"])
@pytest.mark.parametrize("wire", ["openai", "gemini", "ollama", "cohere"])
def test_embeddings_as_the_sdk_asks_for_them(wire: str, form: str | None, client: OpenAI, fleet: Fleet) -> None:
    more = {} if form is None else {"encoding_format": form}
    answer = client.embeddings.create(model=f"one-{wire}/vectors", input=["a", "bb"], **more)
    vectors = [row.embedding for row in answer.data]
    if form == "base64":
        vectors = [list(struct.unpack(f"<{len(base64.b64decode(v)) // 4}f", base64.b64decode(v))) for v in vectors]
    assert [row.index for row in answer.data] == [0, 1]
    assert all(math.isclose(vector[1], 0.25) and math.isclose(vector[2], -0.5) for vector in vectors)
    assert len(vectors[0]) == 3


def test_models_are_listed_and_found_by_names_with_slashes_and_colons(client: OpenAI) -> None:
    ids = [model.id for model in client.models.list()]
    assert {"auto", "agentico", "openai-anthropic", "one-openai/m", "two-gemini/gemini-3-flash"} <= set(ids)
    for name in ("one-openai/m", "one-openai:m", "one-openai/m:free", "auto"):
        assert client.models.retrieve(name).id == name


def test_a_model_that_nobody_knows_is_a_404_with_the_nearest_names(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="one-openai/n", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_the_final_error_names_each_attempt_and_when_to_come_again(client: OpenAI, fleet: Fleet) -> None:
    fleet.one.will(status(429, {"error": {"message": "slow"}}, {"Retry-After": "70"}))
    fleet.two.will(status(429, {"error": {"message": "slow"}}, {"Retry-After": "30"}))
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="openai-anthropic", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "30"
    assert [row["provider"] for row in caught.value.body["attempts"]] == ["one-openai", "two-anthropic"]
