"""Pictures by every provider's own wire, asked for by OpenAI's client."""

import base64
import io
import shutil
import struct
import zlib
from urllib.parse import urlsplit

import httpx
import pytest
from openai import APIStatusError, BadRequestError, NotFoundError

from tests.fakes import hang_up, status
from tests.making.test_transcription import fields

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="apt-get install ffmpeg")


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(side=8, red=255):
    rows = b"".join(b"\0" + bytes((red, 0, 0)) * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


RED, DARK = png(), png(red=100)
B64 = base64.b64encode(RED).decode()
DRAWN = {"created": 1, "data": [{"b64_json": B64, "revised_prompt": "A red square"}]}


def draw(stage, model="one/one-image", prompt="a red square", **more):
    return stage.sdk.images.with_raw_response.generate(model=model, prompt=prompt, **more)


def bytes_of(answer):
    return [base64.b64decode(one.b64_json) for one in answer.parse().data]


def test_a_picture_comes_as_base64_and_as_an_address_here(stage):
    stage.on("/one/v1/images/generations", DRAWN)
    answer = draw(stage, size="512x512", quality="high")
    one = answer.parse().data[0]
    assert base64.b64decode(one.b64_json) == RED and one.revised_prompt == "A red square"
    assert answer.headers["x-wallas-provider"] == "one" and answer.parse().size == "512x512"
    assert stage.asked.json == {
        "model": "one-image",
        "prompt": "a red square",
        "size": "512x512",
        "quality": "high",
        "response_format": "b64_json",
    }
    shown = stage.client.get(urlsplit(one.url).path)
    assert shown.data == RED and shown.content_type == "image/png"


def test_only_what_was_asked_for_is_given(stage):
    stage.on("/one/v1/images/generations", DRAWN)
    one = draw(stage, response_format="url").parse().data[0]
    assert one.b64_json is None and one.url.startswith("http://localhost/media/") and one.url.endswith("/image.png")
    one = draw(stage, response_format="b64_json").parse().data[0]
    assert one.url is None and one.b64_json == B64


def test_openais_own_models_get_their_words(stage):
    stage.on("/openai/v1/images/generations", DRAWN | {"usage": {"input_tokens": 5, "output_tokens": 9}})
    answer = draw(stage, model="openai/gpt-image-2", size="1920x1080", quality="hd", background="transparent", n=2)
    asked = stage.provider.requests[0].json
    assert asked == {
        "model": "gpt-image-2",
        "prompt": "a red square",
        "n": 2,
        "size": "1536x1024",
        "quality": "high",
        "background": "transparent",
    }
    assert answer.headers["x-wallas-dropped"] == "size>1536x1024" and answer.parse().usage.total_tokens == 14


def test_a_field_that_an_imitator_does_not_know_is_left_out(stage):
    refusal = {"error": {"message": "Unknown parameter: 'response_format'.", "param": "response_format"}}
    refusal["error"] |= {"code": "unknown_parameter", "type": "invalid_request_error"}
    answers = iter([status(400, refusal), status(200, DRAWN)])
    stage.will("/one/v1/images/generations", lambda exchange: next(answers)(exchange))
    assert bytes_of(draw(stage)) == [RED] and "response_format" not in stage.asked.json


def test_pollinations_draws_one_at_a_time(stage):
    stage.provider.otherwise = lambda request: (status(200, RED, {"Content-Type": "image/png"}),)
    stage.will("/a%20red%20square", status(200, RED, {"Content-Type": "image/png"}))
    assert bytes_of(draw(stage, model="pollinations/flux", size="640x480", n=3)) == [RED] * 3
    asked = [request for request in stage.provider.requests if "/image/" in request.path]
    assert len(asked) == 3 and asked[0].path.startswith("/pollinations/image/")
    assert len({request.query for request in asked}) == 3
    assert "width=640&height=480" in asked[0].query and asked[0].headers["authorization"].startswith("Bearer")


def test_gemini_draws_with_words_beside_it(stage):
    parts = [{"text": "Here:"}, {"inlineData": {"mimeType": "image/png", "data": B64}}]
    answer = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    stage.on(":generateContent", answer | {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1290}})
    assert bytes_of(draw(stage, model="gemini/gemini-2.5-flash-image", size="1792x1024")) == [RED]
    config = stage.asked.json["generationConfig"]
    assert config["responseModalities"] == ["TEXT", "IMAGE"] and config["imageConfig"] == {"aspectRatio": "16:9"}
    stage.on(":generateContent", {"candidates": [{"finishReason": "IMAGE_SAFETY"}]})
    with pytest.raises(BadRequestError) as caught:
        draw(stage, model="gemini/gemini-2.5-flash-image")
    assert caught.value.code == "content_filter"


