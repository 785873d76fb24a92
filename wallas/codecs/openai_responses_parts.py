"""Content parts of the Responses wire and canonical parts: text with its sources, refusals, media."""

import mimetypes
from typing import Any

from wallas.codecs.limits import payload
from wallas.types.chat import Citation, Extra, Logprob, Media, Opaque, Part, Refusal, Text

WIRE = "openai_responses"

PDF = "application/pdf"
"""What a file without a word on its type is taken for."""

MIMES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
"""Audio formats whose media type is not simply ``audio/<format>``."""
FORMATS = {mime: word for word, mime in MIMES.items()} | {"audio/mp3": "mp3", "audio/x-wav": "wav"}


def own(extra: Extra) -> dict[str, Any]:
    """Return what this wire keeps in an extra; keys with a leading underscore are the codec's notes to itself."""
    return extra.get(WIRE, {})


def kept(values: dict[str, Any]) -> Extra:
    """Return values as this wire's extra, nulls left out."""
    values = {key: value for key, value in values.items() if value is not None}
    return {WIRE: values} if values else {}


def without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return what of an object no field took, nulls left out."""
    return {key: value for key, value in values.items() if key not in names and value is not None}


def decode_part(part: dict[str, Any], *, words: str) -> Part:
    """Return a content part; ``words`` is the usual type of text: ``output_text`` on the assistant's side.

    What has no canonical form stays as it is; ``_part`` tells it from an item.
    """
    match part.get("type"):
        case "input_text" | "output_text" | "text" as kind:
            return decode_text(part, kind=None if kind == words else kind)
        case "refusal":
            return Refusal(text=part.get("refusal") or "", extra=kept(without(part, "type", "refusal")))
        case "input_image" if words == "input_text":
            return decode_image(part)
        case "input_file" if words == "input_text":
            return decode_file(part)
        case "input_audio" if words == "input_text":
            return decode_audio(part)
    return Opaque(wire=WIRE, data=part, extra=kept({"_part": True}))


def decode_text(part: dict[str, Any], *, kind: str | None = None) -> Text:
    """Return a text with its citations and log probabilities; ``kind`` is its type where that is not the usual one."""
    return Text(
        text=part.get("text") or "",
        citations=tuple(decode_citation(note) for note in part.get("annotations") or ()),
        logprobs=tuple(decode_logprob(row) for row in part.get("logprobs") or ()),
        extra=kept(without(part, "type", "text", "annotations", "logprobs") | {"_type": kind}),
    )


def decode_image(part: dict[str, Any]) -> Media:
    """Return an ``input_image``."""
    url = part.get("image_url") or ""
    data = payload(url, "image_url") if url.startswith("data:") else None
    return Media(
        kind="image",
        mime=data.mime if data else None,
        data=data.data if data else None,
        url=url if url and not data else None,
        file_id=None if url else part.get("file_id"),
        detail=None if part.get("detail") == "auto" else part.get("detail"),
        extra=kept(without(part, "type", "image_url", "detail", *(() if url else ("file_id",)))),
    )


def decode_file(part: dict[str, Any]) -> Media:
    """Return an ``input_file``; of several places of the file, the first of data, URL and id is taken."""
    places = [key for key in ("file_data", "file_url", "file_id") if part.get(key) is not None]
    data = payload(part["file_data"], "file_data") if places[0] == "file_data" else None
    name = part.get("filename")
    mime = (data.mime or mimetypes.guess_type(name or "")[0] or PDF) if data else None
    return Media(
        kind="document",
        mime=mime,
        data=data.data if data else None,
        url=part["file_url"] if places[0] == "file_url" else None,
        file_id=part["file_id"] if places[0] == "file_id" else None,
        name=name or (named(mime) if mime else None),
        detail=part.get("detail"),
        extra=kept(without(part, "type", "filename", "detail", places[0])),
    )


def decode_audio(part: dict[str, Any]) -> Media:
    """Return an ``input_audio``."""
    sound = part["input_audio"]
    word = sound["format"]
    mime = MIMES.get(word, f"audio/{word}")
    return Media(
        kind="audio",
        mime=mime,
        data=payload(sound["data"], "input_audio.data").data,
        extra=kept(without(part, "type", "input_audio")),
    )


def encode_part(part: Part, *, words: str, lost: list[str]) -> dict[str, Any] | None:
    """Return a content part, or None for what has no place among content; its name is added to ``lost``."""
    match part:
        case Text():
            return encode_text(part, words=words)
        case Refusal() if words == "output_text":
            return {"type": "refusal", "refusal": part.text} | noted(part.extra)
        case Refusal():
            return {"type": words, "text": part.text}
        case Media() if words == "input_text":
            return encode_media(part, lost=lost)
        case Media():
            lost.append(part.kind)
            return {"type": words, "text": part.text, "annotations": []} if part.text else None
        case Opaque(wire=wire, data=dict() as data) if wire == WIRE:
            return data
    lost.append(name_of(part))
    return None


def name_of(part: Part) -> str:
    """Return what a part is called when it is dropped."""
    match part:
        case Opaque(data={"type": str() as kind}):
            return kind
        case Opaque(wire=wire):
            return wire
        case Media(kind=kind):
            return kind
    return type(part).__name__.lower()


def encode_text(part: Text, *, words: str) -> dict[str, Any]:
    """Return a text part; only answers have ``annotations``."""
    kind = own(part.extra).get("_type", words)
    told: dict[str, Any] = {"type": kind, "text": part.text}
    if kind == "output_text":
        told["annotations"] = [encode_citation(citation) for citation in part.citations]
        if part.logprobs:
            told["logprobs"] = [encode_logprob(row) for row in part.logprobs]
    return told | noted(part.extra)


def noted(extra: Extra) -> dict[str, Any]:
    """Return what this wire keeps in an extra, without the codec's own notes."""
    return unmarked(own(extra))


