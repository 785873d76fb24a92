"""Fields with a wrong value: a 400 in the caller's own protocol that names the field by its path."""

from typing import Any

import pytest

from tests.badinput.doors import DOORS, PICTURE, SCHEMA
from wallas.codecs.limits import SCHEMA_BYTES

HUGE = {"type": "object", "description": "x" * SCHEMA_BYTES}
LOOP = {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
IMAGE = f"data:image/png;base64,{PICTURE}"

Case = tuple[str, str, Any, str]
"""The row of faults.md 2.3, the field that is replaced, its new value, and the path that is named."""


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def function(**more: Any) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", "parameters": SCHEMA, **more}}]


CHAT: list[Case] = [
    ("c26", "messages", "hi", "messages"),
    ("c26", "messages", None, "messages"),
    ("c26", "messages", {"role": "user"}, "messages"),
    ("c26", "messages", ["hi"], "messages[0]"),
    ("c26", "messages", [{"role": "user", "content": 7}], "messages[0].content"),
    ("c26", "messages", [{"role": "user", "content": {"type": "text"}}], "messages[0].content"),
    ("c26", "messages", [{"role": "user", "content": ["hi"]}], "messages[0].content[0]"),
    ("c26", "messages", [{"role": "user", "content": None}], "messages[0].content"),
    ("c26", "messages", [{"role": "user"}], "messages[0].content"),
    ("c26", "messages", user({"type": "text", "text": 7}), "messages[0].content[0].text"),
    ("c26", "messages", user({"type": "text"}), "messages[0].content[0].text"),
    ("c26", "temperature", "0.7", "temperature"),
    ("c26", "temperature", -0.1, "temperature"),
    ("c26", "temperature", 2.1, "temperature"),
    ("c26", "temperature", True, "temperature"),
    ("c26", "top_p", 1.5, "top_p"),
    ("c26", "max_tokens", -1, "max_tokens"),
    ("c26", "max_tokens", 0, "max_tokens"),
    ("c26", "max_tokens", 1.5, "max_tokens"),
    ("c26", "max_tokens", "100", "max_tokens"),
    ("c26", "max_tokens", 10**30, "max_tokens"),
    ("c26", "max_completion_tokens", -1, "max_completion_tokens"),
    ("c26", "seed", "x", "seed"),
    ("c26", "seed", 10**30, "seed"),
    ("c26", "top_k", "x", "top_k"),
    ("c26", "top_k", 10**30, "top_k"),
    ("c26", "reasoning", {"max_tokens": 10**30}, "reasoning.max_tokens"),
    ("c26", "logit_bias", {"5": 10**400}, "logit_bias[...]"),
    ("c26", "stream", "false", "stream"),
    ("c26", "stream", 1, "stream"),
    ("c26", "stream_options", {"include_usage": "yes"}, "stream_options.include_usage"),
    ("c26", "n", 10**9, "n"),
    ("c26", "n", 0, "n"),
    ("c26", "stop", 7, "stop"),
    ("c26", "stop", [7], "stop[0]"),
    ("c26", "presence_penalty", 3, "presence_penalty"),
    ("c26", "frequency_penalty", -3, "frequency_penalty"),
    ("c26", "logit_bias", {"5": "x"}, "logit_bias[...]"),
    ("c26", "logprobs", 5, "logprobs"),
    ("c26", "top_logprobs", 21, "top_logprobs"),
    ("c26", "top_logprobs", 5, "top_logprobs"),
    ("c26", "user", 7, "user"),
    ("c26", "metadata", [], "metadata"),
    ("c26", "model", 7, "model"),
    ("c26", "model", ["a"], "model"),
    ("c26", "response_format", "json", "response_format"),
    ("c26", "response_format", {"type": "json_schema"}, "response_format.json_schema"),
    ("c26", "response_format", {}, "response_format.type"),
    ("c26", "tools", {}, "tools"),
    ("c26", "tools", ["f"], "tools[0]"),
    ("c26", "tools", [{"type": "function"}], "tools[0].function"),
    ("c26", "tools", function(name=""), "tools[0].function.name"),
    ("c26", "tools", function(name="a\0b"), "tools[0].function.name"),
    ("c26", "tools", function(parameters="x"), "tools[0].function.parameters"),
    ("c26", "tool_choice", "always", "tool_choice"),
    ("c26", "tool_choice", {"type": "function"}, "tool_choice.function"),
    ("c26", "parallel_tool_calls", "no", "parallel_tool_calls"),
    ("c26", "reasoning_effort", 5, "reasoning_effort"),
    ("c29", "messages", [{"role": "user", "content": "hi"}] * 4_001, "messages"),
    ("c29", "tools", function() * 257, "tools"),
    ("c29", "tools", function(parameters=HUGE), "tools[0].function.parameters"),
    (
        "c29",
        "response_format",
        {"type": "json_schema", "json_schema": {"name": "a", "schema": HUGE}},
        "response_format.json_schema.schema",
    ),
    ("c30", "messages", [], "messages"),
    ("c30", "messages", [{"role": "robot", "content": "hi"}], "messages[0].role"),
    ("c30", "messages", [{"content": "hi"}], "messages[0].role"),
    ("c30", "messages", [{"role": None, "content": "hi"}], "messages[0].role"),
    ("c30", "messages", [{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
    (
        "c30",
        "messages",
        [{"role": "assistant", "tool_calls": [{"type": "function"}]}],
        "messages[0].tool_calls[0].id",
    ),
    (
        "c30",
        "messages",
        [{"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}],
        "messages[0].tool_calls[0].function",
    ),
    ("c31", "messages", user({"type": "hologram", "hologram": 1}), "messages[0].content[0].type"),
    ("c31", "messages", user({"text": "hi"}), "messages[0].content[0].type"),
    ("c31", "messages", user({"type": 7}), "messages[0].content[0].type"),
    (
        "c31",
        "messages",
        [*user({"type": "text", "text": "hi"}), {"role": "assistant", "content": "x"}, *user({"type": "image"})],
        "messages[2].content[0].type",
    ),
    ("c31", "messages", user({"type": "image_url"}), "messages[0].content[0].image_url"),
    ("c31", "messages", user({"type": "image_url", "image_url": {}}), "messages[0].content[0].image_url.url"),
    (
        "c31",
        "messages",
        user({"type": "image_url", "image_url": {"url": "data:image/png;base64,@@@"}}),
        "messages[0].content[0].image_url.url",
    ),
    (
        "c31",
        "messages",
        user({"type": "image_url", "image_url": {"url": "data:text/html;base64,PGI+"}}),
        "messages[0].content[0].image_url.url",
    ),
    (
        "c31",
        "messages",
        user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}),
        "messages[0].content[0].image_url.url",
    ),
    (
        "c31",
        "messages",
        user({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 29_400_000}}),
        "messages[0].content[0].image_url.url",
    ),
    (
        "c31",
        "messages",
        user({"type": "input_audio", "input_audio": {"data": "@", "format": "wav"}}),
        "messages[0].content[0].input_audio.data",
    ),
    ("c31", "messages", user({"type": "file", "file": {}}), "messages[0].content[0].file"),
    ("c31", "messages", user({"type": "file", "file": {"file_data": "@@"}}), "messages[0].content[0].file.file_data"),
]

COMPLETIONS: list[Case] = [
    ("c26", "prompt", 7, "prompt"),
    ("c26", "prompt", None, "prompt"),
    ("c26", "prompt", [], "prompt"),
    ("c26", "prompt", ["a", "b"], "prompt"),
    ("c26", "prompt", [1, 2], "prompt"),
    ("c26", "prompt", "", "prompt"),
    ("c26", "temperature", "hot", "temperature"),
    ("c26", "max_tokens", -1, "max_tokens"),
    ("c26", "logprobs", 6, "logprobs"),
    ("c26", "echo", True, "echo"),
    ("c26", "suffix", "x", "suffix"),
    ("c26", "stream", "no", "stream"),
    ("c26", "seed", 10**30, "seed"),
    ("c26", "model", 7, "model"),
]


def item(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


RESPONSES: list[Case] = [
    ("c26", "input", 7, "input"),
    ("c26", "input", [], "input"),
    ("c26", "input", None, "input"),
    ("c26", "input", "", "input"),
    ("c26", "input", ["hi"], "input[0]"),
    ("c26", "input", [{"role": "user", "content": 7}], "input[0].content"),
    ("c26", "input", [{"role": "user"}], "input[0].content"),
    ("c26", "input", [{"role": "user", "content": ["x"]}], "input[0].content[0].type"),
    ("c26", "instructions", 7, "instructions"),
    ("c26", "store", "yes", "store"),
    ("c26", "max_output_tokens", 0, "max_output_tokens"),
    ("c26", "temperature", "x", "temperature"),
    ("c26", "top_p", -1, "top_p"),
    ("c26", "stream", "no", "stream"),
    ("c26", "reasoning", {"effort": "extreme"}, "reasoning.effort"),
    ("c26", "text", {"format": {"type": "xml"}}, "text.format.type"),
    ("c26", "text", {"format": {"type": "json_schema"}}, "text.format.name"),
    ("c26", "tools", [{}], "tools[0].type"),
    ("c26", "tools", [{"type": "function"}], "tools[0].name"),
    ("c26", "tools", [{"type": "function", "name": "f", "parameters": 7}], "tools[0].parameters"),
    ("c26", "tool_choice", "always", "tool_choice"),
    ("c26", "conversation", "conv_1", "conversation"),
    ("c26", "background", True, "background"),
    ("c26", "include", "x", "include"),
    ("c26", "top_logprobs", 99, "top_logprobs"),
    ("c26", "previous_response_id", 7, "previous_response_id"),
    ("c26", "previous_response_id", "a\0b", "previous_response_id"),
    ("c26", "metadata", "x", "metadata"),
    ("c29", "input", [{"role": "user", "content": "hi"}] * 4_001, "input"),
    ("c29", "tools", [{"type": "function", "name": "f"}] * 257, "tools"),
    ("c29", "tools", [{"type": "function", "name": "f", "parameters": HUGE}], "tools[0].parameters"),
    ("c30", "input", [{"role": "robot", "content": "hi"}], "input[0].role"),
    ("c30", "input", [{"content": "hi"}], "input[0].type"),
    ("c30", "input", [{"type": "function_call_output", "output": "x"}], "input[0].call_id"),
    ("c31", "input", item({"type": "hologram"}), "input[0].content[0].type"),
    ("c31", "input", item({"type": "input_image"}), "input[0].content[0].image_url"),
    (
        "c31",
        "input",
        item({"type": "input_image", "image_url": "data:image/png;base64,@@"}),
        "input[0].content[0].image_url",
    ),
    (
        "c31",
        "input",
        item({"type": "input_image", "image_url": "data:text/html;base64,PGI+"}),
        "input[0].content[0].image_url",
    ),
    ("c31", "input", item({"type": "input_file"}), "input[0].content[0].file_data"),
    ("c31", "input", item({"type": "input_audio"}), "input[0].content[0].input_audio"),
]

EMBEDDINGS: list[Case] = [
    ("c26", "input", None, "input"),
    ("c26", "input", 7, "input"),
    ("c26", "input", [], "input"),
    ("c26", "input", [None], "input[0]"),
    ("c26", "input", ["a", 7], "input[1]"),
    ("c26", "input", {"a": 1}, "input"),
    ("c26", "dimensions", 0, "dimensions"),
    ("c26", "dimensions", "x", "dimensions"),
    ("c26", "dimensions", 10**30, "dimensions"),
    ("c26", "encoding_format", "hex", "encoding_format"),
    ("c26", "model", 7, "model"),
    ("c29", "input", ["x"] * 2_049, "input"),
]

SERVER_BLOCK = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
MESSAGES: list[Case] = [
    ("c26", "messages", "hi", "messages"),
    ("c26", "messages", None, "messages"),
    ("c26", "messages", ["hi"], "messages[0]"),
    ("c26", "messages", [{"role": "user", "content": 7}], "messages[0].content"),
    ("c26", "messages", [{"role": "user"}], "messages[0].content"),
    ("c26", "messages", user("hi"), "messages[0].content[0]"),
    ("c26", "messages", user({"type": "text"}), "messages[0].content[0].text"),
    ("c26", "max_tokens", -1, "max_tokens"),
    ("c26", "max_tokens", "8", "max_tokens"),
    ("c26", "temperature", 1.5, "temperature"),
    ("c26", "top_k", -1, "top_k"),
    ("c26", "top_k", 10**30, "top_k"),
    ("c26", "max_tokens", 10**30, "max_tokens"),
    ("c26", "thinking", {"type": "enabled", "budget_tokens": 10**30}, "thinking.budget_tokens"),
    ("c26", "thinking", {"type": "enabled", "budget_tokens": -1}, "thinking.budget_tokens"),
    ("c26", "stream", "yes", "stream"),
    ("c26", "system", 7, "system"),
    ("c26", "system", [{"type": "image"}], "system[0].type"),
    ("c26", "stop_sequences", "x", "stop_sequences"),
    ("c26", "stop_sequences", [7], "stop_sequences[0]"),
    ("c26", "thinking", {"type": "enabled"}, "thinking.budget_tokens"),
    ("c26", "thinking", {}, "thinking.type"),
    ("c26", "tools", [{"name": "f"}], "tools[0].input_schema"),
    ("c26", "tools", [{"input_schema": SCHEMA}], "tools[0].name"),
    ("c26", "tool_choice", {"type": "tool"}, "tool_choice.name"),
    ("c26", "tool_choice", {"type": "maybe"}, "tool_choice.type"),
    ("c26", "tool_choice", "auto", "tool_choice"),
    ("c26", "metadata", {"user_id": 7}, "metadata.user_id"),
    ("c26", "output_config", {"format": {"type": "xml"}}, "output_config.format.type"),
    ("c29", "messages", [{"role": "user", "content": "hi"}] * 4_001, "messages"),
    ("c29", "tools", [{"name": "f", "input_schema": {}}] * 257, "tools"),
    ("c29", "tools", [{"name": "f", "input_schema": HUGE}], "tools[0].input_schema"),
    ("c30", "messages", [], "messages"),
    ("c30", "messages", [{"role": "robot", "content": "hi"}], "messages[0].role"),
    ("c30", "messages", [{"content": "hi"}], "messages[0].role"),
    ("c30", "messages", user({"type": "tool_use", "id": "a", "name": "f", "input": {}}), "messages[0].content[0].type"),
    (
        "c30",
        "messages",
        [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]}],
        "messages[0].content[0].type",
    ),
    ("c30", "messages", user({"type": "tool_result"}), "messages[0].content[0].tool_use_id"),
    ("c31", "messages", user({"type": "hologram"}), "messages[0].content[0].type"),
    ("c31", "messages", user({"text": "hi"}), "messages[0].content[0].type"),
    ("c31", "messages", user({"type": "image"}), "messages[0].content[0].source"),
    ("c31", "messages", user({"type": "image", "source": {}}), "messages[0].content[0].source.type"),
    (
        "c31",
        "messages",
        user({"type": "image", "source": {"type": "hologram"}}),
        "messages[0].content[0].source.type",
    ),
    (
        "c31",
        "messages",
        user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "@@"}}),
        "messages[0].content[0].source.data",
    ),
    (
        "c31",
        "messages",
        user({"type": "image", "source": {"type": "base64", "media_type": "text/html", "data": PICTURE}}),
        "messages[0].content[0].source.media_type",
    ),
    (
        "c31",
        "messages",
        user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 29_400_000}}),
        "messages[0].content[0].source.data",
    ),
    (
        "c31",
        "messages",
        user({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}}),
        "messages[0].content[0].source.url",
    ),
    (
        "c31",
        "messages",
        user({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "hologram"}]}),
        "messages[0].content[0].content[0].type",
    ),
]


