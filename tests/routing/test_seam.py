import pytest

from tests.routing.scenes import TALE, answer, asks, call, pieces, text, thought, well_formed
from tests.routing.scripted import ask
from wallas.errors import FailureKind, ProviderError
from wallas.routing.continuation import SHOWN_MOST, anchor_of, asked_anchor
from wallas.routing.seam import Join, Mode, Shown
from wallas.types.chat import (
    Citation,
    Media,
    Opaque,
    Output,
    Reasoning,
    Refusal,
    Seal,
    StopReason,
    Text,
    ToolCall,
    ToolChoice,
    Usage,
)
from wallas.types.events import Finished, PartDelta, PartEnded, PartStarted, Ping, Started, fold

ISSUER = "two/m@acc"
HALF = TALE[:300]


def shown_after(events, request=None, **fields):
    """Return what is shown after these events of a first attempt, and the events themselves."""
    shown = Shown(**{"id": "id1", "created": 1} | fields)
    join = Join(shown, mode=Mode.FRESH, issuer="one/m@acc")
    return shown, list(join.feed(events))


def joined(shown, events, request=None, *, mode=None):
    """Return what a client gets of a further attempt."""
    mode = mode or shown.mode(request or ask())
    return list(Join(shown, mode=mode, issuer=ISSUER).feed(events))


def lost(shown, events, request=None):
    """Return what a client got of a further attempt before it was refused, and why it was."""
    got = []
    with pytest.raises(ProviderError) as caught:
        for event in Join(shown, mode=shown.mode(request or ask()), issuer=ISSUER).feed(events):
            got.append(event)
    assert caught.value.kind is FailureKind.NO_ANCHOR
    return got


def half(words=HALF):
    """Return a stream that breaks off in the middle of a text."""
    return pieces(text(words))[:-2]


def repeated(shown, rest, *more, **fields):
    """Return a stream that begins with the words it is asked for, and goes on."""
    return pieces(answer(Text(text=(anchor_of(shown.text) or "") + rest), *more, **fields))


def words(events):
    return "".join(part.text for part in fold(events).message.parts if isinstance(part, Text))


def test_an_answer_gets_the_clients_id_and_the_first_model_and_says_more_at_its_start():
    shown = Shown(id="id1", model="asked", created=5)
    join = Join(shown, mode=Mode.FRESH, issuer=ISSUER, extra={"openai_chat": {"provider": "two"}})
    (started, *_) = join.feed(pieces(text()))
    assert started == Started(id="id1", model="asked", created=5, extra={"openai_chat": {"provider": "two"}})


@pytest.mark.parametrize(
    "part", [Text(text=""), Text(text=" \n"), Reasoning(text=""), Reasoning(seal=Seal(value="s"), redacted=True)]
)
def test_nothing_is_shown_before_there_is_content(part):
    shown, events = shown_after(pieces(answer(part))[:-1])
    assert events == [] and not shown.started


@pytest.mark.parametrize(
    "part",
    [
        Text(text="a"),
        thought("a"),
        Reasoning(summary="a"),
        call(),
        Media(kind="image", data="aaaa"),
        Media(kind="image", url="http://x"),
        Refusal(text="no"),
        Opaque(wire="anthropic", data={}),
    ],
)
def test_content_of_any_kind_is_shown_with_all_that_came_before_it(part):
    events = pieces(answer(part))[:-1]
    assert shown_after(events)[1] == [Started(id="id1", model="m", created=1), *events[1:]]


def test_a_part_that_starts_with_its_words_is_content():
    for part in (Text(text="a"), Reasoning(text="a"), Reasoning(summary="a")):
        assert shown_after([Started(), PartStarted(0, part)])[1][1:] == [PartStarted(0, part)]


def test_white_space_before_the_first_word_is_held_back_with_the_head():
    shown, events = shown_after(pieces(text("\n\n" + HALF), size=2)[:3])
    assert events == [] and not shown.started


def test_an_end_without_content_is_shown():
    events = pieces(answer(reason=StopReason.LENGTH))
    assert shown_after(events)[1] == [Started(id="id1", model="m", created=1), events[-1]]


def test_pings_of_a_provider_stop_here():
    assert shown_after([Ping(), *half()])[1] == shown_after(half())[1]


