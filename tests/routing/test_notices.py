"""A provider's own words in place of an answer are told from what a model says, without delay for the latter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing.scenes import TALE, answer, ask, call, pieces, text, thought
from wallas.errors import FailureKind, ProviderError
from wallas.routing.notices import MAY_BE, NOTICES, OPENINGS, Notices, is_notice, simple
from wallas.routing.pattern import size
from wallas.types.chat import Media, StopReason, Text
from wallas.types.events import Finished, PartDelta, PartEnded, PartStarted, Started

SEEN = [
    "⚠️ **IMPORTANT NOTICE** ⚠️\n\nThe Pollinations legacy text API is being deprecated for **authenticated users**.\n\n"
    "Please migrate to our new service at https://enter.pollinations.ai for better performance and access to all the "
    "latest models.\n\nNote: Anonymous requests to text.pollinations.ai are NOT affected and will continue to work.",
    "Model meta-llama/Llama-2-70b-chat is currently loading",
    "Model is loading",
    "The model is loading, please try again in 20 seconds.",
    "Model loading, try again in 20s",
    "That model is currently overloaded with other requests. You can retry your request, or contact us through our "
    "help center at help.openai.com if the error persists.",
    "The model is overloaded. Please try again later.",
    "You have run out of credits",
    "You've run out of credits. Please add more at https://example.com/billing.",
    "You exceeded your current quota, please check your plan and billing details.",
    "You have reached your request limit for the hour",
    "Provider rate limit reached. Please retry shortly. (request_id=req_a9cdf8e17d50)",
]
INNOCENT = [
    TALE,
    "",
    "Model",
    "The model is loading the truck while the photographer waits, and both of them are cold.",
    "The model is trained on a large corpus; it is loading data in batches of 64 rows. Try again with fewer rows if it "
    "runs out of memory.",
    "That model is currently the best one for code. I would pick it.",
    "You have run out of credits? Here is what you can do: open the billing page, look at the usage of the month, and "
    "buy more. If you are on the free plan, wait until midnight UTC; the counter starts anew then.",
    "You have run the test suite. All green!",
    "You have reached your destination.",
    "Important notice to all passengers: the train to Lima leaves from platform 4.",
    "Error: you have a typo in line 3.",
    "Provider rate limits differ: Groq counts by organisation.",
    "Model X-200 is currently loading at the dock. Its captain, a woman of sixty, looked at the sea and said nothing. "
    "The crew waited.",
    "The error 'You exceeded your current quota' means that the account has no money left.",
]


def fed(events, request=None, **how):
    """Return what passes, and whether the answer was refused as a notice."""
    passed = []
    try:
        passed.extend(Notices(request or ask(), **how).feed(events))
    except ProviderError as error:
        assert error.kind is FailureKind.UNUSABLE and error.code == "notice"
        return passed, True
    return passed, False


@pytest.mark.parametrize("size", [4, 7, 1000])
@pytest.mark.parametrize("words", SEEN)
def test_a_known_notice_is_no_answer_and_none_of_it_is_shown(words, size):
    passed, refused = fed(pieces(text(words), size))
    if words.startswith(("The model", "That model")) and size < 1000:
        assert not refused  # half of all answers begin so: nobody waits for them
        passed, refused = fed(pieces(text(words), size), patient=True)
    assert refused and all(isinstance(event, Started) for event in passed)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("words", INNOCENT)
def test_ordinary_answers_pass_unchanged(words, size):
    events = pieces(text(words), size)
    assert fed(events) == fed(events, patient=True) == (events, False)


@pytest.mark.parametrize("words", [TALE, "The ledger.", "Models differ.", "You can do that."])
def test_an_ordinary_answer_waits_for_a_few_characters_at_most(words):
    notices = Notices(ask())
    shown = ""
    for place, event in enumerate([Started(), PartStarted(0, Text(text="")), *(PartDelta(0, sign) for sign in words)]):
        for passed in notices.feed([event]):
            shown += passed.text if isinstance(passed, PartDelta) else ""
        assert shown == words[: max(place - 1, 0)] or (place < 8 and words[0] not in "TS")


@pytest.mark.parametrize("other", [call(), Media(kind="image", data="aaaa")])
@pytest.mark.parametrize("behind", [True, False])
def test_an_answer_with_more_than_words_is_no_notice(other, behind):
    parts = (Text(text=SEEN[2]), other) if behind else (other, Text(text=SEEN[2]))
    events = pieces(answer(*parts))
    assert fed(events) == (events, False)


def test_a_notice_behind_a_thought_is_one_too():
    passed, refused = fed(pieces(answer(thought(), Text(text=SEEN[2]))))
    assert refused and not any(isinstance(event, PartDelta) and event.text in SEEN[2] for event in passed)


def test_what_the_caller_spoke_of_may_be_said_back():
    request = ask("Translate into English: El modelo se carga. Hint: model is loading")
    assert not is_notice("Model is loading.", request)
    assert is_notice("Model is loading.", ask())


def test_of_several_answers_none_is_held_back():
    events = [*pieces(text(SEEN[2]))[:-1], Finished(StopReason.STOP)]
    assert fed(events, ask(n=2)) == (events, False)


def test_a_break_in_the_middle_shows_nothing_of_a_notice():
    notices = Notices(ask())
    events = pieces(text(SEEN[0]))[:-2]
    assert [event for event in notices.feed(events) if isinstance(event, PartDelta | PartEnded)] == []


def test_every_notice_has_its_source_and_a_pattern_that_takes_no_time():
    for notice in NOTICES:
        assert notice.source and (size(notice.pattern) or 9999) < 1500
        assert all(opening == opening.lower() for opening in notice.openings)


@settings(deadline=None)
@given(st.sampled_from(OPENINGS), st.text(alphabet=" *_-\n>#’", max_size=4), st.integers(0, 12), st.booleans())
def test_no_text_that_begins_like_a_notice_is_passed_over(opening, signs, place, loud):
    said = opening.replace("'", "’").replace(" ", "  ")
    said = signs + said[:place] + "*" + said[place:]
    said = said.upper() if loud else said
    assert MAY_BE.match(said) is not None or not simple(said).startswith(OPENINGS)
