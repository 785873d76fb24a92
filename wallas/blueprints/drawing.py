"""Chat that asks for pictures: its words and pictures become a request for pictures, the answer is a message again.

OpenAI's chat asks by ``modalities: ["image"]``, as OpenRouter has it; Gemini by ``responseModalities: ["IMAGE"]``.
"""

import base64
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from flask import Response
from flask import request as http

from wallas.blueprints.leaving import watching
from wallas.codecs import openai_chat
from wallas.codecs.openai_images import Asked
from wallas.errors import BadRequest
from wallas.ids import fresh
from wallas.providers.image_calls import RATIOS, data_url
from wallas.routing.router import Options
from wallas.types.chat import ChatRequest, Media, Text
from wallas.types.image import ImageAnswer, ImageRequest, Picture, Size

SIDE = 1024
Show = Callable[..., Response]
"""Writes an answer in the caller's protocol: ``(answer, asked, *, provider, model)``."""
WORDS_MOST = 32_000


def draws(body: dict[str, Any]) -> bool:
    """Return whether a chat's body asks for pictures."""
    wanted = body.get("modalities")
    return isinstance(wanted, list) and "image" in wanted


def drawn(body: dict[str, Any], said: Options) -> Response:
    """Answer a chat with pictures, as OpenRouter has them in a message."""
    config = body.pop("image_config", None)
    size = _size(config.get("aspect_ratio") if isinstance(config, dict) else None, "image_config.aspect_ratio")
    return _answered(openai_chat.decode_request(body), said, size=size, show=encode_chat)


def drawn_for_gemini(chat: ChatRequest, body: dict[str, Any], said: Options, *, array: bool = False) -> Response:
    """Answer Gemini's ``generateContent`` with pictures; ``array``: a stream is a JSON array, no events."""
    config = body.get("generationConfig", body.get("generation_config"))
    image = config.get("imageConfig", config.get("image_config")) if isinstance(config, dict) else None
    ratio = image.get("aspectRatio", image.get("aspect_ratio")) if isinstance(image, dict) else None
    size = _size(ratio, "generationConfig.imageConfig.aspectRatio")
    return _answered(chat, said, size=size, show=partial(encode_gemini, array=array))


def _answered(chat: ChatRequest, said: Options, *, size: Size | None, show: Show) -> Response:
    from wallas.blueprints.images import answered_in_chat

    prompt, images = _asked(chat)
    request = ImageRequest(model=chat.model, prompt=prompt, n=chat.n or 1, size=size, images=images, seed=chat.seed)
    asked = Asked(request=request, model=chat.model, form="b64_json", stream=chat.stream)
    return answered_in_chat(asked, watching(said, http.environ), show)


def _asked(chat: ChatRequest) -> tuple[str, tuple[Picture, ...]]:
    """Return what shall be drawn: all words of the conversation, and the pictures of its last turn."""
    from wallas.blueprints.images import from_url, picture

    words: list[str] = []
    images: list[Picture] = []
    users = [place for place, message in enumerate(chat.messages) if message.role == "user"]
    for place, message in enumerate(chat.messages):
        texts = [part.text for part in message.parts if isinstance(part, Text) and part.text.strip()]
        if texts:
            who = "" if message.role == "user" else f"({message.role}) "
            words.append(who + "\n".join(texts))
        if users and place == users[-1]:
            media = [part for part in message.parts if isinstance(part, Media) and part.kind == "image"]
            for number, part in enumerate(media):
                param = f"messages[{place}].content[{number}].image_url"
                if part.data is not None:
                    images.append(picture(base64.b64decode(str(part.data)), param))
                elif part.url is not None:
                    images.append(from_url(part.url, param))
    if not words:
        raise BadRequest("messages: there is nothing to draw", param="messages")
    return "\n\n".join(words)[-WORDS_MOST:], tuple(images)


def _size(ratio: Any, param: str) -> Size | None:
    if ratio is None:
        return None
    if ratio not in RATIOS:
        raise BadRequest(f"{param}: expected one of {', '.join(RATIOS)}", param=param)
    width, _, height = ratio.partition(":")
    scale = SIDE / (int(width) * int(height)) ** 0.5
    return Size(round(int(width) * scale), round(int(height) * scale))


def encode_chat(answer: ImageAnswer, asked: Asked, *, provider: str, model: str) -> Response:
    """Return pictures as a chat completion, or as the chunks of one."""
    images = [
        {"type": "image_url", "index": place, "image_url": {"url": data_url(one)}}
        for place, one in enumerate(answer.pictures)
    ]
    message = {"role": "assistant", "content": answer.text, "images": images}
    usage = answer.usage
    spent, made = (usage.input or 0, usage.output or 0) if usage else (0, 0)
    told = {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made}
    head = {"id": f"chatcmpl-{fresh()}", "created": int(time.time()), "model": model, "provider": provider}
    if not asked.stream:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = head | {"object": "chat.completion", "choices": [choice], "usage": told}
        return Response(msgspec.json.encode(whole), content_type="application/json")
    chunk = head | {"object": "chat.completion.chunk"}
    rows = [
        chunk | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        chunk | {"choices": [], "usage": told},
    ]
    data = b"".join(b"data: " + msgspec.json.encode(row) + b"\n\n" for row in rows)
    return Response(data + b"data: [DONE]\n\n", content_type="text/event-stream")


def encode_gemini(answer: ImageAnswer, asked: Asked, *, provider: str, model: str, array: bool) -> Response:
    """Return pictures as Gemini's answer, or as the one chunk of a stream."""
    parts: list[dict[str, Any]] = [{"text": answer.text}] if answer.text else []
    for one in answer.pictures:
        parts.append({"inlineData": {"mimeType": one.mime, "data": base64.b64encode(one.data).decode()}})
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    usage = answer.usage
    spent, made = (usage.input or 0, usage.output or 0) if usage else (0, 0)
    told = {"promptTokenCount": spent, "candidatesTokenCount": made, "totalTokenCount": spent + made}
    whole = {"candidates": [candidate], "usageMetadata": told, "modelVersion": model, "responseId": fresh()}
    data = msgspec.json.encode(whole)
    if not asked.stream:
        return Response(data, content_type="application/json")
    if array:
        return Response(b"[" + data + b"]", content_type="application/json")
    return Response(b"data: " + data + b"\r\n\r\n", content_type="text/event-stream")
