"""How long somebody who is slow is waited for, by what is usual there and by who else could answer."""

import pytest

from tests.routing.scenes import TALE, Hanging, Scene, streamed, text, whole
from tests.routing.scripted import ScriptedProvider, ask, candidate
from wallas.errors import FailureKind, ProviderError
from wallas.health import Place

QUICK = frozenset({"chat", "tools"})
ONE = Place("one", "m", "k1")


def quick(name, *scripts):
    """Return a candidate that does not think."""
    return candidate(ScriptedProvider(name, "anthropic", *scripts), capabilities=QUICK)


def taken(scene):
    """Play a scene and return the seconds that it took."""
    began = scene.clock.now
    scene.play()
    return scene.clock.now - began


def usual(scene, *, first=None, latency, times=3):
    """Let the first provider answer as it usually does."""
    for _ in range(times):
        scene.health.succeeded(ONE, ttft=first, latency=latency, tokens=100)


@pytest.mark.parametrize(("first", "waited"), [(0.4, 2.5), (1.4, 3.5), (4.0, 10.0)])
def test_a_first_word_is_waited_for_by_what_is_usual_in_good_times(first, waited):
    scene = Scene(ask(), quick("one", Hanging()), quick("two", streamed(text())))
    usual(scene, first=first, latency=first + 1)
    assert taken(scene) == pytest.approx(waited, abs=0.6)
    assert scene.outcomes == ["timeout", "ok"] and scene.words == TALE


def test_a_bad_spell_does_not_teach_patience():
    scene = Scene(ask(), quick("one", Hanging()), quick("two", streamed(text())))
    usual(scene, first=0.5, latency=1.5, times=10)
    usual(scene, first=6.0, latency=9.0, times=2)
    assert scene.health.first_token("one", "m", 1.0) > 5
    assert taken(scene) < 4.5


@pytest.mark.parametrize("stream", [True, False])
def test_nobody_is_given_up_while_those_who_could_answer_have_no_quota_or_rest(stream):
    answer = streamed(text()) if stream else whole(text())
    scene = Scene(ask(stream=stream), quick("one", Hanging()), quick("two", answer))
    usual(scene, first=0.5 if stream else None, latency=1.5)
    scene.health.failed(Place("two", "m", "k1"), ProviderError(FailureKind.RATE_LIMIT, retry_after=18.0))
    assert 17 < taken(scene) <= 19
    assert scene.outcomes == ["timeout", "ok"]


def test_the_second_who_is_slow_is_waited_for_twice_as_long_and_the_third_until_its_own_limit():
    scene = Scene(ask(), *(quick(name, Hanging()) for name in ("one", "two", "three")), quick("four", streamed(text())))
    scene.play()
    assert [round(hop.ms / 1000) for hop in scene.record.hops[:3]] == [5, 10, 20]


def test_a_whole_answer_is_given_up_once_its_provider_is_known_to_hang():
    scene = Scene(ask(stream=False), quick("one", Hanging()), quick("two", whole(text())))
    usual(scene, latency=2.0)
    for _ in range(2):
        scene.health.sent(ONE, prior=0.5)
    assert taken(scene) == pytest.approx(7.5, abs=0.6), "half of what it would be waited for else"
    assert scene.outcomes == ["timeout", "ok"]


def test_a_whole_answer_that_is_merely_long_is_waited_for_by_what_was_asked():
    request = ask(stream=False, max_tokens=6000)
    scene = Scene(request, quick("one", Hanging()), quick("two", whole(text())))
    assert taken(scene) == pytest.approx(120)


def test_a_provider_that_lets_several_calls_wait_is_doubted_before_any_has_failed():
    scene = Scene(ask(), quick("one", streamed(text())))
    health, clock = scene.health, scene.clock
    calls = [health.sent(ONE, prior=0.5) for _ in range(2)]
    clock.now += 2.9
    assert health.doubted("one", "m") is None
    clock.now += 0.2
    assert health.doubted("one", "m").run == 2 and health.doubted("one", "other").run == 2
    health.spoke(ONE, calls[0])
    assert health.doubted("one", "m") is None, "it speaks"
    health.speeds.ended(calls[1])
    assert health.speeds.late("one", clock.now) == 0


def test_one_call_that_waits_long_beside_one_that_failed_is_enough_for_doubt():
    scene = Scene(ask(), quick("one", streamed(text())))
    scene.health.failed(ONE, ProviderError(FailureKind.TIMEOUT))
    scene.health.sent(ONE, prior=0.5)
    scene.clock.now += 4
    assert scene.health.doubted("one", "m").run == 2
