"""Sound in and out: turns told by loudness, transcription, speech, and interruption."""

import base64
import json
import math
import shutil
from array import array

import pytest

from tests.fakes import pause, say, status
from tests.realtime.talk import joined, kinds
from wallas.media import pcm

HEAR, SPEAK = "/v1/audio/transcriptions", "/v1/audio/speech"


HELP = {
    "model": "gpt-realtime-whisper",
    "languages": ["en"],
    "prompt": "About clocks.",
    "keywords": ["noon", "midnight"],
    "delay": "low",
}


def tone(seconds, *, rate=24_000, level=8000):
    """Return a tone in base64."""
    count = int(seconds * rate)
    return base64.b64encode(array("h", (int(level * math.sin(number / 9)) for number in range(count)))).decode()


def silence(seconds, *, rate=24_000):
    """Return silence in base64."""
    return base64.b64encode(bytes(int(seconds * rate) * 2)).decode()


def hears(stage, *texts):
    """Let the transcriber say these texts, one a request."""
    for text in texts:
        stage.one.on(HEAR, status(200, {"text": text}))


def speaks(stage, seconds=0.5):
    """Let the voice speak so long, whatever is said."""
    samples = bytes(int(seconds * pcm.RATE) * 2)
    stage.one.on(SPEAK, status(200, samples, {"Content-Type": "audio/pcm"}))


def asked(stage, path):
    """Return the requests for a path."""
    return [request for request in stage.one.requests if request.path == path]


def test_committed_sound_is_written_down_and_answered(stage):
    hears(stage, "What time is it?")
    stage.one.will(say("Noon."))
    with stage.talk() as talk:
        talk.update(audio={"input": {"turn_detection": None, "transcription": HELP}})
        talk.send("input_audio_buffer.append", audio=tone(0.3))
        talk.send("input_audio_buffer.append", audio=tone(0.2))
        talk.send("input_audio_buffer.commit")
        talk.send("response.create")
        events = talk.until("response.done")
        wave = asked(stage, HEAR)[0].body
        assert pcm.wave_header(24_000) in wave
        assert b"\r\n\r\nen\r\n" in wave and b"About clocks. noon, midnight\r\n" in wave
        talk.send("conversation.item.retrieve", item_id=events[0].item_id)
        item = talk.until("conversation.item.retrieved")[-1].item
    assert kinds(events)[:3] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    told = next(event for event in events if event.type.endswith("transcription.completed"))
    assert (told.transcript, told.item_id, told.content_index) == ("What time is it?", events[0].item_id, 0)
    assert (told.usage.type, told.usage.seconds) == ("duration", 0.5)
    assert item.content[0].transcript == "What time is it?"
    assert stage.one.requests[-1]["messages"] == [{"role": "user", "content": "What time is it?"}]
    assert joined(events, "response.output_text.delta") == "Noon."


def test_who_stops_speaking_is_answered_and_who_begins_interrupts(stage):
    hears(stage, "Tell me a story", "Stop")
    stage.one.will(say("Once upon", finish=None), pause(30))
    stage.one.will(say("Fine."))
    with stage.talk() as talk:
        talk.update(audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}})
        talk.send("input_audio_buffer.append", audio=silence(1.0))
        for audio in (tone(0.4), silence(0.3)):
            talk.send("input_audio_buffer.append", audio=audio)
        events = talk.until("response.output_text.delta")
        started, stopped, committed = (event for event in events if event.type.startswith("input_audio_buffer"))
        assert (started.type, started.audio_start_ms) == ("input_audio_buffer.speech_started", 700)
        assert (stopped.type, stopped.audio_end_ms) == ("input_audio_buffer.speech_stopped", 1600)
        assert started.item_id == stopped.item_id == committed.item_id
        assert asked(stage, HEAR)[0].body.count(bytes(7000)) == 3  # 300 ms before, none of the second before that
        talk.send("input_audio_buffer.append", audio=tone(0.2))
        events = talk.until("response.done")
        assert events[0].type == "input_audio_buffer.speech_started"
        assert (events[-1].response.status, events[-1].response.status_details.reason) == ("cancelled", "turn_detected")
        talk.send("input_audio_buffer.append", audio=silence(0.3))
        assert joined(talk.until("response.done"), "response.output_text.delta") == "Fine."
    assert [message["role"] for message in stage.one.requests[-1]["messages"]] == ["user", "assistant", "user"]


