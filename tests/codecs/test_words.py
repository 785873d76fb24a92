"""Words that are read and written on the short way are the same as on the long one, on every wire; nothing else is."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs import laws
from tests.codecs.goldens import FOLDER
from tests.routing.scenes import answer, frames, pieces, text, thought
from wallas import codecs
from wallas.codecs.words import Reader, Writer, words_in
from wallas.errors import ProviderError
from wallas.types.chat import Refusal, Text
from wallas.types.events import Event, PartDelta, PartStarted

TEXT = 'She said: "Ünïted\\ \n\tbirds 🐦 sing", and so they did.'
ODD = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def told(wire: str, reads: list[bytes], *, short: bool) -> tuple[list[Event], int]:
    """Return the events of a body that comes in these reads, and how many of them were read on the short way."""
    decoder = codecs.codec(wire).Decoder()
    events: list[Event] = []
    shorts, place = 0, None
    try:
        for read in reads:
            reader = decoder.words(*place) if short and place is not None else None
            said = reader.read(read) if reader is not None and place is not None else None
            if said is not None and place is not None:
                reader.keep(said)
                events += [PartDelta(place[0], words, place[1]) for words in said]
                shorts += 1
                continue
            for event in decoder.feed(read):
                events.append(event)
                if isinstance(event, PartStarted):
                    place = (event.index, event.choice)
        events += [] if decoder.done else list(decoder.end())
    except ProviderError as error:
        events.append(PartDelta(-1, str(error.kind)))
    return events, shorts


def recorded(wire: str) -> list[list[bytes]]:
    """Return the golden streams of a wire and those on this machine, an event a read."""
    streams = [msgspec.json.decode(path.read_bytes())["given"] for path in (FOLDER / wire).glob("stream_*.json")]
    streams += [record["response"] for record in laws.recordings(wire) if record["stream"] and record["status"] == 200]
    whole = [stream.encode() for stream in streams if isinstance(stream, str)]
    return [re.findall(rb".*?\n\r?\n|[^\n]*\n|.+$", stream, re.DOTALL) for stream in whole]


@pytest.mark.parametrize("wire", codecs.WIRES)
@pytest.mark.parametrize("together", [1, 2, 5])
def test_words_are_read_the_same_on_both_ways(wire, together):
    each = frames(text(TEXT * 4), wire=wire, size=5)
    reads = [b"".join(each[start : start + together]) for start in range(0, len(each), together)]
    long, _ = told(wire, reads, short=False)
    short, shorts = told(wire, reads, short=True)
    assert short == long
    assert shorts > len(reads) / 2


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic"])
def test_thoughts_take_the_short_way_too(wire):
    reads = frames(answer(thought(TEXT * 4), Text(text=TEXT)), wire=wire, size=5)
    short, shorts = told(wire, reads, short=True)
    assert short == told(wire, reads, short=False)[0]
    assert shorts > len(reads) / 2


@pytest.mark.parametrize("wire", codecs.WIRES)
def test_recorded_streams_are_read_the_same_on_both_ways(wire):
    for reads in recorded(wire):
        assert told(wire, reads, short=True)[0] == told(wire, reads, short=False)[0]


@pytest.mark.parametrize("wire", codecs.WIRES)
def test_line_ends_of_two_bytes_are_read_the_same(wire):
    reads = [frame.replace(b"\n", b"\r\n") for frame in frames(text("and then the birds sang " * 4), wire=wire)]
    assert told(wire, reads, short=True)[0] == told(wire, reads, short=False)[0]


def test_gemini_s_own_line_ends_take_the_short_way():
    reads = [frame.replace(b"\n", b"\r\n") for frame in frames(text("and then the birds sang " * 4), wire="gemini")]
    assert told("gemini", reads, short=True)[1] > len(reads) / 2


CHUNK = '{"id":"x","object":"chat.completion.chunk","created":1,"model":"m",%s"choices":[{"index":0,%s"delta":{%s}}]}'
BEGUN = b'data: {"id":"x","model":"m","system_fingerprint":"a","choices":[{"index":0,"delta":{"content":"So"}}]}\n\n'


@pytest.mark.parametrize(
    ("beside", "choice", "delta", "usual"),
    [
        ("", "", '"content":" it is"', True),
        ("", '"finish_reason":null,"logprobs":null,', '"role":"assistant","content":" it is"', True),
        ('"system_fingerprint":"a","usage":null,', "", '"content":" it","obfuscation":"xyz"', True),
        ("", '"native_finish_reason":null,', '"content":" it is","refusal":null,"reasoning_content":null', True),
        ('"system_fingerprint":"b",', "", '"content":" it is"', False),
        ('"citations":["http://x"],', "", '"content":" it is"', False),
        ('"usage":{"prompt_tokens":3,"completion_tokens":4},', "", '"content":" it is"', False),
        ('"error":{"message":"no"},', "", '"content":" it is"', False),
        ("", '"finish_reason":"stop",', '"content":" it is"', False),
        ("", '"logprobs":{"content":[{"token":"it","logprob":-1,"top_logprobs":[]}]},', '"content":" it"', False),
        ("", "", '"content":" it is","reasoning_content":"hm"', False),
        ("", "", '"content":"","tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]', False),
        ("", "", '"content":null', False),
        ("", "", '"content":5', False),
        ("", "", '"content":"\\ud83d"', False),
    ],
)
def test_a_chunk_that_says_more_than_words_takes_the_long_way(beside, choice, delta, usual):
    reads = [BEGUN, f"data: {CHUNK % (beside, choice, delta)}\n\n".encode()]
    short, shorts = told("openai_chat", reads, short=True)
    assert bool(shorts) is usual
    assert short == told("openai_chat", reads, short=False)[0]


@pytest.mark.parametrize(
    "read",
    [
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n',
        b'data:{"choices":[{"delta":{"content":"a"}}]}\n\n',
        b': x\n\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\n',
        b'data: {"choices":[{"delta":\ndata: {"content":"a"}}]}\n\n',
        b'data: {"choices":[{"index":1,"delta":{"content":"a"}}]}\n\n',
        b"data: [DONE]\n\n",
        b"event: error\ndata: {}\n\n",
        b"\n\n",
        b"",
    ],
)
def test_a_read_that_is_not_a_whole_usual_event_takes_the_long_way(read):
    decoder = codecs.codec("openai_chat").Decoder()
    list(decoder.feed(BEGUN))
    reader = decoder.words(0, 0)
    assert reader is not None and reader.read(read) is None
    assert told("openai_chat", [BEGUN, read], short=True) == (told("openai_chat", [BEGUN, read], short=False)[0], 0)


def test_there_is_no_short_way_inside_an_event_or_for_a_part_that_is_not_open():
    decoder = codecs.codec("openai_chat").Decoder()
    assert decoder.words(0, 0) is None
    list(decoder.feed(BEGUN))
    assert isinstance(decoder.words(0, 0), Reader)
    assert decoder.words(1, 0) is None and decoder.words(0, 1) is None
    list(decoder.feed(b"data: {"))
    assert decoder.words(0, 0) is None


@pytest.mark.parametrize("wire", codecs.WIRES)
@pytest.mark.parametrize("part", [Text(text=TEXT * 4), Refusal(text=TEXT * 4), thought(TEXT * 4)])
def test_words_are_written_the_same_on_both_ways(wire, part):
    events = pieces(answer(part, Text(text="Well then, this is it.")), 6)
    long, short = codecs.codec(wire).Encoder(None), codecs.codec(wire).Encoder(None)
    for event in events:
        writer = short.words(event.index, event.choice) if isinstance(event, PartDelta) else None
        assert long.encode(event) == (short.encode(event) if writer is None else writer.write(event.text)), event


def reader_of(wire: str) -> tuple[Reader, bytes]:
    """Return what reads more words of a wire's first text, and an event that it reads."""
    decoder = codecs.codec(wire).Decoder()
    read = next(read for read in frames(text("So it is. " * 9), wire=wire, size=5) if b"So it" in read)
    for frame in frames(text("So it is. " * 9), wire=wire, size=5):
        list(decoder.feed(frame))
        reader = decoder.words(0, 0)
        if reader is not None and reader.read(read) == ["So it"]:
            return reader, read
    raise AssertionError(wire)


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "cohere"])
@given(words=ODD, ascii=st.booleans())
def test_whatever_stands_in_a_mould_is_read_as_those_words(wire, words, ascii):
    reader, read = reader_of(wire)
    mould = reader.mould(read, "So it")
    assert mould is not None and mould[0] + b"So it" + mould[1] == read
    string = json.dumps(words, ensure_ascii=ascii).encode()
    assert words_in(string) == words
    assert reader.read(mould[0] + string[1:-1] + mould[1]) == [words]


