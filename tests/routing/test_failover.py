"""The table of what happens when a provider fails in mid-stream, row by row, and the ways to change it."""

import pytest

from tests.routing.scenes import (
    TALE,
    USED,
    Hanging,
    Scene,
    answer,
    asked_of,
    asks,
    call,
    cut,
    frames,
    going_on,
    provider,
    refusal,
    streamed,
    text,
    thought,
    until,
    whole,
)
from tests.routing.scripted import ScriptedBody, ScriptedProvider, anchor_in, ask, candidate
from wallas.catalog.entries import Limits
from wallas.errors import FailureKind, GatewayError, ProviderError
from wallas.health import Place
from wallas.routing.attempts import CONTINUATIONS
from wallas.routing.candidates import Excluded
from wallas.routing.queue import MOST_ATTEMPTS, MOST_HOPS
from wallas.types.chat import (
    Message,
    Output,
    Reasoning,
    Seal,
    StopReason,
    Text,
    ToolCall,
    ToolChoice,
)
from wallas.types.events import fold

CALLING = answer(Text(text="Let me look at the weather in Lima for you."), call(), reason=StopReason.TOOL_CALLS)
REASONED = answer(thought("First I think. " * 10), Text(text=TALE))


def connect():
    return ProviderError(FailureKind.CONNECT, "refused")


BEFORE_CONTENT = {
    "refused": lambda: connect(),
    "dead before a byte": lambda: ScriptedBody(b"", fault=cut()),
    "dead after the role": lambda: streamed(text(), frames_shown=2),
    "hanging before the head": lambda: Hanging(head=False),
    "hanging after the head": lambda: Hanging(),
    "hanging after the role": lambda: Hanging(b"".join(frames(text())[:2])),
    "empty": lambda: streamed(answer()),
    "nothing at all": lambda: ScriptedBody(b""),
    "an error event": lambda: ScriptedBody(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
    ),
    "500": lambda: refusal(500),
    "529": lambda: refusal(529, type="overloaded_error"),
    "429": lambda: refusal(429, type="rate_limit_error"),
    "401": lambda: refusal(401, type="authentication_error"),
    "404": lambda: refusal(404, type="not_found_error"),
    "3xx": lambda: refusal(302),
    "an unfinished refusal": lambda: ScriptedBody(b'{"error":', status=503, fault=cut()),
}


@pytest.mark.parametrize("fault", BEFORE_CONTENT.values(), ids=BEFORE_CONTENT.keys())
def test_a_failure_before_any_content_is_invisible(fault):
    first, second = provider("one", fault()), provider("two", streamed(text()))
    scene = Scene(ask(), first, second)
    scene.play()
    assert scene.status == 200 and scene.words == TALE
    assert asked_of(second)[0].messages == scene.request.messages
    assert scene.record.outcome == "ok" and scene.outcomes[-1] == "ok" and len(scene.outcomes) == 2
    assert b'wallas {"provider":"two","model":"m","attempts":2' in scene.data
    known = {"X-Wallas-Attempts": "2", "X-Wallas-Provider": "two", "X-Wallas-Model": "m"}
    told = {name: value for name, value in scene.headers.items() if name in known}
    assert told == ({} if scene.out.pings else known)


def test_a_page_where_a_stream_was_due_is_never_forwarded():
    page = ScriptedBody(b"<!doctype html><html>")
    page.headers = {"content-type": "text/html"}
    scene = Scene(ask(), provider("one", page), provider("two", streamed(text())))
    assert b"html" not in scene.play() and scene.outcomes == ["malformed", "ok"]


def test_a_plain_answer_where_a_stream_was_due_is_streamed():
    plain = whole(text())
    plain.headers = {"content-type": "application/json"}
    scene = Scene(ask(), provider("one", plain))
    scene.play()
    assert scene.words == TALE


@pytest.mark.parametrize("shown", range(len(frames(CALLING)) + 1))
def test_half_a_call_is_never_shown_and_a_whole_one_ends_the_turn(shown):
    first = provider("one", streamed(CALLING, frames_shown=shown))
    again = answer(Text(text=""), call(), reason=StopReason.TOOL_CALLS)
    said = CALLING.message.parts[0].text

    def second(request):
        if len(request.messages) == 1:
            return streamed(CALLING)
        return going_on(again, after=said)(request)

    scene = Scene(asks(), first, provider("two", second))
    scene.play()
    if scene.record.outcome == "ok":
        parts = scene.heard.message.parts
        assert "".join(part.text for part in parts if isinstance(part, Text)) == said
        assert [part for part in parts if isinstance(part, ToolCall)] == [call()]
        assert scene.heard.stop_reason is StopReason.TOOL_CALLS
    else:
        assert len(scene.words) < 24 and scene.error["type"] == "api_error"


