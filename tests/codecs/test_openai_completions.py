"""Legacy text completions: what is accepted, what is refused, and how answers are written."""

import json
from typing import Any

import httpx
import openai
import pytest

from wallas.codecs import openai_completions as codec
from wallas.errors import BadRequest, StreamInterrupted
from wallas.types.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    Logprob,
    Message,
    Reasoning,
    StopReason,
    Text,
    Usage,
)
from wallas.types.events import Event, Finished, PartDelta, PartStarted, Ping, Started, unfold


def asked(**more: Any) -> dict[str, Any]:
    return {"model": "m", "prompt": "Once"} | more


def answer(usage: Usage | None = None) -> ChatResponse:
    rows = (Logprob(token="up", logprob=-1, top=(Logprob(token="on", logprob=-2),)), Logprob(token="on", logprob=-3))
    parts = (Reasoning(text="hm"), Text(text="upon", logprobs=rows))
    choice = Choice(message=Message(role="assistant", parts=parts), stop_reason=StopReason.LENGTH)
    return ChatResponse(id="c", model="m", created=7, provider="p", choices=(choice,), usage=usage)


@pytest.mark.parametrize("prompt", ["Once", ["Once"], "On\0ce"])
def test_a_prompt_is_one_user_message(prompt: Any) -> None:
    request = codec.decode_request(asked(prompt=prompt))
    assert request.messages == (Message(role="user", parts=(Text(text="Once"),)),)


def test_every_parameter_finds_its_field() -> None:
    request = codec.decode_request(
        asked(
            max_tokens=5,
            temperature=0.5,
            top_p=0.9,
            n=2,
            stream=True,
            stream_options={"include_usage": True},
            logprobs=3,
            stop="END",
            presence_penalty=1,
            frequency_penalty=-1,
            logit_bias={"5": 1},
            seed=4,
            user="u",
            best_of=2,
            echo=False,
            suffix=None,
        )
    )
    assert request == ChatRequest(
        model="m",
        messages=(Message(role="user", parts=(Text(text="Once"),)),),
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        n=2,
        stream=True,
        logprobs=3,
        stop=("END",),
        presence_penalty=1,
        frequency_penalty=-1,
        logit_bias={"5": 1},
        seed=4,
        user="u",
        extra={"openai_completions": {"best_of": 2}, "openai_chat": {"stream_options": {"include_usage": True}}},
    )


REFUSED: dict[str, tuple[Any, str]] = {
    "tokens": (asked(prompt=[1, 2]), "prompt"),
    "one token": (asked(prompt=[1]), "prompt"),
    "lists of tokens": (asked(prompt=[[1, 2]]), "prompt"),
    "two prompts": (asked(prompt=["a", "b"]), "prompt"),
    "no prompt": (asked(prompt=""), "prompt"),
    "prompt missing": ({"model": "m"}, "prompt"),
    "suffix": (asked(suffix="end"), "suffix"),
    "echo": (asked(echo=True), "echo"),
    "logprobs too large": (asked(logprobs=6), "logprobs"),
    "stream as text": (asked(stream="no"), "stream"),
}


@pytest.mark.parametrize(("body", "param"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_served_is_refused_by_name(body: Any, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        codec.decode_request(body)
    assert caught.value.param == param


def test_a_whole_answer_is_its_text() -> None:
    assert codec.encode_response(answer(Usage(input=1, output=2))) == {
        "id": "c",
        "object": "text_completion",
        "created": 7,
        "model": "m",
        "provider": "p",
        "choices": [
            {
                "text": "upon",
                "index": 0,
                "logprobs": {
                    "tokens": ["up", "on"],
                    "token_logprobs": [-1, -3],
                    "top_logprobs": [{"on": -2}, {}],
                    "text_offset": [0, 2],
                },
                "finish_reason": "length",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_an_answer_without_an_id_gets_one() -> None:
    assert codec.encode_response(ChatResponse())["id"].startswith("cmpl-")


def written(*events: Event, request: ChatRequest | None = None) -> bytes:
    encoder = codec.Encoder(request)
    assert encoder.content_type == "text/event-stream"
    return b"".join(encoder.encode(event) for event in events)


def rows(stream: bytes) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in stream.decode().split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_a_stream_is_read_by_the_official_client() -> None:
    stream = written(*unfold(answer(Usage(input=1, output=2))))

    def play(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    with openai.OpenAI(
        api_key="k", base_url="http://x/v1", http_client=httpx.Client(transport=httpx.MockTransport(play))
    ) as client:
        chunks = list(client.completions.create(model="m", prompt="Once", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "upon"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices] == [None, "length"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 3


def test_usage_and_the_end_come_when_they_are_due() -> None:
    request = codec.decode_request(asked(stream=True, n=2))
    events = [Started("c", "m"), PartStarted(0, Text(text="a")), PartDelta(0, "b"), PartDelta(0), Ping()]
    open_ = rows(written(*events, Finished(StopReason.STOP), request=request))
    assert [row["choices"][0]["text"] for row in open_] == ["a", "b", ""]
    ended = rows(written(*events, Finished(StopReason.STOP, usage=Usage(input=1)), request=request))
    assert ended[-1] == "[DONE]"
    assert "usage" not in ended[-2]
    encoder = codec.Encoder(request)
    assert (encoder.end(), encoder.end()) == (b"data: [DONE]\n\n", b"")


def test_a_stream_without_a_start_still_has_an_id() -> None:
    row = rows(written(PartStarted(0, Text(text="a"))))[0]
    assert row["id"].startswith("cmpl-")


def test_keep_alives_notes_and_errors_are_those_of_chat() -> None:
    encoder = codec.Encoder()
    assert encoder.ping() == b": keep-alive\n\n"
    assert encoder.note("x") == b": x\n\n"
    assert rows(encoder.error(StreamInterrupted("gone")))[0]["error"]["code"] == "stream_interrupted"
