import pytest

from tests.routing.scenes import Clock, answer, asks, call
from tests.routing.scripted import ScriptedProvider, ask, candidate, desk
from wallas.errors import FailureKind, ProviderError
from wallas.routing.adapt import Lessons
from wallas.routing.desk import RetryBudget

HERE = candidate(ScriptedProvider("a", "anthropic"), "m")


def learned(at, kind, request, known=None, **more):
    return at.learn(HERE, ProviderError(kind, **more), request=request, known=known or at.lessons_of(HERE))


def test_a_window_of_retries_is_there_from_the_start_and_no_more():
    budget = RetryBudget(Clock())
    assert [budget.spend() for _ in range(101)] == [True] * 100 + [False]
    assert budget.refused == 1


def test_ten_retries_a_second_come_back():
    clock = Clock()
    budget = RetryBudget(clock)
    while budget.spend():
        pass
    clock.now += 0.5
    assert [budget.spend() for _ in range(6)] == [True] * 5 + [False]
    clock.now += 1e6
    assert sum(budget.spend() for _ in range(200)) == 100


def test_every_fifth_request_earns_one_and_there_is_an_end_to_saving():
    clock = Clock()
    budget = RetryBudget(clock)
    while budget.spend():
        pass
    for _ in range(11):
        budget.request()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(100_000):
        budget.request()
    assert sum(budget.spend() for _ in range(1000)) == 400


def test_what_requests_earned_expires_when_it_is_not_used():
    clock = Clock()
    budget = RetryBudget(clock)
    for _ in range(1000):
        budget.request()
    clock.now += 10
    assert sum(budget.spend() for _ in range(1000)) == 100


def test_a_refused_parameter_is_left_out_from_now_on():
    at = desk()
    lessons = learned(at, FailureKind.UNSUPPORTED, ask(temperature=0.5), param="temperature")
    assert lessons == Lessons(dropped=frozenset({"temperature"})) == at.lessons_of(HERE)
    assert learned(at, FailureKind.UNSUPPORTED, ask(temperature=0.5), param="temperature") is None


@pytest.mark.parametrize(
    ("request_", "param"), [(ask(), "temperature"), (ask(temperature=1.0), "messages[0]"), (ask(temperature=1.0), None)]
)
def test_a_refusal_that_a_repeat_could_not_heed_teaches_nothing(request_, param):
    at = desk()
    assert learned(at, FailureKind.UNSUPPORTED, request_, param=param) is None
    assert not at.lessons


def test_a_models_most_output_is_remembered():
    at = desk()
    assert learned(at, FailureKind.MAX_TOKENS, ask(max_tokens=99_999), limit=8192).most_output == 8192
    assert at.lessons_of(HERE).most_output == 8192
    assert learned(at, FailureKind.MAX_TOKENS, ask(max_tokens=99_999), limit=4096).most_output == 4096


def test_what_a_long_prompt_left_of_the_window_is_heeded_once_and_not_remembered():
    at = desk()
    assert learned(at, FailureKind.MAX_TOKENS, ask(max_tokens=4096), limit=313).most_output == 313
    assert at.lessons_of(HERE) == Lessons()


def test_a_most_that_clamps_nothing_leaves_the_number_out_once():
    at = desk()
    first = learned(at, FailureKind.MAX_TOKENS, ask(max_tokens=100), limit=8192)
    assert first == Lessons(dropped=frozenset({"max_tokens"}))
    assert learned(at, FailureKind.MAX_TOKENS, ask(max_tokens=100), known=first) is None
    assert learned(at, FailureKind.MAX_TOKENS, ask()) is None
    assert not at.lessons


def test_refused_seals_are_left_out_once_and_for_this_request_only():
    at = desk()
    first = learned(at, FailureKind.SEAL, ask(), known=Lessons(most_output=5))
    assert first == Lessons(no_seals=True, most_output=5)
    assert learned(at, FailureKind.SEAL, ask(), known=first) is None
    assert learned(at, FailureKind.UNSUPPORTED, ask(seed=1), known=first, param="seed").no_seals
    assert at.lessons_of(HERE) == Lessons(dropped=frozenset({"seed"}))


def test_a_windows_real_size_is_remembered_and_asks_for_no_repeat():
    at = desk()
    assert learned(at, FailureKind.CONTEXT_LENGTH, ask(), limit=8000) is None
    assert learned(at, FailureKind.CONTEXT_LENGTH, ask()) is None
    assert at.windows == {("a", "m"): 8000}


@pytest.mark.parametrize("kind", [FailureKind.SERVER, FailureKind.CALLER_FAULT, FailureKind.PREFILL])
def test_other_failures_teach_nothing(kind):
    assert learned(desk(), kind, asks(messages=answer(call()).choices[0:0]), param="temperature") is None
