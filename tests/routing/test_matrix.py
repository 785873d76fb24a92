"""A text that breaks off at every frame, on every wire, and everything that the next candidate may answer."""

import re

import pytest

from tests.routing.scenes import (
    TALE,
    Hanging,
    Scene,
    answer,
    asks,
    call,
    cut,
    frames,
    provider,
    refusal,
    streamed,
    text,
)
from tests.routing.scripted import ScriptedBody, anchor_in
from wallas.types.chat import StopReason, Text

CUTS = range(0, len(frames(text())) + 1, 3)


def rest_of(request):
    anchor = anchor_in(request)
    return anchor, TALE[TALE.index(anchor) + len(anchor) :]


def saying(make, *more, reason=StopReason.STOP):
    """Return a script that says what ``make`` makes of the anchor and the rest, or the tale to a request afresh."""

    def script(request, wire):
        if len(request.messages) == 1:
            return streamed(text(), wire=wire)
        return streamed(answer(Text(text=make(*rest_of(request))), *more, reason=reason), wire=wire)

    return script


def dying(request, wire):
    said = b"".join(saying(lambda anchor, rest: anchor + rest)(request, wire).chunks)
    return ScriptedBody(said[: len(said) // 2], fault=cut())


EXACT = {
    "exact": saying(lambda anchor, rest: anchor + rest),
    "a lead": saying(lambda anchor, rest: "Sure, I go on:\n\n" + anchor + rest),
    "rewrapped": saying(lambda anchor, rest: re.sub(r"\s+", "\n", anchor) + rest),
}
WRONG = {
    "ignored": saying(lambda anchor, rest: "I do not know what you mean. " * 30),
    "the rest alone": saying(lambda anchor, rest: rest or "And so it ended."),
    "too late": saying(lambda anchor, rest: "x" * 200 + anchor + rest),
    "refused": lambda request, wire: refusal(400, "unexpected assistant turn"),
    "down": lambda request, wire: refusal(500),
    "dead": lambda request, wire: ScriptedBody(b"", fault=cut()),
    "a call": lambda request, wire: streamed(answer(call(), reason=StopReason.TOOL_CALLS), wire=wire),
}


def played(wire, shown, target, *, fault=None):
    told = frames(text(), wire=wire)
    data = b"".join(told[:shown])
    first = provider("one", fault(data) if fault else ScriptedBody(data, fault=cut()), wire=wire)
    others = [provider(name, lambda request: target(request, wire), wire=wire) for name in ("two", "three", "four")]
    scene = Scene(asks(), first, *others, wire=wire)
    scene.attempts.deadlines.ping_at = float("inf")
    scene.play()
    return scene


def honest(scene):
    """Assert that a client got the tale to the letter, or an error and no end."""
    if scene.record.outcome == "ok":
        assert scene.heard.stop_reason in (StopReason.STOP, StopReason.TOOL_CALLS)
        assert "".join(part.text for part in scene.heard.message.parts if isinstance(part, Text)) in (TALE, "")
    else:
        assert TALE.startswith(scene.words)
        assert scene.error and bool(scene.out.errors) is (scene.status == 200)


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "ollama"])
@pytest.mark.parametrize("target", EXACT.values(), ids=EXACT.keys())
@pytest.mark.parametrize("shown", CUTS)
def test_a_text_that_is_gone_on_with_is_exact_to_the_letter(wire, shown, target):
    scene = played(wire, shown, target)
    honest(scene)
    assert scene.record.outcome == "ok" or len(scene.words) < 24


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "ollama"])
@pytest.mark.parametrize("target", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("shown", CUTS[::4])
def test_whatever_else_comes_the_client_gets_no_wrong_word(wire, shown, target):
    honest(played(wire, shown, target))


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "ollama"])
@pytest.mark.parametrize("fault", [Hanging, ScriptedBody])
@pytest.mark.parametrize("shown", CUTS[1::6])
def test_silence_and_early_ends_are_cuts_too(wire, shown, fault):
    honest(played(wire, shown, EXACT["exact"], fault=fault))


@pytest.mark.parametrize("shown", CUTS[2::5])
def test_a_second_death_is_continued_once_more_or_told(shown):
    honest(played("anthropic", shown, dying))
