"""Films by every provider's own wire, asked for by OpenAI's client; jobs outlive the worker that began them."""

import time

import pytest
from openai import APIStatusError, BadRequestError, NotFoundError

from tests.fakes import status
from tests.making.test_images import B64, RED
from tests.making.test_transcription import fields
from wallas.catalog.entries import Model
from wallas.storage.videos import update_video
from wallas.videos import Videos

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
"""OpenAI's client warns of OpenAI's own service; its calls are how films are asked for everywhere."""

FILM = b"\0\0\0\x18ftypmp42\0\0\0\0" + bytes(range(256)) * 4


def begin(stage, model="one/one-video", **more):
    return stage.sdk.videos.create(model=model, prompt="a red square turns", **more)


def job(code="queued", **more):
    return status(200, {"id": "v1", "object": "video", "status": code, "progress": 0} | more)


def states(stage, path, *answers):
    """Answer looks one after the other; the last holds."""
    rows = list(answers)
    stage.will(path, lambda exchange: (rows.pop(0) if len(rows) > 1 else rows[0])(exchange))


def until_over(stage, id, seconds=5.0):
    limit = time.monotonic() + seconds
    while (video := stage.client.get(f"/v1/videos/{id}").get_json())["status"] in ("queued", "in_progress"):
        assert time.monotonic() < limit, video
        time.sleep(0.01)
    return video


def known(stage, name):
    provider, _, id = name.partition("/")
    router = stage.service.router
    if router.catalog.find(provider, id) is None:
        model = Model(provider=provider, id=id, kind="video", capabilities=frozenset({"video_generation"}), free=True)
        router.reload(router.catalog.replaced(provider, [*router.catalog.of(provider), model]))


def test_a_film_is_begun_looked_after_and_given_with_ranges(stage):
    stage.will("/one/v1/videos", job())
    states(stage, "/one/v1/videos/v1", job("in_progress", progress=40), job("completed", progress=100))
    stage.on("/one/v1/videos/v1/content", FILM, "video/mp4")
    video = begin(stage, seconds="4", size="1280x720", input_reference=("a.png", RED))
    assert (video.object, video.status, video.prompt, video.seconds) == ("video", "queued", "a red square turns", "4")
    assert video.id.startswith("video_") and video.model == "one-video"
    sent = stage.provider.requests[0]
    assert fields(sent)[:4] == [
        ("model", "one-video"),
        ("prompt", "a red square turns"),
        ("seconds", "4"),
        ("size", "1280x720"),
    ]
    assert RED in sent.body
    told = until_over(stage, video.id)
    assert (told["status"], told["progress"], told["error"]) == ("completed", 100, None) and told["completed_at"]
    assert stage.sdk.videos.download_content(video.id).read() == FILM
    part = stage.client.get(f"/v1/videos/{video.id}/content", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.data, part.content_type) == (206, b"ftyp", "video/mp4")
    assert stage.client.get(told["url"].removeprefix("http://localhost")).data == FILM
    assert video.id in [row.id for row in stage.sdk.videos.list().data]
    assert stage.sdk.videos.delete(video.id).deleted
    with pytest.raises(NotFoundError):
        stage.sdk.videos.retrieve(video.id)
    assert stage.client.get(told["url"].removeprefix("http://localhost")).status_code == 404


def test_veo_is_a_long_operation_whose_film_needs_the_key(stage):
    name = "models/veo-3.1-generate-001/operations/abc"
    stage.on(":predictLongRunning", {"name": name})
    uri = f"{stage.provider.url}/gemini/v1beta/files/film:download"
    sample = {"response": {"generateVideoResponse": {"generatedSamples": [{"video": {"uri": uri}}]}}}
    states(stage, name, status(200, {"name": name}), status(200, {"name": name, "done": True} | sample))
    moved = {"Location": f"{stage.provider.url}/elsewhere/film.mp4"}
    stage.will("/files/film:download", status(302, b"", moved))
    stage.on("/elsewhere/film.mp4", FILM, "video/mp4")
    video = begin(stage, model="gemini/veo-3.1-generate-001", size="720x1280", seconds="8")
    assert until_over(stage, video.id)["status"] == "completed"
    asked = stage.provider.requests[0].json
    assert asked["parameters"] == {"aspectRatio": "9:16", "resolution": "720p", "durationSeconds": 8}
    assert stage.provider.requests[-2].headers["x-goog-api-key"] == "sk-gemini"


