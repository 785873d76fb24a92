"""An answer of words passes without any stage, and whatever else it says as the stages have it."""

import random
import re

import pytest

from tests.routing.scenes import TALE, answer, call, cut, frames, text, thought
from tests.routing.test_shortcut import SENTENCE, Read, heard, joined, played
from wallas.routing import attempt as attempts
from wallas.routing.stages import Stages
from wallas.types.chat import Refusal, StopReason, Text

ANSWERS = {
    "words": text(TALE),
    "one word": text("Yes."),
    "blanks first": text("  \n\n" + TALE),
    "blanks only": text(" \n "),
    "nothing": answer(),
    "words and a call": answer(Text(text=TALE), call()),
    "a call": answer(call()),
    "thoughts and words": answer(thought("Let me see. " * 4), Text(text=TALE)),
    "words and thoughts": answer(Text(text=TALE), thought("Was that all? " * 4)),
    "two texts": answer(Text(text=TALE), Text(text=SENTENCE)),
    "a refusal": answer(Refusal(text="I would rather not.")),
    **{f"ended by {reason.value}": answer(Text(text=TALE), reason=reason) for reason in StopReason},
    "a notice": text("Model gpt is currently loading. Please try again."),
    "no notice": text("Model trains are a fine thing. " + TALE),
    "a loop": text(SENTENCE * 60),
    "nearly a loop": text(SENTENCE * 6 + TALE),
    "a loop at once": text("ha" * 9000),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("wire", ["openai_chat", "anthropic"])
def test_the_client_gets_what_the_stages_would_give(name, wire, monkeypatch):
    each = [frame for frame in frames(ANSWERS[name], wire=wire) if frame]
    chance = random.Random(name)
    ways = [joined(each, size) for size in (1, 2, 5, len(each))]
    cuts = [each[: chance.randrange(len(each))] for _ in range(3)]

    def shown(reads: list[bytes], fault: Exception | None = None) -> bytes:
        data, _ = played(Read(reads, fault=fault), Read(frames(text("Other words."), wire=wire)), wire=wire)
        return re.sub(rb'"ms":[0-9.]+', b"", data)

    def all_of() -> list[bytes]:
        return [shown(list(way)) for way in ways] + [shown(list(one), fault=cut()) for one in cuts]

    talked = all_of()
    monkeypatch.setattr(attempts, "talk_of", lambda attempt: None)
    assert talked == all_of()


PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_an_answer_of_words_makes_no_stages_though_its_provider_says_that_it_lives(size, monkeypatch):
    made = []
    monkeypatch.setattr(attempts, "Stages", lambda *args, **more: made.append(args) or Stages(*args, **more))
    each = [read for frame in frames(text(TALE)) if frame for read in (frame, PING)]
    data, _ = played(Read(joined(each, size)))
    assert heard(data).message.parts == (Text(text=TALE),) and not made
