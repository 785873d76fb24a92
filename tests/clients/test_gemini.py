"""Google's own SDK against a live gateway, under both versions of the path."""

import base64
import urllib.request
from collections.abc import Iterator

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from tests.clients.fleet import WIRES, Fleet
from tests.clients.loops import PIXEL
from tests.clients.received import turns
from tests.fakes import call, finish, hang_up, say, sealed, status, think, usage

DECLARED = types.FunctionDeclaration(
    name="weather",
    parameters_json_schema={"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
)
MANUAL = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[DECLARED])])
THOUGHTS = types.ThinkingConfig(include_thoughts=True, thinking_budget=2000)


class Town(BaseModel):
    """What the structured answers are parsed into."""

    name: str
    people: int


def weather(town: str) -> str:
    """Tell the weather of a town."""
    return f"Rain in {town}."


@pytest.fixture(scope="module", params=["v1beta", "v1"])
def client(url: str, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=url, api_version=request.param)
    with genai.Client(api_key="any", http_options=options) as client:
        yield client


@pytest.mark.parametrize("wire", WIRES)
def test_a_plain_answer(wire: str, client: genai.Client, fleet: Fleet) -> None:
    fleet.one.will(usage(11, 3), say("Good morning."))
    config = types.GenerateContentConfig(system_instruction="Be polite.")
    answer = client.models.generate_content(model=f"{wire}-openai", contents="Hello", config=config)
    assert answer.text == "Good morning."
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (11, 3)
    said = turns(wire, fleet.one.requests[0].json)
    assert [(turn.role, turn.text) for turn in said] == [("system", "Be polite."), ("user", "Hello")]


@pytest.mark.parametrize("wire", WIRES)
def test_a_streamed_answer_with_thoughts(wire: str, client: genai.Client, fleet: Fleet) -> None:
    fleet.one.will(think("Hm."), say("Good morning."))
    config = types.GenerateContentConfig(thinking_config=THOUGHTS)
    chunks = list(client.models.generate_content_stream(model=f"{wire}-openai", contents="Hello", config=config))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(part.text for part in parts if not part.thought) == "Good morning."
    assert "".join(part.text for part in parts if part.thought) == "Hm."
    assert [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates[0].finish_reason] == ["STOP"]


@pytest.mark.parametrize("wire", WIRES)
def test_the_automatic_tool_loop(wire: str, client: genai.Client, fleet: Fleet) -> None:
    fleet.one.will(sealed("c2VhbA=="), think("Look it up."), call("weather", '{"town": "Lima"}'))
    fleet.one.will(say("It rains in Lima."))
    config = types.GenerateContentConfig(tools=[weather], thinking_config=THOUGHTS)
    answer = client.models.generate_content(model=f"{wire}-openai", contents="Hello", config=config)
    assert answer.text == "It rains in Lima."
    said = turns(wire, fleet.one.requests[-1].json)
    (result,) = [turn for turn in said if turn.role == "result"]
    assert "Rain in Lima." in result.text
    seals = [turn.seal for turn in said if turn.seal]
    assert seals == (["c2VhbA=="] if wire in ("anthropic", "responses", "gemini") else [])


@pytest.mark.parametrize("wire", WIRES)
def test_parallel_calls_streamed(wire: str, client: genai.Client, fleet: Fleet) -> None:
    fleet.one.will(call("weather", '{"town": ', '"Lima"}', finish=False), call("weather", '{"town": "Quito"}'))
    chunks = list(client.models.generate_content_stream(model=f"{wire}-openai", contents="Hello", config=MANUAL))
    calls = [made for chunk in chunks for made in chunk.function_calls or ()]
    assert [made.args for made in calls] == [{"town": "Lima"}, {"town": "Quito"}]


@pytest.mark.parametrize("wire", WIRES)
def test_a_structured_answer_is_parsed(wire: str, client: genai.Client, fleet: Fleet) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Town)
    fleet.one.will(say('{"name": "Lima", "people": 10}'))
    answer = client.models.generate_content(model=f"{wire}-openai", contents="Hello", config=config)
    assert answer.parsed == Town(name="Lima", people=10)
    assert "people" in fleet.one.requests[0].body.decode()


@pytest.mark.parametrize("wire", WIRES)
def test_a_picture_as_bytes(wire: str, client: genai.Client, fleet: Fleet) -> None:
    picture = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    fleet.one.will(say("A pixel."))
    answer = client.models.generate_content(model=f"{wire}-openai", contents=["What is this?", picture])
    assert answer.text == "A pixel."
    assert PIXEL in fleet.one.requests[0].body.decode()


def test_a_chat_keeps_its_history(client: genai.Client, fleet: Fleet) -> None:
    chat = client.chats.create(model="anthropic-gemini")
    fleet.one.will(say("Hello, Ada."))
    chat.send_message("I am Ada.")
    fleet.one.will(status(503))
    fleet.two.will(say("You are Ada."))
    assert chat.send_message("Who am I?").text == "You are Ada."
    said = turns("gemini", fleet.two.requests[-1].json)
    assert [(turn.role, turn.text) for turn in said] == [
        ("user", "I am Ada."),
        ("assistant", "Hello, Ada."),
        ("user", "Who am I?"),
    ]


def test_tokens_are_counted_and_never_too_few(client: genai.Client) -> None:
    count = client.models.count_tokens(model="openai-openai", contents="word " * 1000)
    assert 1000 <= count.total_tokens < 3000


@pytest.mark.parametrize("wire", ["openai", "gemini", "ollama", "cohere"])
def test_embeddings(wire: str, client: genai.Client, fleet: Fleet) -> None:
    answer = client.models.embed_content(model=f"one-{wire}/vectors", contents=["a", "bb"])
    assert [vector.values[1:] for vector in answer.embeddings] == [[0.25, -0.5]] * 2


def test_models_are_listed_and_found(client: genai.Client) -> None:
    names = {model.name for model in client.models.list()}
    assert {"models/auto", "models/one-gemini/gemini-3-flash"} <= names
    assert client.models.get(model="one-gemini/gemini-3-flash").input_token_limit == 400000
    assert client.models.get(model="auto").name == "models/auto"


def test_an_answer_cut_for_length_says_so(client: genai.Client, fleet: Fleet) -> None:
    fleet.one.will(say("Once upon", finish=None), finish("length"))
    answer = client.models.generate_content(model="anthropic-openai", contents="Tell.")
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_errors_have_googles_shape(client: genai.Client, fleet: Fleet) -> None:
    fleet.one.will(status(503))
    fleet.two.will(status(500))
    fleet.two.will(status(500))
    with pytest.raises(errors.ServerError) as caught:
        client.models.generate_content(model="openai-anthropic", contents="Hello")
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="nobody-has-this", contents="Hello")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


def test_a_stream_that_nobody_can_go_on_with_raises(client: genai.Client, fleet: Fleet) -> None:
    fleet.one.will(say("Well", finish=None), hang_up)
    with pytest.raises(errors.APIError):
        list(client.models.generate_content_stream(model="openai-openai", contents="Hello"))


def test_a_key_in_the_query_is_taken_too(url: str, fleet: Fleet) -> None:
    """Curl examples of Google's pages say ``?key=``."""
    fleet.one.will(say("Good morning."))
    path = f"{url}/v1beta/models/openai-openai:generateContent?key=any"
    data = b'{"contents": [{"parts": [{"text": "Hello"}]}]}'
    with urllib.request.urlopen(path, data=data) as answer:
        assert b"Good morning." in answer.read()
