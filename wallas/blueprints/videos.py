"""Films: a job is begun and looked after, or waited for; its film is given with ranges."""

from typing import Any

from flask import Blueprint, Response, request

from wallas.blueprints.files import address, owner, sent, store
from wallas.blueprints.gateway import service
from wallas.blueprints.images import from_url, picture
from wallas.blueprints.listing import number
from wallas.blueprints.multipart import body_or_form
from wallas.blueprints.options import options
from wallas.blueprints.respond import json_response, request_id, router
from wallas.codecs import OPENAI_CHAT
from wallas.codecs.openai_videos import Asked, decode_request, encode_video
from wallas.errors import BadRequest, GatewayError
from wallas.routing.operation import begin
from wallas.routing.router import Options
from wallas.routing.video import begin_film, task
from wallas.storage.videos import StoredVideo
from wallas.types.image import Picture

bp = Blueprint("videos", __name__)

BODY_BYTES = 50 * 1024 * 1024
WAIT_SECONDS = 600.0
LIMIT_MOST = 100


@bp.post("/v1/videos")
def create() -> Response:
    """Begin a film; the answer is the job."""
    asked, said = _asked()
    video, headers = _begun(asked, said)
    return json_response(_told(video), headers=headers)


@bp.post("/v1/videos/generations")
def generations() -> Response:
    """Begin a film and wait for it; what is not made in time, or with ``"wait": false``, is a job: 202."""
    asked, said = _asked()
    video, headers = _begun(asked, said)
    if asked.wait is False:
        return json_response(_told(video), 202, headers=headers)
    seconds = said.timeout or min(router().settings.request_timeout, WAIT_SECONDS)
    video = service().videos.wait(video.id, owner=owner(), seconds=seconds)
    if video.status in ("queued", "in_progress"):
        return json_response(_told(video), 202, headers=headers)
    if video.status != "completed":
        filtered = video.error_code == "content_filter"
        kind = BadRequest if filtered else GatewayError
        raise kind(f"the film failed: {video.error}", code=video.error_code, status=400 if filtered else 502)
    told = _told(video)
    return json_response({"created": told["created_at"], "data": [{"url": told["url"]}]} | told, headers=headers)


def _asked() -> tuple[Asked, Options]:
    body, form = body_or_form(request, most=BODY_BYTES)
    said = options(request.environ, body)
    files = form.all("input_reference", "image")
    image: Picture | None = None
    if files:
        image = picture(files[0].stream.read(), "input_reference")
    else:
        given = body.pop("input_reference", None) or body.pop("image", None)
        if given is not None:
            image = _reference(given)
    return decode_request(body, image=image), said


def _reference(given: Any) -> Picture:
    inner = given.get("image_url", given.get("url")) if isinstance(given, dict) else given
    if isinstance(given, dict) and isinstance(given.get("file_id"), str):
        return picture(store().read(store().find(given["file_id"], owner=owner())), "input_reference")
    if not isinstance(inner, str) or not inner:
        raise BadRequest("input_reference: expected a picture", param="input_reference")
    return from_url(inner, "input_reference")


def _begun(asked: Asked, said: Options) -> tuple[StoredVideo, dict[str, str]]:
    here = router()
    with begin(here, task(here), asked.model, said, request_id=request_id(request), wire=OPENAI_CHAT) as run:
        state, candidate = begin_film(run, asked.request)
        video: StoredVideo = service().videos.add(
            state, candidate, asked.request, owner=owner(), asked=asked.model or "auto"
        )
    return video, run.headers()


def _told(video: StoredVideo) -> dict[str, Any]:
    url = address(store().made(video.file_id)) if video.file_id and video.status == "completed" else None
    return encode_video(video, url=url)


@bp.get("/v1/videos")
def videos() -> Response:
    """List the caller's jobs."""
    order = request.args.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequest("order: expected asc or desc", param="order")
    most = min(max(number(request, "limit", 20), 1), LIMIT_MOST)
    rows = service().videos.list(owner=owner(), newest_first=order == "desc")
    after = request.args.get("after")
    if after is not None:
        place = next((index for index, row in enumerate(rows) if row.id == after), None)
        if place is None:
            raise BadRequest("after: no such video", param="after")
        rows = rows[place + 1 :]
    page = [encode_video(row) for row in rows[:most]]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return json_response(
        {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": len(rows) > most}
    )


@bp.get("/v1/videos/<id>")
def video(id: str) -> Response:
    """Tell how far a job is."""
    return json_response(_told(service().videos.find(id, owner=owner())))


@bp.get("/v1/videos/<id>/content")
def content(id: str) -> Response:
    """Give the film, or a range of it."""
    if request.args.get("variant", "video") != "video":
        raise BadRequest("variant: only the video itself is kept", param="variant")
    found = service().videos.find(id, owner=owner())
    if found.status != "completed" or found.file_id is None:
        raise GatewayError(f"the video is {found.status}", param="video_id", code="video_not_ready", status=409)
    file = store().made(found.file_id)
    return sent(file, mime=file.mime, attached=False)


@bp.post("/v1/videos/<id>/cancel")
def cancel(id: str) -> Response:
    """Call a job off."""
    return json_response(_told(service().videos.cancel(id, owner=owner())))


@bp.delete("/v1/videos/<id>")
def delete(id: str) -> Response:
    """Forget a job and its film."""
    service().videos.delete(id, owner=owner())
    return json_response({"id": id, "object": "video.deleted", "deleted": True})
