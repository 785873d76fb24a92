"""U12 to U16, U22 to U29, U31, U33 to U35, U58 and U60: streams that break, babble or are oddly written."""

import json
import time
from collections.abc import Callable

import pytest

from tests.faults.checks import TALE, is_tale, kept, passed_over, tidy
from tests.faults.clients import PROTOCOLS, complaint, dishonest
from tests.faults.gateway import Gateway
from tests.faults.stage import Play, Player
from wallas.simulated.script import (
    Step,
    bad_json,
    close,
    comment,
    end_mark,
    error_event,
    finish,
    framed,
    hang_up,
    line_ends,
    missing_end,
    never,
    pause,
    raw,
    say,
    sliced,
    think,
)
from wallas.simulated.server import Exchange

SHOWN = 60
"""Characters of the tale that the client has when a provider breaks off."""


def goes_on(exchange: Exchange) -> None:
    """Begin with the words asked for and tell the rest of the tale."""
    anchor = exchange.anchor()
    assert anchor is not None and TALE[:SHOWN].rstrip().endswith(anchor)
    say(anchor + TALE[len(TALE[:SHOWN].rstrip()) :])(exchange)


def event(delta: dict[str, object], **more: object) -> Step:
    """Send a chat completion chunk."""
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice = {"index": 0, "delta": delta, "finish_reason": None} | more
    return raw(b"data: " + json.dumps(chunk | {"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n")


STOP = event({}, finish_reason="stop")
DONE = raw(b"data: [DONE]\n\n")

RESET = (pause(0.03), hang_up)
"""A reset may overtake what was sent just before it, so that is given a moment to arrive."""

BREAKS: dict[str, tuple[tuple[Step, ...], str, tuple[str, ...]]] = {
    "U12-RST": (RESET, "cut", ("openai", "anthropic", "gemini", "ollama", "cohere", "responses")),
    "U13-FIN": ((close,), "cut", ("openai", "anthropic")),
    "U13-a-clean-end-without-its-mark": ((missing_end,), "cut", ("openai", "anthropic", "gemini", "ollama", "cohere")),
    "U13-FIN-where-that-is-the-framing": ((missing_end,), "cut", ("openai", "gemini")),
    "U15-DONE-without-a-reason": ((end_mark,), "cut", ("openai",)),
    "U16-silence": ((never,), "stalled", ("openai", "anthropic", "gemini", "ollama")),
    "U23-error-event": (
        (error_event("overloaded_error", "Overloaded", 529),),
        "overloaded",
        ("openai", "anthropic", "responses"),
    ),
    "U23-error-event-of-others": ((error_event("server_error", "broke down", 500),), "server", ("gemini", "openai")),
    "U25-two-bad-events": ((bad_json, bad_json, say(TALE[SHOWN:])), "malformed", ("openai", "anthropic", "ollama")),
    "U25-half-a-piece-of-the-answer": (
        (raw(b'data: {"id":"x","object":"chat.completion.ch\n\n'), say(TALE[SHOWN + 12 :])),
        "malformed",
        ("openai",),
    ),
    "U60-error-line": ((raw(b'{"error":"llama runner process has terminated"}\n'),), "server", ("ollama",)),
    "U60-half-a-line": ((raw(b'{"model":"m","created_at":"2026-'), close), "cut", ("ollama",)),
}


@pytest.mark.parametrize(
    ("row", "wire", "protocol"),
    [
        (row, wire, list(PROTOCOLS)[number % len(PROTOCOLS)])
        for number, (row, wire) in enumerate((row, wire) for row, (_, _, wires) in BREAKS.items() for wire in wires)
    ],
)
def test_a_text_that_breaks_off_is_continued_unnoticed(gateway: Gateway, row: str, wire: str, protocol: str) -> None:
    steps, kind, _ = BREAKS[row]
    one, two = gateway.provider(wire), gateway.provider(kind="steady")
    how = [framed("close")] if "framing" in row else []
    one.will(*how, say(TALE[:SHOWN], finish=None), *steps)
    two.will(goes_on)
    answer = gateway.ask(one, two, protocol=protocol)
    is_tale(answer, protocol)
    assert gateway.attempts(answer) == [(one.name, kind), (two.name, "ok")]
    assert (one.counts(), two.counts()) == ((0, 1), (1, 0))
    tidy(gateway)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("steps", [RESET, (missing_end,)], ids=["U12-RST", "U13-clean-end"])
def test_where_nobody_can_go_on_the_end_is_honest(gateway: Gateway, protocol: str, steps: tuple[Step, ...]) -> None:
    one = gateway.provider()
    one.will(say(TALE[:SHOWN], finish=None), *steps)
    one.always(lambda request: (hang_up,))
    answer = gateway.ask(one, protocol=protocol)
    assert answer.status == 200 and answer.text == TALE[:SHOWN] and not answer.cut
    assert dishonest(answer) is None
    tidy(gateway)


@pytest.mark.parametrize(
    "ending", [(finish(done=False),), (STOP, *RESET), (STOP, close)], ids=["U14-clean-end", "U14-RST", "U14-FIN"]
)
def test_a_reason_without_an_end_mark_is_a_whole_answer(gateway: Gateway, ending: tuple[Step, ...]) -> None:
    is_tale(kept(gateway, say(TALE, finish=None), *ending))


def test_U16_the_client_hears_signs_of_life_while_a_provider_is_silent() -> None:
    first = Player("one", "openai", lambda voice: voice.say(TALE[:SHOWN], TALE).broken(fault="stall", cut=2))
    second = Player("two", "openai", lambda voice: voice.say(str(voice.anchor) + TALE[SHOWN:]).finish().whole())
    play = Play("openai", [first, second])
    assert play.data.count(b": keep-alive\n\n") >= 2
    assert play.heard.text == TALE


@pytest.mark.parametrize(
    ("row", "said", "kind"),
    [
        ("U22-overloaded", {"error": {"message": "Overloaded", "code": 529}}, "overloaded"),
        ("U22-rate-limit", {"error": {"message": "slow down", "type": "rate_limit_error", "code": 429}}, "rate_limit"),
        ("U22-server", {"error": {"message": "oops", "code": 500, "type": "InternalServerError"}}, "server"),
    ],
)
def test_U22_an_error_as_the_first_event_is_never_shown(
    gateway: Gateway, row: str, said: dict[str, object], kind: str
) -> None:
    steps = (raw(b"data: " + json.dumps(said).encode() + b"\n\n"), DONE)
    one, _ = passed_over(gateway, *steps, kind=kind)
    rest = one.rest()
    assert (rest is not None and rest[0] == "rate_limit") if kind == "rate_limit" else rest is None


STRANGE = "a\u2028b\u2029c\x85d\x0b\x0c\x1c é 灯台 🚢 “quoted” \\n \\ud83d end. " + TALE
"""Letters at which careless readers cut lines, and letters of two to four bytes."""

ODD: dict[str, tuple[Step, ...]] = {
    "U24-comments-and-unknown-events": (
        comment("OPENROUTER PROCESSING"),
        raw(b'event: something.new\nid: 7\nretry: 10\ndata: {"object":"later"}\n\n'),
        say(STRANGE[:90], finish=None),
        comment(),
        raw(b"event: ping\ndata: {}\n\n"),
        say(STRANGE[90:]),
    ),
    "U25-one-bad-event": (say(STRANGE[:90], finish=None), bad_json, say(STRANGE[90:])),
    "U26-CRLF": (line_ends(b"\r\n"), say(STRANGE)),
    "U26-CR": (line_ends(b"\r"), say(STRANGE)),
    "U26-BOM": (line_ends(b"\n", mark=b"\xef\xbb\xbf"), say(STRANGE)),
    "U27-U28-every-byte-alone": (sliced(1), say(STRANGE, size=40)),
    "U28-three-bytes-at-a-time": (sliced(3), line_ends(b"\r\n"), say(STRANGE, size=40)),
    "U58-role-in-every-chunk": (
        *(event({"role": "assistant", "content": STRANGE[start : start + 50]}) for start in range(0, len(STRANGE), 50)),
        STOP,
        DONE,
    ),
}


@pytest.mark.parametrize("row", ODD)
def test_an_odd_way_of_writing_a_stream_is_read_to_the_letter(gateway: Gateway, row: str) -> None:
    answer = kept(gateway, *ODD[row])
    is_tale(answer, text=STRANGE)


@pytest.mark.parametrize("wire", ["anthropic", "gemini", "ollama", "cohere", "responses"])
def test_U28_bytes_may_come_one_by_one_on_every_wire(gateway: Gateway, wire: str) -> None:
    is_tale(kept(gateway, sliced(1), say(STRANGE, size=60), wire=wire), text=STRANGE)


def test_U26_data_may_have_several_lines_and_no_blank_before_it(gateway: Gateway) -> None:
    lines = b'data:{"id":"x","object":"chat.completion.chunk","created":1,\ndata:"model":"m","choices":[{"index":0,\n'
    lines += b'data:"delta":{"content":' + json.dumps(TALE).encode() + b'},\ndata: "finish_reason":"stop"}]}\n\n'
    is_tale(kept(gateway, raw(lines), raw(b"data:[DONE]\n\n")))


def test_U24_anthropic_events_that_nobody_knows_are_passed_over(gateway: Gateway) -> None:
    odd = raw(b'event: content_block_future\ndata: {"type":"content_block_future","index":0,"thing":{"a":1}}\n\n')
    is_tale(kept(gateway, odd, say(TALE[:50], finish=None), odd, say(TALE[50:]), wire="anthropic"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U29_bad_utf8_becomes_replacement_characters(gateway: Gateway, protocol: str) -> None:
    bad = b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"bad \xff\xc3( bytes. "}}]}\n\n'
    answer = kept(gateway, raw(bad), say(TALE), protocol=protocol)
    is_tale(answer, protocol, text="bad \ufffd\ufffd( bytes. " + TALE)


