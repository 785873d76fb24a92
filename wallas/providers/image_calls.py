"""Asks providers for pictures, each in its own dialect."""

import base64
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from wallas.codecs.forms import Attached, encode_form
from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.media.kinds import extension, sniff
from wallas.providers.gemini_media import blobs, generate, inline, parts_of, text_of, usage_of
from wallas.settings import Key
from wallas.types.chat import Usage
from wallas.types.image import ImageAnswer, ImageRequest, Picture, Size

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider

GPT_SIZES = (Size(1024, 1024), Size(1536, 1024), Size(1024, 1536))
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
IMAGEN_RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9")
NVIDIA_SIDES = (768, 832, 896, 960, 1024, 1088, 1152, 1216, 1280, 1344)
NVIDIA_HOST = "https://ai.api.nvidia.com/v1"
USUAL = Size(1024, 1024)
QUALITIES = {"standard": "medium", "hd": "high"}
"""What OpenAI's older words mean to its newer models."""


def openai(provider: "HttpProvider", request: ImageRequest, key: Key, line: "Line") -> ImageAnswer:
    """Ask ``/images/generations``, or ``/images/edits`` with a form where there are pictures to change."""
    size = request.size
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
    body |= {"n": request.n} if request.n > 1 else {}
    official = provider.name == "openai"
    if official and size is not None:
        size = nearest(size, GPT_SIZES)
    quality = QUALITIES.get(request.quality or "", request.quality) if official else request.quality
    optional = {
        "size": None if size is None else str(size),
        "quality": quality,
        "background": request.background,
        "output_format": request.format,
        "output_compression": request.compression,
        "style": None if official else request.style,
        "seed": None if official else request.seed,
        "user": request.user,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    if not official:
        body["response_format"] = "b64_json"
    try:
        value = _asked(provider, request, body, key, line)
    except ProviderError as error:
        if error.param != "response_format" or error.kind not in (FailureKind.UNSUPPORTED, FailureKind.CALLER_FAULT):
            raise
        del body["response_format"]
        value = _asked(provider, request, body, key, line)
    return read(value, size=None if size == request.size else size)


def _asked(provider: "HttpProvider", request: ImageRequest, body: dict[str, Any], key: Key, line: "Line") -> Any:
    base = provider.base(key)
    if not request.images:
        url = f"{base}/images/generations"
        return decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    fields: list[tuple[str, str | Attached]] = [(name, str(value)) for name, value in body.items()]
    name = "image" if len(request.images) == 1 else "image[]"
    fields += [(name, _attached(picture, f"image{place}")) for place, picture in enumerate(request.images)]
    if request.mask is not None:
        fields.append(("mask", _attached(request.mask, "mask")))
    kind, data = encode_form(fields)
    return decode_body(line.reply(lambda: provider.post(f"{base}/images/edits", data, kind=kind, key=key)).data)


def _attached(picture: Picture, name: str) -> Attached:
    return Attached(name + extension(picture.mime), picture.mime, picture.data)


def pollinations(provider: "HttpProvider", request: ImageRequest, key: Key, line: "Line") -> ImageAnswer:
    """Ask for one picture by its address; changing some goes as at OpenAI."""
    if request.images:
        return openai(provider, request, key, line)
    size = request.size or USUAL
    seed = random.randrange(2**31) if request.seed is None else request.seed
    wanted = {"model": request.model, "width": size.width, "height": size.height, "seed": seed}
    wanted |= {"quality": request.quality} if request.quality in ("low", "medium", "high", "hd") else {}
    wanted |= {"transparent": "true"} if request.background == "transparent" else {}
    root = provider.base(key).removesuffix("/v1")
    url = f"{root}/image/{quote(request.prompt, safe='')}?{urlencode(wanted)}"
    reply = line.reply(lambda: provider.get(url, key=key))
    return ImageAnswer(pictures=(picture_of(reply.data),))


def gemini(provider: "HttpProvider", request: ImageRequest, key: Key, line: "Line") -> ImageAnswer:
    """Ask a Gemini model that draws, or Imagen."""
    if request.model.startswith("imagen"):
        return _imagen(provider, request, key, line)
    parts = [inline(picture.data, picture.mime) for picture in request.images]
    if request.mask is not None:
        raise _unable("Gemini takes no mask", "mask")
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if request.size is not None:
        config["imageConfig"] = {"aspectRatio": ratio(request.size, RATIOS)}
        if max(request.size) > 1536 and "2.5" not in request.model:
            config["imageConfig"]["imageSize"] = "4K" if max(request.size) > 3072 else "2K"
    if request.seed is not None:
        config["seed"] = request.seed
    value = generate(provider, request.model, [*parts, {"text": request.prompt}], config, key, line)
    said = parts_of(value)
    pictures = tuple(picture_of(data) for data, _ in blobs(said))
    if not pictures:
        raise ProviderError(FailureKind.EMPTY, "words, but no picture")
    return ImageAnswer(pictures=pictures, text=text_of(said), usage=usage_of(value))


def _imagen(provider: "HttpProvider", request: ImageRequest, key: Key, line: "Line") -> ImageAnswer:
    if request.images:
        raise _unable("Imagen changes no pictures", "image")
    parameters: dict[str, Any] = {"sampleCount": min(request.n, 4)}
    if request.size is not None:
        parameters["aspectRatio"] = ratio(request.size, IMAGEN_RATIOS)
    body = {"instances": [{"prompt": request.prompt}], "parameters": parameters}
    url = f"{provider.base(key)}/models/{request.model}:predict"
    value = decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    rows = value.get("predictions") if isinstance(value, dict) else None
    found = [row["bytesBase64Encoded"] for row in rows or () if isinstance(row, dict) and row.get("bytesBase64Encoded")]
    if not found:
        raise ProviderError(FailureKind.EMPTY, "no picture came: perhaps all were filtered")
    return ImageAnswer(pictures=tuple(picture_of(decoded(one)) for one in found))


def openrouter(provider: "HttpProvider", request: ImageRequest, key: Key, line: "Line") -> ImageAnswer:
    """Ask OpenRouter, whose models draw in the chat."""
    if request.mask is not None:
        raise _unable("OpenRouter takes no mask", "mask")
    content: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
    for picture in request.images:
        content.append({"type": "image_url", "image_url": {"url": data_url(picture)}})
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": "user", "content": content}],
        "modalities": ["image", "text"],
    }
    if request.size is not None:
        body["image_config"] = {"aspect_ratio": ratio(request.size, RATIOS)}
    if request.seed is not None:
        body["seed"] = request.seed
    url = f"{provider.base(key)}/chat/completions"
    value = decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    if isinstance(value, dict) and value.get("error"):
        raise provider.decode_error(_status(value["error"]), {}, _bytes(value))
    choices = value.get("choices") if isinstance(value, dict) else None
    message = choices[0].get("message") if isinstance(choices, list) and choices else None
    images = message.get("images") if isinstance(message, dict) else None
    urls = [row["image_url"]["url"] for row in images or () if isinstance(row, dict) and _has_url(row)]
    if not urls:
        raise ProviderError(FailureKind.EMPTY, "words, but no picture")
    said = message.get("content") if isinstance(message, dict) else None
    return ImageAnswer(pictures=tuple(located(one) for one in urls), text=said if isinstance(said, str) else "")


