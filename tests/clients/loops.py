"""The five protocols as a client of few words speaks them: ask, take the answer into the conversation, add a result.

What a client keeps of an answer is what the official SDK of its protocol would send back.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""
SYSTEM = "You look at pictures."
QUESTION = "What is in the corner?"
TOOLS = {
    "look": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    "zoom": {"type": "object", "properties": {"factor": {"type": "integer"}}},
}

Json = dict[str, Any]


class Called(NamedTuple):
    """A call as the client sees it; Ollama's client knows no id."""

    id: str | None
    name: str
    arguments: Json


class Answer(NamedTuple):
    """What a client reads from an answer."""

    text: str
    thoughts: str
    calls: tuple[Called, ...]


class Protocol(NamedTuple):
    """How one protocol is spoken: where to, the first body, how to read an answer, the next body."""

    path: Callable[[str], str]
    first: Callable[[str], Json]
    read: Callable[[Json], Answer]
    after: Callable[[Json, Json, Called], Json]
    pictures: bool
    """Whether a tool's result may hold a picture."""


# OpenAI chat completions.


def chat_first(model: str) -> Json:
    tools = [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in TOOLS.items()]
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    return {"model": model, "messages": messages, "tools": tools, "reasoning_effort": "medium"}


def chat_read(answer: Json) -> Answer:
    message = answer["choices"][0]["message"]
    calls = [
        Called(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
    ]
    return Answer(message["content"] or "", message.get("reasoning_content") or "", tuple(calls))


def chat_after(body: Json, answer: Json, called: Called) -> Json:
    message = answer["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": called.id, "content": "A red square."}
    return body | {"messages": [*body["messages"], message, result]}


# OpenAI Responses.


def responses_first(model: str) -> Json:
    tools = [
        {"type": "function", "name": name, "parameters": schema, "strict": False} for name, schema in TOOLS.items()
    ]
    asked = {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
    own = {"store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "medium"}}
    return {"model": model, "instructions": SYSTEM, "input": [asked], "tools": tools, **own}


def responses_read(answer: Json) -> Answer:
    text, thoughts, calls = "", "", []
    for item in answer["output"]:
        match item["type"]:
            case "message":
                text += "".join(part["text"] for part in item["content"])
            case "reasoning":
                thoughts += "".join(part["text"] for part in [*item["summary"], *item.get("content", ())])
            case "function_call":
                calls.append(Called(item["call_id"], item["name"], json.loads(item["arguments"])))
    return Answer(text, thoughts, tuple(calls))


def responses_after(body: Json, answer: Json, called: Called) -> Json:
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
    output = [{"type": "input_text", "text": "A red square."}, picture]
    result = {"type": "function_call_output", "call_id": called.id, "output": output}
    return body | {"input": [*body["input"], *answer["output"], result]}


# Anthropic.


def anthropic_first(model: str) -> Json:
    tools = [{"name": name, "input_schema": schema} for name, schema in TOOLS.items()]
    own = {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}}
    return {
        "model": model,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": tools,
        **own,
    }


def anthropic_read(answer: Json) -> Answer:
    blocks = answer["content"]
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    thoughts = "".join(block["thinking"] for block in blocks if block["type"] == "thinking")
    calls = [Called(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    return Answer(text, thoughts, tuple(calls))


def anthropic_after(body: Json, answer: Json, called: Called) -> Json:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    content = [{"type": "text", "text": "A red square."}, picture]
    result = {"type": "tool_result", "tool_use_id": called.id, "content": content}
    said = [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
    return body | {"messages": [*body["messages"], *said]}


# Ollama.


def ollama_first(model: str) -> Json:
    return chat_first(model) | {"stream": False, "think": True} | {"reasoning_effort": None}


def ollama_read(answer: Json) -> Answer:
    message = answer["message"]
    calls = [Called(None, **call["function"]) for call in message.get("tool_calls") or ()]
    return Answer(message["content"], message.get("thinking") or "", tuple(calls))


def ollama_after(body: Json, answer: Json, called: Called) -> Json:
    """Keep of the answer what ollama-python's types keep: no ids."""
    message = answer["message"]
    kept = {key: message[key] for key in ("role", "content", "thinking") if key in message}
    kept["tool_calls"] = [{"function": call["function"]} for call in message["tool_calls"]]
    result = {"role": "tool", "tool_name": called.name, "content": "A red square.", "images": [PIXEL]}
    return body | {"messages": [*body["messages"], kept, result]}


# Gemini.


def gemini_first(model: str) -> Json:
    tools = [{"name": name, "parametersJsonSchema": schema} for name, schema in TOOLS.items()]
    return {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        "tools": [{"functionDeclarations": tools}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2000}},
    }


def gemini_read(answer: Json) -> Answer:
    parts = answer["candidates"][0]["content"]["parts"]
    text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    thoughts = "".join(part.get("text", "") for part in parts if part.get("thought"))
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return Answer(text, thoughts, tuple(Called(call.get("id"), call["name"], call["args"]) for call in calls))


def gemini_after(body: Json, answer: Json, called: Called) -> Json:
    response: Json = {"name": called.name, "response": {"output": "A red square."}}
    response["parts"] = [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]
    if called.id:
        response["id"] = called.id
    said = [answer["candidates"][0]["content"], {"role": "user", "parts": [{"functionResponse": response}]}]
    return body | {"contents": [*body["contents"], *said]}


PROTOCOLS = {
    "openai_chat": Protocol(lambda model: "/v1/chat/completions", chat_first, chat_read, chat_after, False),
    "openai_responses": Protocol(lambda model: "/v1/responses", responses_first, responses_read, responses_after, True),
    "anthropic": Protocol(lambda model: "/v1/messages", anthropic_first, anthropic_read, anthropic_after, True),
    "ollama": Protocol(lambda model: "/api/chat", ollama_first, ollama_read, ollama_after, True),
    "gemini": Protocol(
        lambda model: f"/v1beta/models/{model}:generateContent", gemini_first, gemini_read, gemini_after, True
    ),
}
