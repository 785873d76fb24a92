"""Transcription by every provider's own wire, asked for by OpenAI's client; ffmpeg is the real program."""

import io
import json
import shutil

import pytest
from openai import BadRequestError, NotFoundError

from tests.fakes import status
from wallas.media import listening, pcm, programs

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="apt-get install ffmpeg")

WAV = pcm.wave_header(4800) + bytes(4800)
WORDS = [{"word": "Hello", "start": 0.0, "end": 0.4}, {"word": "there", "start": 0.5, "end": 3661.25}]
SEGMENT = {"id": 0, "seek": 7, "start": 0.0, "end": 1.5, "text": " Hello there", "tokens": [1], "avg_logprob": -0.25}
SAID = {"text": " Hello there", "language": "english", "duration": 1.5, "segments": [SEGMENT]}


def write(stage, model="one/one-transcription", audio=WAV, name="a.wav", **more):
    return stage.sdk.audio.transcriptions.with_raw_response.create(model=model, file=(name, audio), **more)


def fields(request):
    """Return the fields of a form as they were sent, files as (name, type, bytes)."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    found = []
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, data = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0].decode()
        if b"filename" in head:
            found.append((name, head.partition(b"Content-Type: ")[2].decode()))
        else:
            found.append((name, data.decode()))
    return found


def test_words_come_back_as_json_and_the_form_is_openais(stage):
    stage.on("/groq/v1/audio/transcriptions", {"text": " Hello there", "x_groq": {"id": "r"}})
    answer = write(stage, model="groq/whisper-large-v3", language="en", prompt="names", temperature=0.5)
    assert answer.parse().text == "Hello there"
    assert answer.headers["x-wallas-provider"] == "groq" and answer.headers["x-wallas-attempts"] == "1"
    assert fields(stage.asked) == [
        ("model", "whisper-large-v3"),
        ("response_format", "json"),
        ("language", "en"),
        ("prompt", "names"),
        ("temperature", "0.5"),
        ("file", "audio/wav"),
    ]
    assert WAV in stage.asked.body


def test_times_are_told_as_they_came_and_nothing_is_made_up(stage):
    stage.on("/openai/v1/audio/transcriptions", SAID | {"words": WORDS})
    told = json.loads(
        write(
            stage,
            model="openai/whisper-1",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        ).text
    )
    assert told["task"] == "transcribe" and told["language"] == "english" and told["duration"] == 1.5
    assert told["words"] == WORDS and told["usage"] == {"type": "duration", "seconds": 2}
    segment = told["segments"][0]
    assert (segment["avg_logprob"], segment["seek"], segment["no_speech_prob"]) == (-0.25, 7, None)
    sent = fields(stage.asked)
    assert ("response_format", "verbose_json") in sent and ("timestamp_granularities[]", "word") in sent


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("text", "Hello there\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:01,500\nHello there\n\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there\n\n"),
    ],
)
def test_other_formats_are_texts(stage, form, told):
    stage.on("/one/v1/audio/transcriptions", SAID)
    assert write(stage, response_format=form).text == told


def test_words_alone_make_subtitles_too():
    from wallas.codecs.openai_transcription import subtitles
    from wallas.types.sound import Span, TranscribeAnswer

    words = tuple(Span(start=float(n), end=n + 0.5, text=f"w{n}") for n in range(13))
    rows = subtitles(TranscribeAnswer(text="", words=words))
    assert [(row.start, row.end) for row in rows] == [(0.0, 11.5), (12.0, 12.5)]


def test_translation_goes_to_who_translates(stage):
    stage.on("/groq/v1/audio/translations", {"text": "Hello"})
    with pytest.warns(DeprecationWarning):
        answer = stage.sdk.audio.translations.create(model="groq/whisper-large-v3", file=("a.wav", WAV))
    assert answer.text == "Hello" and stage.asked.path.endswith("/audio/translations")
    with pytest.warns(DeprecationWarning), pytest.raises(BadRequestError, match="does not translate"):
        stage.sdk.audio.translations.create(model="openai/gpt-4o-transcribe", file=("a.wav", WAV))


def test_gemini_hears_as_a_chat_model(stage):
    stage.on(":generateContent", {"candidates": [{"content": {"parts": [{"text": " Hola. \n"}]}}]})
    assert write(stage, model="gemini/gemini-3.5-flash", language="es").parse().text == "Hola."
    parts = stage.asked.json["contents"][0]["parts"]
    assert parts[0]["inlineData"]["mimeType"] == "audio/wav" and "es" in parts[1]["text"]
    segments = {"language": "es", "segments": [{"start": 0, "end": 1.5, "text": "Hola."}]}
    stage.on(":generateContent", {"candidates": [{"content": {"parts": [{"text": json.dumps(segments)}]}}]})
    told = write(stage, model="gemini/gemini-3.5-flash", response_format="srt").text
    assert told.startswith("1\n00:00:00,000 --> 00:00:01,500\nHola.")


@pytest.mark.parametrize(
    ("model", "path", "answer"),
    [
        ("mistral/voxtral-mini-latest", "/mistral/v1/audio/transcriptions", {"text": "Hi", "language": None}),
        ("cohere/cohere-transcribe", "/cohere/v2/audio/transcriptions", {"text": " Hi"}),
        ("openrouter/openai/whisper-1", "/openrouter/v1/audio/transcriptions", {"text": "Hi", "usage": {"seconds": 1}}),
        ("huggingface/openai/whisper-large-v3", "/hf-inference/models/openai/whisper-large-v3", {"text": "Hi"}),
    ],
)
def test_every_provider_is_asked_in_its_own_dialect(stage, model, path, answer):
    known(stage, model)
    stage.on(path, answer)
    assert write(stage, model=model).parse().text == "Hi"
    sent = stage.asked
    if model.startswith("openrouter"):
        assert sent.json["input_audio"]["format"] == "wav" and sent.json["model"] == "openai/whisper-1"
    elif model.startswith("huggingface"):
        assert sent.body == WAV and sent.headers["content-type"] == "audio/wav"
    else:
        assert ("language", "en") in fields(sent) or model.startswith("mistral")


def known(stage, name):
    """Make a model known to the catalog that the package does not ship."""
    from wallas.catalog.entries import Model

    provider, _, id = name.partition("/")
    router = stage.service.router
    if router.catalog.find(provider, id) is None:
        model = Model(
            provider=provider, id=id, kind="transcription", capabilities=frozenset({"transcription"}), free=True
        )
        router.reload(router.catalog.replaced(provider, [*router.catalog.of(provider), model]))


def test_the_next_provider_listens_when_one_fails(stage):
    stage.will("/one/v1/audio/transcriptions", status(503))
    stage.on("/two/v1/audio/transcriptions", {"text": "Hi"})
    answer = write(stage, model="one-transcription")
    assert answer.parse().text == "Hi" and answer.headers["x-wallas-provider"] == "two"


def test_who_does_not_tell_times_is_passed_over(stage):
    stage.on("/one/v1/audio/transcriptions", SAID)
    answer = write(stage, model="gpt-4o-transcribe", response_format="srt")
    assert answer.text.startswith("1\n") and answer.headers["x-wallas-provider"] == "one"
    assert "openai/gpt-4o-transcribe unsupported" in answer.headers["x-wallas-trail"]


@needs_ffmpeg
def test_a_long_recording_is_cut_at_silences_and_put_together(stage, monkeypatch):
    monkeypatch.setattr(listening, "PIECE_SECONDS", 3.0)
    monkeypatch.setattr(listening, "LOOK_BACK", 2.0)
    monkeypatch.setattr(listening, "MOST_BYTES", 1000)
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2,apad=pad_dur=1", "-t", "7"]
    made = programs.run(["ffmpeg", "-loglevel", "error", *tone, "-af", "aloop=2:size=132300", "-f", "mp3", "pipe:1"])
    answers = iter(
        status(200, {"text": f" part {n}", "language": "en", "segments": [SEGMENT], "words": WORDS[:1]})
        for n in range(9)
    )
    stage.will("/one/v1/audio/transcriptions", lambda exchange: next(answers)(exchange))
    told = json.loads(
        write(stage, audio=made, response_format="verbose_json", timestamp_granularities=["word", "segment"]).text
    )
    count = len(stage.provider.requests)
    assert count == 3 and told["text"] == "part 0 part 1 part 2"
    starts = [segment["start"] for segment in told["segments"]]
    assert starts[0] == 0.0 and 2.0 < starts[1] <= 3.0 and 4.5 < starts[2] <= 6.0
    assert [word["start"] for word in told["words"]] == starts
    assert told["duration"] == pytest.approx(7.0, abs=0.3)
    assert ("prompt", "part 0") in fields(stage.provider.requests[1])
    assert all(("file", "audio/flac") in fields(request) for request in stage.provider.requests)


def test_cuts_fall_into_silences_where_there_are_any():
    assert listening.cut_points(1500.0, [100.0, 550.0, 590.0, 900.0]) == [590.0, 1190.0]
    assert listening.cut_points(600.0, []) == []


def test_a_stream_tells_parts_and_the_whole(stage):
    stage.on("/one/v1/audio/transcriptions", {"text": "Hi", "usage": {"input_tokens": 3, "output_tokens": 1}})
    events = list(
        stage.sdk.audio.transcriptions.create(model="one/one-transcription", file=("a.wav", WAV), stream=True)
    )
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[0].delta == events[1].text == "Hi" and events[1].usage.total_tokens == 4


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": 3}, "temperature"),
        ({"language": "x" * 40 + "!"}, "language"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"timestamp_granularities": ["syllable"], "response_format": "verbose_json"}, "timestamp_granularities[0]"),
        ({"response_format": "srt", "stream": True}, "stream"),
        ({"audio": b""}, "file"),
    ],
)
def test_a_wrong_field_is_named(stage, more, param):
    with pytest.raises(BadRequestError) as caught:
        write(stage, **more)
    assert caught.value.param == param and stage.provider.requests == []


def test_a_missing_file_or_model_is_named(stage):
    for data, param in (({"model": "whisper-1"}, "file"), ({"file": (io.BytesIO(WAV), "a.wav")}, "model")):
        answer = stage.client.post("/v1/audio/transcriptions", data=data, content_type="multipart/form-data")
        assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)


@needs_ffmpeg
def test_what_is_no_sound_is_the_callers_error(stage):
    with pytest.raises(BadRequestError) as caught:
        write(stage, audio=b"these are words, not sound " * 50, name="a.mp3")
    assert caught.value.param == "file" and caught.value.code == "invalid_file"


def test_a_model_that_does_not_listen_is_404(stage):
    with pytest.raises(NotFoundError):
        write(stage, model="one/one-image")
