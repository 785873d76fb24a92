import pytest

from tests.routing.scenes import TALE, WEATHER, answer, asks, call, pieces, thought
from wallas.codecs.gemini_words import UNUSABLE
from wallas.errors import FailureKind, ProviderError
from wallas.routing.units import (
    Substance,
    WholeUnits,
    bare_json,
    custom_tools,
    is_json,
    offered_tools,
)
from wallas.types.chat import Media, Opaque, Reasoning, StopReason, Text, Tool, ToolCall
from wallas.types.events import Finished, PartDelta, PartEnded, PartStarted, Ping, Started, fold

OFFERED = frozenset({"weather"})


def fed(units, events):
    return list(units.feed(events))


def refused(units, events):
    seen = []
    with pytest.raises(ProviderError) as caught:
        seen.extend(units.feed(events))
    return caught.value


def test_text_and_thoughts_pass_as_they_come():
    events = pieces(answer(thought(), Text(text=TALE)))
    assert fed(WholeUnits(offered=OFFERED), events) == events


def test_a_call_is_shown_only_when_it_is_whole():
    units = WholeUnits(offered=OFFERED)
    events = pieces(answer(call(), reason=StopReason.TOOL_CALLS), size=3)
    before, after = events[:-2], events[-2:]
    assert fed(units, before) == [Started(id="x", model="m")]
    assert units.inside
    assert fold(fed(units, after)).message.parts == (call(),)
    assert not units.inside


def test_a_call_that_never_ended_is_released_by_the_end_of_its_choice():
    units = WholeUnits(offered=OFFERED)
    shown = fed(units, [PartStarted(0, call()), Finished(StopReason.TOOL_CALLS)])
    assert [type(event).__name__ for event in shown] == ["PartStarted", "PartDelta", "PartEnded", "Finished"]


def test_calls_of_two_choices_are_held_apart():
    units = WholeUnits(offered=OFFERED)
    fed(units, [PartStarted(0, call()), PartStarted(0, call(id="call_2"), choice=1)])
    shown = fed(units, [PartEnded(0, choice=1), Finished(StopReason.TOOL_CALLS, choice=1)])
    assert {event.choice for event in shown} == {1}
    assert units.inside
    assert {event.choice for event in fed(units, [Finished(StopReason.TOOL_CALLS)])} == {0}


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (call('{"city":"Li'), "no JSON"),
        (call("not json"), "no JSON"),
        (call(name="shell"), "not offered"),
    ],
)
@pytest.mark.parametrize("reason", [StopReason.TOOL_CALLS, StopReason.STOP, StopReason.UNKNOWN, None])
def test_a_call_that_cannot_be_used_refuses_the_answer(part, says, reason):
    error = refused(WholeUnits(offered=OFFERED), pieces(answer(part, reason=reason)))
    assert error.kind is FailureKind.UNUSABLE and says in error.message


@pytest.mark.parametrize("reason", [StopReason.LENGTH, StopReason.CONTENT_FILTER, StopReason.REFUSAL, StopReason.PAUSE])
def test_a_call_that_was_cut_short_is_the_models_own_and_passes(reason):
    half = call('{"city":"Li')
    assert fold(fed(WholeUnits(offered=OFFERED), pieces(answer(half, reason=reason)))).message.parts == (half,)


def test_what_follows_a_doubtful_call_waits_behind_it_and_keeps_its_order():
    units = WholeUnits(offered=OFFERED)
    parts = (Text(text="Well."), call(name="shell"), call(id="call_2"), Text(text="Done."))
    events = pieces(answer(*parts, reason=StopReason.LENGTH))
    shown = fed(units, events[:-1])
    assert [event.index for event in shown[1:]] == [0, 0, 0]
    assert units.inside
    shown += fed(units, events[-1:])
    assert fold(shown).message.parts == parts
    starts = [event.index for event in shown if isinstance(event, PartStarted)]
    assert starts == sorted(starts)


def test_a_doubtful_choice_holds_no_other_choice_back():
    units = WholeUnits(offered=OFFERED)
    fed(units, [PartStarted(0, call(name="shell")), PartEnded(0)])
    assert fed(units, [PartDelta(0, "a", choice=1), Ping()]) == [PartDelta(0, "a", choice=1), Ping()]
    assert fed(units, [Finished(StopReason.STOP, choice=1)]) == [Finished(StopReason.STOP, choice=1)]
    assert refused(units, [Finished(StopReason.STOP)]).kind is FailureKind.UNUSABLE