def test_seals_are_stamped_with_their_issuer_once():
    parts = (
        thought(seal=Seal(value="a")),
        ToolCall(id="c", name="weather", seal=Seal(issuer="x/y@z", value="b")),
    )
    (_, events) = shown_after([*pieces(answer(*parts)), PartDelta(0, seal=Seal(value="c"))])
    seals = [event.seal for event in events if isinstance(event, PartDelta) and event.seal]
    assert seals == [Seal(issuer="one/m@acc", value="a"), Seal(issuer="one/m@acc", value="c")]
    assert [e.part.seal for e in events if isinstance(e, PartStarted)][1] == Seal(issuer="x/y@z", value="b")


def test_numbers_have_no_gaps_even_where_a_provider_counts_otherwise():
    events = [Started(), PartStarted(4, Text(text="a")), PartEnded(4), PartStarted(9, call()), PartEnded(9)]
    (_, got) = shown_after([*events, Finished(StopReason.TOOL_CALLS)])
    well_formed(got, whole=True)
    assert [event.index for event in got if isinstance(event, PartStarted)] == [0, 1]


def test_deltas_and_ends_of_parts_that_never_started_go_nowhere():
    (_, events) = shown_after([Started(), PartDelta(3, "x"), PartEnded(3), PartStarted(0, Text(text="a"))])
    assert len(events) == 2


def test_nothing_shown_is_asked_for_afresh():
    shown = Shown(id="id1")
    assert shown.mode(ask()) is Mode.FRESH
    assert shown.remainder(ask(), Mode.FRESH) == ask()


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("n", [None, 2])
def test_after_thoughts_the_next_ones_thoughts_are_a_new_part(ended, n):
    first = pieces(answer(thought()))[: -1 if ended else -2]
    shown, before = shown_after(first)
    assert shown.mode(ask(n=n)) is Mode.FRESH
    after = joined(shown, pieces(answer(thought("Again."), Text(text=TALE), reason=StopReason.STOP)))
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (thought(), thought("Again."), Text(text=TALE))


def test_thoughts_of_several_choices_left_open_are_all_ended():
    first = [Started(), *(PartStarted(0, thought("a"), choice=choice) for choice in (0, 1))]
    shown, before = shown_after([*first, PartEnded(0, choice=1), PartStarted(1, thought("b"), choice=1)])
    assert shown.mode(ask(n=2)) is Mode.FRESH
    after = joined(shown, pieces(text(TALE, n=2)), ask(n=2))
    well_formed([*before, *after], whole=True)
    assert [choice.message.parts[-1] for choice in fold([*before, *after]).choices] == [Text(text=TALE)] * 2


def test_blank_words_after_a_thought_are_nothing_to_continue():
    shown, _ = shown_after([*pieces(answer(thought()))[:-1], PartStarted(1, Text(text="")), PartDelta(1, "\n\n")])
    assert shown.mode(ask()) is Mode.FRESH


def test_a_text_is_continued_in_its_own_part():
    shown, before = shown_after(half())
    request = ask()
    assert shown.mode(request) is Mode.ANCHORED
    after = joined(shown, repeated(shown, TALE[300:]))
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text=TALE),)


def test_a_continuation_is_asked_for_with_all_that_was_said_and_no_system_text():
    first = [*pieces(text("First of all. "))[:-1], PartStarted(1, Text(text="")), PartDelta(1, HALF)]
    shown, _ = shown_after(first)
    request = ask(max_tokens=1000)
    asked = shown.remainder(request, shown.mode(request))
    assert asked.messages[0] == request.messages[0]
    assert asked.messages[1].role == "assistant"
    assert [part.text for part in asked.messages[1].parts] == ["First of all. ", HALF.rstrip()]
    assert asked.messages[2].role == "user"
    assert asked_anchor(asked.messages[2].parts[0].text) == anchor_of(HALF)
    assert 16 <= asked.max_tokens < 1000


def test_a_continuations_limit_never_falls_below_a_few_words():
    shown, _ = shown_after(half())
    assert shown.remainder(ask(max_tokens=20), Mode.ANCHORED).max_tokens >= 16


def test_thoughts_of_a_continuation_are_not_shown():
    shown, before = shown_after(half())
    anchor = anchor_of(shown.text)
    events = pieces(answer(thought(), Text(text=anchor + TALE[300:]), thought("more")))
    after = joined(shown, events)
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text=TALE),)


def test_a_text_that_had_ended_goes_on_in_a_new_part():
    shown, before = shown_after(pieces(text(HALF))[:-1])
    shown.inside_call = True
    assert shown.mode(asks()) is Mode.ANCHORED
    after = joined(shown, repeated(shown, TALE[300:], call(), reason=StopReason.TOOL_CALLS))
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text=HALF), Text(text=TALE[300:]), call())


