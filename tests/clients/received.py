"""What a provider was sent, read from its wire's own JSON without any code of ours."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]


class Turn(NamedTuple):
    """One thing in the order in which it was sent: what was said, a call, or a result."""

    role: str
    """system, user, assistant (words), thought, call or result."""
    text: str = ""
    id: str = ""
    name: str = ""
    arguments: str = ""
    pictures: int = 0
    seal: str = ""


def arguments_of(value: Any) -> str:
    return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)


def openai_turns(body: Json) -> Iterator[Turn]:
    for message in body["messages"]:
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        text = "".join(part.get("text", "") for part in parts)
        pictures = sum(part["type"] == "image_url" for part in parts)
        role = message["role"]
        if role == "tool":
            yield Turn("result", text, id=message["tool_call_id"], pictures=pictures)
            continue
        if thought := message.get("reasoning_content"):
            yield Turn("thought", thought)
        if text or pictures or role != "assistant":
            yield Turn(role, text, pictures=pictures)
        for call in message.get("tool_calls", ()):
            function = call["function"]
            yield Turn("call", id=call["id"], name=function["name"], arguments=arguments_of(function["arguments"]))


def responses_turns(body: Json) -> Iterator[Turn]:
    if body.get("instructions"):
        yield Turn("system", body["instructions"])
    asked = body["input"]
    for item in [{"role": "user", "content": asked}] if isinstance(asked, str) else asked:
        match item.get("type", "message"):
            case "message":
                content = item["content"]
                yield Turn(item["role"], content if isinstance(content, str) else "".join(p["text"] for p in content))
            case "reasoning":
                told = [*item.get("summary", ()), *(item.get("content") or ())]
                yield Turn("thought", "".join(part["text"] for part in told), seal=item.get("encrypted_content", ""))
            case "function_call":
                arguments = arguments_of(item["arguments"])
                yield Turn("call", id=item["call_id"], name=item["name"], arguments=arguments)
            case "function_call_output":
                output = item["output"]
                parts = [{"type": "input_text", "text": output}] if isinstance(output, str) else output
                pictures = sum(part["type"] == "input_image" for part in parts)
                text = "".join(part.get("text", "") for part in parts)
                yield Turn("result", text, id=item["call_id"], pictures=pictures)


def anthropic_turns(body: Json) -> Iterator[Turn]:
    system = body.get("system") or []
    if system:
        yield Turn("system", system if isinstance(system, str) else "".join(block["text"] for block in system))
    for message in body["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            match block["type"]:
                case "text":
                    yield Turn(message["role"], block["text"])
                case "thinking":
                    yield Turn("thought", block["thinking"], seal=block["signature"])
                case "tool_use":
                    yield Turn("call", id=block["id"], name=block["name"], arguments=arguments_of(block["input"]))
                case "tool_result":
                    inner = block["content"]
                    text = "".join(part.get("text", "") for part in inner)
                    pictures = sum(part["type"] == "image" for part in inner)
                    yield Turn("result", text, id=block["tool_use_id"], pictures=pictures)


def gemini_turns(body: Json) -> Iterator[Turn]:
    if "systemInstruction" in body:
        yield Turn("system", "".join(part["text"] for part in body["systemInstruction"]["parts"]))
    for content in body["contents"]:
        for part in content["parts"]:
            seal = part.get("thoughtSignature", "")
            if "functionCall" in part:
                call = part["functionCall"]
                arguments = arguments_of(call["args"])
                yield Turn("call", id=call.get("id", ""), name=call["name"], arguments=arguments, seal=seal)
            elif "functionResponse" in part:
                result = part["functionResponse"]
                text = "".join(str(value) for value in result["response"].values())
                pictures = len(result.get("parts", ()))
                yield Turn("result", text, id=result.get("id", ""), name=result["name"], pictures=pictures)
            else:
                role = "assistant" if content["role"] == "model" else "user"
                yield Turn("thought" if part.get("thought") else role, part["text"], seal=seal)


def ollama_turns(body: Json) -> Iterator[Turn]:
    for message in body["messages"]:
        pictures = len(message.get("images", ()))
        if message["role"] == "tool":
            id, name = message.get("tool_call_id", ""), message["tool_name"]
            yield Turn("result", message["content"], id=id, name=name, pictures=pictures)
            continue
        if message.get("thinking"):
            yield Turn("thought", message["thinking"])
        if message["content"] or message["role"] != "assistant":
            yield Turn(message["role"], message["content"], pictures=pictures)
        for call in message.get("tool_calls", ()):
            function = call["function"]
            arguments = arguments_of(function["arguments"])
            yield Turn("call", id=call.get("id", ""), name=function["name"], arguments=arguments)


def cohere_turns(body: Json) -> Iterator[Turn]:
    for message in body["messages"]:
        content = message.get("content") or []
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = "".join(part.get("text", "") for part in parts)
        if message["role"] == "tool":
            yield Turn("result", text, id=message["tool_call_id"])
            continue
        thought = "".join(part["thinking"] for part in parts if part["type"] == "thinking")
        if thought or message.get("tool_plan"):
            yield Turn("thought", thought or message["tool_plan"])
        pictures = sum(part["type"] == "image_url" for part in parts)
        if text or pictures:
            yield Turn(message["role"], text, pictures=pictures)
        for call in message.get("tool_calls", ()):
            function = call["function"]
            yield Turn("call", id=call["id"], name=function["name"], arguments=arguments_of(function["arguments"]))


READERS: dict[str, Callable[[Json], Iterable[Turn]]] = {
    "openai": openai_turns,
    "responses": responses_turns,
    "anthropic": anthropic_turns,
    "gemini": gemini_turns,
    "ollama": ollama_turns,
    "cohere": cohere_turns,
}


def turns(wire: str, body: Json) -> list[Turn]:
    """Return what a body of this wire tells, in order."""
    return list(READERS[wire](body))
