import pytest

from tests.routing.scenes import Clock, answer, asks, call
from tests.routing.scripted import ScriptedProvider, ask, candidate, desk
from wallas.errors import FailureKind, ProviderError
from wallas.routing.adapt import Lessons
from wallas.routing.desk import RetryBudget
from wallas.routing.inability import Inabilities
from wallas.routing.needs import Needs

HERE = candidate(ScriptedProvider("a", "anthropic"), "m")


SHORT = Needs(frozenset({"chat"}), 100, 0)


def learned(at, kind, request, known=None, needs=SHORT, **more):
    error = ProviderError(kind, more.pop("message", ""), **more)
    return at.learn(HERE, error, request=request, known=known or at.lessons_of(HERE), needs=needs)


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


def test_a_long_request_refused_without_a_number_tells_what_the_window_does_not_hold():
    at = desk()
    learned(at, FailureKind.CONTEXT_LENGTH, ask(), needs=Needs(frozenset({"chat"}), 30_000, 1000))
    assert at.windows == {("a", "m"): 33_999}
    learned(at, FailureKind.CONTEXT_LENGTH, ask(), needs=Needs(frozenset({"chat"}), 50_000, 0))
    assert at.windows == {("a", "m"): 33_999}


TOOLS = Needs(frozenset({"chat", "tools"}), 100, 0)
BOTH = Needs(frozenset({"chat", "tools", "vision"}), 100, 0)


@pytest.mark.parametrize(
    ("message", "needs", "lacks"),
    [
        ("`tools` is not supported with this model", TOOLS, "tools"),
        ("No endpoints found that support tool use.", TOOLS, "tools"),
        ("registry.ollama.ai/library/x does not support tools", TOOLS, "tools"),
        ("Function calling is not enabled for models/gemma-3-27b-it", TOOLS, "tools"),
        ("m does not support image input", BOTH, "vision"),
        ("This is a text-only model", BOTH, "vision"),
        ("m does not support image input", TOOLS, None),
        ("This model only supports single tool-calls at once!", TOOLS, None),
        ("tools[0].function.parameters: property 'x' is not supported", TOOLS, None),
        ("parallel tool calls are not supported", TOOLS, None),
        ("images and tools are not supported", BOTH, None),
        ("temperature is not supported", TOOLS, None),
    ],
)
def test_a_refused_ability_is_not_asked_for_again(message, needs, lacks):
    at = desk()
    assert learned(at, FailureKind.UNSUPPORTED, ask(), needs=needs, message=message) is None
    assert at.inabilities.of(("a", "m"), needs.capabilities) == lacks
    assert at.inabilities.of(("a", "m"), frozenset({"chat"})) is None


def test_a_lacking_ability_is_tried_again_after_ten_minutes_and_then_an_hour():
    clock = Clock()
    found, place, tools = Inabilities(clock), ("a", "m"), frozenset({"tools"})
    ends = []
    for _ in range(5):
        found.learn(place, "tools")
        found.learn(place, "tools")
        began = clock.now
        while found.of(place, tools):
            clock.now += 60
        ends.append(clock.now - began)
    assert ends == [600, 3600, 21_600, 86_400, 86_400]


@pytest.mark.parametrize("kind", [FailureKind.SERVER, FailureKind.CALLER_FAULT, FailureKind.PREFILL])
def test_other_failures_teach_nothing(kind):
    assert learned(desk(), kind, asks(messages=answer(call()).choices[0:0]), param="temperature") is None
