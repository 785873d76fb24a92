"""A tool loop of two steps through each official SDK, whose provider changes half-way: it refuses, or dies speaking."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types
from ollama import Client
from openai import OpenAI

from tests.clients.fleet import Fleet
from tests.clients.received import turns
from tests.fakes import Step, call, flush, hang_up, missing_end, repeat_anchor, say, sealed, status, think

QUESTION = "Will it rain in Lima?"
SCHEMA = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
TALE = "The sky over Lima is grey, as it is on most days of the winter, and yet it hardly ever rains there."
CUT = 60

Ends = dict[str, tuple[tuple[Step, ...], tuple[Step, ...]]]
ENDS: Ends = {
    "refused": ((status(503),), (say(TALE),)),
    "limited": ((status(429, {"error": {"message": "slow down"}}),), (say(TALE),)),
    "reset before a word": ((flush, hang_up), (say(TALE),)),
    "reset in a thought": ((think("Grey, I think"), hang_up), (think("Hm."), say(TALE))),
    "reset in a call": ((call("weather", '{"town": "Li', finish=False), hang_up), (say(TALE),)),
    "reset in the text": ((say(TALE[:CUT], finish=None), hang_up), (repeat_anchor, say(TALE[CUT:]))),
    "ended without an end": ((say(TALE[:CUT], finish=None), missing_end), (repeat_anchor, say(TALE[CUT:]))),
}
"""How the first provider's second answer goes wrong, and what the second provider says."""


def openai_chat(url: str, model: str) -> str:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    with OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        while True:
            with client.chat.completions.stream(model=model, messages=messages, tools=tools) as stream:
                message = stream.get_final_completion().choices[0].message
            if not message.tool_calls:
                return message.content or ""
            messages.append(message.model_dump(exclude_none=True))
            for made in message.tool_calls:
                town = json.loads(made.function.arguments)["town"]
                messages.append({"role": "tool", "tool_call_id": made.id, "content": f"Grey in {town}."})


def openai_responses(url: str, model: str) -> str:
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    asked: list[Any] = [{"role": "user", "content": QUESTION}]
    with OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        while True:
            with client.responses.stream(model=model, input=asked, tools=tools, store=False) as stream:
                for _ in stream:
                    pass
                answer = stream.get_final_response()
            calls = [item for item in answer.output if item.type == "function_call"]
            if not calls:
                return answer.output_text
            asked += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output]
            for made in calls:
                output = f"Grey in {json.loads(made.arguments)['town']}."
                asked.append({"type": "function_call_output", "call_id": made.call_id, "output": output})


def anthropic(url: str, model: str) -> str:
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    with Anthropic(base_url=url, api_key="any", max_retries=0) as client:
        while True:
            with client.messages.stream(
                model=model, max_tokens=4000, messages=messages, tools=tools, thinking=thinking
            ) as stream:
                message = stream.get_final_message()
            if message.stop_reason != "tool_use":
                return "".join(block.text for block in message.content if block.type == "text")
            results = [
                {"type": "tool_result", "tool_use_id": block.id, "content": f"Grey in {block.input['town']}."}
                for block in message.content
                if block.type == "tool_use"
            ]
            messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]


def ollama(url: str, model: str) -> str:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    with Client(host=url) as client:
        while True:
            words, thoughts, calls = "", "", []
            for line in client.chat(model=model, messages=messages, tools=tools, think=True, stream=True):
                words += line.message.content or ""
                thoughts += line.message.thinking or ""
                calls += line.message.tool_calls or ()
            if not calls:
                return words
            messages.append({"role": "assistant", "content": words, "thinking": thoughts, "tool_calls": calls})
            for made in calls:
                result = f"Grey in {made.function.arguments['town']}."
                messages.append({"role": "tool", "tool_name": made.function.name, "content": result})


def gemini(url: str, model: str) -> str:
    declared = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
    thinking = types.ThinkingConfig(include_thoughts=True)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])], thinking_config=thinking)
    contents: list[Any] = [types.UserContent(parts=[types.Part(text=QUESTION)])]
    with genai.Client(api_key="any", http_options=types.HttpOptions(base_url=url)) as client:
        while True:
            parts: list[Any] = []
            for chunk in client.models.generate_content_stream(model=model, contents=contents, config=config):
                parts += chunk.candidates[0].content.parts
            calls = [part.function_call for part in parts if part.function_call]
            if not calls:
                return "".join(part.text for part in parts if part.text and not part.thought)
            contents.append(types.ModelContent(parts=parts))
            results = [
                types.FunctionResponse(name=made.name, id=made.id, response={"output": f"Grey in {made.args['town']}."})
                for made in calls
            ]
            contents.append(types.UserContent(parts=[types.Part(function_response=result) for result in results]))


SDKS: dict[str, tuple[Callable[[str, str], str], str]] = {
    "openai_chat": (openai_chat, "openai-anthropic"),
    "openai_responses": (openai_responses, "responses-gemini"),
    "anthropic": (anthropic, "anthropic-responses"),
    "ollama": (ollama, "ollama-cohere"),
    "gemini": (gemini, "gemini-openai"),
}
"""How each SDK runs the loop; the first provider speaks the SDK's own wire, the second another one."""


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("sdk", SDKS)
def test_the_provider_changes_in_the_second_step(sdk: str, end: str, url: str, fleet: Fleet) -> None:
    run, model = SDKS[sdk]
    first, second = model.split("-")
    bad, good = ENDS[end]
    fleet.one.will(sealed("c2VhbA=="), think("Look it up."), call("weather", '{"town": "Lima"}'))
    fleet.one.will(*bad)
    fleet.two.will(*good)
    assert run(url, model) == TALE
    assert [len(provider.requests) for provider in (fleet.one, fleet.two)] == [2, 1]
    for wire, provider in ((first, fleet.one), (second, fleet.two)):
        said = turns(wire, provider.requests[-1].json)
        (made,) = [turn for turn in said if turn.role == "call"]
        (result,) = [turn for turn in said if turn.role == "result"]
        assert (made.name, made.id) == ("weather", result.id)
        assert result.text == "Grey in Lima."
    assert "c2VhbA==" not in fleet.two.requests[-1].body.decode()
    assert ("c2VhbA==" in fleet.one.requests[-1].body.decode()) is (first in ("responses", "anthropic", "gemini"))
