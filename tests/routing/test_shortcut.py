"""Words on the short way reach the client as they would on the whole one, and what is not words takes that."""

import random
import re
import select
import socket
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from tests.routing.scenes import TALE, answer, asks, call, cut, frames, going_on, text, thought
from tests.routing.scripted import ScriptedBody, ScriptedProvider, ask, candidate, stream_of
from wallas import codecs
from wallas.codecs import pulled
from wallas.errors import FailureKind, ProviderError
from wallas.routing.shortcut import NOWHERE, Shortcut
from wallas.routing.waiting import Pause
from wallas.transport import Body, Link, Transport
from wallas.types.chat import ChatResponse, Reasoning, StopReason, Text
from wallas.types.events import fold
from wallas.types.flow import END

SENTENCE = "And then the bird sang its song in the tree again. "


class Read(ScriptedBody):
    """A body whose bytes are waited for, a frame a read, or several."""

    def __init__(self, reads: list[bytes], *, fault: Exception | None = None) -> None:
        super().__init__(b"", fault=fault)
        self.chunks = list(reads)
        self.ended = False

    def pending(self) -> int:
        return int(self.failed is not None)


def played(
    body: ScriptedBody, *others: Any, wire: str = "anthropic", client: str = "openai_chat", hold: str = "part"
) -> tuple[bytes, int]:
    """Return all that the client gets, and how many steps took the short way to its end."""
    rows = [ScriptedProvider("p", wire, body), *(ScriptedProvider(f"q{n}", wire, one) for n, one in enumerate(others))]
    stream = stream_of(asks(), [candidate(one) for one in rows], wire=client, hold=hold)
    data, shorts = b"", 0
    while stream.want is not END:
        if isinstance(stream.body, Pause):
            stream.body.failed = ProviderError(FailureKind.TIMEOUT, "the wait is over")
        before = stream.shortcut
        data += stream.step()
        shorts += before is not None and not before.over
    stream.close()
    return re.sub(rb": wallas .*\n\n", b"", data), shorts


def heard(data: bytes, wire: str = "openai_chat") -> ChatResponse:
    """Return what a client reads."""
    return fold(pulled(codecs.codec(wire).Decoder(), [data]))


def words_of(data: bytes, wire: str = "openai_chat") -> str:
    return "".join(part.text for part in heard(data, wire).message.parts if isinstance(part, Text))


def joined(each: list[bytes], size: int) -> list[bytes]:
    return [b"".join(each[start : start + size]) for start in range(0, len(each), size)]


@pytest.mark.parametrize(("wire", "client"), list(product(codecs.WIRES, codecs.WIRES)))
@pytest.mark.parametrize("size", [1, 3])
def test_every_client_gets_the_same_bytes_on_both_ways(wire, client, size):
    reads = [read for read in joined(frames(text(TALE * 3), wire=wire), size) if read]
    short, shorts = played(Read(reads), wire=wire, client=client)
    body = ScriptedBody(b"")
    body.chunks = list(reads)
    long, longs = played(body, wire=wire, client=client)
    assert short == long
    assert shorts > len(reads) / 2 and longs == 0


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic"])
def test_thoughts_and_text_come_in_their_order(wire):
    told = answer(thought("Let me think about it. " * 3), Text(text=TALE))
    data, shorts = played(Read([read for read in frames(told, wire=wire) if read]), wire=wire)
    assert [type(part) for part in heard(data).message.parts] == [Reasoning, Text] and words_of(data) == TALE
    assert shorts > 30


@pytest.mark.parametrize("size", [1, 4])
def test_words_that_repeat_themselves_for_a_while_are_shown_whole(size):
    words = SENTENCE * 7 + TALE
    data, _ = played(Read(joined(frames(text(words)), size)))
    assert words_of(data) == words


@pytest.mark.parametrize("size", [1, 4])
def test_an_endless_loop_is_cut_after_one_repetition(size):
    provider = ScriptedProvider("p", "anthropic", body := Read(joined(frames(text(SENTENCE * 400)), size)))
    stream = stream_of(ask(), [candidate(provider)], wire="openai_chat")
    shown, shorts = b"", 0
    while not body.aborted:
        shorts += stream.shortcut is not None
        shown += stream.step()
    stream.close()
    assert shorts and SENTENCE.count(" ") < shown.count(b'"content"') < 40