def test_what_veo_filters_is_told(stage):
    name = "models/veo-3.1-generate-001/operations/abd"
    stage.on(":predictLongRunning", {"name": name})
    filtered = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["it is too red"]}
    stage.on(name, {"name": name, "done": True, "response": {"generateVideoResponse": filtered}})
    video = begin(stage, model="gemini/veo-3.1-generate-001")
    told = until_over(stage, video.id)
    assert told["status"] == "failed" and told["error"] == {"code": "content_filter", "message": "it is too red"}
    answer = stage.client.get(f"/v1/videos/{video.id}/content")
    assert answer.status_code == 409 and answer.get_json()["error"]["code"] == "video_not_ready"


def test_openrouter_gives_addresses(stage):
    known(stage, "openrouter/google/veo-3.1")
    stage.will("/openrouter/v1/videos", status(202, {"id": "or1", "polling_url": "x", "status": "pending"}))
    done = {"id": "or1", "status": "completed", "unsigned_urls": [f"{stage.provider.url}/film.mp4"]}
    stage.on("/openrouter/v1/videos/or1", done)
    stage.on("/film.mp4", FILM, "video/mp4")
    body = {"model": "openrouter/google/veo-3.1", "prompt": "x", "duration": 6, "size": "1920x1080"}
    body |= {"image": f"data:image/png;base64,{B64}"}
    answer = stage.client.post("/v1/videos/generations", json=body)
    told = answer.get_json()
    assert answer.status_code == 200 and told["status"] == "completed" and told["data"] == [{"url": told["url"]}]
    asked = stage.provider.requests[0].json
    assert (asked["duration"], asked["aspect_ratio"], asked["resolution"]) == (6, "16:9", "1080p")
    assert asked["frame_images"][0]["frame_type"] == "first_frame"


def test_pollinations_is_asked_again_until_the_film_comes(stage):
    slow = [status(503), status(200, FILM, {"Content-Type": "video/mp4"})]
    stage.will("/pollinations/video/a%20red%20square%20turns", lambda exchange: slow.pop(0)(exchange))
    video = begin(stage, model="pollinations/seedance", seconds="4")
    assert until_over(stage, video.id)["status"] == "completed"
    queries = {request.query for request in stage.provider.requests}
    assert queries == {"model=seedance&duration=4"}


def test_fal_behind_hugging_face(stage):
    known(stage, "huggingface/Wan-AI/Wan2.2")
    mapping = {"fal-ai": {"status": "live", "providerId": "fal-ai/wan"}}
    stage.on("/huggingface/api/models/Wan-AI/Wan2.2", {"inferenceProviderMapping": mapping})
    queue = {"request_id": "r1", "status": "IN_QUEUE", "response_url": "https://queue.fal.run/fal-ai/wan/requests/r1"}
    stage.on("/huggingface/fal-ai/fal-ai/wan", queue)
    stage.on("/requests/r1/status", {"status": "COMPLETED"})
    stage.on("/requests/r1", {"video": {"url": f"{stage.provider.url}/film.mp4"}})
    stage.on("/film.mp4", FILM, "video/mp4")
    video = begin(stage, model="huggingface/Wan-AI/Wan2.2")
    assert until_over(stage, video.id)["status"] == "completed"


def test_another_provider_takes_the_job_when_one_does_not(stage):
    stage.will("/one/v1/videos", status(503))
    stage.will("/two/v1/videos", job())
    states(stage, "/two/v1/videos/v1", job("failed", error={"code": "broken", "message": "no"}))
    video = begin(stage, model="one-video")
    assert video.model == "two-video"
    told = until_over(stage, video.id)
    assert (told["status"], told["error"]) == ("failed", {"code": "broken", "message": "no"})


def test_looks_that_fail_are_repeated(stage):
    stage.will("/one/v1/videos", job())
    states(stage, "/one/v1/videos/v1", status(500), status(429), job("completed"))
    stage.on("/one/v1/videos/v1/content", FILM, "video/mp4")
    assert until_over(stage, begin(stage).id)["status"] == "completed"


