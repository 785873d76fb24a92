"""The official OpenAI client reads what the Responses encoder writes."""

import json
from typing import Any

import httpx2
import msgspec
import openai
import pytest

from tests.codecs import laws
from wallas.codecs import openai_responses as codec
from wallas.errors import AllAttemptsFailed
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Citation,
    Message,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    Tool,
    ToolCall,
    Usage,
)
from wallas.types.events import PartDelta, PartStarted, Started, unfold


def client(body: bytes, *, kind: str = "application/json") -> openai.OpenAI:
    """Return a client whose server answers every request with these bytes."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=body, headers={"content-type": kind})

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(
        api_key="k", base_url="http://test/v1", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def streamed(body: bytes) -> Any:
    """Return the response that the client's stream helper ends with."""
    with client(body, kind="text/event-stream") as sdk, sdk.responses.stream(model="m", input="x") as stream:
        return stream.get_final_response()


def events(body: bytes) -> list[Any]:
    """Return the events that the client yields."""
    with client(body, kind="text/event-stream") as sdk:
        return list(sdk.responses.create(model="m", input="x", stream=True))


def plain(body: dict[str, Any]) -> Any:
    """Return the response that the client reads from a whole answer."""
    with client(json.dumps(body).encode()) as sdk:
        return sdk.responses.create(model="m", input="x")


def written(answer: ChatResponse, request: ChatRequest | None) -> bytes:
    encoder = codec.Encoder(request)
    return b"".join(encoder.encode(event) for event in unfold(answer))


ANSWER = ChatResponse(
    id="msg_1",
    model="claude",
    created=1_790_000_000,
    choices=(
        Choice(
            message=Message(
                role="assistant",
                parts=(
                    Reasoning(text="hm", summary="thinking\n\nhard", seal=Seal(issuer="a/b@c", value="s")),
                    Text(text="Hi ☃", citations=(Citation(start=0, end=2, url="https://e.org", title="E"),)),
                    ToolCall(id="call_1", name="look", arguments='{"q":"x"}'),
                    ToolCall(id="call_2", name="patch", arguments='{"input":"*** Begin"}'),
                ),
            ),
            stop_reason=StopReason.TOOL_CALLS,
        ),
    ),
    usage=Usage(input=10, output=5, cache_read=4, reasoning=2),
)

REQUEST = ChatRequest(
    model="m",
    messages=(Message(role="user", parts=(Text(text="x"),)),),
    tools=(Tool(name="look", parameters={"type": "object"}), Tool(name="patch", kind="custom")),
)


@pytest.mark.parametrize("read", ["stream", "plain"])
def test_the_client_reads_a_whole_foreign_answer(read: str) -> None:
    whole = codec.responder(REQUEST)
    response = streamed(written(ANSWER, REQUEST)) if read == "stream" else plain(whole(ANSWER))
    thought, message, call, patch = response.output
    assert response.output_text == "Hi ☃"
    assert thought.encrypted_content == "a/b@c:s"
    assert [piece.text for piece in thought.content] == ["hm"]
    assert message.content[0].annotations[0].url == "https://e.org"
    assert (call.type, call.call_id, call.arguments) == ("function_call", "call_1", '{"q":"x"}')
    assert (patch.type, patch.call_id, patch.input) == ("custom_tool_call", "call_2", "*** Begin")
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert (response.status, response.model, response.id) == ("completed", "claude", "msg_1")


def test_every_event_of_a_stream_is_of_a_type_that_the_client_knows_and_is_numbered() -> None:
    seen = events(written(ANSWER, REQUEST))
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    assert [type(event).__name__ for event in seen if not type(event).__name__.startswith("Response")] == []
    assert [type(event).model_validate(event.to_dict()).type for event in seen] == [event.type for event in seen]
    assert (seen[0].type, seen[1].type, seen[-1].type) == (
        "response.created",
        "response.in_progress",
        "response.completed",
    )


def test_the_order_of_events_is_that_of_the_wire() -> None:
    answer = msgspec.structs.replace(
        ANSWER,
        choices=(
            Choice(
                message=Message(role="assistant", parts=(Text(text="a"), Refusal(text="no"))),
                stop_reason=StopReason.LENGTH,
            ),
        ),
    )
    seen = events(written(answer, None))
    assert [event.type.removeprefix("response.") for event in seen] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ]
    assert seen[-1].response.incomplete_details.reason == "max_output_tokens"
    assert seen[-1].response.output[0].status == "incomplete"


def test_the_client_sees_an_error_and_a_failed_response_but_no_end() -> None:
    encoder = codec.Encoder(None)
    body = encoder.encode(Started(id="resp_1", model="m"))
    body += encoder.encode(PartStarted(0, Text(text=""))) + encoder.encode(PartDelta(0, "half"))
    body += encoder.error(AllAttemptsFailed("nobody is left", details=[{"provider": "x", "class": "cut"}]))
    seen = events(body)
    assert [event.type for event in seen[-2:]] == ["error", "response.failed"]
    assert (seen[-2].code, seen[-2].message) == ("no_provider_available", "nobody is left")
    assert seen[-1].response.error.message == "nobody is left"
    assert seen[-1].response.status == "failed"


def test_an_error_before_any_answer_still_begins_with_a_response() -> None:
    seen = events(codec.Encoder(None).error(AllAttemptsFailed("nobody")))
    assert [event.type for event in seen] == [
        "response.created",
        "response.in_progress",
        "error",
        "response.failed",
    ]
    assert seen[0].response.id == seen[-1].response.id


def test_keep_alives_and_notes_are_comments_that_the_client_ignores() -> None:
    encoder = codec.Encoder(None)
    body = encoder.ping() + encoder.note("wallas {}")
    body += b"".join(encoder.encode(event) + encoder.ping() for event in unfold(ANSWER))
    assert streamed(body).output_text == "Hi ☃"


def test_the_client_reads_the_structured_answer_that_it_parsed_the_schema_for() -> None:
    answer = msgspec.structs.replace(
        ANSWER,
        choices=(Choice(message=Message(role="assistant", parts=(Text(text='{"a": 1}'),))),),
    )
    assert json.loads(streamed(written(answer, None)).output_text) == {"a": 1}


def test_our_decoder_reads_what_the_client_reads() -> None:
    again = laws.read(codec, written(ANSWER, None))
    assert again[0] == Started(id="msg_1", model="claude", created=1_790_000_000)
