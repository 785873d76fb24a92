import pytest

from tests.routing.scenes import pieces, text
from tests.routing.scripted import ScriptedProvider, ask, candidate
from wallas.catalog.entries import Price
from wallas.routing.needs import needs_of
from wallas.routing.tally import Tally, price, tokens_in
from wallas.routing.tally import said as told_by
from wallas.routing.trail import Hop
from wallas.types.chat import Usage
from wallas.types.events import Finished

NEEDS = needs_of(ask("x" * 360))
FREE = candidate(ScriptedProvider("a", "anthropic")).model
DEAR = candidate(ScriptedProvider("a", "anthropic"), free=False, price=Price(input=1.0, output=10.0)).model


def hop():
    return Hop(provider="a", model="m", key="k")


def heard(tally, words):
    for event in pieces(text(words))[:-1]:
        tally.hear(event)


def test_tokens_are_estimated_from_bytes():
    assert [tokens_in(words) for words in ("", "a", "x" * 36, "ñ" * 36)] == [0, 1, 11, 21]


def test_what_the_provider_says_holds():
    tally = Tally(NEEDS)
    heard(tally, "x" * 360)
    said = Usage(input=7, output=9, cache_read=3, reasoning=2, raw={"anthropic": {"a": 1}})
    mine = hop()
    tally.own(said, mine)
    assert (mine.input, mine.output, mine.cached, mine.reasoning, mine.estimated) == (7, 9, 3, 2, False)
    told = tally.usage(said, FREE)
    assert (told.input, told.output, told.raw) == (7, 9, {"anthropic": {"a": 1}, "openai_chat": {"cost": 0.0}})


def test_what_nobody_said_is_estimated_and_marked():
    tally = Tally(NEEDS)
    heard(tally, "ñ" * 180)
    mine = hop()
    tally.own(Usage(), mine)
    assert (mine.input, mine.output, mine.estimated) == (NEEDS.tokens, 101, True)
    told = tally.usage(None, FREE)
    assert (told.input, told.output) == (NEEDS.tokens, 101)
    assert told.raw["openai_chat"] == {"estimated": True, "cost": 0.0}


def test_the_words_of_several_attempts_are_added_and_the_prompt_counts_once():
    tally = Tally(NEEDS)
    heard(tally, "x" * 360)
    tally.broke_off(delivered=True)
    heard(tally, "x" * 36)
    told = tally.usage(Usage(input=500, output=60, raw={"anthropic": {"a": 1}}), FREE)
    assert told.output == 101 + 11
    assert "anthropic" not in told.raw


def test_words_that_nobody_saw_are_not_the_clients():
    tally = Tally(NEEDS)
    heard(tally, "x" * 360)
    tally.broke_off(delivered=False)
    assert tally.usage(Usage(input=5, output=6), FREE).output == 6


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        (FREE, 0.0),
        (DEAR, 0.000012),
        (candidate(ScriptedProvider("a", "anthropic"), free=False).model, None),
        (candidate(ScriptedProvider("a", "anthropic"), free=False, price=Price(input=1.0)).model, None),
    ],
)
def test_a_cost_is_told_where_the_price_is_known(model, cost):
    assert price(model, 2, 1) == cost
    told = Tally(NEEDS).usage(Usage(input=2, output=1), model)
    assert told.raw.get("openai_chat", {}).get("cost") == cost


def test_several_reports_of_one_attempt_are_one():
    usage = told_by([Finished(usage=Usage(input=5)), Finished(usage=Usage(output=6))])
    assert (usage.input, usage.output) == (5, 6)
