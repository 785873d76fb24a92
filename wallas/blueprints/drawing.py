"""Chat that asks for pictures (``modalities: ["image"]``): its words and pictures become a request for pictures."""

import base64
import time
from typing import Any

import msgspec
from flask import Response

from wallas.codecs import openai_chat
from wallas.codecs.openai_images import Asked
from wallas.errors import BadRequest
from wallas.ids import fresh
from wallas.providers.image_calls import RATIOS, data_url
from wallas.routing.router import Options
from wallas.types.chat import ChatRequest, Media, Text
from wallas.types.image import ImageAnswer, ImageRequest, Picture, Size

SIDE = 1024
WORDS_MOST = 32_000


def draws(body: dict[str, Any]) -> bool:
    """Return whether a chat's body asks for pictures."""
    wanted = body.get("modalities")
    return isinstance(wanted, list) and "image" in wanted


def drawn(body: dict[str, Any], said: Options) -> Response:
    """Answer a chat with pictures, as OpenRouter has them in a message."""
    from wallas.blueprints.images import answered_in_chat

    size = _size(body.pop("image_config", None))
    chat = openai_chat.decode_request(body)
    prompt, images = _asked(chat)
    request = ImageRequest(model=chat.model, prompt=prompt, n=chat.n or 1, size=size, images=images, seed=chat.seed)
    asked = Asked(request=request, model=chat.model, form="b64_json", stream=chat.stream)
    return answered_in_chat(asked, said)


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
                    images.append(picture(base64.b64decode(part.data), param))
                elif part.url is not None:
                    images.append(from_url(part.url, param))
    if not words:
        raise BadRequest("messages: there is nothing to draw", param="messages")
    return "\n\n".join(words)[-WORDS_MOST:], tuple(images)


def _size(config: Any) -> Size | None:
    ratio = config.get("aspect_ratio") if isinstance(config, dict) else None
    if ratio is None:
        return None
    if ratio not in RATIOS:
        raise BadRequest(
            f"image_config.aspect_ratio: expected one of {', '.join(RATIOS)}", param="image_config.aspect_ratio"
        )
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