def test_U31_a_hundred_thousand_empty_deltas_cost_little_and_are_not_passed_on(gateway: Gateway) -> None:
    head = b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m",'
    empty = head + b'"choices":[{"index":0,"delta":{"content":""}}]}\n\n'
    began = time.monotonic()
    answer = kept(gateway, *[raw(empty * 2000)] * 50, say(TALE))
    is_tale(answer)
    assert time.monotonic() - began < 5
    assert len(answer.data) < 60_000


def test_U31_empty_deltas_are_no_content_for_the_clock(gateway: Gateway) -> None:
    drops = [step for _ in range(100) for step in (event({"content": ""}), pause(0.02))]
    passed_over(gateway, *drops, say(TALE), kind="timeout")


@pytest.mark.parametrize("stream", [True, False])
def test_U33_an_empty_answer_is_asked_for_elsewhere_once(gateway: Gateway, stream: bool) -> None:
    one, _ = passed_over(gateway, say(""), kind="empty", stream=stream)
    assert one.rest() is None


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U33_an_answer_that_is_empty_twice_is_returned_as_it_is(gateway: Gateway, protocol: str, stream: bool) -> None:
    places = gateway.providers("openai", "openai", "openai")
    for place in places[:2]:
        place.will(say(""))
    answer = gateway.ask(*places, protocol=protocol, stream=stream)
    assert answer.status == 200 and answer.text == ""
    assert complaint(answer, protocol) is None
    assert not places[2].requests


