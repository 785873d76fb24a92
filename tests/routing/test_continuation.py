import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing.scenes import answer, pieces, text, well_formed
from tests.routing.scripted import ask
from wallas.errors import ProviderError
from wallas.routing.continuation import (
    ANCHOR_LEAST,
    ANCHOR_MOST,
    LEAD,
    AnchorSearch,
    anchor_of,
    asked_anchor,
    remainder,
)
from wallas.routing.seam import Join, Mode, Shown
from wallas.types.chat import Text
from wallas.types.events import PartDelta, fold

PROSE = "".join(
    f"On day {number} the {'red' if number % 2 else 'grey'} bird sang its song again, and nobody listened. "
    for number in range(40)
)
CODE = "Here is it:\n\n```python\n" + "".join(
    f"def step_{number}(value):\n    if value is None:\n        return None\n    return value + {number}\n\n\n"
    for number in range(25)
)
TABLE = "| id | name | value |\n|---:|------|------:|\n" + "".join(
    f"| {number} | item | {number % 3} |\n" for number in range(80)
)
WRAPPED = "".join(f"Línea {number} — “así sigue”, dijo él;\n\n  y también\t{number}…\n" for number in range(60))
SAME = "la la la, " * 60 + "and that was it. " + "na na na, " * 60
DOCUMENTS = {"prose": PROSE, "code": CODE, "table": TABLE, "wrapped": WRAPPED, "same": SAME}

LEADS = (
    "",
    "Sure, continuing:\n\n",
    "Continuing from where I left off: ",
    "```python\n",
    "> ",
    "\n\n",
    "Of course! Here is the rest of my previous message, starting with the words you gave me:\n",
)


def seam(shown, reply, *, size):
    """Return the client's text after a reply in pieces of ``size``, or None where the reply was refused."""
    search = AnchorSearch(shown, anchor_of(shown) or "")
    out = shown
    for start in range(0, len(reply), size):
        out += search.feed(reply[start : start + size])
        if search.lost:
            return None
    out += search.feed("", last=True)
    return out if search.found else None


def follow(document, shown):
    """Return what an honest model says: the anchor and what came after it in the document."""
    return (anchor_of(shown) or "") + document[len(shown.rstrip()) :]


@st.composite
def breaks(draw):
    """Draw a document that broke off somewhere with something to anchor by: its whole text and what was shown."""
    document = DOCUMENTS[draw(st.sampled_from(sorted(DOCUMENTS)))]
    at = draw(st.integers(40, len(document) - 1))
    shown = document[:at]
    return document, shown


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(breaks(), st.sampled_from(LEADS), st.integers(1, 90))
def test_every_honest_reply_is_spliced_to_the_character(broken, lead, size):
    document, shown = broken
    if lead == "```python\n" and document[len(shown.rstrip()) :].lstrip().startswith("```"):
        return
    assert seam(shown, lead + follow(document, shown), size=size) == document


@settings(max_examples=600, deadline=None, derandomize=True)
@given(breaks(), st.integers(1, 90), st.sampled_from(["\n", " ", "\n\n  ", "\t"]))
def test_white_space_inside_the_anchor_may_be_wrapped_otherwise(broken, size, space):
    document, shown = broken
    anchor = anchor_of(shown)
    rewrapped = re.sub(r"\s+", lambda _: space, anchor)
    assert seam(shown, rewrapped + document[len(shown.rstrip()) :], size=size) == document


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    breaks(),
    st.sampled_from(
        [
            "I am sorry, but I cannot continue that message. " * 12,
            "def other():\n    pass\n" * 30,
            "| a | b |\n" * 60,
            "A completely different answer that says nothing of what was there before it. " * 8,
            "",
            "ok",
        ]
    ),
    st.integers(1, 90),
)
def test_every_other_reply_is_refused(broken, reply, size):
    assert seam(broken[1], reply, size=size) is None


@settings(max_examples=500, deadline=None, derandomize=True)
@given(breaks(), st.integers(1, 90))
def test_an_anchor_that_comes_too_late_is_refused(broken, size):
    document, shown = broken
    if document is SAME or document is TABLE:
        return
    late = "x" * (LEAD + 1) + follow(document, shown)
    assert seam(shown, late, size=size) is None


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    breaks(),
    st.sampled_from(['"{}"', "“{}”", "«{}»", "`{}`", "‘{}’", "'{}'", "⟦a1⟧\n{}\n⟦a1⟧", "```\n{}\n```"]),
    st.sampled_from(["", "\n", " "]),
    st.integers(1, 90),
)
def test_an_anchor_between_quotes_fences_or_marks_is_refused(broken, around, space, size):
    document, shown = broken
    if document is CODE and "```" in around:
        return
    anchor = anchor_of(shown)
    reply = around.format(anchor) + space + document[len(shown.rstrip()) :]
    assert seam(shown, reply, size=size) is None


