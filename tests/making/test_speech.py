"""Speech by every provider's own wire, asked for by OpenAI's client; espeak-ng and ffmpeg are the real programs."""

import base64
import shutil
from itertools import pairwise

import pytest
from openai import BadRequestError, InternalServerError, NotFoundError

from tests.fakes import hang_up, status
from wallas.media import pcm, sound

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="apt-get install ffmpeg")

TONE = bytes(range(256)) * 200
WAV = pcm.wave_header(len(TONE)) + TONE
LONG = "This is a sentence that somebody will speak aloud. " * 60


def say(stage, model="one/one-speech", text="Hello there.", voice="nova", **more):
    with stage.sdk.audio.speech.with_streaming_response.create(
        model=model, input=text, voice=voice, **{"response_format": "wav"} | more
    ) as answer:
        return answer.read(), answer.headers


def test_sound_of_the_wanted_format_is_passed_on_untouched(stage):
    stage.on("/one/v1/audio/speech", b"ID3 mp3 bytes", "audio/mpeg")
    data, headers = say(stage, response_format="mp3", instructions="Calmly", speed=1.5)
    assert data == b"ID3 mp3 bytes" and headers["content-type"] == "audio/mpeg"
    assert headers["x-wallas-provider"] == "one" and headers["x-wallas-model"] == "one-speech"
    assert stage.asked.json == {
        "model": "one-speech",
        "input": "Hello there.",
        "voice": "nova",
        "response_format": "mp3",
        "speed": 1.5,
        "instructions": "Calmly",
    }
    assert stage.asked.headers["authorization"] == "Bearer sk-one"


@pytest.mark.parametrize(
    ("model", "path", "voice", "asked"),
    [
        ("groq/canopylabs/orpheus-v1-english", "/groq/v1/audio/speech", "nova", "autumn"),
        ("groq/canopylabs/orpheus-v1-english", "/groq/v1/audio/speech", "onyx", "troy"),
        ("groq/canopylabs/orpheus-v1-english", "/groq/v1/audio/speech", "austin", "austin"),
        ("groq/canopylabs/orpheus-arabic-saudi", "/groq/v1/audio/speech", "ash", "fahad"),
        ("openai/gpt-4o-mini-tts", "/openai/v1/audio/speech", "marin", "marin"),
    ],
)
def test_openais_voices_are_read_as_each_providers_own(stage, model, path, voice, asked):
    stage.on(path, WAV, "audio/wav")
    data, _ = say(stage, model=model, voice=voice)
    assert data == WAV and stage.asked.json["voice"] == asked


def test_a_voice_that_nobody_has_is_named_as_dropped(stage):
    stage.on("/groq/v1/audio/speech", WAV, "audio/wav")
    _, headers = say(stage, model="groq/canopylabs/orpheus-v1-english", voice="morgan", instructions="Sadly")
    assert stage.asked.json["voice"] == "hannah" and "instructions" not in stage.asked.json
    assert headers["x-wallas-dropped"] == "instructions, voice"


