"""The matrix of faults in mid-stream: a sample of it here, the whole by ``python -m tests.faults.matrix --all``."""

import pytest

from tests.faults import over_sockets
from tests.faults.cases import cases, run
from tests.faults.families import FAMILIES, TALE, VISIBLE, tools
from tests.faults.gateway import Gateway
from tests.faults.matrix import SAMPLE, SOCKETS
from tests.faults.stage import Play, Player, Voice

HALF = ("weather", '{"city":', '"Li')


@pytest.mark.parametrize("family", FAMILIES)
def test_U12_U13_U16_U23_U25_answers_that_break_off_anywhere_are_exact_or_honest(family: str) -> None:
    chosen = [case for case in cases() if case.family == family]
    wrong = [f"{case}: {verdict.wrong}" for case in chosen[::SAMPLE] if (verdict := run(case)).wrong]
    assert wrong == []


def test_U12_U13_U16_U23_U25_the_same_over_real_sockets(gateway: Gateway) -> None:
    wrong: list[str] = []
    chosen = list(over_sockets.sample(every=SOCKETS))

    over_sockets.run_all(
        gateway,
        chosen,
        lambda case, verdict: wrong.append(f"{case}: {verdict.wrong}") if verdict.wrong else None,
    )
    assert wrong == []
    assert len(chosen) >= 100


def test_the_matrix_has_every_client_wire_fault_and_cut() -> None:
    text = [case for case in cases() if case.family == "text"]
    assert {case.protocol for case in text} == {"openai", "responses", "anthropic", "ollama", "generate", "gemini"}
    assert {"openai", "anthropic", "gemini", "ollama"} <= {case.wire for case in text}
    assert {"reset", "end", "stall", "error event", "bad JSON"} <= {case.fault for case in text}
    assert len({case.cut for case in text}) > len(TALE) // 10


def broken_tale(characters: int) -> Play:
    """Return what comes of a tale that breaks off behind so many characters."""
    first = Player("one", "openai", lambda voice: voice.say(TALE[:characters]).broken(fault="reset", cut=10**6))
    return Play("openai", [first, Player("two", "openai", tells)])


def tells(voice: Voice):  # type: ignore[no-untyped-def]
    """Go on with the tale."""
    (script,) = FAMILIES["text"].later["anchor"]
    return script(voice)


@pytest.mark.parametrize("characters", range(1, 60))
def test_from_24_visible_characters_on_a_text_is_continued_to_the_letter(characters: int) -> None:
    heard = broken_tale(characters).heard
    if len(TALE[:characters].strip()) >= VISIBLE:
        assert (heard.text, heard.error) == (TALE, None)
    else:
        assert heard.text == TALE[:characters] and heard.error is not None


def test_three_breaks_behind_words_end_honestly() -> None:
    def dies(voice: Voice):  # type: ignore[no-untyped-def]
        said = voice.anchor or ""
        start = len(voice.shown) if voice.anchor else 0
        return voice.say(said + TALE[start : start + 50]).broken(fault="reset", cut=10**6)

    play = Play("openai", [Player(f"p{number}", "openai", dies) for number in range(4)])
    assert play.heard.text.rstrip() == TALE[:150].rstrip()
    assert play.heard.error is not None and not play.heard.ends
    assert len(play.outcomes) == 3


@pytest.mark.parametrize(
    ("body", "plan"),
    [
        ({"n": 2}, {}),
        ({"logprobs": True}, {}),
        ({}, {"hold": "off"}),
        ({}, {"fallback": False}),
        ({}, {"total": 4.0}),
    ],
    ids=["several answers", "logprobs", "hold off", "fallback off", "less than five seconds left"],
)
def test_a_text_that_may_not_be_continued_ends_honestly(body: dict[str, object], plan: dict[str, object]) -> None:
    first = Player("one", "openai", lambda voice: voice.say(TALE[:90]).broken(fault="reset", cut=10**6))
    second = Player("two", "openai", tells)
    play = Play("openai", [first, second], body=body, **plan)
    assert play.heard.error is not None and not play.heard.ends
    assert second.asked == []
    assert play.untidy() is None


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "responses"])
def test_half_a_call_that_was_shown_on_demand_ends_honestly(protocol: str) -> None:
    first = Player("one", "openai", lambda voice: voice.call(*HALF).broken(fault="reset", cut=10**6))
    second = Player("two", "openai", tells)
    play = Play(protocol, [first, second], body=tools(protocol), hold="event")
    assert play.heard.error is not None and not play.heard.ends
    assert second.asked == []


def test_a_policy_that_refuses_to_go_on_ends_the_answer_honestly() -> None:
    policy = "Your request was flagged by our moderation policy"
    first = Player("one", "openai", lambda voice: voice.say(TALE[:90]).broken(fault="reset", cut=10**6))
    second = Player("two", "openai", lambda voice: voice.refused(400, policy))
    third = Player("three", "openai", tells)
    play = Play("openai", [first, second, third])
    assert play.heard.error is not None and not play.heard.ends
    assert play.outcomes == ["cut", "content_filter"] and third.asked == []