def unmarked(notes: dict[str, Any]) -> dict[str, Any]:
    """Return values without the codec's own notes."""
    return {key: value for key, value in notes.items() if not key.startswith("_")}


def encode_media(part: Media, *, lost: list[str]) -> dict[str, Any] | None:
    """Return an image, file or sound; None and its kind in ``lost`` where the wire has no place for it."""
    match part:
        case Media(kind="image"):
            url = data_url(part, "image/png") if part.data else part.url
            place = {"image_url": url} if url else {"file_id": part.file_id}
            return {"type": "input_image", **place, "detail": part.detail or "auto"} | noted(part.extra)
        case Media(kind="document", text=str() as text) if text and not part.data:
            return {"type": "input_text", "text": text}
        case Media(kind="document"):
            return encode_file(part) | noted(part.extra)
        case Media(kind="audio", data=data) if data is not None:
            mime = part.mime or "audio/wav"
            word = FORMATS.get(mime, mime.removeprefix("audio/"))
            return {"type": "input_audio", "input_audio": {"data": data, "format": word}} | noted(part.extra)
    lost.append(part.kind)
    return None


def encode_file(part: Media) -> dict[str, Any]:
    """Return an ``input_file``; the wire wants a name beside data."""
    if part.data:
        name = part.name or named(part.mime or PDF)
        told: dict[str, Any] = {"type": "input_file", "filename": name, "file_data": data_url(part, PDF)}
    else:
        place = {"file_url": part.url} if part.url else {"file_id": part.file_id}
        told = {"type": "input_file", **place} | ({"filename": part.name} if part.name else {})
    return told | ({"detail": part.detail} if part.detail else {})


def named(mime: str) -> str:
    """Return a file name for data that came without: the wire wants one, and tells the kind of file by it."""
    return f"document{mimetypes.guess_extension(mime) or '.bin'}"


def data_url(part: Media, mime: str) -> str:
    """Return base64 data as a data URL; ``mime`` is for data that does not say its own."""
    return f"data:{part.mime or mime};base64,{part.data}"


def decode_citation(note: dict[str, Any]) -> Citation:
    """Return an annotation. Files' keys stay as they are: only ``url_citation`` has a canonical form."""
    extra = without(note, "type", "start_index", "end_index", "url")
    if (kind := note.get("type") or "url_citation") != "url_citation":
        extra["type"] = kind
    else:
        extra.pop("title", None)
    return Citation(
        start=note.get("start_index"),
        end=note.get("end_index"),
        url=note.get("url"),
        title=note.get("title") or note.get("filename"),
        text=extra.pop("cited_text", None),
        extra=kept(extra),
    )


def encode_citation(citation: Citation) -> dict[str, Any]:
    """Return an annotation with what is known; ``cited_text`` is ours, for wires that quote their source."""
    rest = own(citation.extra)
    told = {
        "type": "url_citation",
        "start_index": citation.start,
        "end_index": citation.end,
        "url": citation.url,
        "title": None if "type" in rest else citation.title,
        "cited_text": citation.text,
    }
    return {key: value for key, value in told.items() if value is not None} | rest


def decode_logprob(row: dict[str, Any]) -> Logprob:
    """Return a token's log probability; OpenAI pads the runners-up of deltas with empty ones."""
    return Logprob(
        token=row.get("token") or "",
        logprob=row.get("logprob") or 0.0,
        bytes=row.get("bytes"),
        top=tuple(decode_logprob(other) for other in row.get("top_logprobs") or ()),
    )


def encode_logprob(row: Logprob, *, top: bool = True) -> dict[str, Any]:
    """Return a token's log probability; runners-up have none of their own."""
    told: dict[str, Any] = {"token": row.token, "logprob": row.logprob}
    if row.bytes is not None:
        told["bytes"] = row.bytes
    if top:
        told["top_logprobs"] = [encode_logprob(other, top=False) for other in row.top]
    return told