def huggingface(provider: "HttpProvider", request: ImageRequest, key: Key, line: "Line") -> ImageAnswer:
    """Ask Hugging Face's own inference for one picture, which is the whole answer."""
    if request.images:
        raise _unable("Hugging Face changes no pictures here", "image")
    wanted: dict[str, Any] = {}
    if request.size is not None:
        wanted |= {"width": request.size.width, "height": request.size.height}
    if request.seed is not None:
        wanted["seed"] = request.seed
    body = {"inputs": request.prompt} | ({"parameters": wanted} if wanted else {})
    url = f"{provider.base(key).removesuffix('/v1')}/hf-inference/models/{request.model}"
    headers = {**provider.headers(key), "Accept": "image/png"}
    reply = line.reply(lambda: provider.send(url, body, headers=headers))
    return ImageAnswer(pictures=(picture_of(reply.data),))


def nvidia(provider: "HttpProvider", request: ImageRequest, key: Key, line: "Line") -> ImageAnswer:
    """Ask NVIDIA's picture models, each of which has its own idea of steps."""
    wanted = request.size or USUAL
    size = Size(*(min(NVIDIA_SIDES, key=lambda known: abs(known - side)) for side in wanted))
    body: dict[str, Any] = {"prompt": request.prompt, "width": size.width, "height": size.height}
    body["seed"] = random.randrange(2**31) if request.seed is None else request.seed
    if "schnell" in request.model or "klein" in request.model:
        body["steps"] = 4
    else:
        body |= {"mode": "base", "steps": 28, "cfg_scale": 3.5}
    if request.images:
        if "klein" not in request.model and "kontext" not in request.model:
            raise _unable(f"{request.model} changes no pictures", "image")
        body["image"] = [data_url(picture) for picture in request.images]
    base = NVIDIA_HOST if provider.base_url == provider.row.base_url else provider.base(key)
    url = f"{base}/genai/{request.model}"
    value = decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    rows = value.get("artifacts") if isinstance(value, dict) else None
    rows = [row for row in rows or () if isinstance(row, dict)]
    if rows and all(row.get("finishReason") == "CONTENT_FILTERED" for row in rows):
        raise ProviderError(FailureKind.CONTENT_FILTER, "the provider filtered the picture")
    pictures = tuple(picture_of(decoded(row["base64"])) for row in rows if isinstance(row.get("base64"), str))
    if not pictures:
        raise ProviderError(FailureKind.EMPTY, "no picture came")
    return ImageAnswer(pictures=pictures, size=None if size == request.size else size)


