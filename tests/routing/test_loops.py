"""An answer that goes round in circles is cut, what only repeats itself for a while is not, and no word is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.scenes import TALE, answer, call, pieces, text, thought
from wallas.errors import FailureKind, ProviderError
from wallas.routing.loops import LEAST, SHORT_RUN, Loops, once, period_of
from wallas.types.chat import Reasoning, Text
from wallas.types.events import PartDelta, PartEnded, PartStarted, fold

SENTENCE = "And then the bird sang its song in the tree again. "


def said(words, size=7, part=Text):
    """Return what is shown of a text that comes so many characters at a time, and whether it was cut as a loop."""
    shown = ""
    try:
        for event in Loops().feed(pieces(answer(part(text=words)), size)):
            shown += event.text if isinstance(event, PartDelta) else ""
    except ProviderError as error:
        assert error.kind is FailureKind.UNUSABLE and error.code == "loop"
        return shown, True
    return shown, False


@pytest.mark.parametrize("size", [1, 7, 51, 400, 10_000])
@pytest.mark.parametrize("before", ["", TALE])
@pytest.mark.parametrize("part", [Text, Reasoning])
def test_a_loop_is_cut_and_hardly_more_than_one_repetition_is_shown(size, before, part):
    shown, cut = said(before + SENTENCE * 400, size, part)
    assert cut and before.startswith(shown[: len(before)])
    assert len(shown) < len(before) + 3 * len(SENTENCE) + 2 * LEAST


@pytest.mark.parametrize("size", [1, 7, 51, 10_000])
@pytest.mark.parametrize(
    "words",
    [
        SENTENCE * 7 + TALE,
        "".join(f'{{"name": "bird {n}", "about": "a bird that sings", "legs": 2}},' for n in range(60)),
        "| --- | --- | --- |\n" * 60,
        "-" * 4000,
        "0, " * 2000,
        "word " * 1500,
        "A" * 9000,
        "".join(f"        self.assertEqual(found[{n // 5}], expected)\n" for n in range(60)),
        "".join(f"Sentence {n} of the tale tells of bird {n * 7}. " for n in range(200)),
    ],
)
def test_what_repeats_itself_for_a_while_is_shown_whole(words, size):
    assert said(words, size) == (words, False)


def test_short_repetitions_end_too():
    for words in ("ha ha ", "!", "0 "):
        shown, cut = said(words * 2 * SHORT_RUN, 13)
        assert cut and len(shown) <= SHORT_RUN + 100


@given(st.lists(st.sampled_from([SENTENCE, "x", "another word ", "ab" * 30, "\n"]), max_size=12), st.integers(1, 90))
def test_no_word_is_lost_and_none_is_moved(words, size):
    whole = "".join(words)
    shown, cut = said(whole, size)
    assert cut or shown == whole
    assert whole.startswith(shown)


def test_a_loop_of_a_whole_page_is_found():
    page = "".join(f"Line {n} of the page says that {n * 13 % 17} birds sang. " for n in range(30))
    shown, cut = said(page * 12, 20)
    assert cut and len(shown) < 3 * len(page)


def test_arguments_may_repeat_themselves_for_longer():
    lines = "0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.5, 2.0,\\n"
    whole = answer(call('{"text": "' + lines * 40 + '"}'))
    assert fold(Loops().feed(pieces(whole, 11))).message == whole.message
    with pytest.raises(ProviderError):
        list(Loops().feed(pieces(answer(call(lines * 200)), 11)))


def test_parts_and_choices_are_watched_apart():
    events = []
    for _ in range(5):
        for choice in (0, 1):
            events.append(PartDelta(0, SENTENCE, choice))
    watched = [PartStarted(0, Text(text=""), 0), PartStarted(0, Text(text=""), 1), *events]
    ends = [PartEnded(0, 0), PartEnded(0, 1)]
    shown = list(Loops().feed([*watched, *ends]))
    assert sorted(map(repr, shown)) == sorted(map(repr, [*watched, *ends])) and shown[-1] == ends[-1]
    with pytest.raises(ProviderError):
        list(Loops().feed([*watched, *events]))


def test_a_thought_and_a_text_are_no_loop_of_each_other():
    whole = answer(thought(SENTENCE * 5), Text(text=SENTENCE * 5))
    assert fold(Loops().feed(pieces(whole))).message == whole.message


def test_once_leaves_one_repetition():
    assert once(TALE + SENTENCE * 3) == TALE + SENTENCE
    assert once(TALE) == TALE and once("") == "" and period_of("short") is None


def test_an_answer_that_does_not_repeat_itself_waits_for_nothing():
    for event, shown in zip(pieces(text()), Loops().feed(pieces(text())), strict=True):
        assert shown is event or shown == event