def test_inside_a_call_before_any_text_the_same_request_goes_to_the_next():
    only = answer(call(), reason=StopReason.TOOL_CALLS)
    first, second = provider("one", streamed(only, frames_shown=4)), provider("two", streamed(only))
    scene = Scene(asks(), first, second)
    scene.play()
    assert scene.heard.message.parts == (call(),)
    assert asked_of(second)[0].messages == scene.request.messages


def test_inside_a_call_after_a_few_words_only_the_call_is_taken_from_the_next():
    short = answer(Text(text="Let me see."), call(), reason=StopReason.TOOL_CALLS)
    other = answer(Text(text="I will look."), call(), reason=StopReason.TOOL_CALLS)
    first = provider("one", streamed(short, frames_shown=len(frames(short)) - 3))
    scene = Scene(asks(), first, provider("two", refusal(500)), provider("three", streamed(other)))
    scene.play()
    assert scene.heard.message.parts == (Text(text="Let me see."), call())


def test_a_forced_call_is_asked_for_again_and_its_words_are_not_repeated():
    first = provider("one", streamed(CALLING, frames_shown=until("weather in", CALLING)))
    second = provider("two", streamed(CALLING))
    request = asks(tool_choice=ToolChoice(mode="required"))
    scene = Scene(request, first, second)
    scene.play()
    assert asked_of(second)[0].tool_choice == request.tool_choice
    assert [part for part in scene.heard.message.parts if isinstance(part, ToolCall)] == [call()]


def test_inside_a_json_answer_the_same_request_goes_to_the_next():
    said = answer(Text(text='{"answer": [1, 2, 3]}'))
    request = ask(output=Output(kind="json"))
    scene = Scene(request, provider("one", streamed(said, frames_shown=4)), provider("two", streamed(said)))
    scene.play()
    assert scene.words == '{"answer": [1, 2, 3]}' and scene.outcomes == ["cut", "ok"]


def test_after_a_whole_call_the_turn_is_ended_as_it_stands():
    two = answer(call(), call(id="call_2"), reason=StopReason.TOOL_CALLS)
    for shown in range(6, len(frames(two)) - 1):
        second = provider("two")
        scene = Scene(asks(), provider("one", streamed(two, frames_shown=shown)), second)
        scene.play()
        calls = scene.heard.message.parts
        assert calls in ((call(),), (call(), call(id="call_2")))
        assert scene.heard.stop_reason is StopReason.TOOL_CALLS and asked_of(second) == []
        assert scene.record.outcome == "ok"


def test_words_after_a_whole_call_are_ended_with_the_turn():
    said = answer(call(), Text(text=TALE), reason=StopReason.STOP)
    scene = Scene(asks(), provider("one", streamed(said, frames_shown=until("tale", said))))
    scene.play()
    assert scene.heard.stop_reason is StopReason.TOOL_CALLS and scene.heard.message.parts[0] == call()


@pytest.mark.parametrize("shown", [2, 4, 8, 12])
def test_inside_reasoning_the_next_ones_thoughts_are_a_new_part(shown):
    first, second = provider("one", streamed(REASONED, frames_shown=shown)), provider("two", streamed(REASONED))
    scene = Scene(ask(), first, second)
    scene.play()
    assert scene.words == TALE and asked_of(second)[0].messages == scene.request.messages
    thoughts = [part for part in fold(scene.out.events).message.parts if isinstance(part, Reasoning)]
    assert thoughts[-1].text == REASONED.message.parts[0].text
    assert len(thoughts) == (1 if shown == 2 else 2)


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "ollama", "openai_responses", "gemini", "cohere"])
def test_inside_text_the_next_goes_on_from_the_last_words(wire):
    first = provider("one", streamed(text(), frames_shown=until("the 6th", text())))
    second = provider("two", going_on(text("")))
    scene = Scene(ask(), first, second, wire=wire) if wire != "cohere" else Scene(ask(), first, second)
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["cut", "ok"]
    assert "".join(part.text for part in scene.heard.message.parts if isinstance(part, Text)) == TALE
    assert asked_of(second)[0].messages[-1].role == "user" and len(asked_of(second)[0].messages) == 3