def test_a_text_that_had_ended_may_be_followed_by_the_call_alone():
    shown, before = shown_after(pieces(text(HALF))[:-1])
    after = joined(shown, repeated(shown, "", call(), reason=StopReason.TOOL_CALLS))
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text=HALF), call())


def test_a_thought_left_open_behind_a_text_is_ended_before_the_text_goes_on():
    first = [*pieces(text(HALF))[:-1], PartStarted(1, Reasoning()), PartDelta(1, "hm")]
    shown, before = shown_after(first)
    after = joined(shown, repeated(shown, TALE[300:]))
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text=HALF), thought("hm"), Text(text=TALE[300:]))


def test_a_new_text_part_that_said_nothing_yet_is_continued_from_the_words_before_it():
    first = [*pieces(text(HALF))[:-1], PartStarted(1, Text(text="")), PartDelta(1, "\n")]
    shown, before = shown_after(first)
    assert shown.mode(ask()) is Mode.ANCHORED
    assert shown.said == [HALF + "\n"]
    after = joined(shown, repeated(shown, "\nAnd so on."))
    well_formed([*before, *after], whole=True)
    assert words([*before, *after]) == HALF + "\nAnd so on."


def test_the_anchor_and_then_the_end_is_a_whole_answer():
    shown, before = shown_after(half())
    after = joined(shown, repeated(shown, ""))
    well_formed([*before, *after], whole=True)
    assert words([*before, *after]) == HALF


def test_a_call_after_the_anchor_is_shown_behind_the_text():
    shown, before = shown_after(half())
    after = joined(shown, repeated(shown, " So:", call(), reason=StopReason.TOOL_CALLS))
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text=HALF + " So:"), call())


@pytest.mark.parametrize(
    "events",
    [
        pieces(answer(call(), reason=StopReason.TOOL_CALLS)),
        pieces(answer(reason=StopReason.STOP)),
        pieces(answer(thought())),
        pieces(text("Short.")),
        pieces(text("Once upon a time there was something else altogether. " * 20)),
        [Started(), PartStarted(0, Text(text="")), Finished(StopReason.STOP)],
        [Started(), PartStarted(0, Opaque(wire="anthropic", data={}))],
    ],
)
def test_an_answer_that_does_not_go_on_from_the_text_is_never_shown(events):
    shown, _ = shown_after(half())
    assert [event for event in lost(shown, events) if not isinstance(event, Ping)] == []


def test_a_part_that_begins_with_the_anchor_is_searched_too():
    shown, before = shown_after(half())
    first = Text(text=anchor_of(shown.text) + TALE[300:320], citations=(Citation(start=0, end=4, url="http://u"),))
    events = [Started(), PartStarted(0, first), PartDelta(0, TALE[320:]), PartEnded(0), Finished(StopReason.STOP)]
    after = joined(shown, events)
    assert words([*before, *after]) == TALE
    assert fold([*before, *after]).message.parts[0].citations[0].start == len(HALF) - len(anchor_of(HALF))


def test_citations_of_a_continuation_count_the_clients_characters():
    shown, before = shown_after(half())
    rest = "A cited claim."
    events = repeated(shown, rest)
    start = len(anchor_of(HALF))
    cited = Citation(start=start, end=start + 5, url="http://u")
    events.insert(-2, PartDelta(0, citations=(cited, Citation(url="http://whole"))))
    (part,) = fold([*before, *joined(shown, events)]).message.parts
    assert part.text[part.citations[0].start : part.citations[0].end] == rest[:5]
    assert part.citations[1] == Citation(url="http://whole")


def test_a_citation_of_what_was_cut_away_is_cut_away():
    shown, before = shown_after(pieces(text(HALF))[:-1])
    events = repeated(shown, "More.")
    events.insert(-2, PartDelta(0, citations=(Citation(start=0, end=3, url="http://u"), Citation(start=200, url="v"))))
    parts = fold([*before, *joined(shown, events)]).message.parts
    assert parts[1].citations == (Citation(start=200 - len(anchor_of(HALF)), url="v"),)


def test_a_seal_over_a_text_of_two_is_nobodys():
    shown, before = shown_after(half())
    events = repeated(shown, "More.")
    events.insert(-2, PartDelta(0, seal=Seal(value="s")))
    assert fold([*before, *joined(shown, events)]).message.parts[0].seal is None