def turn(*parts: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "parts": list(parts)}]


GEMINI: list[Case] = [
    ("c26", "contents", 7, "contents"),
    ("c26", "contents", None, "contents"),
    ("c26", "contents", [7], "contents[0]"),
    ("c26", "contents", [{"parts": 7}], "contents[0].parts"),
    ("c26", "contents", turn(7), "contents[0].parts[0]"),
    ("c26", "contents", turn({"text": 7}), "contents[0].parts[0].text"),
    ("c26", "generationConfig", 7, "generationConfig"),
    ("c26", "generationConfig", {"temperature": "x"}, "generationConfig.temperature"),
    ("c26", "generationConfig", {"temperature": 9}, "generationConfig.temperature"),
    ("c26", "generationConfig", {"topP": 2}, "generationConfig.topP"),
    ("c26", "generation_config", {"top_p": 2}, "generationConfig.topP"),
    ("c26", "generationConfig", {"topK": "x"}, "generationConfig.topK"),
    ("c26", "generationConfig", {"topK": -1}, "generationConfig.topK"),
    ("c26", "generationConfig", {"topK": 10**30}, "generationConfig.topK"),
    ("c26", "generationConfig", {"maxOutputTokens": 10**30}, "generationConfig.maxOutputTokens"),
    ("c26", "generationConfig", {"seed": 10**30}, "generationConfig.seed"),
    ("c26", "generationConfig", {"maxOutputTokens": -1}, "generationConfig.maxOutputTokens"),
    ("c26", "generationConfig", {"candidateCount": 0}, "generationConfig.candidateCount"),
    ("c26", "generationConfig", {"candidateCount": 10**9}, "generationConfig.candidateCount"),
    ("c26", "generationConfig", {"stopSequences": "x"}, "generationConfig.stopSequences"),
    ("c26", "generationConfig", {"responseSchema": 7}, "generationConfig.responseSchema"),
    (
        "c26",
        "generationConfig",
        {"thinkingConfig": {"thinkingBudget": "x"}},
        "generationConfig.thinkingConfig.thinkingBudget",
    ),
    ("c26", "systemInstruction", 7, "systemInstruction"),
    ("c26", "tools", 7, "tools"),
    ("c26", "tools", [{"functionDeclarations": [{}]}], "tools[0].functionDeclarations[0].name"),
    (
        "c26",
        "tools",
        [{"functionDeclarations": [{"name": "f", "parameters": 7}]}],
        "tools[0].functionDeclarations[0].parameters",
    ),
    ("c26", "toolConfig", {"functionCallingConfig": {"mode": "MAYBE"}}, "toolConfig.functionCallingConfig.mode"),
    ("c29", "contents", turn({"text": "hi"}) * 4_001, "contents"),
    ("c29", "tools", [{"functionDeclarations": [{"name": "f"}] * 257}], "tools"),
    (
        "c29",
        "tools",
        [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": HUGE}]}],
        "tools[0].functionDeclarations[0].parametersJsonSchema",
    ),
    ("c30", "contents", [], "contents"),
    ("c30", "contents", turn({"text": "hi"}, role="robot"), "contents[0].role"),
    ("c30", "contents", [{"role": "user", "parts": []}], "contents"),
    ("c30", "contents", turn({"functionCall": {"name": "f"}}), "contents[0].parts[0].functionCall"),
    (
        "c30",
        "contents",
        turn({"functionResponse": {"response": {}}}),
        "contents[0].parts[0].functionResponse.name",
    ),
    ("c31", "contents", turn({"hologram": {"x": 1}}), "contents[0].parts[0]"),
    ("c31", "contents", turn({"text": "a"}, {"hologram": {"x": 1}}), "contents[0].parts[1]"),
    ("c31", "contents", turn({"inlineData": {}}), "contents[0].parts[0].inlineData.data"),
    (
        "c31",
        "contents",
        turn({"inlineData": {"mimeType": "image/png", "data": "@@"}}),
        "contents[0].parts[0].inlineData.data",
    ),
    ("c31", "contents", turn({"fileData": {}}), "contents[0].parts[0].fileData.fileUri"),
]

EMBED: list[Case] = [
    ("c26", "content", None, "content"),
    ("c26", "content", "hi", "content"),
    ("c26", "content", {"parts": []}, "content.parts"),
    ("c26", "content", {"parts": [{}]}, "content.parts[0]"),
    ("c26", "content", {"parts": [{"text": 7}]}, "content.parts[0].text"),
    ("c26", "outputDimensionality", 0, "outputDimensionality"),
    ("c31", "content", {"parts": [{"hologram": 1}]}, "content.parts[0]"),
    ("c31", "content", {"parts": [{"inlineData": {"data": "@@"}}]}, "content.parts[0].inlineData.data"),
]

OLLAMA: list[Case] = [
    ("c26", "messages", "hi", "messages"),
    ("c26", "messages", ["hi"], "messages[0]"),
    ("c26", "messages", [{"role": "user", "content": 7}], "messages[0].content"),
    ("c26", "messages", user({"type": "text", "text": "hi"}), "messages[0].content"),
    ("c26", "options", 7, "options"),
    ("c26", "options", {"temperature": "x"}, "options.temperature"),
    ("c26", "options", {"top_p": 2}, "options.top_p"),
    ("c26", "options", {"num_predict": "x"}, "options.num_predict"),
    ("c26", "options", {"num_predict": -3}, "options.num_predict"),
    ("c26", "options", {"seed": 10**30}, "options.seed"),
    ("c26", "options", {"num_predict": 10**30}, "options.num_predict"),
    ("c26", "options", {"top_k": 10**30}, "options.top_k"),
    ("c26", "stream", "false", "stream"),
    ("c26", "format", "xml", "format"),
    ("c26", "think", "deeply", "think"),
    ("c26", "tools", {}, "tools"),
    ("c26", "tools", [{"type": "function", "function": {}}], "tools[0].function.name"),
    ("c26", "model", 7, "model"),
    ("c29", "messages", [{"role": "user", "content": "hi"}] * 4_001, "messages"),
    ("c29", "tools", function() * 257, "tools"),
    ("c29", "tools", function(parameters=HUGE), "tools[0].function.parameters"),
    ("c29", "format", HUGE, "format"),
    ("c30", "messages", [{"role": "robot", "content": "hi"}], "messages[0].role"),
    ("c30", "messages", [{"content": "hi"}], "messages[0].role"),
    ("c31", "messages", [{"role": "user", "content": "x", "images": ["@@"]}], "messages[0].images[0]"),
    ("c31", "messages", [{"role": "user", "content": "x", "images": "x"}], "messages[0].images"),
    ("c31", "messages", [{"role": "user", "content": "x", "images": ["A" * 29_400_000]}], "messages[0].images[0]"),
]

GENERATE: list[Case] = [
    ("c26", "prompt", 7, "prompt"),
    ("c26", "system", 7, "system"),
    ("c26", "images", ["@@"], "images[0]"),
    ("c26", "options", {"stop": 7}, "options.stop"),
    ("c26", "stream", "no", "stream"),
    ("c26", "model", 7, "model"),
]

OLLAMA_EMBED: list[Case] = [
    ("c26", "input", 7, "input"),
    ("c26", "input", [7], "input[0]"),
    ("c26", "dimensions", 0, "dimensions"),
    ("c26", "truncate", "x", "truncate"),
    ("c26", "model", 7, "model"),
]

CASES: dict[str, list[Case]] = {
    "chat": CHAT,
    "completions": COMPLETIONS,
    "responses": RESPONSES,
    "embeddings": EMBEDDINGS,
    "messages": [*MESSAGES, ("c26", "max_tokens", None, "max_tokens")],
    "count_tokens": MESSAGES,
    "generate": GEMINI,
    "stream": GEMINI,
    "count": GEMINI,
    "embed": EMBED,
    "ollama_chat": OLLAMA,
    "ollama_generate": GENERATE,
    "ollama_embed": OLLAMA_EMBED,
    "ollama_embeddings": [("c26", "prompt", 7, "prompt"), ("c26", "prompt", None, "prompt")],
}
ROWS = [(name, *case) for name, cases in CASES.items() for case in cases]
IDS = [f"{row}-{name}-{param}={str(value)[:24]}" for name, row, _, value, param in ROWS]


@pytest.mark.parametrize(("name", "row", "field", "value", "param"), ROWS, ids=IDS)
def test_a_wrong_field_is_named(gate, name, row, field, value, param):
    door = DOORS[name]
    assert gate.refuse(door, door.good(**{field: value})).param == param
