import pytest

from tests.routing.scripted import ScriptedProvider, candidate
from wallas.errors import FailureKind, ProviderError
from wallas.routing.candidates import Candidate
from wallas.routing.queue import REPEATABLE, Queue
from wallas.settings import Key, Secret


def someone(provider, id="m", key="k1", **traits):
    made = candidate(ScriptedProvider(provider, "anthropic"), id, **traits)
    return Candidate.of(made.model, made.provider, Key(secret=Secret("s"), account="a", id=key))


def names(queue):
    return [f"{one.model.provider}/{one.model.id}@{one.key.id}" for one in queue.waiting]


A1, A2 = someone("a", key="k1"), someone("a", key="k2")
AN, B, PAID = someone("a", "n", key="k1"), someone("b"), someone("a", "paid", key="k1", free=False)


def after(kind, *others, failed=A1, **more):
    queue = Queue([failed, *others])
    queue.next()
    queue.failed(failed, ProviderError(kind, **more))
    return names(queue)


def test_candidates_come_in_order_and_then_nobody():
    queue = Queue([A1, B])
    assert [queue.next(), queue.next(), queue.next()] == [A1, B, None]


def test_one_that_is_asked_again_comes_first():
    queue = Queue([A1, B])
    queue.again(queue.next())
    assert names(queue) == ["a/m@k1", "b/m@k1"]


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (FailureKind.CREDENTIAL, ["a/m@k2", "b/m@k1"]),
        (FailureKind.MONEY, ["a/m@k2", "a/n@k1", "b/m@k1"]),
        (FailureKind.REGION, ["b/m@k1"]),
        (FailureKind.MODEL_GONE, ["a/n@k1", "a/paid@k1", "b/m@k1"]),
        (FailureKind.UNSUPPORTED, ["a/n@k1", "a/paid@k1", "b/m@k1"]),
        (FailureKind.MAX_TOKENS, ["a/n@k1", "a/paid@k1", "b/m@k1"]),
        (FailureKind.TOO_LARGE, ["a/n@k1", "a/paid@k1", "b/m@k1"]),
        (FailureKind.SEAL, ["a/n@k1", "a/paid@k1", "b/m@k1"]),
        (FailureKind.RATE_LIMIT, ["b/m@k1", "a/m@k2", "a/n@k1", "a/paid@k1"]),
        (FailureKind.SERVER, ["b/m@k1", "a/m@k2", "a/n@k1", "a/paid@k1"]),
        (FailureKind.TIMEOUT, ["b/m@k1", "a/m@k2", "a/n@k1", "a/paid@k1"]),
    ],
)
def test_each_failure_removes_or_demotes_whom_it_speaks_of(kind, left):
    assert after(kind, A2, AN, PAID, B) == left


def test_a_limit_that_says_what_it_is_of_is_no_word_about_the_whole_account():
    assert after(FailureKind.RATE_LIMIT, AN, B, retry_after=3.0) == ["a/n@k1", "b/m@k1"]
    assert after(FailureKind.RATE_LIMIT, AN, B, limit=30) == ["a/n@k1", "b/m@k1"]


def test_a_request_too_long_for_one_window_goes_to_larger_ones_only():
    small, same, large, unknown = (
        someone(name, context=size) for name, size in zip("abcd", (8, 8, 64, None), strict=True)
    )
    long = FailureKind.CONTEXT_LENGTH
    assert after(long, same, large, unknown, failed=small, limit=8) == ["c/m@k1", "d/m@k1"]
    assert after(long, same, large, failed=someone("x", context=None), limit=64) == []


def test_a_refuted_claim_about_a_window_says_nothing_of_windows_that_claim_less():
    liar, modest, large = (someone(name, context=size) for name, size in zip("abc", (64, 32, 128), strict=True))
    assert after(FailureKind.CONTEXT_LENGTH, modest, large, failed=liar) == ["c/m@k1", "b/m@k1"]
    assert after(FailureKind.CONTEXT_LENGTH, modest, large, failed=liar, limit=16) == ["c/m@k1", "b/m@k1"]


@pytest.mark.parametrize("kind", list(FailureKind))
def test_the_last_one_is_asked_once_more_only_where_that_may_help(kind):
    queue = Queue([B])
    queue.next()
    assert queue.failed(B, ProviderError(kind)) is (kind in REPEATABLE)
    assert names(queue) == (["b/m@k1"] if kind in REPEATABLE else [])
    if queue.next():
        assert not queue.failed(B, ProviderError(kind))


def test_one_that_named_a_time_is_not_asked_before_it():
    queue = Queue([B])
    queue.next()
    assert not queue.failed(B, ProviderError(FailureKind.OVERLOADED, retry_after=30.0))
    assert queue.next() is None


def test_nobody_is_repeated_while_others_wait():
    queue = Queue([A1, B])
    queue.next()
    assert not queue.failed(A1, ProviderError(FailureKind.SERVER))


def test_a_text_is_continued_by_the_same_model_elsewhere_first():
    queue = Queue([someone("a", "other"), someone("b", "openai/gpt-oss-120b"), someone("c", "gpt-oss-120b")])
    queue.prefer_same(someone("x", "gpt-oss-120b").model.name)
    assert names(queue) == ["b/openai/gpt-oss-120b@k1", "c/gpt-oss-120b@k1", "a/other@k1"]