@pytest.mark.parametrize("arguments", ["", "  ", "{}", "[]", '"x"'])
def test_a_call_without_arguments_or_with_any_json_is_whole(arguments):
    assert fold(fed(WholeUnits(offered=OFFERED), pieces(answer(call(arguments))))).message.parts == (call(arguments),)


def test_any_name_may_be_called_where_a_servers_own_tools_are_offered():
    request = asks(tools=(WEATHER, Opaque(wire="anthropic", data={"type": "web_search"})))
    assert offered_tools(request.tools) is None
    units = WholeUnits(offered=offered_tools(request.tools))
    assert fold(fed(units, pieces(answer(call(name="web_search"))))).message.parts == (call(name="web_search"),)


def test_the_offered_and_the_freeform_tools_are_read_from_the_request():
    request = asks(tools=(WEATHER, Tool(name="patch", kind="custom")))
    assert offered_tools(request.tools) == {"weather", "patch"}
    assert custom_tools(request.tools) == {"patch"}
    assert offered_tools(()) == frozenset()


def test_a_function_that_stood_for_a_freeform_tool_becomes_freeform_again():
    units = WholeUnits(offered=frozenset({"patch"}), custom=frozenset({"patch"}))
    wrapped = call('{"input":"*** Begin"}', name="patch")
    (part,) = fold(fed(units, pieces(answer(wrapped)))).message.parts
    assert part == ToolCall(id="call_1", name="patch", arguments="*** Begin", kind="custom")


def test_a_freeform_call_is_held_even_where_arguments_stream():
    units = WholeUnits(offered=frozenset({"patch"}), custom=frozenset({"patch"}), calls=False)
    events = pieces(answer(call('{"input":"*** Begin"}', name="patch")), size=4)
    assert fed(units, events[:4]) == [events[0]]
    (part,) = fold(fed(units, events[4:])).message.parts
    assert part.kind == "custom" and part.arguments == "*** Begin"


def test_a_call_that_is_freeform_already_passes_unread():
    freeform = ToolCall(id="c", name="patch", arguments="*** not json", kind="custom")
    units = WholeUnits(offered=frozenset({"patch"}), custom=frozenset({"patch"}))
    assert fold(fed(units, pieces(answer(freeform)))).message.parts == (freeform,)


def test_in_event_mode_calls_stream_unchecked():
    units = WholeUnits(offered=OFFERED, calls=False)
    events = pieces(answer(call('{"city":"Li')), size=3)
    assert fed(units, events) == events


def test_a_json_answer_is_held_until_it_is_whole():
    units = WholeUnits(json=True)
    events = pieces(answer(Text(text='{"a": 1, "b": [2, 3]}')), size=4)
    assert fed(units, events[:-2]) == [events[0]]
    assert fold(fed(units, events[-2:])).message.parts == (Text(text='{"a": 1, "b": [2, 3]}'),)


@pytest.mark.parametrize(
    ("said", "json"),
    [
        ('```json\n{"a":1}\n```', '{"a":1}'),
        ('```\n{"a":1}\n```', '{"a":1}'),
        ("  ```JSON\n[1]\n```  \n", "[1]"),
        ('{"a":1}', '{"a":1}'),
        (" 1 ", " 1 "),
        ('```json\n{"a":\n```', None),
        ('Sure: {"a":1}', None),
        ('{"a":1', None),
        ("```", None),
    ],
)
def test_json_in_a_fence_is_taken_out_of_it(said, json):
    assert bare_json(said) == json


def test_a_fenced_json_answer_is_shown_bare():
    units = WholeUnits(json=True)
    assert fold(fed(units, pieces(answer(Text(text='```json\n{"a":1}\n```'))))).message.parts == (Text(text='{"a":1}'),)


def test_words_where_json_was_asked_for_refuse_the_answer():
    error = refused(WholeUnits(json=True), pieces(answer(Text(text="Sure, here it is"))))
    assert error.kind is FailureKind.UNUSABLE and "not the JSON" in error.message


PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("said", "lacks"),
    [('{"age": 36}', None), ('```json\n{"age": 36}\n```', None), ('{"age": "36"}', "$.age"), ('{"name": 1}', "$.age")],
)
def test_a_json_answer_shall_fit_the_schema_that_was_asked_for(said, lacks):
    units = WholeUnits(offered=OFFERED, json=True, schema=PERSON)
    events = pieces(answer(Text(text=said)))
    if lacks is None:
        assert fold(fed(units, events)).message.parts[0].text.strip("`json\n") == '{"age": 36}'
    else:
        error = refused(units, events)
        assert error.kind is FailureKind.UNUSABLE and lacks in error.message


def test_a_json_answer_that_was_cut_for_length_need_not_fit():
    units = WholeUnits(offered=OFFERED, json=True, schema=PERSON)
    assert fed(units, pieces(answer(Text(text='{"age'), reason=StopReason.LENGTH)))


def test_words_before_a_call_need_not_be_json():
    parts = (Text(text="Let me look."), call())
    events = pieces(answer(*parts, reason=StopReason.TOOL_CALLS))
    assert fold(fed(WholeUnits(offered=OFFERED, json=True), events)).message.parts == parts


def test_an_empty_text_before_a_call_is_no_json_answer():
    parts = (Text(text="\n"), call())
    events = pieces(answer(*parts, reason=StopReason.STOP))
    assert fold(fed(WholeUnits(offered=OFFERED, json=True), events)).message.parts == parts


def test_deeply_nested_json_is_refused_and_does_not_break():
    assert not is_json("[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize("word", sorted(UNUSABLE))
def test_an_answer_that_gemini_calls_unusable_is_refused(word):
    error = refused(WholeUnits(), [Finished(StopReason.UNKNOWN, detail=word)])
    assert error.kind is FailureKind.UNUSABLE and error.code == word


def test_what_was_heard_counts_content_only():
    units = WholeUnits(offered=OFFERED)
    fed(units, [Started(), PartStarted(0, Text(text="")), PartDelta(0, ""), Ping()])
    assert units.heard == 0
    fed(units, [PartDelta(0, "a"), PartEnded(0), PartStarted(1, call()), PartDelta(1, "{")])
    assert units.heard == 3
    fed(units, [PartStarted(2, Media(kind="image", data="aaaa")), PartStarted(3, Text(text="whole"))])
    assert units.heard == 5


def seen(events):
    return list(Substance().feed(events))


@pytest.mark.parametrize("reason", [StopReason.STOP, StopReason.UNKNOWN, StopReason.TOOL_CALLS, None])
@pytest.mark.parametrize("parts", [(), (Text(text=""),), (Text(text=" \n"),)])
def test_an_answer_without_content_is_empty(parts, reason):
    substance = Substance()
    with pytest.raises(ProviderError) as caught:
        list(substance.feed(pieces(answer(*parts, reason=reason))))
    assert caught.value.kind is FailureKind.EMPTY
    assert substance.finish is not None and substance.finish.reason is reason


@pytest.mark.parametrize("reason", [StopReason.LENGTH, StopReason.CONTENT_FILTER, StopReason.STOP_SEQUENCE])
def test_an_end_that_explains_itself_needs_no_content(reason):
    events = pieces(answer(reason=reason))
    assert seen(events) == events


@pytest.mark.parametrize(
    "part", [Text(text="a"), call(), Media(kind="image", data="aa"), Opaque(wire="anthropic", data={})]
)
def test_words_calls_and_media_are_content(part):
    events = pieces(answer(part))
    assert seen(events) == events
    assert seen([PartStarted(0, part), Finished(StopReason.STOP)])


def test_thoughts_alone_are_no_answer():
    with pytest.raises(ProviderError):
        seen(pieces(answer(thought())))
    with pytest.raises(ProviderError):
        seen(pieces(answer(Reasoning(summary="thus"))))


def test_a_thought_of_one_choice_is_not_taken_for_the_words_of_another():
    events = [PartStarted(0, Reasoning()), PartStarted(0, Text(text=""), choice=1), PartDelta(0, "words", choice=1)]
    events.append(Finished(StopReason.STOP, choice=1))
    assert seen(events) == events