@pytest.mark.parametrize("answer", [status(404), status(200, b"<html>", {"Content-Type": "text/html"})])
def test_a_job_that_is_gone_or_gives_no_film_fails(stage, answer, monkeypatch):
    monkeypatch.setattr("wallas.videos.MOST_SECONDS", 0.05)
    stage.will("/one/v1/videos", job())
    states(stage, "/one/v1/videos/v1", answer)
    assert until_over(stage, begin(stage).id)["status"] == "failed"


def test_a_job_outlives_the_worker_that_began_it(stage):
    stage.will("/one/v1/videos", job())
    stage.will("/one/v1/videos/v1", job("in_progress"))
    stage.on("/one/v1/videos/v1/content", FILM, "video/mp4")
    service = stage.service
    before, service.videos = (
        service.videos,
        Videos(
            service.engine,
            media=service.media,
            router=lambda: service.router,
            fetch=service.films.fetch,
            pace=service.videos.pace,
        ),
    )
    try:
        video = begin(stage)
        service.videos.close()
        time.sleep(0.1)
        update_video(service.engine, video.id, look_at=0.0)
        stage.will("/one/v1/videos/v1", job("completed"))
        service.videos = before
        assert stage.client.get(f"/v1/videos/{video.id}").get_json()["status"] in ("queued", "in_progress")
        before.adopt()
        assert until_over(stage, video.id)["status"] == "completed"
    finally:
        service.videos = before


def test_a_job_is_called_off_at_its_provider(stage):
    stage.will("/one/v1/videos", job())
    stage.will("/one/v1/videos/v1", job("in_progress"))
    video = begin(stage)
    told = stage.client.post(f"/v1/videos/{video.id}/cancel").get_json()
    assert told["status"] == "cancelled" and told["error"]["code"] == "cancelled"
    assert any(request.method == "DELETE" for request in stage.provider.requests)
    assert stage.client.post(f"/v1/videos/{video.id}/cancel").get_json()["status"] == "cancelled"


def test_who_does_not_wait_gets_the_job(stage):
    stage.will("/one/v1/videos", job())
    stage.will("/one/v1/videos/v1", job("in_progress"))
    for more in ({"wait": False}, {"wallas": {"timeout": 0.1}}):
        body = {"model": "one/one-video", "prompt": "x"} | more
        answer = stage.client.post("/v1/videos/generations", json=body)
        assert answer.status_code == 202 and answer.get_json()["status"] in ("queued", "in_progress")
        stage.client.delete(f"/v1/videos/{answer.get_json()['id']}")


def test_a_film_that_fails_while_it_is_waited_for_is_an_error(stage):
    stage.will("/one/v1/videos", job())
    stage.will("/one/v1/videos/v1", job("failed", error={"code": "broken", "message": "no film today"}))
    answer = stage.client.post("/v1/videos/generations", json={"model": "one/one-video", "prompt": "x"})
    assert answer.status_code == 502 and "no film today" in answer.get_json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "seconds": "long"}, "seconds"),
        ({"prompt": "x", "duration": 0}, "duration"),
        ({"prompt": "x", "size": "wide"}, "size"),
        ({"prompt": "x", "input_reference": 7}, "input_reference"),
        ({"prompt": "x", "input_reference": "http://127.0.0.1/x.png"}, "input_reference"),
        ({"prompt": "x", "wait": "perhaps"}, "wait"),
    ],
)
def test_a_wrong_field_is_named(stage, body, param):
    for route in ("/v1/videos", "/v1/videos/generations"):
        answer = stage.client.post(route, json=body)
        assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)


def test_another_variant_or_an_unknown_job_is_refused(stage):
    stage.will("/one/v1/videos", job())
    stage.will("/one/v1/videos/v1", job("in_progress"))
    video = begin(stage)
    with pytest.raises(BadRequestError):
        stage.sdk.videos.download_content(video.id, variant="thumbnail")
    for call in (stage.sdk.videos.retrieve, stage.sdk.videos.delete, stage.sdk.videos.download_content):
        with pytest.raises(NotFoundError):
            call("video_none")
    stage.sdk.videos.delete(video.id)
    with pytest.raises(APIStatusError):
        begin(stage, model="one/one-image")
