import pytest

from tests.routing.scenes import TALE, Clock, Scene, provider, streamed, text
from tests.routing.scripted import ask
from wallas.errors import FailureKind, ProviderError
from wallas.routing.local import LOCAL_CODES, Local


@pytest.mark.parametrize("code", sorted(LOCAL_CODES))
def test_three_that_are_out_of_reach_alike_are_this_machines_own_fault(code):
    local = Local(Clock())
    assert [local.suspected(name, code) for name in ("a", "b", "b", "c", "d")] == [False, False, False, True, True]


def test_different_or_ordinary_faults_are_the_providers():
    local = Local(Clock())
    assert not any(local.suspected(name, code) for name in "abcd" for code in ("econnrefused", None))
    assert not any(local.suspected(name, code) for name, code in zip("abc", sorted(LOCAL_CODES), strict=False))


def test_what_is_long_ago_counts_no_more():
    clock = Clock()
    local = Local(clock)
    for name in "abc":
        local.suspected(name, "dns_failed")
        clock.now += 3
    assert not local.suspected("d", "dns_failed")


def test_whoever_answers_ends_the_suspicion():
    local = Local(Clock())
    local.answered()
    for name in "abc":
        local.suspected(name, "dns_failed")
    local.answered()
    assert not local.suspected("d", "dns_failed")


def test_without_a_network_nobody_but_the_first_two_is_blamed():
    out = [ProviderError(FailureKind.CONNECT, "no route", code="enetunreach") for _ in range(4)]
    scene = Scene(ask(), *[provider(f"p{number}", error) for number, error in enumerate(out)], wire="openai_chat")
    scene.play()
    assert scene.status == 503 and scene.outcomes == ["connect", "connect", "gateway", "gateway"]
    assert {place.provider for place in scene.health.circuits} == {"p0", "p1"}


def test_one_that_can_be_reached_answers():
    out = [ProviderError(FailureKind.CONNECT, "no route", code="enetunreach") for _ in range(3)]
    failing = [provider(f"p{number}", error) for number, error in enumerate(out)]
    scene = Scene(ask(), *failing, provider("last", streamed(text())))
    scene.play()
    assert scene.words == TALE and not scene.desk.local.failed