def test_openrouter_draws_in_the_chat(stage):
    known(stage, "openrouter/google/gemini-2.5-flash-image")
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}
    stage.on("/openrouter/v1/chat/completions", {"choices": [{"message": {"content": "Here", "images": [image]}}]})
    assert bytes_of(draw(stage, model="openrouter/google/gemini-2.5-flash-image")) == [RED]
    assert stage.asked.json["modalities"] == ["image", "text"]
    stage.on("/openrouter/v1/chat/completions", {"error": {"code": 429, "message": "slow down"}})
    with pytest.raises(APIStatusError) as caught:
        draw(stage, model="openrouter/google/gemini-2.5-flash-image")
    assert caught.value.status_code == 429


def test_hugging_face_and_nvidia_draw_in_their_own_way(stage):
    known(stage, "huggingface/black-forest-labs/FLUX.1-dev")
    stage.on("/huggingface/hf-inference/models/black-forest-labs/FLUX.1-dev", RED, "image/png")
    assert bytes_of(draw(stage, model="huggingface/black-forest-labs/FLUX.1-dev", size="256x256")) == [RED]
    assert stage.asked.json == {"inputs": "a red square", "parameters": {"width": 256, "height": 256}}
    artifact = {"base64": B64, "finishReason": "SUCCESS"}
    stage.on("/genai/black-forest-labs/flux.1-dev", {"artifacts": [artifact]})
    answer = draw(stage, model="nvidia/black-forest-labs/flux.1-dev", size="512x512", quality="high", style="vivid")
    assert bytes_of(answer) == [RED] and answer.headers["x-wallas-dropped"] == "quality, style, size>768x768"
    assert stage.asked.json["steps"] == 28 and stage.asked.json["mode"] == "base"
    stage.on("/genai/black-forest-labs/flux.1-dev", {"artifacts": [artifact | {"finishReason": "CONTENT_FILTERED"}]})
    with pytest.raises(BadRequestError):
        draw(stage, model="nvidia/black-forest-labs/flux.1-dev")


def known(stage, name):
    from wallas.catalog.entries import Model

    provider, _, id = name.partition("/")
    router = stage.service.router
    if router.catalog.find(provider, id) is None:
        can = frozenset({"image_generation", "image_edit"})
        model = Model(provider=provider, id=id, kind="image", capabilities=can, free=True)
        router.reload(router.catalog.replaced(provider, [*router.catalog.of(provider), model]))


@pytest.mark.parametrize(
    "step",
    [
        status(500),
        hang_up,
        status(200, {"data": []}),
        status(200, {"data": [{"b64_json": "!!"}]}),
        status(200, {"data": [{"b64_json": base64.b64encode(b"<html>").decode()}]}),
        status(200, {"data": [{"url": "http://169.254.169.254/latest"}]}),
        status(200, b"<html>", {"Content-Type": "text/html"}),
    ],
)
def test_the_next_provider_draws_when_one_fails(stage, step):
    stage.will("/one/v1/images/generations", step)
    stage.on("/two/v1/images/generations", DRAWN)
    answer = draw(stage, model="one-image")
    assert bytes_of(answer) == [RED] and answer.headers["x-wallas-provider"] == "two"


