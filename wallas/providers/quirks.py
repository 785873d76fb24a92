"""Small rules by which one provider's bodies differ from the wire's: each takes a fresh body and returns another.

A row of the table names those that it needs. What a rule takes away is named
in ``asked.dropped``. Which of them concern a model is asked once (``Manner``).
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeAlias

from wallas.providers.row import Row

Json = dict[str, Any]


class Asked(NamedTuple):
    """For whom a body is made: the row, the model's id, and the list that names what is left out."""

    row: Row
    model: str
    dropped: list[str]

    def drop(self, body: Json, *names: str) -> Json:
        """Return the body without these parameters, which are named as dropped if they were there."""
        if body.keys().isdisjoint(names):
            return body
        for name in names:
            if name in body and name not in self.dropped:
                self.dropped.append(name)
        return {name: value for name, value in body.items() if name not in names}


Rule: TypeAlias = Callable[[Json, Asked], Json]


class Manner(NamedTuple):
    """What of a row's differences concerns one of its models."""

    rules: tuple[Rule, ...]
    """What is done to each of its bodies, in this order."""
    drops: frozenset[str]
    """Parameters that it refuses, by the wire's names."""
    reasoning_field: str | None
    """Where an earlier answer's reasoning is sent back, as ``Row`` has it."""


def manner(row: Row, model: str) -> Manner:
    """Return what a row's differences come to for one of its models."""
    rules: list[Rule] = []
    drops = row.drops
    if row.renames:
        rules.append(renamed)
    if row.most:
        rules.append(bounded)
    if row.efforts:
        rules.append(fitted_effort)
    if not row.developer:
        rules.append(plain_roles)
    for name in row.quirks:
        if name == reasoning_rules.__name__ and not REASONS.search(model):
            drops |= NO_THINKING
        else:
            rules.append(QUIRKS[name])
    magistral = row.tool_ids == "mistral9" and "magistral" in model  # it keeps its thoughts among the content
    return Manner(tuple(rules), drops, "content" if magistral else row.reasoning_field)


def renamed(body: Json, asked: Asked) -> Json:
    """Return the body with other names for some parameters; one that has the new name already stays."""
    names = asked.row.renames
    if body.keys().isdisjoint(names):
        return body
    return {names.get(name, name): value for name, value in body.items() if names.get(name) not in body}


def bounded(body: Json, asked: Asked) -> Json:
    """Return the body with numbers no larger than the provider takes; those made smaller are named ``name>most``."""
    for name, bound in asked.row.most.items():
        value = body.get(name)
        if isinstance(value, int | float) and value > bound:
            body = body | {name: bound}
            asked.dropped.append(f"{name}>{bound:g}")
    return body


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def fitted_effort(body: Json, asked: Asked) -> Json:
    """Return the body with the nearest reasoning effort that the model knows, or without one."""
    effort = body.get("reasoning_effort")
    if effort is None:
        return body
    allowed = next((known for glob, known in asked.row.efforts if fnmatchcase(asked.model, glob)), None)
    if allowed is None or effort in allowed:
        return body
    if not allowed or effort not in EFFORTS or (effort == "none" and "thinking" in body):
        switched = "thinking" in body
        rest = {name: value for name, value in body.items() if name != "reasoning_effort"}
        return rest if switched else asked.drop(body, "reasoning_effort")
    place = EFFORTS.index(effort)
    thinking = [word for word in allowed if word != "none"] or list(allowed)
    nearest = min(thinking, key=lambda word: abs(EFFORTS.index(word) - place))
    return body | {"reasoning_effort": nearest}


def no_names(body: Json, asked: Asked) -> Json:
    """Groq answers 400 to ``name`` on any message."""
    if not any("name" in message for message in body["messages"]):
        return body
    if "messages.name" not in asked.dropped:
        asked.dropped.append("messages.name")
    messages = [{key: value for key, value in message.items() if key != "name"} for message in body["messages"]]
    return body | {"messages": messages}


ROUTED_HERE = frozenset({"order", "only", "ignore", "allow_fallbacks"})


