"""One part of a Gemini content, as JSON and as ours: the same for requests, answers and streams.

A part is one thing (text, a call, a file, ...) with a ``thoughtSignature``
perhaps. What no field of ours takes stays in the part's ``extra``; a kind that
we do not know is ``Opaque``.
"""

import re
from base64 import b64encode
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from wallas.codecs.arguments import arguments_object, arguments_text
from wallas.codecs.framing import encode
from wallas.codecs.gemini_words import WIRE
from wallas.types.chat import (
    SEAL,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Text,
    ToolCall,
    ToolResult,
)

KINDS: dict[str, MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
MIMES = {"image": "image/jpeg", "audio": "audio/wav", "video": "video/mp4", "document": "application/pdf"}
"""What a file is taken for when its sender did not say; Gemini wants a type."""

RESULT_KEYS = ("result", "output", "error")
"""Keys whose text is the whole of a ``functionResponse.response``."""

KEY = "responseKey"
"""Our note in a tool result's ``extra``: the key its text came under."""

_URLSAFE = str.maketrans("-_", "+/")
_ODD = re.compile(r"[^A-Za-z0-9_-]")

decode = msgspec.json.Decoder().decode


def minted(number: int, stem: str) -> str:
    """Return an id for a call that came without: its number and a word, at most 40 letters that every wire takes."""
    return f"call_{number}_{_ODD.sub('-', stem)}"[:40]


def standard(data: str) -> str:
    """Return base64 text in the standard alphabet, padded."""
    if "-" in data or "_" in data:
        data = data.translate(_URLSAFE)
    return data + "=" * (-len(data) % 4) if len(data) % 4 else data


def client_seal(seal: Seal) -> str:
    """Return a ``thoughtSignature`` for a client: valid base64, from which the issuer can be read again."""
    return b64encode(str(seal).encode()).decode() if seal.issuer else seal.value


def provider_seal(seal: Seal) -> str:
    """Return a ``thoughtSignature`` for its issuer."""
    return seal.value


def sent_back(text: str) -> Seal:
    """Return the seal that a client sent back: ``client_seal`` undone, also after a client respelled the base64."""
    try:
        told = a2b_base64(standard(text), strict_mode=True).decode()
    except (NotBase64, ValueError):
        return Seal(value=text)
    return Seal.parse(told) if SEAL.fullmatch(told) else Seal(value=text)


def media_kind(mime: str | None) -> MediaKind:
    """Return the kind of file that a media type names."""
    return KINDS.get((mime or "").partition("/")[0], "document")


def extra_of(part: dict[str, Any], kind: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Return what no field takes: keys beside the part's ``kind``, and under ``kind`` those inside it."""
    extra = {key: value for key, value in part.items() if key not in (kind, "thoughtSignature") and value is not None}
    inner = part[kind]
    if isinstance(inner, dict) and (left := {key: value for key, value in inner.items() if key not in known}):
        extra[kind] = left
    return extra


def part_of(part: dict[str, Any], *, id: str, seal: Seal | None) -> Part:
    """Return a part that is not text: a call, a file, or what only Gemini knows.

    ``id`` is for a call that has none.
    """
    for kind, read in _READERS.items():
        if isinstance(part.get(kind), dict):
            return read(part, id, seal)
    data = {key: value for key, value in part.items() if key != "thoughtSignature"}
    return Opaque(wire=WIRE, data=data, seal=seal)


def _call(part: dict[str, Any], id: str, seal: Seal | None) -> Part:
    call = part["functionCall"]
    return ToolCall(
        id=call.get("id") or id,
        name=call.get("name") or "",
        arguments=arguments_text(call.get("args")),
        seal=seal,
        extra=noted(extra_of(part, "functionCall", ("id", "name", "args"))),
    )


def _inline(part: dict[str, Any], id: str, seal: Seal | None) -> Part:
    blob = part["inlineData"]
    return Media(
        kind=media_kind(blob.get("mimeType")),
        mime=blob.get("mimeType"),
        data=standard(blob.get("data") or ""),
        name=blob.get("displayName"),
        seal=seal,
        extra=noted(extra_of(part, "inlineData", ("mimeType", "data", "displayName"))),
    )


def _file(part: dict[str, Any], id: str, seal: Seal | None) -> Part:
    file = part["fileData"]
    return Media(
        kind=media_kind(file.get("mimeType")),
        mime=file.get("mimeType"),
        url=file.get("fileUri"),
        name=file.get("displayName"),
        seal=seal,
        extra=noted(extra_of(part, "fileData", ("mimeType", "fileUri", "displayName"))),
    )


_READERS: dict[str, Callable[[dict[str, Any], str, Seal | None], Part]] = {
    "functionCall": _call,
    "inlineData": _inline,
    "fileData": _file,
}


def noted(extra: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what only Gemini knows as an ``extra``, empty where there is nothing."""
    return {WIRE: extra} if extra else {}


def result_of(part: dict[str, Any], *, call_id: str, name: str, seal: Seal | None) -> ToolResult:
    """Return a ``functionResponse``.

    ``{"output": "text"}`` (or ``result``, ``error``) is that text, the key
    noted; any other object is its compact JSON. ``error`` marks a failure.
    """
    told = part["functionResponse"]
    response = told.get("response") or {}
    key = next(iter(response)) if len(response) == 1 else None
    extra = extra_of(part, "functionResponse", ("id", "name", "response", "parts"))
    parts: tuple[Part, ...] = ()
    if key in RESULT_KEYS and isinstance(response[key], str):
        parts = (Text(text=response[key].replace("\0", "")),)
        extra[KEY] = key
    elif response:
        parts = (Text(text=encode(response).decode()),)
    media = tuple(part_of(item, id="", seal=None) for item in told.get("parts") or ())
    return ToolResult(
        call_id=call_id, name=name, parts=parts + media, is_error=key == "error", seal=seal, extra=noted(extra)
    )


class Writer:
    """Writes parts for one side: ``sealed`` writes a seal, ``drop`` hears the name of what has no place."""

    def __init__(self, sealed: Callable[[Seal], str], drop: Callable[[str], object]) -> None:
        """Write for a client or for a provider."""
        self.sealed = sealed
        self.drop = drop
        self.names: dict[str, str] = {}

    def parts(self, part: Part) -> Iterator[dict[str, Any]]:
        """Yield the JSON of a part: one part, or none where it has no place here."""
        extra = dict(part.extra.get(WIRE, {}))
        for kind, data in self._kinds(part, extra):
            inner = extra.pop(kind, None)
            written = {kind: data | inner if isinstance(inner, dict) else data} | extra
            if part.seal:
                written["thoughtSignature"] = self.sealed(part.seal)
            yield written

    def _kinds(self, part: Part, extra: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        match part:
            case Text(text=text) | Refusal(text=text):
                yield "text", text
            case Reasoning():
                extra["thought"] = True
                yield "text", part.text or part.summary
            case ToolCall():
                self.names[part.id] = part.name
                yield (
                    "functionCall",
                    {"name": part.name, "args": arguments_to(part)} | ({"id": part.id} if part.id else {}),
                )
            case ToolResult():
                yield "functionResponse", self._result(part, extra)
            case Media():
                yield from self._media(part)
            case Opaque():
                yield from self._opaque(part, extra)

    def _opaque(self, part: Opaque, extra: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        if part.wire != WIRE or not isinstance(part.data, dict) or not part.data:
            kind = part.data.get("type") if isinstance(part.data, dict) else None
            self.drop(str(kind or part.wire))
            return
        (kind, data), *rest = part.data.items()
        extra.update(rest)
        yield kind, data

    def _media(self, part: Media) -> Iterator[tuple[str, Any]]:
        name = {"displayName": part.name} if part.name else {}
        if part.data is not None:
            yield "inlineData", {"mimeType": part.mime or MIMES[part.kind], "data": part.data} | name
        elif part.url is not None:
            mime = {"mimeType": part.mime} if part.mime else {}
            yield "fileData", {"fileUri": part.url} | mime | name
        elif part.text is not None:
            yield "text", part.text
        else:
            self.drop("file_id")

    def _result(self, part: ToolResult, extra: dict[str, Any]) -> dict[str, Any]:
        key = extra.pop(KEY, None)
        text = "\n".join(item.text for item in part.parts if isinstance(item, Text | Refusal))
        told = any(isinstance(item, Text | Refusal) for item in part.parts)
        media = [written for item in part.parts if not isinstance(item, Text | Refusal) for written in self.parts(item)]
        result: dict[str, Any] = {
            "name": part.name or self.names.get(part.call_id) or part.call_id,
            "response": response_to(text, key, is_error=part.is_error) if told else {},
        }
        if part.call_id:
            result["id"] = part.call_id
        return result | {"parts": media} if media else result


def response_to(text: str, key: str | None, *, is_error: bool) -> dict[str, Any]:
    """Return the object that a tool's words are sent as: their own where they are one, else under a key."""
    if key in RESULT_KEYS and (key == "error") == is_error:
        return {key: text}
    told = _object(text)
    if told is not None and ("error" in told or not is_error):
        return told
    return {"error" if is_error else "output": text}


def arguments_to(call: ToolCall) -> dict[str, Any]:
    """Return a call's arguments as an object; freeform text is its ``input``."""
    if call.kind == "custom":
        return {"input": call.arguments}
    return arguments_object(call.arguments)


def _object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