def test_an_address_of_the_providers_own_is_fetched(stage):
    stage.on("/one/v1/images/generations", {"data": [{"url": f"{stage.provider.url}/files/red.png"}]})
    stage.on("/files/red.png", RED, "image/png")
    assert bytes_of(draw(stage)) == [RED]


def test_as_many_as_were_asked_for_come_even_from_several(stage):
    answers = iter([status(200, DRAWN), status(500)])
    stage.will("/one/v1/images/generations", lambda exchange: next(answers)(exchange))
    stage.on("/two/v1/images/generations", {"data": [{"b64_json": base64.b64encode(DARK).decode()}]})
    answer = draw(stage, model="one-image", n=3)
    assert bytes_of(answer) == [RED, DARK, DARK] and answer.headers["x-wallas-attempts"] == "4"


@needs_ffmpeg
def test_the_wanted_format_is_made_where_it_did_not_come(stage):
    stage.on("/one/v1/images/generations", DRAWN)
    for form, head in (("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF"), ("png", b"\x89PNG")):
        answer = draw(stage, output_format=form)
        assert bytes_of(answer)[0].startswith(head) and answer.parse().output_format == form


def test_pictures_are_changed_by_a_form(stage):
    editor(stage)
    stage.on("/one/v1/images/edits", DRAWN)
    answer = stage.sdk.images.with_raw_response.edit(
        model="one/editor", image=[("a.png", RED), ("b.png", DARK)], mask=("m.png", RED), prompt="darker", size="auto"
    )
    assert bytes_of(answer) == [RED]
    sent = fields(stage.asked)
    assert [name for name, _ in sent] == ["model", "prompt", "response_format", "image[]", "image[]", "mask"]
    assert DARK in stage.asked.body


def editor(stage):
    known(stage, "one/editor")


def test_pictures_are_changed_by_json_too(stage):
    editor(stage)
    stage.on("/one/v1/images/edits", DRAWN)
    kept = stage.service.media.upload(iter([DARK]), owner="", purpose="vision", filename="d.png")
    body = {"model": "one/editor", "prompt": "darker", "images": [{"image_url": f"data:image/png;base64,{B64}"}]}
    body["images"].append({"file_id": kept.id})
    answer = stage.client.post("/v1/images/edits", json=body)
    assert answer.status_code == 200 and RED in stage.asked.body and DARK in stage.asked.body


def test_gemini_changes_pictures_and_a_picture_is_varied(stage):
    parts = [{"inlineData": {"mimeType": "image/png", "data": B64}}]
    stage.on(":generateContent", {"candidates": [{"content": {"parts": parts}}]})
    model = "gemini/gemini-2.5-flash-image"
    assert bytes_of(stage.sdk.images.with_raw_response.edit(model=model, image=RED, prompt="darker")) == [RED]
    sent = stage.asked.json["contents"][0]["parts"]
    assert sent[0]["inlineData"]["data"] == B64 and sent[1] == {"text": "darker"}
    with pytest.warns(DeprecationWarning):
        answer = stage.sdk.images.with_raw_response.create_variation(model=model, image=RED)
    assert bytes_of(answer) == [RED] and "variation" in stage.asked.json["contents"][0]["parts"][1]["text"]


def test_a_stream_tells_whole_pictures(stage):
    stage.on("/one/v1/images/generations", DRAWN)
    events = list(stage.sdk.images.generate(model="one/one-image", prompt="red", stream=True))
    assert [event.type for event in events] == ["image_generation.completed"]
    assert base64.b64decode(events[0].b64_json) == RED


