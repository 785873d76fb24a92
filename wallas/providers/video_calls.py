"""Has films made by providers, each in its own dialect: begun, looked after, called off."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from wallas.codecs.forms import Attached, encode_form
from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.media.kinds import extension, sniff
from wallas.providers.image_calls import data_url, ratio
from wallas.settings import Key
from wallas.types.image import Size
from wallas.types.video import Status, VideoCancel, VideoLook, VideoRequest, VideoState

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider

Asked: TypeAlias = VideoRequest | VideoLook | VideoCancel

STATUSES: dict[str, Status] = {
    "pending": "queued",
    "queued": "queued",
    "in_queue": "queued",
    "in_progress": "in_progress",
    "processing": "in_progress",
    "running": "in_progress",
    "completed": "completed",
    "succeeded": "completed",
    "failed": "failed",
    "error": "failed",
    "expired": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
RATIOS = ("16:9", "9:16")
HUB = "https://huggingface.co"


def openai(provider: "HttpProvider", request: Asked, key: Key, line: "Line") -> VideoState:
    """Ask ``/videos`` as OpenAI had it."""
    base = provider.base(key)
    match request:
        case VideoLook(handle=handle):
            value = _got(provider, f"{base}/videos/{handle}", key, line)
            return _state(value, handle, url=f"{base}/videos/{handle}/content")
        case VideoCancel(handle=handle):
            return _called_off(provider, "DELETE", f"{base}/videos/{handle}", handle, key, line)
    fields: list[tuple[str, str | Attached]] = [("model", request.model), ("prompt", request.prompt)]
    fields += [("seconds", str(request.seconds))] if request.seconds else []
    fields += [("size", str(request.size))] if request.size else []
    if request.image is not None:
        picture = request.image
        fields.append(("input_reference", Attached("input" + extension(picture.mime), picture.mime, picture.data)))
    kind, data = encode_form(fields)
    value = decode_body(line.reply(lambda: provider.post(f"{base}/videos", data, kind=kind, key=key)).data)
    return _state(value, _text(value, "id"))


def openrouter(provider: "HttpProvider", request: Asked, key: Key, line: "Line") -> VideoState:
    """Ask OpenRouter, which takes JSON and gives addresses."""
    base = provider.base(key)
    match request:
        case VideoLook(handle=handle):
            value = _got(provider, f"{base}/videos/{handle}", key, line)
            urls = value.get("unsigned_urls") if isinstance(value, dict) else None
            first = urls[0] if isinstance(urls, list) and urls and isinstance(urls[0], str) else None
            return _state(value, handle, url=first or f"{base}/videos/{handle}/content")
        case VideoCancel(handle=handle):
            return _called_off(provider, "DELETE", f"{base}/videos/{handle}", handle, key, line)
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
    if request.seconds:
        body["duration"] = request.seconds
    if request.size:
        body |= {"aspect_ratio": ratio(request.size, RATIOS), "resolution": _lines(request.size)}
    if request.seed is not None:
        body["seed"] = request.seed
    if request.image is not None:
        image = {"type": "image_url", "image_url": {"url": data_url(request.image)}, "frame_type": "first_frame"}
        body["frame_images"] = [image]
    url = f"{base}/videos"
    value = decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    return _state(value, _text(value, "id"))


def gemini(provider: "HttpProvider", request: Asked, key: Key, line: "Line") -> VideoState:
    """Ask Veo, whose work is a long-running operation."""
    base = provider.base(key)
    match request:
        case VideoLook(handle=handle):
            return _veo(_got(provider, f"{base}/{handle}", key, line), handle)
        case VideoCancel(handle=handle):
            return _called_off(provider, "POST", f"{base}/{handle}:cancel", handle, key, line)
    instance: dict[str, Any] = {"prompt": request.prompt}
    if request.image is not None:
        data = base64.b64encode(request.image.data).decode()
        instance["image"] = {"bytesBase64Encoded": data, "mimeType": request.image.mime}
    parameters: dict[str, Any] = {}
    if request.size is not None:
        parameters |= {"aspectRatio": ratio(request.size, RATIOS), "resolution": _lines(request.size)}
    optional = {"durationSeconds": request.seconds, "negativePrompt": request.negative, "seed": request.seed}
    parameters |= {name: value for name, value in optional.items() if value is not None}
    body = {"instances": [instance], "parameters": parameters}
    url = f"{base}/models/{request.model}:predictLongRunning"
    value = decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    return VideoState(status="queued", handle=_text(value, "name"))


def _veo(value: Any, handle: str) -> VideoState:
    if not isinstance(value, dict):
        raise ProviderError(FailureKind.MALFORMED, "an operation that is no object")
    if not value.get("done"):
        told = value.get("metadata")
        progress = told.get("progressPercent") if isinstance(told, dict) else None
        return VideoState(status="in_progress", handle=handle, progress=_percent(progress))
    error = value.get("error")
    if isinstance(error, dict):
        return VideoState(status="failed", handle=handle, error=str(error.get("message", ""))[:500], code="failed")
    made = value.get("response")
    made = made.get("generateVideoResponse") if isinstance(made, dict) else None
    made = made if isinstance(made, dict) else {}
    for sample in made.get("generatedSamples") or ():
        video = sample.get("video") if isinstance(sample, dict) else None
        if isinstance(video, dict) and isinstance(video.get("uri"), str):
            return VideoState(status="completed", handle=handle, progress=100, url=video["uri"])
    reasons = "; ".join(str(one) for one in made.get("raiMediaFilteredReasons") or ())
    return VideoState(
        status="failed",
        handle=handle,
        error=reasons[:500] or "no film came",
        code="content_filter" if reasons else "failed",
    )


def pollinations(provider: "HttpProvider", request: Asked, key: Key, line: "Line") -> VideoState:
    """Ask Pollinations, which answers with the film itself once it is made.

    The same request again joins the work that is under way, so its address is the job's handle.
    """
    root = provider.base(key).removesuffix("/v1")
    match request:
        case VideoCancel(handle=handle):
            return VideoState(status="cancelled", handle=handle)
        case VideoLook(handle=handle):
            try:
                reply = line.reply(lambda: provider.get(root + handle, key=key))
            except ProviderError as error:
                if error.kind is not FailureKind.TIMEOUT:
                    raise
                return VideoState(status="in_progress", handle=handle)
            if not sniff(reply.data[:64]).startswith("video/"):
                raise ProviderError(FailureKind.MALFORMED, "no film where one was asked for")
            return VideoState(status="completed", handle=handle, progress=100, data=reply.data)
    if request.image is not None:
        raise ProviderError(
            FailureKind.UNSUPPORTED, "Pollinations takes public addresses of pictures only", param="input_reference"
        )
    wanted: dict[str, Any] = {"model": request.model}
    if request.seconds:
        wanted["duration"] = request.seconds
    if request.size:
        wanted["aspectRatio"] = ratio(request.size, RATIOS)
    if request.seed is not None:
        wanted["seed"] = request.seed
    return VideoState(status="queued", handle=f"/video/{quote(request.prompt, safe='')}?{urlencode(wanted)}")


def huggingface(provider: "HttpProvider", request: Asked, key: Key, line: "Line") -> VideoState:
    """Ask fal.ai's queue behind Hugging Face's router."""
    root = provider.base(key).removesuffix("/v1")
    match request:
        case VideoCancel(handle=handle):
            return _called_off(provider, "PUT", f"{root}/fal-ai{handle}/cancel?_subdomain=queue", handle, key, line)
        case VideoLook(handle=handle):
            value = _got(provider, f"{root}/fal-ai{handle}/status?_subdomain=queue", key, line)
            state = _state(value, handle)
            if state.status != "completed":
                return state
            made = _got(provider, f"{root}/fal-ai{handle}?_subdomain=queue", key, line)
            video = made.get("video") if isinstance(made, dict) else None
            url = video.get("url") if isinstance(video, dict) else None
            if not isinstance(url, str):
                return VideoState(status="failed", handle=handle, error="no film came", code="failed")
            return VideoState(status="completed", handle=handle, progress=100, url=url)
    hub = HUB if provider.base_url == provider.row.base_url else root
    known = _got(provider, f"{hub}/api/models/{request.model}?expand[]=inferenceProviderMapping", key, line)
    mapping = known.get("inferenceProviderMapping") if isinstance(known, dict) else None
    place = mapping.get("fal-ai") if isinstance(mapping, dict) else None
    if not isinstance(place, dict) or not isinstance(place.get("providerId"), str):
        raise ProviderError(FailureKind.MODEL_GONE, f"{request.model} is not served by fal.ai")
    body: dict[str, Any] = {"prompt": request.prompt}
    if request.image is not None:
        body["image_url"] = data_url(request.image)
    if request.seed is not None:
        body["seed"] = request.seed
    url = f"{root}/fal-ai/{place['providerId']}?_subdomain=queue"
    value = decode_body(line.reply(lambda: provider.send(url, body, headers=provider.headers(key))).data)
    return VideoState(status="queued", handle=urlsplit(_text(value, "response_url")).path)


def _got(provider: "HttpProvider", url: str, key: Key, line: "Line") -> Any:
    return decode_body(line.reply(lambda: provider.get(url, key=key)).data)


def _called_off(provider: "HttpProvider", method: str, url: str, handle: str, key: Key, line: "Line") -> VideoState:
    line.reply(lambda: provider.transport.send(method, url, headers=provider.headers(key), body=b"{}"))
    return VideoState(status="cancelled", handle=handle)


def _state(value: Any, handle: str, *, url: str | None = None) -> VideoState:
    """Return what a job's row says; raise MALFORMED for a word that nobody knows."""
    said = str(value.get("status", "")).lower() if isinstance(value, dict) else ""
    status = STATUSES.get(said)
    if status is None:
        raise ProviderError(FailureKind.MALFORMED, f"a job in the state {said[:40]!r}")
    done = status == "completed"
    error = value.get("error")
    told = error.get("message") if isinstance(error, dict) else error
    return VideoState(
        status=status,
        handle=handle,
        progress=100 if done else _percent(value.get("progress")),
        url=url if done else None,
        error=str(told)[:500] if told else None,
        code=(str(error.get("code") or "failed")[:60] if isinstance(error, dict) else "failed") if told else None,
    )


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, str) or not found:
        raise ProviderError(FailureKind.MALFORMED, f"a job without {name}")
    return found


def _percent(value: Any) -> int:
    return min(max(int(value), 0), 100) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _lines(size: Size) -> str:
    return "1080p" if min(size) >= 1080 else "720p"


DIALECTS: dict[str, Callable[..., VideoState]] = {
    "openai": openai,
    "openrouter": openrouter,
    "gemini": gemini,
    "pollinations": pollinations,
    "huggingface": huggingface,
}