def test_telephone_sound_is_understood(stage):
    hears(stage, "Hello")
    with stage.talk() as talk:
        talk.update(audio={"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}})
        talk.send("input_audio_buffer.append", audio=base64.b64encode(b"\x80\x00" * 800).decode())
        talk.send("input_audio_buffer.commit")
        talk.until("conversation.item.input_audio_transcription.completed")
    body = asked(stage, HEAR)[0].body
    assert pcm.wave_header(3200, rate=8000) + array("h", [32124, -32124]).tobytes() in body


def test_sound_inside_an_item_is_written_down(stage):
    hears(stage, "By item")
    with stage.talk() as talk:
        content = [{"type": "input_audio", "audio": tone(0.2)}]
        talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        talk.send("response.create")
        talk.until("response.done")
    assert stage.one.requests[-1]["messages"] == [{"role": "user", "content": "By item"}]


def test_sound_that_nobody_understands_fails_one_answer_and_not_the_next(stage):
    stage.one.on(HEAR, status(500))
    with stage.talk() as talk:
        talk.update(audio={"input": {"turn_detection": None}})
        talk.send("input_audio_buffer.append", audio=tone(0.2))
        talk.send("input_audio_buffer.commit")
        failed = talk.until("conversation.item.input_audio_transcription.failed")[-1]
        assert failed.error.code == "no_provider_available" and failed.error.message
        talk.send("response.create")
        done = talk.until("response.done")[-1].response
        assert (done.status, done.status_details.error.code) == ("failed", "no_provider_available")
        assert talk.ask("In words, then")[-1].response.status == "completed"


def test_without_anybody_who_hears_the_error_says_what_to_configure(mute):
    with mute.talk() as talk:
        talk.send("input_audio_buffer.append", audio=tone(0.2))
        talk.send("input_audio_buffer.commit")
        failed = talk.until("conversation.item.input_audio_transcription.failed")[-1]
        assert failed.error.code == "no_provider_configured" and "instance/.env" in failed.error.message
        talk.send("session.update", session={"type": "realtime", "output_modalities": ["audio"]}, event_id="e1")
        error = talk.error()
        assert (error.param, error.event_id) == ("session.output_modalities", "e1")
        assert "no speech model is configured here" in error.message


def test_an_answer_is_spoken_while_it_is_written(stage):
    speaks(stage, 0.6)
    text = "The first sentence is this one. The second sentence is that one."
    stage.one.will(say(text))
    with stage.talk() as talk:
        session = talk.update(output_modalities=["audio"], audio={"output": {"voice": "marin"}})
        assert (session.output_modalities, session.audio.output.voice) == (["audio"], "marin")
        events = talk.ask()
        found = kinds(events)
        assert joined(events, "response.output_audio_transcript.delta") == text
        sound = b"".join(
            base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta"
        )
        assert pcm.seconds_of(sound) == pytest.approx(1.2)
        assert found[-6:] == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        done = events[-1].response
        assert (done.status, done.output_modalities, done.output[0].content[0].transcript) == (
            "completed",
            ["audio"],
            text,
        )
        assert [json.loads(one.body)["input"] for one in asked(stage, SPEAK)] == [
            "The first sentence is this one.",
            "The second sentence is that one.",
        ]
        item = done.output[0].id
        talk.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=900)
        talk.until("conversation.item.truncated")
        talk.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=99_000)
        assert talk.error().param == "audio_end_ms"
        talk.send("conversation.item.retrieve", item_id=item)
        heard = talk.until("conversation.item.retrieved")[-1].item.content[0].transcript
        assert heard == "The first sentence is this one. The second"