@pytest.mark.parametrize("stream", [True, False])
def test_U34_words_that_thoughts_lack_are_asked_for_elsewhere_even_where_the_thoughts_were_shown(
    gateway: Gateway, stream: bool
) -> None:
    passed_over(gateway, think("Hm."), finish(), kind="empty", stream=stream)


LENGTH: dict[str, str] = {
    "openai": "length",
    "responses": "incomplete",
    "anthropic": "max_tokens",
    "ollama": "length",
    "generate": "length",
    "gemini": "MAX_TOKENS",
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_U35_an_answer_used_up_by_thinking_is_returned_as_it_is(gateway: Gateway, protocol: str, stream: bool) -> None:
    answer = kept(gateway, finish("length"), protocol=protocol, stream=stream)
    assert answer.text == ""
    assert complaint(answer, protocol, reason=LENGTH[protocol]) is None


def test_U15_a_done_without_a_reason_is_an_end_for_a_provider_known_to_be_sloppy() -> None:
    from wallas.codecs import openai_chat, pulled
    from wallas.types.events import fold

    data = b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"whole"}}]}\n\ndata: [DONE]\n\n'
    decode: Callable[..., object] = openai_chat.Decoder
    whole = fold(pulled(decode(sloppy_end=True), [data]))  # type: ignore[arg-type]
    assert whole.choices[0].stop_reason is not None
