import pytest

from wallas.health_cache import Caches
from wallas.types.chat import Usage


def test_nobodys_cache_is_known_at_first():
    assert Caches().chance("a/m") == 0.5


def test_what_was_billed_as_cached_speaks_for_a_cache_and_what_should_have_been_against_it():
    caches = Caches()
    for _ in range(3):
        caches.heard("a/keeps", Usage(input=5000, cache_read=4800), again=True)
        caches.heard("a/forgets", Usage(input=5000), again=True)
    assert caches.chance("a/keeps") > 0.8 and caches.chance("a/forgets") < 0.2


@pytest.mark.parametrize(("usage", "again"), [(Usage(input=5000), False), (Usage(input=300), True), (Usage(), True)])
def test_a_prompt_that_no_cache_could_hold_tells_nothing(usage, again):
    caches = Caches()
    caches.heard("a/m", usage, again=again)
    assert caches.chance("a/m") == 0.5


def test_who_begins_to_cache_is_believed_though_it_did_not_for_long():
    caches = Caches()
    for _ in range(1000):
        caches.heard("a/m", Usage(input=5000), again=True)
    for _ in range(20):
        caches.heard("a/m", Usage(input=5000, cache_read=4000), again=True)
    assert caches.chance("a/m") > 0.5