@pytest.mark.parametrize("after", [20, 41])
def test_a_cut_on_the_short_way_is_made_good_by_another(after):
    data, shorts = played(Read(frames(text())[:after], fault=cut()), going_on(answer(Text(text=""))))
    assert words_of(data) == TALE
    assert shorts > 5


def test_a_deadline_that_passes_on_the_short_way_ends_the_attempt():
    provider = ScriptedProvider("p", "anthropic", body := Read(frames(text())))
    stream = stream_of(ask(), [candidate(provider)], wire="openai_chat")
    for _ in range(12):
        stream.step()
    assert isinstance(stream.shortcut, Shortcut)
    body.failed = ProviderError(FailureKind.STALLED, "nothing for 30 s in mid-stream")
    stream.step()
    assert body.aborted and stream.shortcut is None and stream.body is not body
    stream.close()


def test_words_that_come_with_the_end_of_their_body_are_not_lost():
    *most, last = [frame for frame in frames(text(), wire="ollama") if frame]
    reads = [*most[:-2], most[-2] + most[-1] + last]
    assert words_of(played(Read(reads), wire="ollama")[0]) == TALE


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def whole(wire: str, client: str, told: list[bytes], hold: str = "part") -> bytes:
    """Return what the client gets of these frames where none takes the short way."""
    body = ScriptedBody(b"")
    body.chunks = list(told)
    return played(body, wire=wire, client=client, hold=hold)[0]


def over_socket(wire: str, client: str, pieces: list[bytes], hold: str = "part") -> tuple[bytes, int]:
    """Return what the client gets of bytes that come one piece after the other, and how often by their mould."""
    here, there = socket.socketpair()
    here.setblocking(False)
    body = Body(Link(Transport(), here, ("http", "p", 80)), "POST", reused=False, whole=True)
    lost = [ProviderError(FailureKind.CONNECT, "nobody there")] * 4
    stream = stream_of(asks(), [candidate(ScriptedProvider("p", wire, body, *lost))], wire=client, hold=hold)
    data, moulded = stream.step() + stream.step(), 0
    for piece in pieces:
        if stream.body is body:
            there.sendall(piece)
        while stream.want is not END and stream.body is body and select.select([here], [], [], 0)[0]:
            before = stream.shortcut
            fitted = before is not None and before.tail is not NOWHERE and before.sock is not None
            data += stream.step()
            moulded += fitted and before is stream.shortcut and stream.shortcut.misses == 0
    there.close()
    while stream.want is not END:
        if isinstance(stream.body, Pause):
            stream.body.failed = ProviderError(FailureKind.TIMEOUT, "the wait is over")
        data += stream.step()
    stream.close()
    here.close()
    return re.sub(rb": wallas .*\n\n", b"", data), moulded


def chunk(data: bytes, form: bytes = b"%x\r\n%b\r\n") -> bytes:
    return form % (len(data), data)


def told(wire: str, words: str = TALE * 3) -> list[bytes]:
    return [frame for frame in frames(text(words), wire=wire, size=5) if frame]


@pytest.mark.parametrize(("wire", "client"), list(product(codecs.WIRES, codecs.WIRES)))
@pytest.mark.parametrize("form", [b"%x\r\n%b\r\n", b"%X\r\n%b\r\n", b"%04x\r\n%b\r\n"])
def test_chunks_that_are_alike_reach_every_client_as_they_are(wire, client, form):
    data, moulded = over_socket(wire, client, [CHUNKED, *(chunk(one, form) for one in told(wire)), b"0\r\n\r\n"])
    assert data == whole(wire, client, told(wire))
    assert bool(moulded) is (wire in ("openai_chat", "anthropic", "cohere") and b"04" not in form)


CUTS: dict[str, Callable[[bytes, int], list[bytes]]] = {
    "all at once": lambda data, seed: [data],
    "byte by byte": lambda data, seed: [data[at : at + 1] for at in range(len(data))],
    "anywhere": lambda data, seed: anywhere(data, seed, most=400),
    "in small pieces": lambda data, seed: anywhere(data, seed, most=60),
}