def test_gemini_speaks_as_bare_samples(stage):
    blob = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": base64.b64encode(TONE).decode()}}
    answer = {
        "candidates": [{"content": {"parts": [blob]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 50},
    }
    stage.on(":generateContent", answer)
    data, _ = say(stage, model="gemini/gemini-3.8-flash-tts", voice="onyx", instructions="Whisper.")
    assert pcm.read_wave(data) == (24000, 1, TONE)
    body = stage.asked.json
    assert body["contents"][0]["parts"] == [{"text": "Whisper: Hello there."}]
    config = body["generationConfig"]
    assert config["responseModalities"] == ["AUDIO"]
    assert config["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"] == {"voiceName": "Algenib"}


def test_a_blocked_text_is_the_callers_error_and_silence_a_failure(stage):
    stage.on(":generateContent", {"promptFeedback": {"blockReason": "SAFETY"}})
    with pytest.raises(BadRequestError):
        say(stage, model="gemini/gemini-3.8-flash-tts")
    stage.on(":generateContent", {"candidates": [{"finishReason": "OTHER"}]})
    with pytest.raises(InternalServerError) as caught:
        say(stage, model="gemini/gemini-3.8-flash-tts")
    assert caught.value.status_code == 502


def test_mistral_answers_in_base64(stage):
    stage.on("/mistral/v1/audio/speech", {"audio_data": base64.b64encode(WAV).decode()})
    data, _ = say(stage, model="mistral/voxtral-mini-tts-latest", voice="own-voice")
    assert data == WAV and stage.asked.json["voice_id"] == "own-voice"
    say(stage, model="mistral/voxtral-mini-tts-latest")
    assert "voice_id" not in stage.asked.json


@pytest.mark.parametrize(
    "step",
    [
        status(500),
        status(429),
        hang_up,
        status(200, b"", {"Content-Type": "audio/wav"}),
        status(200, b"<html>", {"Content-Type": "text/html"}),
        status(200, {"error": {"message": "no"}}),
        pytest.param(status(200, b"no sound at all", {"Content-Type": "audio/wav"}), marks=needs_ffmpeg),
    ],
)
def test_the_next_provider_speaks_when_one_fails(stage, step):
    stage.will("/one/v1/audio/speech", step)
    stage.on("/two/v1/audio/speech", WAV, "audio/wav")
    data, headers = say(stage, model="one-speech")
    assert data == WAV and headers["x-wallas-provider"] == "two" and headers["x-wallas-attempts"] == "2"


def test_a_long_text_is_spoken_in_parts_and_joined_without_clicks(stage):
    loud = pcm.wave_header(48_000) + b"\xff\x7f" * 24_000
    stage.on("/one/v1/audio/speech", loud, "audio/wav")
    data, headers = say(stage, text=LONG, response_format="pcm")
    said = [request.json["input"] for request in stage.provider.requests]
    assert len(said) >= 2 and len(said[0]) <= 300 and max(map(len, said)) <= 4096
    assert "".join(said).split() == LONG.split() and all(one.rstrip().endswith(".") for one in said)
    assert len(data) == len(said) * 48_000 + (len(said) - 1) * len(pcm.silence())
    numbers = memoryview(data).cast("h")
    assert max(abs(one - other) for one, other in pairwise(numbers)) < 1000
    assert headers["x-wallas-attempts"] == str(1)


@needs_ffmpeg
@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav"])
def test_parts_are_joined_in_every_format(stage, form):
    stage.on("/one/v1/audio/speech", WAV, "audio/wav")
    data, headers = say(stage, text=LONG, response_format=form)
    count = len(stage.provider.requests)
    assert headers["content-type"] == sound.FORMATS[form].mime
    seconds = pcm.seconds_of(sound.samples(data))
    assert seconds == pytest.approx(count * pcm.seconds_of(TONE) + (count - 1) * 0.15, abs=0.2)


def test_another_provider_goes_on_where_one_fails_between_two_parts(stage):
    stage.on("/two/v1/audio/speech", WAV, "audio/wav")
    answers = iter([status(200, WAV, {"Content-Type": "audio/wav"})])
    stage.will("/one/v1/audio/speech", lambda exchange: next(answers, status(500))(exchange))
    data, _ = say(stage, model="one-speech", text=LONG, response_format="pcm")
    said = [request.path for request in stage.provider.requests]
    assert said[:3] == ["/one/v1/audio/speech", "/one/v1/audio/speech", "/two/v1/audio/speech"]
    assert pcm.seconds_of(data) > 2 * pcm.seconds_of(TONE)


def test_sound_that_breaks_off_for_good_is_no_whole_answer(stage):
    answers = iter([status(200, WAV, {"Content-Type": "audio/wav"})])
    stage.will("/one/v1/audio/speech", lambda exchange: next(answers, status(500))(exchange))
    with pytest.raises(Exception, match="no provider could answer"):
        say(stage, text=LONG, response_format="pcm")
    answers = iter([status(200, WAV, {"Content-Type": "audio/wav"})])
    stage.service.router.desk.health.rests.clear()
    body = {"model": "one/one-speech", "input": LONG, "voice": "nova", "response_format": "pcm"}
    answer = stage.client.post("/v1/audio/speech", json=body | {"stream_format": "sse"}, buffered=False)
    told = []
    with pytest.raises(Exception, match="no provider could answer"):
        told.extend(answer.response)
    assert told[-1].startswith(b"event: error") and b"speech.audio.done" not in b"".join(told)


def test_events_carry_the_sound_and_its_usage(stage):
    stage.on("/one/v1/audio/speech", WAV, "audio/wav")
    body = {"model": "one/one-speech", "input": "Hi", "voice": "nova", "response_format": "wav", "stream_format": "sse"}
    answer = stage.client.post("/v1/audio/speech", json=body)
    assert answer.content_type.startswith("text/event-stream")
    delta, done = answer.get_data(as_text=True).strip().split("\n\n")
    assert base64.b64encode(WAV).decode() in delta and '"speech.audio.done"' in done and "total_tokens" in done


@needs_espeak
def test_the_programs_of_this_machine_are_the_last_resort(stage):
    answer = stage.client.post(
        "/v1/tts",
        json={"text": "Hola, ¿qué tal está usted?", "response_format": "wav", "wallas": {"provider": "espeak"}},
    )
    wave = pcm.read_wave(answer.data)
    assert answer.status_code == 200 and wave is not None and len(wave.samples) > 20_000
    assert answer.headers["X-Wallas-Model"] == "espeak-ng"
    order = [candidate.model.provider for candidate in _run(stage).waiting]
    assert order[:2] == ["one", "two"] and order[-1] == "espeak"


def _run(stage):
    from wallas.routing.operation import begin
    from wallas.routing.router import Options
    from wallas.routing.speech import task

    router = stage.service.router
    return begin(router, task(router), "tts-1", Options(), request_id="r", wire="openai_chat")


@pytest.mark.parametrize(
    ("route", "body", "param"),
    [
        ("/v1/audio/speech", {"voice": "nova", "input": "a"}, "model"),
        ("/v1/audio/speech", {"model": "tts-1", "input": "a"}, "voice"),
        ("/v1/audio/speech", {"model": "tts-1", "voice": "nova"}, "input"),
        ("/v1/audio/speech", {"model": "tts-1", "voice": "nova", "input": " "}, "input"),
        ("/v1/audio/speech", {"model": "tts-1", "voice": "nova", "input": "a" * 100_001}, "input"),
        ("/v1/audio/speech", {"model": "tts-1", "voice": "nova", "input": "a", "speed": 9}, "speed"),
        (
            "/v1/audio/speech",
            {"model": "tts-1", "voice": "nova", "input": "a", "response_format": "mid"},
            "response_format",
        ),
        ("/v1/audio/speech", {"model": "tts-1", "voice": 7, "input": "a"}, "voice"),
        ("/v1/tts", {}, "input"),
        ("/v1/tts", {"text": 7}, "text"),
        ("/v1/tts", {"text": ""}, "text"),
    ],
)
def test_a_wrong_field_is_named(stage, route, body, param):
    answer = stage.client.post(route, json=body)
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)
    assert stage.provider.requests == []


def test_a_model_that_does_not_speak_is_404(stage):
    with pytest.raises(NotFoundError):
        say(stage, model="one/one-image")


def test_voices_are_listed(stage):
    rows = stage.client.get("/v1/audio/voices").get_json()["data"]
    named = {(row["provider"], row["id"]) for row in rows}
    assert {(None, "alloy"), ("gemini", "Kore"), ("groq", "autumn"), ("openai", "cedar")} <= named
