"""A question about a file in each client protocol, as its own SDK would write it."""

import base64
from typing import Any, NamedTuple

QUESTION = "Which value is in row 7 of page 3?"


class Ask(NamedTuple):
    """Where to post what, and where the answer's words are."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = {}


def _url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def openai(model: str, name: str, mime: str, data: bytes) -> Ask:
    part: dict[str, Any] = {"type": "file", "file": {"filename": name, "file_data": _url(mime, data)}}
    if mime.startswith("image/"):
        part = {"type": "image_url", "image_url": {"url": _url(mime, data)}}
    elif mime.startswith("audio/"):
        form = {"audio/mpeg": "mp3"}.get(mime, mime.partition("/")[2])
        part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": form}}
    elif mime.startswith("video/"):
        part = {"type": "video_url", "video_url": {"url": _url(mime, data)}}
    content = [{"type": "text", "text": QUESTION}, part]
    return Ask("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": content}]})


def responses(model: str, name: str, mime: str, data: bytes) -> Ask:
    part: dict[str, Any] = {"type": "input_file", "filename": name, "file_data": _url(mime, data)}
    if mime.startswith("image/"):
        part = {"type": "input_image", "image_url": _url(mime, data)}
    content = [{"type": "input_text", "text": QUESTION}, part]
    return Ask("/v1/responses", {"model": model, "store": False, "input": [{"role": "user", "content": content}]})


def anthropic(model: str, name: str, mime: str, data: bytes) -> Ask:
    kind = "image" if mime.startswith("image/") else "document"
    source = {"type": "base64", "media_type": mime, "data": base64.b64encode(data).decode()}
    part = {"type": kind, "source": source} | ({"title": name} if kind == "document" else {})
    content = [{"type": "text", "text": QUESTION}, part]
    body = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": content}]}
    return Ask("/v1/messages", body, {"anthropic-version": "2023-06-01"})


def ollama(model: str, name: str, mime: str, data: bytes) -> Ask:
    message = {"role": "user", "content": QUESTION, "images": [base64.b64encode(data).decode()]}
    return Ask("/api/chat", {"model": model, "stream": False, "messages": [message]})


def gemini(model: str, name: str, mime: str, data: bytes) -> Ask:
    parts = [{"text": QUESTION}, {"inline_data": {"mime_type": mime, "data": base64.b64encode(data).decode()}}]
    return Ask(f"/v1beta/models/{model}:generateContent", {"contents": [{"role": "user", "parts": parts}]})


PROTOCOLS = {
    "openai": openai, "responses": responses, "anthropic": anthropic, "ollama": ollama, "gemini": gemini,
}  # fmt: skip
