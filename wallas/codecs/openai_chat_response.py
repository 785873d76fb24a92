"""Reads and writes whole chat completions, with the dialects of all providers that speak this wire."""

import secrets
from collections.abc import Mapping
from itertools import count
from typing import Any

from wallas.codecs.framing import encode
from wallas.codecs.openai_chat_fields import WIRE
from wallas.codecs.openai_chat_parts import kept, overlaid, own
from wallas.codecs.openai_chat_request import taken_seal
from wallas.codecs.openai_chat_words import (
    PADDING,
    decode_citation,
    decode_usage,
    encode_citation,
    encode_logprob,
    encode_stopped,
    encode_usage,
    minted,
    split_logprobs,
    stopped,
)
from wallas.codecs.openai_errors import failure, malformed
from wallas.types.chat import (
    ChatResponse,
    Choice,
    Citation,
    Logprob,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)

BODY = frozenset({"id", "object", "created", "model", "choices", "usage"}) | PADDING
CHOICE = frozenset({"index", "message", "finish_reason", "logprobs", "error"}) | PADDING
WORDS = frozenset({"role", "content", "refusal", "reasoning", "reasoning_content"})
LISTS = frozenset({"annotations", "images", "tool_calls"})
"""What of a message may be empty lists, which say nothing."""
CALL = frozenset({"id", "type", "function", "custom"})


def decode_response(body: Any) -> ChatResponse:
    """Return a provider's whole answer; raise ProviderError for an error that came with a 200.

    What has no field stays in the extras: of the answer, of the choice (what
    its message had besides under ``message``) and of the calls and media.
    """
    if not isinstance(body, dict):
        raise failure(body) if isinstance(body, list) and body else malformed("an answer that is no object")
    if body.get("error"):
        raise failure(body)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise failure(body) if is_error(body) else malformed("an answer without choices")
    id_ = body.get("id") or minted("chatcmpl-", encode(body))
    usage = body.get("usage") or _groq(body).get("usage")
    return ChatResponse(
        id=str(id_),
        model=str(body.get("model") or ""),
        created=created(body),
        choices=_choices(choices, str(id_)),
        usage=decode_usage(usage),
        extra=kept(without(body, BODY)),
    )


def _choices(choices: list[Any], id_: str) -> tuple[Choice, ...]:
    if len(choices) == 1 and type(choices[0]) is dict:
        return (_choice(choices[0], f"{id_}.0"),)
    rows = sorted((choice for choice in choices if isinstance(choice, dict)), key=_index)
    return tuple(_choice(row, f"{id_}.{number}") for number, row in enumerate(rows))


def is_error(body: Mapping[str, Any]) -> bool:
    """Return whether an object without choices is a flat error, as Cerebras, Mistral and Cohere send them."""
    return "choices" not in body and (body.get("object") == "error" or bool(body.get("message") or body.get("detail")))


def created(body: Mapping[str, Any]) -> int | None:
    """Return when the answer was made, in epoch seconds; 0 is not said."""
    value = body.get("created")
    return int(value) if isinstance(value, int | float) and value > 0 else None