def own_routing(body: Json, asked: Asked) -> Json:
    """OpenRouter's ``provider`` without what names providers: there the caller means ours, and the router obeys it."""
    wishes = body.get("provider")
    if not isinstance(wishes, dict):
        return {name: value for name, value in body.items() if name != "provider"}
    left = {key: value for key, value in wishes.items() if key not in ROUTED_HERE}
    rest = {name: value for name, value in body.items() if name != "provider"}
    return rest | {"provider": left} if left else rest


SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def short_id(id: str) -> str:
    """Return nine letters and digits, the same for the same id; one that is such stays as it is."""
    if SHORT_ID.fullmatch(id):
        return id
    number = int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big")
    letters = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        letters.append(_DIGITS[digit])
    return "".join(letters)


def short_tool_ids(body: Json, asked: Asked) -> Json:
    """Mistral's older models take tool call ids of nine letters and digits only."""
    return body | {"messages": [_with_short_ids(message) for message in body["messages"]]}


def _with_short_ids(message: Json) -> Json:
    if message.get("tool_calls"):
        calls = [call | {"id": short_id(str(call.get("id", "")))} for call in message["tool_calls"]]
        return message | {"tool_calls": calls}
    if "tool_call_id" in message:
        return message | {"tool_call_id": short_id(str(message["tool_call_id"]))}
    return message


MISTRAL_KEYS = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}


def strict_messages(body: Json, asked: Asked) -> Json:
    """Mistral answers 422 to any key of a message that it does not know, and has its own words for some parts."""
    messages = []
    lost: dict[str, None] = {}
    for message in body["messages"]:
        known = MISTRAL_KEYS.get(message["role"], MISTRAL_KEYS["user"])
        lost.update((f"messages.{key}", None) for key in message if key not in known and message[key] is not None)
        kept = {key: value for key, value in message.items() if key in known}
        content = kept.get("content")
        if isinstance(content, list):
            kept["content"] = [_mistral_part(part) for part in content]
        elif content is None:
            kept["content"] = ""
        messages.append(kept)
    told = set(asked.dropped)
    asked.dropped.extend(name for name in lost if name not in told)
    return body | {"messages": messages}


def _mistral_part(part: Json) -> Json:
    match part:
        case {"type": "input_audio", "input_audio": {"data": str() as data}}:
            return {"type": "input_audio", "input_audio": data}
        case {"type": "file", "file": {"file_data": str() as place}}:
            return {"type": "document_url", "document_url": place}
        case {"type": "file", "file": {"file_id": str() as file_id}}:
            return {"type": "file", "file_id": file_id}
        case _:
            return part


BRIDGE = {"role": "assistant", "content": "OK."}
"""Stands between a tool's result and the user's next words: Mistral answers 400 ("Unexpected role") without it, and
refuses empty assistant turns."""


def answered_tools(body: Json, asked: Asked) -> Json:
    """Mistral wants the assistant's word after a tool's result, before the user speaks again."""
    messages: list[Json] = []
    for message in body["messages"]:
        if messages and messages[-1]["role"] == "tool" and message["role"] in ("user", "system"):
            messages.append(dict(BRIDGE))
        messages.append(message)
    return body | {"messages": messages}


def goes_on(messages: list[Json]) -> bool:
    """Return whether the last turn is an answer to be continued."""
    return bool(messages) and messages[-1]["role"] == "assistant" and not messages[-1].get("tool_calls")


def prefix_turn(body: Json, asked: Asked) -> Json:
    """Mistral and DeepSeek continue a last assistant turn that says ``prefix``."""
    messages = body["messages"]
    if not goes_on(messages) or not asked.row.continues(asked.model):
        return body
    return body | {"messages": [*messages[:-1], messages[-1] | {"prefix": True}]}


def one_call_a_turn(body: Json, asked: Asked) -> Json:
    """NVIDIA's Llama models answer 400 to several tool calls in a turn: each gets a turn of its own."""
    if "llama" not in asked.model.lower():
        return body
    if body.get("tools"):
        body = body | {"parallel_tool_calls": False}
    return body | {"messages": list(_single_calls(body["messages"]))}