def test_a_fence_is_closed_where_the_text_stood_inside_one():
    line = "print('a line that is long enough to be the whole of what will be asked for')\n"
    shown = "Look at this code:\n```python\n" + line
    reply = "```python\n" + line + "```\nDone."
    assert anchor_of(shown) in line
    for size in (1, 5, 200):
        assert seam(shown, reply, size=size) == shown + "```\nDone."


def test_a_text_may_go_on_with_a_quote_where_none_was_opened_before_it():
    shown = 'She looked at the river for a while and said "come'
    assert seam(shown, f'{anchor_of(shown)}" and went.', size=1) == shown + '" and went.'


@pytest.mark.parametrize("trailing", [" ", "\n", "\n\n    ", "  "])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_white_space_that_was_delivered_in_a_chunk_of_its_own_is_not_doubled(trailing, size):
    shown = "The quick brown fox jumps over the lazy dog." + trailing
    assert seam(shown, follow(shown + "And then.", shown), size=size) == shown + "And then."


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_a_short_rest_is_told_at_the_end(size):
    shown = "The quick brown fox jumps over the lazy d"
    for rest in ("o", "og", " ", ""):
        assert seam(shown, follow(shown + rest, shown), size=size) == shown + rest


def test_a_word_that_broke_off_in_the_middle_goes_on():
    shown = "The quick brown fox jumps over the la"
    assert seam(shown, f"{anchor_of(shown)}zy dog", size=3) == "The quick brown fox jumps over the lazy dog"


def test_what_comes_after_the_search_is_over_passes_or_is_dropped():
    search = AnchorSearch("x " * 40, anchor_of("x " * 40))
    assert search.feed(("x " * 40).rstrip() + " more") == "more"
    assert search.feed(" and more") == " and more"
    lost = AnchorSearch("word " * 20, anchor_of("word " * 20))
    assert lost.feed("z" * 2000) == "" and lost.lost
    assert lost.feed("word " * 20) == ""


@given(st.text(max_size=400))
def test_an_anchor_is_the_end_of_the_text_within_its_bounds(shown):
    anchor = anchor_of(shown)
    if anchor is not None:
        assert shown.rstrip().endswith(anchor)
        assert ANCHOR_LEAST <= len(anchor) <= ANCHOR_MOST


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=10, max_size=60))
def test_an_anchor_starts_at_a_word(words):
    shown = " ".join(words)
    anchor = anchor_of(shown)
    if anchor is not None:
        assert anchor.split()[0] in words


def test_a_text_without_spaces_is_anchored_by_its_last_characters():
    assert anchor_of("x" * 300) == "x" * ANCHOR_MOST


@pytest.mark.parametrize("shown", ["", "   ", "Too short", "a" + " " * 60 + "b", "word word word word wo"])
def test_too_few_words_are_no_anchor(shown):
    assert anchor_of(shown) is None


def test_only_a_request_to_go_on_holds_an_anchor():
    anchor = anchor_of(PROSE)
    request = remainder(ask(), [PROSE], anchor)
    assert asked_anchor(request.messages[-1].parts[0].text) == anchor
    assert asked_anchor("Tell me a tale") is None
    assert request.max_tokens is None


def test_the_marks_are_new_each_time():
    first, second = (remainder(ask(), [PROSE], anchor_of(PROSE)) for _ in range(2))
    assert first.messages[-1] != second.messages[-1]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(breaks(), st.integers(1, 40), st.integers(1, 40), st.sampled_from(LEADS[:3]))
def test_a_cut_stream_and_its_continuation_fold_to_one_text(broken, first_size, second_size, lead):
    document, whole_shown = broken
    events = pieces(text(document), first_size)[: 2 + len(whole_shown) // first_size]
    shown = Shown(id="id1")
    before = list(Join(shown, mode=Mode.FRESH, issuer="a/b@c").feed(events))
    if shown.mode(ask()) is not Mode.ANCHORED:
        assert anchor_of(shown.text) is None or not shown.text.strip()
        return
    reply = pieces(answer(Text(text=lead + follow(document, shown.text))), second_size)
    after = list(Join(shown, mode=Mode.ANCHORED, issuer="d/e@f").feed(reply))
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text=document),)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(breaks(), st.integers(1, 40), st.text(max_size=600))
def test_whatever_a_reply_says_nothing_is_shown_before_it_is_found(broken, size, said):
    shown = Shown(id="id1")
    list(Join(shown, mode=Mode.FRESH, issuer="a/b@c").feed(pieces(text(broken[1]), 50)[:-2]))
    before = shown.text
    anchor = anchor_of(before)
    if anchor in said:
        return
    got = []
    with pytest.raises(ProviderError):
        for event in Join(shown, mode=Mode.ANCHORED, issuer="d/e@f").feed(pieces(text(said), size)):
            got.append(event)
    assert not any(isinstance(event, PartDelta) for event in got) and shown.text == before
