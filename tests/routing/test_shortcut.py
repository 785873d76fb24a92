"""Words on the short way reach the client as they would on the whole one, and what is not words takes that."""

import re
from itertools import product
from typing import Any

import pytest

from tests.routing.scenes import TALE, answer, cut, frames, going_on, text, thought
from tests.routing.scripted import ScriptedBody, ScriptedProvider, ask, candidate, stream_of
from wallas import codecs
from wallas.codecs import pulled
from wallas.errors import FailureKind, ProviderError
from wallas.routing.shortcut import Shortcut
from wallas.routing.waiting import Pause
from wallas.types.chat import ChatResponse, Reasoning, Text
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


def played(body: ScriptedBody, *others: Any, wire: str = "anthropic", client: str = "openai_chat") -> tuple[bytes, int]:
    """Return all that the client gets, and how many steps took the short way to its end."""
    rows = [ScriptedProvider("p", wire, body), *(ScriptedProvider(f"q{n}", wire, one) for n, one in enumerate(others))]
    stream = stream_of(ask(), [candidate(one) for one in rows], wire=client)
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


def words_of(data: bytes) -> str:
    return "".join(part.text for part in heard(data).message.parts if isinstance(part, Text))


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