def test_telephone_sound_is_spoken(stage):
    speaks(stage)
    with stage.talk(beta=True) as talk:
        talk.send("session.update", session={"modalities": ["text", "audio"], "output_audio_format": "g711_alaw"})
        assert talk.until("session.updated")[-1].session.output_audio_format == "g711_alaw"
        events = talk.ask()
    sound = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.audio.delta")
    assert sound == b"\xd5" * 4000
    assert "response.audio_transcript.done" in kinds(events)


def test_an_answer_that_cannot_be_spoken_fails_with_its_words_told(stage):
    stage.one.on(SPEAK, status(500))
    with stage.talk() as talk:
        events = talk.ask("Hi", output_modalities=["audio"])
    assert joined(events, "response.output_audio_transcript.delta") == "ok"
    assert (events[-1].response.status, events[-1].response.status_details.type) == ("failed", "failed")


def test_a_cancelled_answer_is_spoken_no_further(stage):
    speaks(stage)
    stage.one.will(say("One whole sentence to be spoken. And another", finish=None), pause(30))
    with stage.talk() as talk:
        talk.say("Hi")
        talk.send("response.create", response={"output_modalities": ["audio"]})
        talk.until("response.output_audio.delta")
        talk.send("response.cancel")
        assert talk.until("response.done")[-1].response.status == "cancelled"
        talk.send("input_audio_buffer.clear")
        assert talk.next().type == "input_audio_buffer.cleared"


def test_whoever_speaks_or_listens_for_nobody_is_let_go(stage):
    stage.one.on(SPEAK, pause(30))
    stage.one.on(HEAR, pause(30))
    with stage.talk() as talk:
        talk.update(audio={"input": {"turn_detection": None}})
        talk.say("Hi")
        talk.send("response.create", response={"output_modalities": ["audio"]})
        assert stage.one.wait_until(lambda: asked(stage, SPEAK))
        talk.send("response.cancel")
        talk.until("response.done")
        talk.send("input_audio_buffer.append", audio=tone(0.2))
        talk.send("input_audio_buffer.commit")
        assert stage.one.wait_until(lambda: asked(stage, HEAR))
    for path in (SPEAK, HEAR):
        assert stage.one.wait_until(lambda path=path: asked(stage, path)[0].cancelled, seconds=5)


def test_an_empty_buffer_is_not_committed_and_what_is_no_sound_is_refused(stage):
    with stage.talk() as talk:
        talk.send("input_audio_buffer.commit")
        assert talk.error().code == "input_audio_buffer_commit_empty"
        talk.send("input_audio_buffer.append", audio="not base64!")
        assert (talk.error().code, talk.raw[-1]["error"]["param"]) == ("invalid_audio", "audio")
        talk.send("input_audio_buffer.append", audio=base64.b64encode(b"odd").decode())
        assert talk.error().code == "invalid_audio"
        talk.send("input_audio_buffer.append", audio=tone(0.5))
        talk.send("input_audio_buffer.clear")
        talk.until("input_audio_buffer.cleared")
        talk.send("input_audio_buffer.commit")
        assert talk.error().code == "input_audio_buffer_commit_empty"


def test_a_transcription_session_writes_down_and_answers_nothing(stage):
    hears(stage, "Only this")
    with stage.talk(extra_query={"intent": "transcription"}) as talk:
        assert talk.created.session.type == "transcription"
        talk.send("input_audio_buffer.append", audio=tone(0.3))
        talk.send("input_audio_buffer.append", audio=silence(0.6))
        told = talk.until("conversation.item.input_audio_transcription.completed")[-1]
        assert told.transcript == "Only this"
        talk.send("response.create")
        assert talk.error().code == "invalid_event"
    assert all(request.path == HEAR for request in stage.one.requests)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng")
def test_espeak_speaks_when_nobody_better_is_configured(mute, monkeypatch):
    monkeypatch.setitem(mute.service.router.providers, "espeak", mute.programs["espeak"])
    mute.one.will(say("Hello, this is a test."))
    with mute.talk() as talk:
        events = talk.ask(output_modalities=["audio"])
    sound = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")
    assert events[-1].response.status == "completed" and pcm.seconds_of(sound) > 0.5