FAULTS = {
    "cut": lambda data: ScriptedBody(data, fault=cut()),
    "ended early": ScriptedBody,
    "error event": lambda data: ScriptedBody(
        data + b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
    ),
    "bad json": lambda data: ScriptedBody(data + b"data: {nonsense\n\n" * 3),
    "stalled": Hanging,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("shown", [6, 20, 40, 60, 80])
def test_whatever_the_fault_inside_text_it_is_exact(fault, shown):
    data = b"".join(frames(text())[:shown])
    scene = Scene(ask(), provider("one", fault(data)), provider("two", going_on(text(""))))
    scene.play()
    assert scene.words == TALE and scene.heard.message.parts == (Text(text=TALE),)


def broken(words="the 6th", **more):
    return streamed(text(), frames_shown=until(words, text()), **more)


def test_nobody_who_can_go_on_is_an_error_event_and_never_a_stop():
    other = [streamed(text("Something else. " * 40)) for _ in range(2)]
    scene = Scene(ask(), provider("one", broken()), provider("two", *other))
    data = scene.play()
    assert scene.status == 200 and b"message_stop" not in data and b"end_turn" not in data
    assert scene.error["type"] == "api_error" and "broke off" in scene.error["message"]
    assert (scene.record.outcome, scene.record.status) == ("stream_interrupted", 502)
    assert scene.outcomes[:2] == ["cut", "no_anchor"]


@pytest.mark.parametrize("wire", ["openai_chat", "ollama", "openai_responses", "gemini"])
def test_the_error_has_the_clients_own_form(wire):
    data = Scene(ask(), provider("one", broken()), wire=wire, hold="off").play()
    assert b"broke off" in data and b"[DONE]" not in data and b'"finish_reason":"stop"' not in data


def test_an_answer_that_does_not_go_on_is_refused_and_the_next_is_asked():
    wrong = streamed(text("".join(f"A different answer, the {number}th, leads nowhere. " for number in range(20))))
    scene = Scene(ask(), provider("one", broken()), provider("two", wrong), provider("three", going_on(text(""))))
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["cut", "no_anchor", "ok"]


def test_a_continuation_may_break_off_and_be_continued_too():
    def second(request):
        whole_ = going_on(text(""))(request)
        data = b"".join(whole_.chunks)
        return ScriptedBody(data[: len(data) // 2], fault=cut())

    scene = Scene(
        ask(), provider("one", broken("the 4th")), provider("two", second), provider("three", going_on(text("")))
    )
    scene.play()
    assert scene.words == TALE and scene.heard.message.parts == (Text(text=TALE),)


def test_there_are_at_most_two_continuations():
    wrong = [provider(name, streamed(text("Something else. " * 40))) for name in ("two", "three", "four")]
    scene = Scene(ask(), provider("one", broken()), *wrong)
    scene.play()
    assert len(scene.outcomes) == 1 + CONTINUATIONS and asked_of(wrong[-1]) == []


def test_the_same_model_elsewhere_continues_first():
    def someone(name, id, *scripts):
        return candidate(ScriptedProvider(name, "anthropic", *scripts), id)

    first = someone("one", "openai/gpt-oss-120b", broken())
    other, same = someone("two", "llama-3"), someone("three", "gpt-oss-120b", going_on(text("")))
    scene = Scene(ask(), first, other, same)
    scene.play()
    assert scene.words == TALE and asked_of(other) == []


@pytest.mark.parametrize("words", ["must end with a user message", "messages.2: something else"])
def test_a_refused_continuation_is_not_the_clients_fault(words):
    refused = refusal(400, words, type="invalid_request_error")
    scene = Scene(ask(), provider("one", broken()), provider("two", refused), provider("three", going_on(text(""))))
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["cut", "prefill", "ok"]


def test_what_goes_wrong_behind_a_whole_answer_is_no_fault():
    data = b"".join(frames(text(), wire="openai_chat")).replace(b"data: [DONE]", b"data: {broken\n\n" * 4)
    scene = Scene(ask(), provider("one", ScriptedBody(data), wire="openai_chat"), provider("two"))
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["ok"]


@pytest.mark.parametrize("fields", [{"logprobs": 1}, {"modalities": ("text", "audio")}])
def test_what_cannot_be_continued_ends_honestly(fields):
    second = provider("two")
    scene = Scene(ask(**fields), provider("one", broken()), second)
    scene.play()
    assert scene.record.outcome == "stream_interrupted" and asked_of(second) == []


def test_usage_counts_the_prompt_once_and_all_words_that_were_shown():
    scene = Scene(ask(), provider("one", broken()), provider("two", going_on(text(""))), wire="openai_chat")
    scene.play()
    usage = scene.out.events[-1].usage
    assert usage.output == pytest.approx(len(TALE) / 3.6, abs=5)
    assert [hop.output for hop in scene.record.hops] == [None, USED.output]


@pytest.mark.parametrize("body", [lambda data: ScriptedBody(data, fault=cut()), ScriptedBody, Hanging])
@pytest.mark.parametrize(("wire", "mark"), [("openai_chat", b"data: [DONE]"), ("anthropic", b"event: message_stop")])
def test_a_whole_answer_needs_no_end_mark(wire, mark, body):
    data = b"".join(frames(text(), wire=wire))
    scene = Scene(ask(), provider("one", body(data[: data.index(mark)]), wire=wire), provider("two"))
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["ok"] and scene.heard.stop_reason is StopReason.STOP
    assert not scene.health.circuits[Place("one", "m", "k1")].failures


def test_hold_turn_shows_nothing_before_the_end_and_repeats_it_whole():
    shown = []
    second = provider("two", streamed(text("Another tale. " * 10)))
    scene = Scene(ask(), provider("one", broken()), second, hold="turn")
    while scene.stream.want != "end":
        shown.append(scene.step())
    scene.stream.close()
    scene.data = b"".join(shown)
    scene.check()
    assert sum(map(bool, shown)) == 1
    assert scene.words == "Another tale. " * 10 and scene.outcomes == ["cut", "ok"]
    assert asked_of(second)[0].messages == scene.request.messages
    assert scene.headers["X-Wallas-Provider"] == "two"


def test_hold_turn_replaces_even_a_whole_call():
    two = answer(call(), call(id="call_2"), reason=StopReason.TOOL_CALLS)
    first = provider("one", streamed(two, frames_shown=len(frames(two)) - 2))
    scene = Scene(asks(), first, provider("two", streamed(two)), hold="turn")
    scene.play()
    assert scene.heard.message.parts == (call(), call(id="call_2")) and scene.outcomes == ["cut", "ok"]


def test_hold_turn_lets_no_thought_alone_pass_for_an_answer():
    scene = Scene(ask(), provider("one", streamed(answer(thought()))), provider("two", streamed(text())), hold="turn")
    scene.play()
    assert scene.heard.message.parts == (Text(text=TALE),) and scene.outcomes == ["empty", "ok"]


def test_hold_event_streams_arguments_and_cannot_take_them_back():
    only = answer(call('{"city": "Lima", "days": 12345678}'), reason=StopReason.TOOL_CALLS)
    second = provider("two", streamed(only))
    scene = Scene(asks(), provider("one", streamed(only, frames_shown=4)), second, hold="event")
    data = scene.play()
    assert b"input_json_delta" in data
    assert scene.record.outcome == "stream_interrupted" and asked_of(second) == []
    whole_scene = Scene(asks(), provider("one", streamed(only)), hold="event")
    whole_scene.play()
    assert whole_scene.heard.message.parts == only.message.parts


def test_hold_off_fails_over_only_before_content():
    first = provider("one", refusal(500))
    scene = Scene(ask(), first, provider("two", broken()), provider("three"), hold="off")
    scene.play()
    assert scene.outcomes == ["server", "cut"] and scene.record.outcome == "stream_interrupted"
    thinking = Scene(ask(), provider("one", streamed(REASONED, frames_shown=6)), provider("two"), hold="off")
    thinking.play()
    assert thinking.outcomes == ["cut"] and thinking.record.outcome == "stream_interrupted"


@pytest.mark.parametrize("fault", [lambda: refusal(500), broken])
def test_fallback_off_asks_one_and_no_other(fault):
    second = provider("two")
    scene = Scene(ask(), provider("one", fault()), second, fallback=False)
    scene.play()
    assert asked_of(second) == [] and len(scene.outcomes) == 1 and scene.record.outcome != "ok"


def test_a_plain_request_is_asked_plain_and_repeated_whole():
    half = whole(text())
    half.chunks = [half.chunks[0][:50]]
    half.fault = cut()
    first, second = provider("one", half), provider("two", whole(text()))
    scene = Scene(ask(stream=False), first, second)
    scene.play()
    assert scene.heard.message.parts == (Text(text=TALE),)
    assert asked_of(second)[0].messages == scene.request.messages and not asked_of(second)[0].stream
    assert scene.headers["Content-Length"] == str(len(scene.data))
    assert scene.headers["X-Wallas-Attempts"] == "2" and scene.headers["X-Wallas-Provider"] == "two"


@pytest.mark.parametrize(
    "bad",
    [
        ScriptedBody(b""),
        ScriptedBody(b'{"type":"mess'),
        ScriptedBody(b"<html>"),
        whole(answer()),
        whole(answer(thought())),
        whole(answer(call("not json"))),
        whole(answer(call(name="unknown"))),
    ],
)
def test_a_plain_answer_that_cannot_be_used_is_asked_for_elsewhere(bad):
    bad = ScriptedBody(b"".join(bad.chunks))
    scene = Scene(asks(stream=False), provider("one", bad), provider("two", whole(text())))
    scene.play()
    assert scene.status == 200 and scene.heard.message.parts == (Text(text=TALE),)


def test_a_plain_request_ends_in_one_honest_error():
    scene = Scene(
        ask(stream=False),
        provider("one", refusal(429, retry_after="7")),
        provider("two", refusal(429, retry_after="3")),
    )
    scene.play()
    assert scene.status == 429 and scene.headers["Retry-After"] == "3"
    assert scene.error["type"] == "rate_limit_error"


def test_far_fewer_answers_than_asked_for_cannot_be_used():
    scene = Scene(
        ask(stream=False, n=20),
        candidate(ScriptedProvider("one", "openai_chat", whole(text(), wire="openai_chat"))),
        candidate(ScriptedProvider("two", "openai_chat", whole(text(n=20), wire="openai_chat"))),
        wire="openai_chat",
    )
    scene.play()
    assert scene.outcomes == ["unusable", "ok"] and len(scene.heard.choices) == 20


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("hold", ["part", "turn"])
def test_empty_twice_is_returned_as_it_is(stream, hold):
    def empty():
        return streamed(answer()) if stream else whole(answer())

    third = provider("three")
    scene = Scene(ask(stream=stream), provider("one", empty()), provider("two", empty()), third, hold=hold)
    scene.play()
    assert scene.status == 200 and scene.heard.message.parts == ()
    assert scene.heard.stop_reason is StopReason.STOP
    assert scene.outcomes == ["empty", "empty"] and asked_of(third) == []


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("limited", [False, True])
def test_an_empty_answer_that_others_could_not_confirm_is_an_honest_error(stream, limited):
    empty = streamed(answer()) if stream else whole(answer())
    other = provider("two", refusal(500), refusal(500))
    out = [Excluded(other.model, other.key, "quota: rpm used up", 30.0)] if limited else []
    scene = Scene(ask(stream=stream), provider("one", empty), *[other] * (not limited), excluded=out)
    scene.play()
    assert scene.status in (502, 503, 529) and scene.outcomes[0] == "empty"
    assert scene.record.outcome not in ("ok", "cancelled") and "one/" in scene.data.decode()


@pytest.mark.parametrize("stream", [True, False])
def test_an_empty_answer_of_the_only_one_there_is_is_returned_as_it_is(stream):
    scene = Scene(ask(stream=stream), provider("one", streamed(answer()) if stream else whole(answer())))
    scene.play()
    assert scene.status == 200 and scene.record.outcome == "ok" and scene.outcomes == ["empty"]


def test_thoughts_alone_are_returned_whole_when_nobody_says_more():
    def thoughts():
        return whole(answer(thought()))

    scene = Scene(ask(stream=False), provider("one", thoughts()), provider("two", thoughts()))
    scene.play()
    assert scene.status == 200 and scene.outcomes == ["empty", "empty"]


def test_an_answer_cut_for_length_before_its_first_word_is_an_answer():
    scene = Scene(ask(), provider("one", streamed(answer(reason=StopReason.LENGTH))))
    scene.play()
    assert scene.heard.stop_reason is StopReason.LENGTH and scene.record.outcome == "ok"


@pytest.mark.parametrize("reason", [StopReason.CONTENT_FILTER, StopReason.REFUSAL])
def test_a_filter_is_an_answer_and_no_fault(reason):
    scene = Scene(
        ask(),
        provider("one", streamed(text("I", reason=reason), wire="openai_chat"), wire="openai_chat"),
        wire="openai_chat",
    )
    scene.play()
    assert scene.outcomes == ["ok"] and scene.words == "I"


def test_a_refused_parameter_is_dropped_once_for_the_same_candidate():
    no = refusal(400, "temperature: Extra inputs are not permitted", type="invalid_request_error")
    first, second = provider("one", no, streamed(text())), provider("two")
    scene = Scene(ask(temperature=0.5), first, second)
    scene.play()
    assert [request.temperature for request in asked_of(first)] == [0.5, None] and asked_of(second) == []
    assert scene.headers["X-Wallas-Dropped"] == "temperature" and scene.words == TALE
    assert not scene.health.circuits[Place("one", "m", "k1")].failures


def test_a_parameter_that_is_refused_again_is_the_next_candidates():
    no = [refusal(400, "temperature: Extra inputs are not permitted", type="invalid_request_error") for _ in range(2)]
    first, second = provider("one", *no), provider("two", streamed(text()))
    scene = Scene(ask(temperature=0.5), first, second)
    scene.play()
    assert len(asked_of(first)) == 2 and asked_of(second)[0].temperature == 0.5 and scene.words == TALE


SIGNED = Message(
    role="assistant",
    parts=(Reasoning(text="hm", seal=Seal(issuer="one/m@acc", value="v")), Text(text="Yes?")),
)


def sealed_no():
    return refusal(400, "messages.1.content.0: Invalid `signature` in `thinking` block", type="invalid_request_error")


def test_refused_seals_are_taken_off_once_and_nobody_is_blamed():
    first = provider("one", sealed_no(), streamed(text()))
    scene = Scene(ask(messages=(*ask().messages, SIGNED, *ask().messages)), first)
    scene.play()
    sent = [request.messages[1].parts[0].seal for request in asked_of(first)]
    assert sent == [Seal(issuer="one/m@acc", value="v"), None] and scene.words == TALE
    assert scene.health.circuits[Place("one", "m", "k1")].failures == 0


def test_seals_that_are_refused_for_ever_end_in_the_next_candidate():
    first, second = provider("one", sealed_no(), sealed_no()), provider("two", streamed(text()))
    scene = Scene(ask(messages=(*ask().messages, SIGNED, *ask().messages)), first, second)
    scene.play()
    assert len(asked_of(first)) == 2 and scene.words == TALE


def test_a_request_too_long_goes_to_a_larger_window_only():
    long = refusal(400, "prompt is too long: 210000 tokens > 200000 maximum", type="invalid_request_error")
    small = candidate(ScriptedProvider("one", "anthropic", long), context=200_000)
    same = candidate(ScriptedProvider("two", "anthropic"), context=200_000)
    large = candidate(ScriptedProvider("three", "anthropic", streamed(text())), context=1_000_000)
    scene = Scene(ask(), small, same, large)
    scene.play()
    assert scene.words == TALE and asked_of(same) == [] and not scene.health.rests
    assert scene.desk.windows == {("one", "m"): 200_000}


def test_a_request_too_long_for_everybody_is_the_callers_400():
    long = refusal(400, "prompt is too long: 210000 tokens > 200000 maximum", type="invalid_request_error")
    scene = Scene(ask(), candidate(ScriptedProvider("one", "anthropic", long), context=200_000), wire="openai_chat")
    scene.play()
    assert scene.status == 400 and scene.error["code"] == "context_length_exceeded"
    assert scene.headers["x-should-retry"] == "false"


def test_too_much_output_is_clamped_and_asked_for_once_more():
    no = refusal(
        400,
        "max_tokens: 99999 > 8192, which is the maximum allowed number of output tokens",
        type="invalid_request_error",
    )
    first = provider("one", no, streamed(text()))
    scene = Scene(ask(max_tokens=99_999), first)
    scene.play()
    assert [request.max_tokens for request in asked_of(first)] == [99_999, 8192] and scene.words == TALE


def test_the_callers_own_fault_is_told_at_once_and_touches_nobodys_health():
    second = provider("two")
    bad = refusal(400, "messages.0: bad role", type="invalid_request_error")
    scene = Scene(ask(), provider("one", bad), second)
    scene.play()
    assert scene.status == 400 and scene.error["type"] == "invalid_request_error" and asked_of(second) == []
    assert not scene.health.circuits and not scene.health.rests


def stale():
    return ScriptedBody(b"", fault=ProviderError(FailureKind.CONNECT, "stale", code="stale"))


def test_a_stale_connection_is_repeated_without_blame_or_trace():
    first = provider("one", stale(), stale(), streamed(text()))
    scene = Scene(ask(), first)
    scene.play()
    assert scene.outcomes == ["ok"] and scene.words == TALE and scene.headers["X-Wallas-Attempts"] == "1"
    assert scene.health.circuits[Place("one", "m", "k1")].failures == 0


def test_connections_that_are_stale_for_ever_are_a_failure():
    first = provider("one", *[stale() for _ in range(MOST_ATTEMPTS + 1)])
    scene = Scene(ask(), first, provider("two", streamed(text())))
    scene.play()
    assert scene.outcomes == ["connect", "ok"]


def test_there_are_at_most_four_attempts():
    many = [provider(f"p{number}", refusal(500)) for number in range(8)]
    scene = Scene(ask(), *many)
    scene.play()
    assert len(scene.outcomes) == MOST_ATTEMPTS and asked_of(many[MOST_ATTEMPTS]) == []
    assert scene.status == 529 and scene.error["type"] == "overloaded_error"


@pytest.mark.parametrize("status", [401, 404])
def test_who_turns_out_to_be_dead_takes_none_of_a_requests_attempts(status):
    dead = [provider(f"p{number}", refusal(status)) for number in range(5)]
    scene = Scene(ask(), *dead, provider("last", streamed(text())))
    scene.play()
    assert len(scene.outcomes) == 6 and scene.outcomes[-1] == "ok" and scene.words == TALE


def test_there_is_an_end_to_meeting_the_dead():
    dead = [provider(f"p{number}", refusal(404)) for number in range(MOST_HOPS + 2)]
    scene = Scene(ask(), *dead)
    scene.play()
    assert scene.outcomes == ["model_gone"] * MOST_HOPS and scene.status == 529


def test_the_last_one_is_asked_once_more_after_a_pause():
    first = provider("one", refusal(500), streamed(text()))
    scene = Scene(ask(), first)
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["server", "ok"]


def test_one_that_named_a_time_is_not_hammered():
    first = provider("one", refusal(503, retry_after="30"))
    scene = Scene(ask(), first, wire="openai_chat")
    scene.play()
    assert scene.outcomes == ["overloaded"] and scene.status == 503 and scene.headers["Retry-After"] == "30"


def test_without_a_retry_left_the_first_failure_is_told():
    second = provider("two")
    scene = Scene(ask(), provider("one", refusal(500)), second, wire="openai_chat")
    scene.desk.budget.credit = 0.0
    scene.play()
    assert scene.status == 503 and asked_of(second) == [] and scene.desk.budget.refused == 1


def test_passing_over_who_has_no_quota_costs_no_retry():
    first, third = provider("one", refusal(500)), provider("three", streamed(text()))
    empty = [
        candidate(ScriptedProvider(name, "anthropic"), limits=Limits(rpm=0, scope="model", source="wallas.toml"))
        for name in ("two", "too")
    ]
    scene = Scene(ask(), first, *empty, third)
    scene.desk.budget.credit = 1.5
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["server", "ok"] and scene.desk.budget.credit < 1


def test_of_who_has_no_quota_nothing_is_told_but_why():
    empty = candidate(ScriptedProvider("one", "anthropic"), limits=Limits(rpm=0, scope="model", source="wallas.toml"))
    scene = Scene(ask(), empty, provider("two", streamed(text())))
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["ok"] and asked_of(empty) == []
    assert [(row.model.provider, row.reason) for row in scene.attempts.excluded] == [
        ("one", "quota: rpm is less than this request takes")
    ]


def test_one_that_began_to_rest_meanwhile_is_left_out():
    first, second, third = provider("one", refusal(500)), provider("two"), provider("three", streamed(text()))
    scene = Scene(ask(), first, second, third)
    scene.health.failed(second.place, ProviderError(FailureKind.RATE_LIMIT, retry_after=60.0))
    scene.play()
    assert asked_of(second) == [] and scene.words == TALE


def test_one_whose_probe_is_under_way_is_passed_over_while_others_wait():
    first, second = provider("one", streamed(text())), provider("two", streamed(text()))
    scene = Scene(ask(), first, second)
    for _ in range(5):
        scene.health.failed(first.place, ProviderError(FailureKind.SERVER))
    scene.clock.now += 31
    assert scene.health.claim(first.place)
    scene.play()
    assert asked_of(first) == [] and scene.words == TALE


def test_all_that_rest_for_failures_end_in_a_try_and_those_with_limits_in_a_wait():
    broken_one = provider("one", streamed(text()))
    scene = Scene(ask(), broken_one)
    for _ in range(5):
        scene.health.failed(broken_one.place, ProviderError(FailureKind.SERVER))
    scene.play()
    assert scene.words == TALE
    limited = provider("one")
    scene = Scene(ask(), limited, wire="openai_chat")
    scene.health.failed(limited.place, ProviderError(FailureKind.RATE_LIMIT, retry_after=41.5))
    scene.play()
    assert scene.status == 429 and scene.headers["Retry-After"] == "42" and asked_of(limited) == []


def test_nobody_at_all_is_told_how_to_begin():
    scene = Scene(ask(), wire="openai_chat")
    scene.play()
    assert scene.status == 503 and scene.error["code"] == "no_provider_configured"
    assert "X-Wallas-Provider" not in scene.headers


def test_a_failed_request_names_nobody_as_the_one_who_answered():
    scene = Scene(ask(), provider("one", refusal(500), refusal(500)), wire="openai_chat")
    scene.play()
    assert "X-Wallas-Provider" not in scene.headers and scene.headers["X-Wallas-Attempts"] == "2"
    assert scene.headers["X-Wallas-Trail"].startswith("one/m server")


def test_a_fault_of_our_own_is_tried_nowhere_and_blames_nobody():
    second = provider("two")
    scene = Scene(
        ask(), provider("one", ProviderError(FailureKind.GATEWAY, "no descriptors")), second, wire="openai_chat"
    )
    scene.play()
    assert scene.status == 503 and asked_of(second) == [] and not scene.health.circuits


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_inside_is_told_as_one_and_blames_nobody(stream, caplog):
    scene = Scene(ask(stream=stream), provider("one", ZeroDivisionError("inside")), wire="openai_chat")
    scene.play()
    assert scene.status == 500 and scene.error["code"] == "internal_error" and b"inside" not in scene.data
    assert scene.outcomes == ["cancelled"] and not scene.health.circuits
    assert "broke" in caplog.text


def test_an_error_inside_a_running_stream_is_its_error_event(caplog):
    class Breaking(ScriptedBody):
        def read(self):
            if not self.chunks:
                raise ZeroDivisionError("inside")
            return super().read()

    body = Breaking(b"".join(frames(text())[:20]), fault=cut())
    scene = Scene(ask(), provider("one", body), provider("two"))
    scene.play()
    assert scene.status == 200 and b"message_stop" not in scene.data and scene.error["type"] == "api_error"


def test_an_error_of_the_gateway_is_told_as_it_is():
    told = GatewayError("no", status=418, code="teapot")
    scene = Scene(ask(), provider("one", told), wire="openai_chat")
    scene.play()
    assert scene.status == 418 and scene.error["code"] == "teapot"


def test_a_clients_stream_says_at_its_end_who_answered():
    scene = Scene(ask(), provider("one", refusal(500)), provider("two", streamed(text())), wire="openai_chat")
    data = scene.play()
    assert b': wallas {"provider":"two","model":"m","attempts":2' in data
    assert data.index(b": wallas") < data.index(b'"finish_reason":"stop"')


LOOPED = "And then the bird sang its song in the tree again. "


@pytest.mark.parametrize("hold", ["part", "turn"])
def test_an_endless_loop_is_cut_and_goes_on_elsewhere_after_one_repetition(hold):
    def on(request):
        return streamed(text(f"{anchor_in(request)} So it ended."))

    tale = TALE[:200]
    first = provider("one", streamed(text(tale + LOOPED * 300)))
    second = provider("two", on if hold == "part" else streamed(text()))
    scene = Scene(ask(), first, second, hold=hold)
    scene.play()
    assert scene.status == 200 and scene.outcomes == ["unusable", "ok"]
    if hold == "turn":
        assert scene.words == TALE
        return
    assert scene.words.startswith(tale + LOOPED) and scene.words.count(LOOPED) <= 3
    assert scene.words.endswith("So it ended.")
    told = asked_of(second)[0].messages[1].parts[0].text
    assert told.count(LOOPED.strip()) == 1 and told.startswith(tale)


def test_a_loop_of_thoughts_is_cut_and_the_next_ones_words_are_shown():
    first = provider("one", streamed(answer(thought(LOOPED * 300), Text(text="Well."))))
    scene = Scene(ask(), first, provider("two", streamed(text())))
    scene.play()
    assert scene.words == TALE and scene.outcomes == ["unusable", "ok"]


def test_a_loop_that_nobody_can_continue_ends_honestly():
    scene = Scene(
        ask(logprobs=0), provider("one", streamed(text(LOOPED * 300), wire="openai_chat"), wire="openai_chat")
    )
    scene.play()
    assert scene.outcomes[0] == "unusable" and scene.record.outcome != "ok"


@pytest.mark.parametrize("stream", [True, False])
def test_thoughts_alone_go_to_the_next_even_where_they_were_shown(stream):
    alone = answer(thought("Hm. "))
    first = provider("one", streamed(alone) if stream else whole(alone))
    second = provider("two", streamed(text()) if stream else whole(text()))
    scene = Scene(ask(stream=stream), first, second)
    scene.play()
    assert scene.outcomes == ["empty", "ok"] and scene.heard.message.parts[-1] == Text(text=TALE)


def test_thoughts_that_were_shown_end_in_an_honest_error_when_nobody_has_words():
    scene = Scene(
        ask(), provider("one", streamed(answer(thought("Hm. ")))), provider("two", refusal(500), refusal(500))
    )
    scene.play()
    assert scene.record.outcome == "stream_interrupted" and b"event: error" in scene.data


def test_thoughts_that_were_shown_are_ended_as_they_stand_when_another_has_no_words_either():
    alone = answer(thought("Hm. "))
    scene = Scene(ask(), provider("one", streamed(alone)), provider("two", streamed(answer())))
    scene.play()
    assert scene.status == 200 and scene.record.outcome == "ok" and scene.heard.stop_reason is StopReason.STOP


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("words", ["Model is loading", "You have run out of credits."])
def test_a_notice_in_place_of_an_answer_goes_to_the_next_and_rests_nobody(words, stream):
    first = provider("one", streamed(text(words)) if stream else whole(text(words)))
    second = provider("two", streamed(text()) if stream else whole(text()))
    scene = Scene(ask(stream=stream), first, second)
    scene.play()
    assert scene.outcomes == ["unusable", "ok"] and scene.heard.message.parts == (Text(text=TALE),)
    health = scene.desk.health
    assert health.resting(first.place, free=True) is None
    assert health.probability("one", "m") < health.probability("three", "m") < health.probability("two", "m")


PERSON = Output(
    kind="schema", schema={"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("words", ['{"age": "old"}', "{}", "It is 36.", '{"age": 3'])
def test_an_answer_that_does_not_fit_the_schema_goes_to_the_next(words, stream):
    good = text('{"age": 36}')
    first = provider("one", streamed(text(words)) if stream else whole(text(words)))
    second = provider("two", streamed(good) if stream else whole(good))
    scene = Scene(ask(stream=stream, output=PERSON), first, second)
    scene.play()
    assert scene.outcomes == ["unusable", "ok"] and scene.heard.message.parts == (Text(text='{"age": 36}'),)
    assert scene.desk.health.resting(first.place, free=True) is None
