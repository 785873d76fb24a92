"""The parts of a session on their own: G.711, loudness, the buffer, truncation."""

import base64
import socket
import threading
from array import array

import pytest

from wallas.errors import BadRequest
from wallas.realtime import buffer as buffers
from wallas.realtime import sounds
from wallas.realtime.buffer import Buffer
from wallas.realtime.conversation import Conversation
from wallas.realtime.items import Content, Item, Mark, input_of
from wallas.realtime.line import Socket
from wallas.realtime.settings import ALAW, PCM, ULAW, Hearing, TurnDetection


@pytest.mark.parametrize(
    ("read", "written", "known"),
    [
        (sounds.ulaw_sample, sounds.ulaw_byte, {0xFF: 0, 0x80: 32124, 0x00: -32124, 0xF0: 120, 0x70: -120}),
        (sounds.alaw_sample, sounds.alaw_byte, {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256}),
    ],
    ids=["mu-law", "a-law"],
)
def test_g711_is_the_standards(read, written, known):
    assert {byte: read(byte) for byte in known} == known
    negative_zero = 0x7F
    assert all(
        written(read(byte)) == byte for byte in range(256) if byte != negative_zero or read is not sounds.ulaw_sample
    )
    assert all(abs(read(written(sample)) - sample) <= max(abs(sample) / 16, 16) for sample in range(-32000, 32000, 7))


def test_a_third_of_the_samples_is_left_on_the_telephone():
    samples = array("h", [300] * 2400).tobytes()
    assert len(sounds.encoded(samples, ULAW)) == len(sounds.encoded(samples, ALAW)) == 800
    assert sounds.encoded(samples, PCM) == samples


def loud(ms, level):
    return array("h", [level, -level] * (12 * ms)).tobytes()


def turns_of(sound, **turns):
    hearing = Hearing(turns=TurnDetection(**turns))
    return [(turned.what, turned.ms) for turned in Buffer(hearing).append(base64.b64encode(sound).decode())]


def test_a_turn_begins_with_60_ms_of_loudness_and_ends_with_silence():
    sound = bytes(48 * 500) + loud(400, 2000) + bytes(48 * 300)
    assert turns_of(sound, silence_duration_ms=200) == [("started", 200.0), ("stopped", 1100.0)]
    assert turns_of(sound, silence_duration_ms=400) == [("started", 200.0)]
    assert turns_of(bytes(48 * 500) + loud(40, 2000) + bytes(48 * 900)) == []


def test_a_higher_threshold_wants_louder_sound():
    sound = loud(400, 1000)
    assert turns_of(sound, threshold=0.5) and not turns_of(sound, threshold=1.0)
    assert turns_of(loud(400, 60), threshold=0.0) and not turns_of(loud(400, 60))


def test_the_buffer_holds_the_turn_and_what_comes_after_it_is_the_next():
    buffer = Buffer(Hearing(turns=TurnDetection(silence_duration_ms=200, prefix_padding_ms=100)))
    sound = bytes(48 * 1000) + (loud(300, 3000) + bytes(48 * 400)) * 2
    taken = []
    for turned in buffer.append(base64.b64encode(sound).decode()):
        if turned.what == "stopped":
            taken.append(buffer.taken())
    assert [len(turn) / 48 for turn in taken] == [600.0, 600.0]
    assert buffer.ended_ms == 2400.0


def test_the_buffer_has_an_end(monkeypatch):
    monkeypatch.setattr(buffers, "MOST_MS", 1000.0)
    buffer = Buffer(Hearing(turns=None))
    audio = base64.b64encode(bytes(48 * 600)).decode()
    list(buffer.append(audio))
    with pytest.raises(BadRequest, match="commit or clear"):
        list(buffer.append(audio))
    assert len(buffer.taken()) == 48 * 600


@pytest.mark.parametrize(
    ("ms", "kept"),
    [
        (0, ""),
        (500, "One"),
        (1000, "One two three."),
        (1500, "One two three. Four"),
        (2000, "One two three. Four five six."),
    ],
)
def test_what_was_not_heard_is_forgotten_by_whole_words(ms, kept):
    text = "One two three. Four five six."
    part = Content(type="output_audio", words=text, marks=[Mark(15, 1000.0), Mark(len(text), 2000.0)])
    part.truncate(ms)
    assert part.words == kept


def test_a_piece_that_was_cut_off_while_it_was_spoken_is_reckoned_by_a_usual_pace():
    part = Content(type="output_audio", words="This sentence was never said to its end.", marks=[], sound_ms=1500.0)
    part.truncate(1000)
    assert (part.words, part.sound_ms) == ("This sentence", 1000.0)


def test_a_full_conversation_takes_no_more(monkeypatch):
    from wallas.realtime import conversation

    monkeypatch.setattr(conversation, "BYTES_MOST", 100)
    here = Conversation()
    here.add(Item(id="a", type="message", role="user", content=[Content(type="input_text", words="x" * 90)]))
    with pytest.raises(BadRequest, match="delete some"):
        here.add(Item(id="b", type="message", role="user", content=[Content(type="input_text", words="x" * 20)]))
    here.delete("a")
    assert here.last is None


def test_a_request_has_calls_only_with_their_results():
    call = Item(id="a", type="function_call", name="f", call_id="1", arguments="{}")
    alone = Item(id="b", type="function_call", name="g", call_id="2", arguments="{}")
    result = Item(id="c", type="function_call_output", call_id="1", output="3")
    assert [row["call_id"] for row in input_of([call, alone, result])] == ["1", "1"]


def test_who_sends_faster_than_is_looked_at_waits():
    here, there = socket.socketpair()
    with here, there:
        line = Socket(here)
        there.sendall(b"more")
        line.waiting = ["x" * (5 << 20)]
        got = []
        thread = threading.Thread(target=lambda: got.append(line.recv(10)))
        thread.start()
        thread.join(0.05)
        assert got == []
        line.waiting.clear()
        line.room.set()
        thread.join(5)
        assert got == [b"more"]