def test_a_chat_may_ask_for_pictures(stage):
    stage.on("/one/v1/images/generations", DRAWN)
    body = {"model": "one/one-image", "messages": [{"role": "user", "content": "a red square"}]}
    body |= {"modalities": ["image", "text"], "image_config": {"aspect_ratio": "16:9"}}
    answer = stage.client.post("/v1/chat/completions", json=body)
    message = answer.get_json()["choices"][0]["message"]
    assert message["images"][0]["image_url"]["url"] == f"data:image/png;base64,{B64}"
    assert answer.headers["X-Wallas-Provider"] == "one" and stage.asked.json["size"] == "1365x768"
    streamed = stage.client.post("/v1/chat/completions", json=body | {"stream": True}).get_data(as_text=True)
    assert B64 in streamed and streamed.endswith("data: [DONE]\n\n")
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}
    editor(stage)
    stage.on("/one/v1/images/edits", DRAWN)
    content = [{"type": "text", "text": "darker"}, image]
    body = body | {"model": "one/editor", "messages": [{"role": "user", "content": content}]}
    assert stage.client.post("/v1/chat/completions", json=body).status_code == 200 and RED in stage.asked.body


def test_geminis_own_client_gets_pictures_where_it_asks_for_them(stage):
    from google import genai
    from google.genai import types

    stage.on("/one/v1/images/generations", DRAWN)
    http = httpx.Client(transport=httpx.WSGITransport(app=stage.app), base_url="http://localhost")
    options = types.HttpOptions(base_url="http://localhost", httpx_client=http)
    config = types.GenerateContentConfig(
        response_modalities=["TEXT", "IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9")
    )
    with genai.Client(api_key="any", http_options=options) as client:
        asked = {"model": "one/one-image", "contents": "a red square", "config": config}
        whole = client.models.generate_content(**asked)
        [chunk] = client.models.generate_content_stream(**asked)
    for answer in (whole, chunk):
        blob = answer.candidates[0].content.parts[-1].inline_data
        assert (blob.data, blob.mime_type) == (RED, "image/png")
        assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert stage.asked.json["prompt"] == "a red square" and stage.asked.json["size"] == "1365x768"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"prompt": " "}, "prompt"),
        ({"n": 11}, "n"),
        ({"size": "big"}, "size"),
        ({"size": "10x10"}, "size"),
        ({"quality": "best"}, "quality"),
        ({"response_format": "tiff"}, "response_format"),
        ({"output_format": "tiff"}, "output_format"),
        ({"output_compression": 101}, "output_compression"),
    ],
)
def test_a_wrong_field_is_named(stage, more, param):
    with pytest.raises(BadRequestError) as caught:
        draw(stage, **more)
    assert caught.value.param == param and stage.provider.requests == []


@pytest.mark.parametrize(
    ("route", "data", "param"),
    [
        ("edits", {"prompt": "x"}, "image"),
        ("edits", {"image": (io.BytesIO(RED), "a.png")}, "prompt"),
        ("edits", {"prompt": "x", "image": (io.BytesIO(b"<svg/>"), "a.png")}, "image"),
        ("variations", {"n": "2"}, "image"),
        ("variations", {"n": "two", "image": (io.BytesIO(RED), "a.png")}, "n"),
    ],
)
def test_a_wrong_field_of_a_form_is_named(stage, route, data, param):
    answer = stage.client.post(f"/v1/images/{route}", data=data, content_type="multipart/form-data")
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("image", "param"),
    [
        ("http://127.0.0.1:1/x.png", "image"),
        ("data:image/png;base64,!!", "image"),
        ({"url": 7}, "image"),
        ({"file_id": "file-none"}, "file_id"),
    ],
)
def test_a_picture_that_cannot_be_had_is_named(stage, image, param):
    answer = stage.client.post("/v1/images/edits", json={"prompt": "x", "image": image})
    assert answer.status_code in (400, 404) and answer.get_json()["error"]["param"] == param


def test_a_model_that_does_not_draw_is_404_and_models_are_listed_by_what_they_can(stage):
    with pytest.raises(NotFoundError):
        draw(stage, model="one/one-speech")
    rows = stage.client.get("/v1/models?capability=image_generation&provider=gemini").get_json()["data"]
    assert any(row["id"].endswith("gemini-2.5-flash-image") for row in rows)