@pytest.mark.parametrize(
    "delta",
    [
        b'"content":"a","content":"b"',
        b'"content":"a","obfuscation":"\\"content":"x","content":"b"',
        b'"obfuscation":"\\"content\\":\\"x","content":"\xee\x80\x80"',
        b'"content" :"b"',
        b'"content":5',
    ],
)
def test_a_mould_is_never_made_where_other_words_might_be_meant(delta):
    decoder = codecs.codec("openai_chat").Decoder()
    list(decoder.feed(BEGUN))
    reader = decoder.words(0, 0)
    read = b'data: {"choices":[{"delta":{%b}}]}\n\n' % delta
    said = reader.read(read) or ["?"]
    assert reader.mould(read, said[0]) is None


def test_a_mould_is_made_behind_what_only_looks_like_words():
    decoder = codecs.codec("openai_chat").Decoder()
    list(decoder.feed(BEGUN))
    reader = decoder.words(0, 0)
    read = b'data: {"choices":[{"delta":{"obfuscation":"\\"content\\":","content": "a\\"b"}}]}\n\n'
    assert reader.read(read) == ['a"b']
    assert reader.mould(read, 'a"b') == (read[: read.index(b"a\\")], read[read.index(b'"}}]') :])


@given(ODD)
def test_any_words_stand_where_the_mark_stood(words):
    assert Writer(b'{"a":"\xee\x80\x80"}').write(words) == msgspec.json.encode({"a": words})