def without(values: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Return what of an object no field took, nulls left out."""
    if values.keys() <= names:
        return {}
    return {key: value for key, value in values.items() if value is not None and key not in names}


def _groq(body: Mapping[str, Any]) -> dict[str, Any]:
    inner = body.get("x_groq")
    return inner if isinstance(inner, dict) else {}


def _index(choice: dict[str, Any]) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _choice(choice: dict[str, Any], seed: str) -> Choice:
    if choice.get("error"):
        raise failure(choice)
    extra = without(choice, CHOICE)
    text = _words_alone(choice.get("message"))
    if text is not None and choice.get("logprobs") is None:
        word = choice.get("finish_reason")
        reason, detail, extra = stopped(None if word is None else str(word), extra, ())
        said = Message(role="assistant", parts=(Text(text=text),))
        return Choice(message=said, stop_reason=reason, stop_detail=detail, extra=kept(extra))
    message = dict(given) if isinstance(given := choice.get("message"), dict) else {}
    rows, logprobs = split_logprobs(choice.get("logprobs"))
    parts, left = _Message(message, seed).read(rows)
    if rows and not any(isinstance(part, Text) for part in parts):
        logprobs["content"] = choice["logprobs"]["content"]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    word = choice.get("finish_reason")
    reason, detail, extra = stopped(None if word is None else str(word), extra, calls)
    more = {"message": left} if left else {}
    more |= {"logprobs": logprobs} if logprobs else {}
    return Choice(
        message=Message(role="assistant", parts=parts),
        stop_reason=reason,
        stop_detail=detail,
        extra=kept(extra | more),
    )


def _words_alone(message: Any) -> str | None:
    """Return what a message says that holds nothing but words, as most do; None for any other."""
    if type(message) is not dict or type(text := message.get("content", "")) is not str:
        return None
    for name, value in message.items():
        if value is not None and name not in ("content", "role") and not (value == [] and name in LISTS):
            return None
    return text or None


class _Message:
    """Takes a message apart: ``left`` is what was not taken yet."""

    def __init__(self, message: dict[str, Any], seed: str) -> None:
        self.left = {key: value for key, value in message.items() if value is not None and key not in PADDING}
        self.left.pop("role", None)
        self.ids = CallIds(seed)

    def read(self, rows: tuple[Logprob, ...]) -> tuple[tuple[Part, ...], dict[str, Any]]:
        """Return the parts, and what else the message holds."""
        text, thoughts, images = self._content()
        parts = [*self._reasoning(thoughts)]
        if text:
            parts.append(Text(text=text, citations=self._citations(), logprobs=rows))
        refusal = self.left.pop("refusal", None)
        if refusal and isinstance(refusal, str):
            parts.append(Refusal(text=refusal))
        parts += self._audio()
        parts += [decode_image(image) for image in images]
        parts += self._calls()
        return tuple(parts), self.left

    def _content(self) -> tuple[str, str, list[dict[str, Any]]]:
        """Return words, thoughts and images: content is text, a list (Mistral) or any JSON (Cloudflare)."""
        content = self.left.pop("content", "")
        images = images if isinstance(images := self.left.pop("images", []), list) else []
        if isinstance(content, str):
            return content, "", images
        if not isinstance(content, list):
            return encode(content).decode(), "", images
        text, thoughts, other = split_content(content)
        seen = [part for part in other if "image_url" in part]
        if len(other) > len(seen):
            self.left["content_parts"] = [part for part in other if part not in seen]
        return text, thoughts, [*images, *seen]

    def _reasoning(self, thoughts: str) -> list[Part]:
        for field in ("reasoning", "reasoning_content"):
            text = self.left.get(field)
            if isinstance(text, str) and text:
                del self.left[field]
                if self.left.get("reasoning_content") == text:
                    del self.left["reasoning_content"]
                return [Reasoning(text=text, extra=kept({"_field": field}))]
        text = thoughts or detailed(self.left.get("reasoning_details"))
        return [Reasoning(text=text, extra=kept({"_field": "reasoning_content"}))] if text else []

    def _citations(self) -> tuple[Citation, ...]:
        annotations = self.left.pop("annotations", None)
        if not isinstance(annotations, list):
            return ()
        read = [(annotation, decode_citation(annotation)) for annotation in annotations]
        other = [annotation for annotation, citation in read if citation is None]
        if other:
            self.left["annotations"] = other
        return tuple(citation for _, citation in read if citation is not None)

    def _audio(self) -> list[Part]:
        audio = self.left.get("audio")
        if not isinstance(audio, dict) or not any(audio.get(key) for key in ("data", "transcript", "id")):
            self.left.pop("audio", None)
            return []
        del self.left["audio"]
        return [decode_audio(audio)]

    def _calls(self) -> list[Part]:
        calls = self.left.pop("tool_calls", None) or []
        if not isinstance(calls, list):
            raise malformed("tool calls that are no list")
        parts: list[Part] = [decode_call(call, self.ids) for call in calls]
        legacy = self.left.pop("function_call", None)
        if isinstance(legacy, dict) and legacy.get("name"):
            parts.append(decode_call({"function": legacy}, self.ids, note={"_legacy": True}))
        return parts


class CallIds:
    """Gives every call of an answer an id of its own: the provider's, or one made up where that is missing or twice."""

    def __init__(self, seed: str) -> None:
        """Make ids up from ``seed``, which no other answer has."""
        self.seed = seed
        self.taken: set[str] = set()

    def unique(self, given: Any) -> str:
        """Return the id for the next call."""
        id_ = given if isinstance(given, str) and given else ""
        if not id_ or id_ in self.taken:
            id_ = minted("call_", self.seed, len(self.taken))
        self.taken.add(id_)
        return id_


def split_content(content: list[Any]) -> tuple[str, str, list[dict[str, Any]]]:
    """Return the words, the thoughts and the other parts of a content list."""
    words: list[str] = []
    thoughts: list[str] = []
    other: list[dict[str, Any]] = []
    for part in content:
        match part:
            case str():
                words.append(part)
            case {"type": "thinking", "thinking": thinking}:
                thoughts += [thinking] if isinstance(thinking, str) else _texts(thinking)
            case {"text": str() as text}:
                words.append(text)
            case dict():
                other.append(part)
    return "".join(words), "".join(thoughts), other


def _texts(parts: Any) -> list[str]:
    return [part["text"] for part in parts or () if isinstance(part, dict) and isinstance(part.get("text"), str)]


def detailed(details: Any) -> str:
    """Return the words in OpenRouter's ``reasoning_details``, for those who send nothing else."""
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    said = [row.get("text") or row.get("summary") for row in rows]
    return "".join(text for text in said if isinstance(text, str))


def decode_call(call: Any, ids: CallIds, *, note: dict[str, Any] | None = None) -> ToolCall:
    """Return a call; the arguments may be text, an object, null or missing, the type is a matter of what is there."""
    if not isinstance(call, dict):
        raise malformed("a tool call that is no object")
    kind = call_kind(call)
    function = call.get(kind)
    if not isinstance(function, dict):
        raise malformed("a tool call that names no function")
    more = without(call, CALL) | (note or {})
    inner = without(function, frozenset({"name", "arguments", "input"}))
    seal, more = taken_seal(more | {kind: inner} if inner else more)
    return ToolCall(
        id=ids.unique(call.get("id")),
        name=str(function.get("name") or ""),
        arguments=call_text(function, kind),
        kind="custom" if kind == "custom" else "function",
        seal=seal,
        extra=kept(more),
    )


def call_kind(call: dict[str, Any]) -> str:
    """Return under which key a call has its name."""
    return "custom" if call.get("type") == "custom" or ("custom" in call and "function" not in call) else "function"


def call_text(function: dict[str, Any], kind: str) -> str:
    """Return a call's arguments, or the piece of them that came, as text."""
    value = function.get("input" if kind == "custom" else "arguments")
    if value is None or isinstance(value, str):
        return value or ""
    return encode(value).decode()


def decode_image(image: Any) -> Media:
    """Return an image of an answer, given as OpenRouter does: a data URL or a URL."""
    place = image.get("image_url") if isinstance(image, dict) else None
    url = place.get("url") if isinstance(place, dict) else place
    if not isinstance(image, dict) or not isinstance(url, str):
        raise malformed("an image without a URL")
    more = without(image, frozenset({"type", "image_url"}))
    inner = without(place, frozenset({"url"})) if isinstance(place, dict) else {}
    extra = kept(more | {"image_url": inner} if inner else more)
    head, comma, data = url.partition(";base64,")
    if comma and head[:5].lower() == "data:":
        return Media(kind="image", mime=head[5:] or None, data=data, extra=extra)
    return Media(kind="image", url=url, extra=extra)


def decode_audio(audio: dict[str, Any]) -> Media:
    """Return a spoken answer, or the piece of it that came; its transcript is the text."""
    more = {key: value for key, value in audio.items() if value and key not in ("data", "transcript")}
    data = audio.get("data") or None
    return Media(
        kind="audio",
        data=data,
        text=audio.get("transcript") or None,
        file_id=None if data else audio.get("id"),
        extra=kept(more),
    )


def encode_response(response: ChatResponse) -> dict[str, Any]:
    """Return the whole answer for a client.

    Thoughts are always in ``reasoning_content``, and in ``reasoning`` too where
    the provider called them so. The answer's own id, or a new one; 0 stands for
    a time that nobody told.
    """
    body: dict[str, Any] = {
        "id": response.id or f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": response.created or 0,
        "model": response.model,
        "choices": list(map(_encode_choice, response.choices, count())),
    }
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    if response.provider is not None:
        body["provider"] = response.provider
    return overlaid(response.extra[WIRE], body) if WIRE in response.extra else body


def _encode_choice(choice: Choice, number: int) -> dict[str, Any]:
    parts = choice.message.parts
    alone = parts[0] if len(parts) == 1 and not choice.extra else None
    if type(alone) is Text and not (alone.citations or alone.logprobs):
        return {
            "index": number,
            "message": {"role": "assistant", "content": alone.text, "refusal": None},
            "logprobs": None,
            **encode_stopped(choice.stop_reason, choice.stop_detail),
        }
    more = dict(own(choice.extra))
    left = more.pop("message", {})
    message = overlaid(left, encode_message(choice.message.parts))
    if "annotations" in left and left["annotations"] is not message["annotations"]:
        message["annotations"] = [*message["annotations"], *left["annotations"]]
    if "reasoning_content" in left:
        message["reasoning_content"] = left["reasoning_content"]
    told = more.pop("logprobs", {})
    rows = [row for part in choice.message.parts if isinstance(part, Text) for row in part.logprobs]
    logprobs = overlaid(told, {"content": [encode_logprob(row) for row in rows]} if rows else {})
    return overlaid(
        more,
        {
            "index": number,
            "message": message,
            "logprobs": {"content": None, "refusal": None} | logprobs if logprobs else None,
            **encode_stopped(choice.stop_reason, choice.stop_detail),
        },
    )


def encode_message(parts: tuple[Part, ...]) -> dict[str, Any]:
    """Return an answer's message; documents, videos and other wires' own blocks have no place in it."""
    row: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    said = ""
    annotations: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case Text():
                rows = [encode_citation(citation, len(said)) for citation in part.citations]
                annotations += [annotation for annotation in rows if annotation is not None]
                said += part.text
            case Reasoning() if text := part.text or part.summary:
                for field in reasoning_fields(part):
                    row[field] = row.get(field, "") + text
            case Refusal():
                row["refusal"] = (row["refusal"] or "") + part.text
            case Media(kind="image"):
                row.setdefault("images", []).append(encode_image(part))
            case Media(kind="audio") if "audio" not in row:
                row["audio"] = encode_audio(part)
            case ToolCall() if own(part.extra).get("_legacy"):
                row["function_call"] = encode_call(part)["function"]
            case ToolCall():
                row.setdefault("tool_calls", []).append(encode_call(part))
    if said or (row["refusal"] is None and row.keys() <= WORDS):
        row["content"] = said
    return row | {"annotations": annotations} if annotations else row


def reasoning_fields(part: Reasoning) -> tuple[str, ...]:
    """Return the fields of an answer in which thoughts are told."""
    return (
        ("reasoning", "reasoning_content") if own(part.extra).get("_field") == "reasoning" else ("reasoning_content",)
    )


def encode_image(media: Media) -> dict[str, Any]:
    """Return an image of an answer as OpenRouter has it."""
    url = f"data:{media.mime or ''};base64,{media.data}" if media.data else media.url or ""
    return overlaid(own(media.extra), {"type": "image_url", "image_url": {"url": url}})


def encode_audio(media: Media) -> dict[str, Any]:
    """Return a spoken answer."""
    audio = {"id": media.file_id or "", "expires_at": 0, **own(media.extra)}
    return audio | {"data": media.data or "", "transcript": media.text or ""}


def encode_call(call: ToolCall) -> dict[str, Any]:
    """Return a call for a client, with its seal where the client's wire has a place for it."""
    more = {key: value for key, value in own(call.extra).items() if not key.startswith("_")}
    if call.kind == "custom":
        row: dict[str, Any] = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    else:
        row = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    if call.seal is not None and "extra_content" in more:
        row["extra_content"] = {"google": {"thought_signature": str(call.seal)}}
    return overlaid(more, row)


__all__ = ["WIRE", "decode_response", "encode_response"]
