"""What answers are worth beside each other."""

import pytest

from tests.routing.scenes import answer, call
from tests.routing.scripted import ABILITIES, ScriptedProvider, ask, candidate
from wallas.routing.branch import Branch, preview
from wallas.routing.judging import (
    ACCEPTABLE,
    beatable_until,
    faults_of,
    latency,
    looped,
    on_format,
    score,
    substance,
)
from wallas.types.chat import Output, Refusal, StopReason, Text
from wallas.types.events import unfold

GOOD = "The sky is blue because air scatters short waves of light more than long ones."


def gave(*parts, name="a", quality=70.0, reason=StopReason.STOP, seconds=1.0):
    """Return a branch with this whole answer."""
    provider = ScriptedProvider(name, "anthropic")
    branch = Branch(candidate(provider, quality=quality, capabilities=ABILITIES), number=0)
    for event in unfold(answer(*parts, reason=reason)):
        branch.heard.encode(event)
    branch.close()
    return branch


def said(words, **fields):
    return gave(Text(text=words), **fields)


@pytest.mark.parametrize(
    ("branch", "faults"),
    [
        (said(GOOD), ()),
        (said(""), ("empty",)),
        (said(GOOD, reason=StopReason.LENGTH), ("cut short",)),
        (said(GOOD, reason=StopReason.CONTENT_FILTER), ("filtered",)),
        (said("I'm sorry, but I can't help with that."), ("refusal",)),
        (said("Sorry, I cannot assist with this request."), ("refusal",)),
        (said("As an AI, I am unable to do so."), ("refusal",)),
        (said("I can’t help with that."), ("refusal",)),
        (said("Lo siento, pero no puedo ayudarte con eso."), ("refusal",)),
        (gave(Refusal(text="No.")), ("empty", "refusal")),
        (said("I can't say enough good things about Lima."), ()),
        (said("Sorry for the delay! " + GOOD), ()),
        (said("I'm sorry to hear that. Here is what you can do."), ()),
        (said("No puedo más, dijo el rey."), ()),
        (said("I'm sorry, but I can't open the link. " + GOOD * 6), ()),
        (gave(call()), ()),
        (said(GOOD * 9), ("looped",)),
    ],
)
def test_faults_are_found_and_innocent_words_are_not_faults(branch, faults):
    assert faults_of(branch, ask()) == faults


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("ha " * 200, False),
        ("hahe " * 200, True),
        ("prologue " + "And then the bird sang its song in the tree again. " * 8, True),
        ("And then the bird sang its song in the tree again. " * 5, False),
        ("-" * 2000, False),
        ("".join(f'{{"name": "bird {n}", "description": "a bird that sings", "legs": 2}},' for n in range(40)), False),
        ("x = 1\n" + "".join(f"Sentence {n} of the tale tells of bird {n * 7}. " for n in range(90)), False),
    ],
)
def test_a_loop_is_the_same_forty_characters_eight_times_in_a_row(text, verdict):
    assert looped(text) is verdict


SCHEMA = Output(kind="schema", schema={"type": "object", "required": ["a"]})


@pytest.mark.parametrize(
    ("text", "output", "verdict"),
    [
        ('{"a": 1}', SCHEMA, True),
        ('```json\n{"a": 1}\n```', SCHEMA, True),
        ('{"b": 1}', SCHEMA, False),
        ("[1]", SCHEMA, False),
        ("[1]", Output(kind="json"), True),
        ("one", Output(kind="json"), False),
        ("[1]", Output(kind="schema", schema={"type": "array"}), True),
    ],
)
def test_the_asked_format_is_json_with_what_the_schema_requires(text, output, verdict):
    assert on_format(text, output) is verdict


def test_an_answer_much_shorter_than_the_others_is_worth_less_but_not_nothing():
    short, usual, other = said("Air."), said(GOOD), said(GOOD + " So it is.")
    worth = [substance(one, [short, usual, other], ask())[0] for one in (short, usual, other)]
    assert 0.69 < worth[0] < 0.8 < worth[1] < 1 and worth[2] > 0.8
    assert substance(short, [short], ask())[0] == 1


def test_the_score_is_the_weighed_sum_of_its_parts():
    one = score(said(GOOD, quality=80), [], ask())
    assert one.total == pytest.approx(0.5 * 1 + 0.3 * one.parts["latency"] + 0.2 * 0.8)
    assert one.acceptable and not score(said("I cannot help with that."), [], ask()).acceptable


def test_speed_is_worth_half_after_five_seconds():
    assert (latency(0), latency(5), round(latency(45), 3)) == (1.0, 0.5, 0.1)


def test_a_rival_may_still_win_for_exactly_as_long_as_it_could():
    rival = said(GOOD, quality=100)
    seconds = beatable_until(0.9, rival)
    assert 0.5 + 0.3 * latency(seconds) + 0.2 == pytest.approx(0.9)
    assert beatable_until(ACCEPTABLE, rival) == float("inf")
    assert beatable_until(0.99, said(GOOD, quality=40)) < 0


def test_a_preview_is_one_short_line():
    assert preview("a\n\n  b") == "a b" and len(preview("word " * 500)) == 240
