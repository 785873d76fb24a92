import pytest

from wallas.health_cache import Caches


def test_nobodys_cache_is_known_at_first():
    assert Caches().chance("a/m") == 0.5


def test_what_was_billed_as_cached_speaks_for_a_cache_and_what_should_have_been_against_it():
    caches = Caches()
    for _ in range(3):
        caches.heard("a/keeps", tokens=5000, cached=4800, again=True)
        caches.heard("a/forgets", tokens=5000, cached=0, again=True)
    assert caches.chance("a/keeps") > 0.8 and caches.chance("a/forgets") < 0.2


@pytest.mark.parametrize(("tokens", "again"), [(5000, False), (300, True), (0, True)])
def test_a_prompt_that_no_cache_could_hold_tells_nothing(tokens, again):
    caches = Caches()
    caches.heard("a/m", tokens=tokens, cached=0, again=again)
    assert caches.chance("a/m") == 0.5


def test_who_begins_to_cache_is_believed_though_it_did_not_for_long():
    caches = Caches()
    for _ in range(1000):
        caches.heard("a/m", tokens=5000, cached=0, again=True)
    for _ in range(20):
        caches.heard("a/m", tokens=5000, cached=4000, again=True)
    assert caches.chance("a/m") > 0.5