def test_too_few_words_and_a_call_that_was_due_leave_only_the_calls():
    shown, before = shown_after(half("Let me see."))
    shown.inside_call = True
    assert shown.mode(asks()) is Mode.CALLS
    events = pieces(answer(thought(), Text(text="Well then."), call(), reason=StopReason.TOOL_CALLS))
    after = joined(shown, events, asks())
    well_formed([*before, *after], whole=True)
    assert fold([*before, *after]).message.parts == (Text(text="Let me see."), call())
    assert shown.remainder(asks(), Mode.CALLS) == asks()


def test_where_a_call_was_due_an_answer_without_one_is_refused():
    shown, _ = shown_after(half("Let me see."))
    shown.inside_call = True
    assert lost(shown, pieces(text(TALE)), asks()) == []


@pytest.mark.parametrize("choice", [ToolChoice(mode="required"), ToolChoice(mode="named", name="weather")])
def test_a_forced_call_is_asked_for_again_whatever_was_said_before_it(choice):
    shown, _ = shown_after(half())
    assert shown.mode(asks(tool_choice=choice)) is Mode.CALLS
    assert shown.mode(asks(tool_choice=ToolChoice(mode="auto"))) is Mode.ANCHORED


def test_whole_calls_end_the_turn():
    shown, before = shown_after(pieces(answer(call(), Text(text="And now"), reason=StopReason.TOOL_CALLS))[:-2])
    assert shown.mode(asks()) is Mode.OVER
    assert shown.ends() == [PartEnded(1)]
    well_formed([*before, *shown.ends(), Finished(StopReason.TOOL_CALLS)], whole=True)


def test_half_a_call_that_was_shown_cannot_be_taken_back():
    shown, _ = shown_after(pieces(answer(call()), size=3)[:3])
    assert shown.mode(asks()) is Mode.LOST


@pytest.mark.parametrize(
    "request_",
    [
        ask(n=2),
        ask(logprobs=2),
        ask(modalities=("text", "audio")),
        ask(output=Output(kind="json")),
    ],
)
def test_some_texts_cannot_be_put_together(request_):
    shown, _ = shown_after(half())
    assert shown.mode(request_) is Mode.LOST


def test_calls_of_one_of_several_choices_end_nothing():
    shown, _ = shown_after(pieces(answer(call(), reason=StopReason.TOOL_CALLS))[:-1])
    assert shown.mode(asks(n=2)) is Mode.LOST


def test_a_text_that_is_too_long_or_too_short_is_lost():
    assert shown_after(half("Too short"))[0].mode(ask()) is Mode.LOST
    long, _ = shown_after([Started(), PartStarted(0, Text(text="a word " * (SHOWN_MOST // 7 + 1)))])
    assert long.mode(ask()) is Mode.LOST


@pytest.mark.parametrize(
    "part", [Media(kind="image", data="aaaa"), Refusal(text="no"), Opaque(wire="anthropic", data={})]
)
def test_what_can_neither_be_continued_nor_said_again_is_lost(part):
    shown, _ = shown_after(pieces(answer(part))[:-1])
    shown.inside_call = True
    assert shown.mode(ask()) is Mode.LOST
    assert shown.mode(asks(tool_choice=ToolChoice(mode="required"))) is Mode.LOST
    behind, _ = shown_after(pieces(answer(Text(text=HALF), part))[:-1])
    assert behind.mode(ask()) is Mode.LOST
    before, _ = shown_after(pieces(answer(part, Text(text=HALF)))[:-1])
    assert before.mode(ask()) is Mode.ANCHORED


def test_a_second_attempt_says_neither_start_nor_role_again():
    shown, before = shown_after(half())
    after = joined(shown, repeated(shown, "More."))
    assert sum(isinstance(event, Started) for event in [*before, *after]) == 1


def test_three_attempts_make_one_text():
    shown, events = shown_after(half())
    second = repeated(shown, TALE[300:500])[:-2]
    events += joined(shown, second)
    events += joined(shown, repeated(shown, TALE[500:]))
    well_formed(events, whole=True)
    assert fold(events).message.parts == (Text(text=TALE),)


def test_the_end_of_a_continuation_tells_its_own_usage():
    shown, _ = shown_after(half())
    after = joined(shown, repeated(shown, "More.", usage=Usage(input=1, output=2)))
    assert after[-1].usage == Usage(input=1, output=2)