def anywhere(data: bytes, seed: int, *, most: int) -> list[bytes]:
    places = random.Random(seed)
    pieces = []
    while data:
        size = places.randint(1, most)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "ollama"])
@pytest.mark.parametrize("framing", ["chunked", "counted", "until it is closed"])
def test_words_are_the_same_however_their_bytes_are_cut_and_framed(wire, cut, framing):
    each = told(wire, TALE)
    bodies = {
        "chunked": CHUNKED + b"".join(map(chunk, each)) + b"0\r\n\r\n",
        "counted": HEAD + b"Content-Length: %d\r\n\r\n" % sum(map(len, each)) + b"".join(each),
        "until it is closed": HEAD + b"\r\n" + b"".join(each),
    }
    for seed in range(3 if cut in ("anywhere", "in small pieces") else 1):
        data, _ = over_socket(wire, "openai_chat", CUTS[cut](bodies[framing], seed))
        assert data == whole(wire, "openai_chat", each), seed


@pytest.mark.parametrize("size", range(225, 290, 3))
def test_chunks_around_the_size_that_takes_a_third_digit_are_read_alike(size):
    each = told("openai_chat")
    grown = [one.replace(b'"model":"', b'"model":"' + b"m" * (size - len(each[9]))) for one in each]
    data, moulded = over_socket("openai_chat", "anthropic", [CHUNKED, *map(chunk, grown), b"0\r\n\r\n"])
    assert words_of(data, "anthropic") == TALE * 3
    assert moulded > len(each) / 3


@pytest.mark.parametrize(
    "odd",
    [
        b"zz\r\n%b\r\n" % told("openai_chat")[20],
        b"%x\r\n%b\r\n" % (len(told("openai_chat")[20]) + 1, told("openai_chat")[20]),
        b"%x\r\n%bXX" % (len(told("openai_chat")[20]), told("openai_chat")[20]),
        chunk(told("openai_chat")[20].replace(b'"content":"', b'"content":"\xff')),
        chunk(told("openai_chat")[20].replace(b'"content":"', b'"content":"\n')),
        chunk(told("openai_chat")[20].replace(b'"content":"', b'"content":"\\ud83d')),
    ],
)
def test_what_is_broken_between_chunks_that_are_alike_is_as_broken_as_ever(odd):
    pieces = [CHUNKED, *(chunk(one) for one in told("openai_chat")[:20]), odd]
    short, moulded = over_socket("openai_chat", "anthropic", pieces)
    assert moulded
    halves = [CHUNKED, *(half for piece in pieces[1:] for half in (piece[:9], piece[9:]))]
    long, none = over_socket("openai_chat", "anthropic", halves)
    assert none == 0 and re.sub(rb"[0-9.]+", b"0", short) == re.sub(rb"[0-9.]+", b"0", long)  # the trail tells how long


def test_escapes_stand_for_what_they_say():
    def escaped(found: re.Match[bytes]) -> bytes:
        return found[1] + found[2].replace(b"i", b"\\u0069").replace(b"s", b"\\/")

    each = [re.sub(rb'("content":")([^"]*)', escaped, one) for one in told("openai_chat")]
    data, moulded = over_socket("openai_chat", "anthropic", [CHUNKED, *map(chunk, each), b"0\r\n\r\n"])
    assert moulded and words_of(data, "anthropic") == (TALE * 3).replace("s", "/")


def test_words_on_the_shortest_way_put_off_the_deadlines():
    here, there = socket.socketpair()
    here.setblocking(False)
    body = Body(Link(Transport(), here, ("http", "p", 80)), "POST", reused=False, whole=True)
    stream = stream_of(ask(), [candidate(ScriptedProvider("p", "openai_chat", body))], wire="openai_chat")
    stream.step()
    there.sendall(CHUNKED)
    stream.step()
    for one in told("openai_chat")[:12]:
        there.sendall(chunk(one))
        stream.step()
    assert stream.shortcut is not None and stream.shortcut.tail is not NOWHERE
    now = stream.attempts.deadlines.clock() + 5
    there.sendall(chunk(told("openai_chat")[12]))
    before = stream.alarm()
    assert stream.shortcut.step(now) and stream.alarm() > before + 4
    there.close()
    stream.close()