def _single_calls(messages: list[Json]) -> Iterator[Json]:
    results = {message["tool_call_id"]: message for message in messages if message.get("role") == "tool"}
    moved: set[str] = set()
    for message in messages:
        calls = message.get("tool_calls") or []
        if len(calls) < 2:
            if message.get("tool_call_id") not in moved:
                yield message
            continue
        for number, call in enumerate(calls):
            yield message | {"tool_calls": [call]} | ({"content": None} if number else {})
            if call["id"] in results:
                moved.add(call["id"])
                yield results[call["id"]]


ROOMY = 4096
"""No model at NVIDIA allows less; its default may be a few hundred tokens."""


def roomy_answer(body: Json, asked: Asked) -> Json:
    """NVIDIA's default for ``max_tokens`` is tiny for some models."""
    return {"max_tokens": ROOMY} | body


REASONS = re.compile(r"(^|/)(o\d|gpt-[5-9])")
NO_STOP = re.compile(r"(^|/)(o3|o4-mini)")
SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")


NO_THINKING = frozenset({"reasoning_effort", "verbosity"})


def reasoning_rules(body: Json, asked: Asked) -> Json:
    """OpenAI's reasoning models refuse sampling parameters while they think; the others know no ``NO_THINKING``."""
    if body.get("reasoning_effort") != "none":
        body = asked.drop(body, *(name for name in SAMPLING if body.get(name) not in DEFAULTS.get(name, ())))
        body = {name: value for name, value in body.items() if name not in SAMPLING}
    return asked.drop(body, "stop") if NO_STOP.search(asked.model) else body


DEFAULTS: dict[str, tuple[float, ...]] = {
    "temperature": (1,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
}
"""Values that ask for what happens anyway: leaving them out loses nothing."""


def plain_json_mode(body: Json, asked: Asked) -> Json:
    """DeepSeek knows JSON without a schema only; the router checks the answer against the schema itself."""
    form = body.get("response_format")
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return body
    if "response_format.json_schema" not in asked.dropped:
        asked.dropped.append("response_format.json_schema")
    return body | {"response_format": {"type": "json_object"}}


def thought_of_calls(body: Json, asked: Asked) -> Json:
    """DeepSeek wants back the thoughts that led to a tool call: where they are lost, it must not think.

    Thoughts of turns without calls are left out; they are ignored there.
    """
    messages = []
    lost = False
    for message in body["messages"]:
        if message["role"] != "assistant":
            messages.append(message)
        elif message.get("tool_calls"):
            lost = lost or not message.get("reasoning_content")
            messages.append(message)
        else:
            messages.append({key: value for key, value in message.items() if key != "reasoning_content"})
    body = body | {"messages": messages}
    if not lost:
        return body
    if body.get("thinking", {}).get("type") == "enabled" or "reasoning_effort" in body:
        asked.drop({"thinking": 1}, "thinking")
    rest = {name: value for name, value in body.items() if name != "reasoning_effort"}
    return rest | {"thinking": {"type": "disabled"}}


def plain_content(body: Json, asked: Asked) -> Json:
    """Cloudflare takes a message's content as one string only, never null."""
    return body | {"messages": [_as_string(message) for message in body["messages"]]}


def _as_string(message: Json) -> Json:
    content = message.get("content")
    if content is None:
        return message | {"content": ""}
    if isinstance(content, list) and all(part.get("type") == "text" for part in content):
        return message | {"content": "\n".join(part["text"] for part in content)}
    return message


def no_required_tool(body: Json, asked: Asked) -> Json:
    """Moonshot knows no ``tool_choice: required``."""
    return asked.drop(body, "tool_choice") if body.get("tool_choice") == "required" else body


def plain_roles(body: Json, asked: Asked) -> Json:
    """Write ``developer`` as ``system`` for those who know no such role."""
    messages = body["messages"]
    for message in messages:
        if message["role"] == "developer":
            break
    else:
        return body
    told = [message | {"role": "system"} if message["role"] == "developer" else message for message in messages]
    return body | {"messages": told}


QUIRKS: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        no_names,
        own_routing,
        short_tool_ids,
        strict_messages,
        answered_tools,
        prefix_turn,
        one_call_a_turn,
        roomy_answer,
        reasoning_rules,
        plain_json_mode,
        thought_of_calls,
        plain_content,
        no_required_tool,
    )
}
