"""What asking a Gemini model for something other than words has in common: its parts, its refusals, its usage."""

import base64
from typing import TYPE_CHECKING, Any

from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.settings import Key
from wallas.types.chat import Usage

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider

BLOCKED = frozenset(
    {
        "SAFETY",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "RECITATION",
        "IMAGE_RECITATION",
    }
)


def generate(
    provider: "HttpProvider", model: str, parts: list[dict[str, Any]], config: dict[str, Any], key: Key, line: "Line"
) -> Any:
    """Return what a model answers to one turn of these parts."""
    body = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}
    url = f"{provider.base(key)}/models/{model}:generateContent"
    return decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)


def inline(data: bytes, mime: str) -> dict[str, Any]:
    """Return bytes as a part."""
    return {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}}


def parts_of(value: Any) -> list[dict[str, Any]]:
    """Return an answer's parts; raise CONTENT_FILTER for a blocked one, EMPTY without any, MALFORMED for what is none.

    Thoughts are left out.
    """
    if not isinstance(value, dict):
        raise ProviderError(FailureKind.MALFORMED, "an answer that is no object")
    feedback = value.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        raise ProviderError(FailureKind.CONTENT_FILTER, f"the provider refused: {feedback['blockReason']}")
    candidates = value.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else {}
    first = first if isinstance(first, dict) else {}
    content = first.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    if isinstance(parts, list):
        found = [part for part in parts if isinstance(part, dict) and not part.get("thought")]
        if found:
            return found
    reason = str(first.get("finishReason", "no candidate"))
    kind = FailureKind.CONTENT_FILTER if reason in BLOCKED else FailureKind.EMPTY
    raise ProviderError(kind, f"nothing came: {reason[:60]}")


def blobs(parts: list[dict[str, Any]]) -> list[tuple[bytes, str]]:
    """Return the bytes among the parts, with their media types; raise MALFORMED for what is no base64."""
    found = []
    for part in parts:
        data = part.get("inlineData")
        if isinstance(data, dict):
            try:
                found.append((base64.b64decode(data.get("data", ""), validate=True), str(data.get("mimeType", ""))))
            except (TypeError, ValueError) as error:
                raise ProviderError(FailureKind.MALFORMED, "media that are no base64") from error
    return found


def text_of(parts: list[dict[str, Any]]) -> str:
    """Return the words among the parts."""
    return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def usage_of(value: dict[str, Any]) -> Usage | None:
    """Return the tokens that were counted."""
    told = value.get("usageMetadata")
    if not isinstance(told, dict):
        return None
    counts = [told.get(name) for name in ("promptTokenCount", "candidatesTokenCount")]
    spent, made = (count if isinstance(count, int) else None for count in counts)
    return Usage(input=spent, output=made)
