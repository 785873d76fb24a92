"""Pictures: made from words, changed, varied; given as base64, as addresses here, or both."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from wallas.blueprints.body import guarded_body
from wallas.blueprints.files import address, owner, store
from wallas.blueprints.gateway import service
from wallas.blueprints.leaving import watched
from wallas.blueprints.multipart import Form, body_or_form
from wallas.blueprints.respond import json_response, request_id, router
from wallas.codecs import OPENAI_CHAT
from wallas.codecs.openai_images import Asked, decode_request, encode_answer, encode_events
from wallas.content.fetch import Fetched, FetchError
from wallas.errors import BadRequest
from wallas.media.kinds import sniff
from wallas.routing.image import draw, task
from wallas.routing.operation import Run, begin
from wallas.routing.router import Options
from wallas.types.image import ImageAnswer, Picture

bp = Blueprint("images", __name__)

BODY_BYTES = 100 * 1024 * 1024
IMAGES_MOST = 16
DRAWN = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


@bp.post("/v1/images/generations")
def generations() -> Response:
    """Make pictures from words."""
    body = guarded_body(request)
    said = watched(request.environ, body)
    return answered(decode_request(body), said)


@bp.post("/v1/images/edits")
def edits() -> Response:
    """Change pictures as words say."""
    body, sent = body_or_form(request, most=BODY_BYTES)
    said = watched(request.environ, body)
    images = _pictures(body, sent)
    mask = _mask(body, sent)
    return answered(decode_request(body, images=images, mask=mask), said)


@bp.post("/v1/images/variations")
def variations() -> Response:
    """Draw a picture anew."""
    body, sent = body_or_form(request, most=BODY_BYTES)
    said = watched(request.environ, body)
    return answered(decode_request(body, images=_pictures(body, sent)[:1], variation=True), said)


def answered(asked: Asked, said: Options) -> Response:
    """Return the answer to a request for pictures."""
    with run_for(asked, said) as run:
        answer = draw(run, asked.request, fetcher())
        assert run.last is not None
        urls = [] if asked.form == "b64_json" else published(answer)
        body = encode_answer(answer, asked, urls, provider=run.last.model.provider, model=run.last.model.id)
    if not asked.stream:
        return json_response(body, headers=run.headers())
    events = encode_events(body, edit=bool(asked.request.images))
    data = b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event)) for event in events
    )
    return Response(data, headers=run.headers(), content_type="text/event-stream")


def answered_in_chat(asked: Asked, said: Options, show: Callable[..., Response]) -> Response:
    """Return the answer to a chat that asks for pictures, as ``show`` writes it."""
    with run_for(asked, said) as run:
        answer = draw(run, asked.request, fetcher())
        assert run.last is not None
        response = show(answer, asked, provider=run.last.model.provider, model=run.last.model.id)
    response.headers.update(run.headers())
    return response


def run_for(asked: Asked, said: Options) -> Run:
    """Return the run of a request for pictures."""
    here = router()
    edit = bool(asked.request.images)
    return begin(here, task(here, edit=edit), asked.model, said, request_id=request_id(request), wire=OPENAI_CHAT)


def published(answer: ImageAnswer) -> list[str]:
    """Keep pictures, and return their addresses here."""
    files = [store().publish(one.data, owner=owner(), purpose="image", mime=one.mime) for one in answer.pictures]
    return [address(file) for file in files]


def fetcher() -> Callable[[str], Fetched]:
    """Return what fetches an address that a request or a provider names."""
    found: Callable[[str], Fetched] = service().library.fetcher.fetch
    return found


def _pictures(body: dict[str, Any], sent: Form) -> tuple[Picture, ...]:
    """Return the pictures to be changed: of the form, or named in JSON's ``image`` or ``images``."""
    files = sent.all("image", "image[]")
    named = body.pop("images", None)
    single = body.pop("image", None)
    if files:
        rows = [picture(file.stream.read(), "image") for file in files]
    else:
        given = named if named is not None else single
        listed = given if isinstance(given, list) else [given] if given is not None else []
        rows = [_named(one, f"images[{place}]" if named else "image") for place, one in enumerate(listed)]
    if not rows:
        raise BadRequest("image is missing", param="image", code="missing_required_parameter")
    if len(rows) > IMAGES_MOST:
        raise BadRequest(f"image: at most {IMAGES_MOST} pictures are taken", param="image")
    return tuple(rows)


def _mask(body: dict[str, Any], sent: Form) -> Picture | None:
    files = sent.all("mask")
    given = body.pop("mask", None)
    if files:
        return picture(files[0].stream.read(), "mask")
    return None if given is None else _named(given, "mask")


def _named(given: Any, param: str) -> Picture:
    """Return a picture that JSON names: by a URL, data URL or base64, or the id of an uploaded file."""
    if isinstance(given, dict):
        if isinstance(given.get("file_id"), str):
            return picture(store().read(store().find(given["file_id"], owner=owner())), param)
        inner = given.get("image_url", given.get("url"))
        given = inner.get("url") if isinstance(inner, dict) else inner
    if not isinstance(given, str) or not given:
        raise BadRequest(f"{param}: expected a picture: a URL, a data URL or a file_id", param=param)
    return from_url(given, param)


def from_url(given: str, param: str) -> Picture:
    """Return the picture of an address: one that holds it, or one on the public internet."""
    if given.startswith(("http://", "https://")):
        try:
            return picture(fetcher()(given).data, param)
        except FetchError as error:
            raise BadRequest(f"{param}: {error}", param=param, code="image_not_fetched") from error
    try:
        data = base64.b64decode(given.partition(",")[2] if given.startswith("data:") else given, validate=True)
    except ValueError as error:
        raise BadRequest(f"{param}: this is no base64", param=param) from error
    return picture(data, param)


def picture(data: bytes, param: str) -> Picture:
    """Return bytes as a picture; raise BadRequest for what is none that is taken."""
    mime = sniff(data[:64])
    if mime not in DRAWN:
        raise BadRequest(f"{param}: expected a PNG, JPEG, WebP or GIF picture", param=param, code="invalid_image")
    return Picture(data=data, mime=mime)