ORDER = call(
    '{"city":"Lima","notes":"' + "".join(f"bird {n}, \\u00e9t\\u00e9; " for n in range(40)) + '"}', id="call_7"
)
AGENTS = {
    "a call": answer(ORDER, reason=StopReason.TOOL_CALLS),
    "words and two calls": answer(Text(text=TALE), ORDER, call(id="call_8"), reason=StopReason.TOOL_CALLS),
}


@pytest.mark.parametrize("told", AGENTS)
@pytest.mark.parametrize("hold", ["part", "event", "turn"])
@pytest.mark.parametrize(
    ("wire", "client"), list(product(codecs.WIRES, ["openai_chat", "anthropic", "openai_responses"]))
)
def test_the_arguments_of_calls_are_the_same_on_both_ways(wire, client, hold, told):
    each = [frame for frame in frames(AGENTS[told], wire=wire, size=5) if frame]
    data, moulded = over_socket(wire, client, [CHUNKED, *map(chunk, each), b"0\r\n\r\n"], hold=hold)
    assert data == whole(wire, client, each, hold=hold)
    assert moulded > len(each) / 3 or wire not in ("openai_chat", "anthropic")


@pytest.mark.parametrize(
    "piece",
    [
        '{"index":0,"function":{"name":"weather","arguments":"x"}}',
        '{"index":0,"id":"call_9","function":{"arguments":"x"}}',
        '{"index":1,"function":{"arguments":"x"}}',
        '{"index":0,"type":"custom","function":{"arguments":"x"}}',
        '{"index":0,"function":{"arguments":"x"}},{"index":0,"function":{"arguments":"y"}}',
        '{"index":0,"function":{"arguments":"x"},"extra_content":{"google":{"thought_signature":"s"}}}',
        '{"index":0,"function":{"arguments":{"a":1}}}',
    ],
)
def test_what_is_more_than_arguments_of_the_same_call_takes_the_whole_way(piece):
    decoder = codecs.codec("openai_chat").Decoder()
    for frame in frames(AGENTS["a call"], wire="openai_chat", size=5)[:9]:
        list(decoder.feed(frame))
    reader = decoder.words(0, 0)
    event = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[%b]}}]}\n\n'
    assert reader is not None and reader.read(event % b'{"index":0,"function":{"arguments":"x"}}') == ["x"]
    assert reader.read(event % piece.encode()) is None


def test_a_cut_inside_arguments_that_were_kept_is_never_seen():
    each = [frame for frame in frames(AGENTS["a call"], size=5) if frame]
    data, shorts = played(Read(each[:60], fault=cut()), ScriptedBody(b"".join(each)))
    assert shorts > 30 and heard(data).message.parts[0].arguments == ORDER.arguments


def test_arguments_that_are_kept_put_off_what_is_due_but_not_the_sign_of_life():
    body = Read([frame for frame in frames(AGENTS["a call"], size=5) if frame])
    stream = stream_of(asks(), [candidate(ScriptedProvider("p", "anthropic", body))], wire="openai_chat")
    while stream.shortcut is None:
        stream.step()
    deadlines = stream.attempts.deadlines
    stream.alarm()
    due, ping = deadlines.late_at, deadlines.ping_at
    assert stream.shortcut.step(deadlines.clock() + 5) == b"" and not stream.shortcut.over
    stream.alarm()
    assert deadlines.late_at > due + 4 and deadlines.ping_at == ping
    stream.close()


def test_arguments_that_go_round_in_circles_are_cut_off_on_the_short_way():
    round_ = call('{"city":"' + SENTENCE * 400 + '"}')
    each = [frame for frame in frames(answer(round_, reason=StopReason.TOOL_CALLS), size=9) if frame]
    body = Read(each)
    data, shorts = played(body, ScriptedBody(b"".join(frames(AGENTS["a call"]))))
    assert shorts > 5 and body.chunks and body.aborted
    assert heard(data).message.parts[0].arguments == ORDER.arguments