def read(value: Any, *, size: Size | None = None) -> ImageAnswer:
    """Return the pictures of an answer in OpenAI's shape; raise EMPTY for one without, MALFORMED for another shape."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise ProviderError(FailureKind.MALFORMED, "an answer without a list of pictures")
    pictures = []
    for row in value["data"]:
        said = row.get("revised_prompt") if isinstance(row, dict) else None
        prompt = said if isinstance(said, str) else None
        if isinstance(row, dict) and isinstance(row.get("b64_json"), str):
            pictures.append(picture_of(decoded(row["b64_json"]), prompt=prompt))
        elif isinstance(row, dict) and isinstance(row.get("url"), str):
            pictures.append(located(row["url"], prompt=prompt))
    if not pictures:
        raise ProviderError(FailureKind.EMPTY, "no picture came")
    told = value.get("usage")
    counts = [told.get(name) if isinstance(told, dict) else None for name in ("input_tokens", "output_tokens")]
    counted = Usage(input=counts[0], output=counts[1]) if all(isinstance(count, int) for count in counts) else None
    return ImageAnswer(pictures=tuple(pictures), size=size, usage=counted)


def picture_of(data: bytes, *, prompt: str | None = None) -> Picture:
    """Return bytes as a picture; raise MALFORMED for what is none."""
    mime = sniff(data[:64])
    if not mime.startswith("image/"):
        raise ProviderError(FailureKind.MALFORMED, f"{mime} where a picture was asked for")
    return Picture(data=data, mime=mime, prompt=prompt)


def located(url: str, *, prompt: str | None = None) -> Picture:
    """Return the picture that an address means: one that holds it, or one where it lies."""
    if url.startswith("data:"):
        return picture_of(decoded(url.partition(",")[2]), prompt=prompt)
    return Picture(url=url, prompt=prompt)


def data_url(picture: Picture) -> str:
    """Return a picture as an address that holds it."""
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"


def decoded(text: str) -> bytes:
    """Return base64's bytes, which may come as a data URL; raise MALFORMED."""
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except ValueError as error:
        raise ProviderError(FailureKind.MALFORMED, "a picture that is no base64") from error


def nearest(size: Size, known: tuple[Size, ...]) -> Size:
    """Return the known size whose shape is most like the wanted one."""
    return min(known, key=lambda one: abs(one.width / one.height - size.width / size.height))


def ratio(size: Size, known: tuple[str, ...]) -> str:
    """Return the known ratio (``16:9``) that is most like a size's."""

    def distance(text: str) -> float:
        width, _, height = text.partition(":")
        return abs(int(width) / int(height) - size.width / size.height)

    return min(known, key=distance)


def _has_url(row: dict[str, Any]) -> bool:
    place = row.get("image_url")
    return isinstance(place, dict) and isinstance(place.get("url"), str)


def _status(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 502


def _bytes(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value)


def _unable(message: str, param: str) -> ProviderError:
    return ProviderError(FailureKind.UNSUPPORTED, message, param=param)


DIALECTS: dict[str, Callable[..., ImageAnswer]] = {
    "openai": openai,
    "pollinations": pollinations,
    "gemini": gemini,
    "openrouter": openrouter,
    "huggingface": huggingface,
    "nvidia": nvidia,
}
