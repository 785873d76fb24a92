"""What answers show of models: 404, 402, and another model's name; who is believed, and for how long."""

import pytest

from wallas.catalog.entries import Model
from wallas.catalog.findings import DAY, SAID_MOST, SECOND_CHANCE, Findings, is_other, judged, shown
from wallas.errors import FailureKind, ProviderError

M = Model(provider="p", id="acme/big-70b", free=True, quality=80.0, coding=78.0)
KEYS = frozenset({"k1", "k2"})


class Wall:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def findings(wall):
    return Findings({"p": "https://p.example/v1", "engine": "http://localhost:1"}, own=["engine"], wall=wall)


def gone(status=404, said="no such model"):
    return ProviderError(FailureKind.MODEL_GONE, said, status=status)


def money(said="pay first"):
    return ProviderError(FailureKind.MONEY, said, status=402)


def refuse(findings, wall, error, *, key="k1", model=M, began=None):
    findings.refused("p", model.id, key, error, began_at=wall.now if began is None else began)
    wall.now += 1


def now(findings, model=M):
    return judged(model, findings.current(), KEYS)


def test_one_404_makes_a_model_unverified_and_a_second_retires_it(findings, wall):
    refuse(findings, wall, gone())
    assert now(findings).status == "unverified"
    refuse(findings, wall, gone(410, "acme/big-70b was shut down"))
    model = now(findings)
    assert model.status == "retired"
    assert model.note == "410 on 1970-01-12: acme/big-70b was shut down"
    (finding,) = findings.current()
    assert finding.row() == {
        "model": M.id,
        "what": "gone",
        "said": "acme/big-70b was shut down",
        "count": 2,
        "status": 410,
        "at": "1970-01-12T13:46:41Z",
    }


def test_calls_that_were_under_way_together_count_as_one(findings, wall):
    began = wall.now
    for _ in range(4):
        refuse(findings, wall, gone(), began=began)
    assert now(findings).status == "unverified"


def test_an_answer_clears_a_model_at_once(findings, wall):
    refuse(findings, wall, gone())
    refuse(findings, wall, money())
    assert findings.answered(M, "k1", M.id, began_at=wall.now) is False
    assert findings.current() == [] and now(findings) == M
    refuse(findings, wall, gone())
    assert now(findings).status == "unverified"


def test_a_402_makes_a_free_model_paid_once_every_key_is_refused_and_for_a_day(findings, wall):
    refuse(findings, wall, money(), key="k1")
    assert (now(findings).status, now(findings).free) == ("working", True)
    refuse(findings, wall, money(), key="k2")
    assert (now(findings).status, now(findings).free) == ("paid", False)
    wall.now += DAY + 1
    assert now(findings) == M


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind.name not in ("MODEL_GONE", "MONEY")])
def test_other_failures_say_nothing_of_a_models_state(findings, wall, kind):
    refuse(findings, wall, ProviderError(kind, "x", status=500))
    assert findings.current() == [] and findings.drain() == []


def test_a_model_comes_back_when_a_list_has_it_again_or_goes_on_naming_it_for_a_day(findings, wall):
    for _ in range(2):
        refuse(findings, wall, gone())
    findings.listed("p", {M.id}, back=())
    findings.listed("other", {M.id}, back={M.id})
    assert now(findings).status == "retired"
    returned = []
    findings.back = lambda *place: returned.append(place)
    findings.listed("p", {M.id}, back={M.id})
    assert now(findings).status == "working" and returned == [("p", M.id)]
    for _ in range(2):
        refuse(findings, wall, gone())
    wall.now += SECOND_CHANCE + 1
    findings.listed("p", {"another"}, back=())
    assert now(findings).status == "retired"
    findings.listed("p", {M.id}, back=())
    assert now(findings).status == "working"


def test_findings_of_another_address_say_nothing(findings, wall):
    for _ in range(2):
        refuse(findings, wall, gone())
    moved = Findings({"p": "http://127.0.0.1:9/v1"}, wall=wall)
    moved.take_in(findings.known.values())
    assert moved.current() == []


def test_another_models_name_lowers_what_is_expected_and_never_raises_it(findings, wall):
    assert findings.answered(M, "k", "llama-3.1-8b-instruct", began_at=wall.now)
    lowered = now(findings)
    assert lowered.quality < 60 and lowered.coding < 60 and "llama-3.1-8b-instruct" in lowered.note
    small = Model(provider="p", id="acme/tiny", quality=5.0, coding=4.0)
    assert findings.answered(small, "k", "claude-opus-5", began_at=wall.now)
    assert judged(small, findings.current()[1:], KEYS).quality == 5.0
    fixed = Model(provider="p", id="acme/big-70b", quality=80.0, fixed=frozenset({"quality"}))
    assert judged(fixed, findings.current()[:1], KEYS).quality == 80.0


def test_the_same_substitution_is_told_once_and_again_only_later(findings, wall):
    for _ in range(50):
        assert findings.answered(M, "k", "llama-3.1-8b", began_at=wall.now)
    assert len(findings.drain()) == 1
    wall.now += 601
    findings.answered(M, "k", "llama-3.1-8b", began_at=wall.now)
    assert len(findings.drain()) == 1


@pytest.mark.parametrize(
    "asked, said",
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("claude-sonnet-5", "claude-sonnet-5-20260601"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("gpt-oss:120b", "openai/gpt-oss-120b"),
        ("llama-3.3-70b-versatile", "llama-3.3-70b"),
        ("mistral-small-latest", "mistral-small-2506"),
        ("gemini-3.8-flash", "models/gemini-3.8-flash"),
        ("openrouter/free", "qwen/qwen3.8-27b:free"),
        ("kilo-auto/free", "anything"),
        ("deepseek-chat", ""),
    ],
)
def test_other_spellings_of_the_same_model_are_no_substitution(asked, said):
    assert not is_other(Model(provider="p", id=asked), said)


@pytest.mark.parametrize("asked, said", [("gpt-4o", "gpt-4o-mini"), ("claude-opus-5", "claude-haiku-4-5"), ("m", "x")])
def test_another_model_is(asked, said):
    assert is_other(Model(provider="p", id=asked), said)


def test_an_engine_of_the_users_own_may_answer_in_any_name(findings, wall):
    assert not findings.answered(Model(provider="engine", id="m"), "k", "gpt-3.5-turbo", began_at=wall.now)


def test_what_an_engine_of_the_users_own_lacks_is_known_by_its_list_which_is_read_again(findings, wall):
    asked = []
    findings.gone = asked.append
    findings.refused("engine", "m", "k", gone(), began_at=wall.now)
    findings.refused("p", "m", "k", gone(), began_at=wall.now)
    assert asked == ["engine", "p"] and [finding.provider for finding in findings.current()] == ["p"]


@pytest.mark.parametrize(
    "said, told",
    [
        ("The model `acme/big-70b` does not exist", "The model `acme/big-70b` does not exist"),
        ("key sk-proj-abcdEFGH1234567890xyz is not entitled", "key *** is not entitled"),
        ("org org-9f8e7d6c5b4a3928: write to jane.doe@example.com\r\nnow", "org ***: write to *** now"),
        ("unquestionably-decommissioned-models", "unquestionably-decommissioned-models"),
        ("a" * 500, "a" * SAID_MOST),
    ],
)
def test_evidence_is_short_and_has_no_key_account_or_address(said, told):
    assert shown(said, "acme/big-70b") == told


def test_what_others_stored_is_taken_in_and_newer_knowledge_is_not_overwritten(findings, wall):
    refuse(findings, wall, gone())
    (seen,) = findings.drain()
    other = Findings({"p": "https://p.example/v1"}, wall=wall)
    other.take_in([seen._replace(times=2)])
    assert now(other).status == "retired"
    other.answered(M, "k", M.id, began_at=wall.now)
    other.take_in([seen])
    assert other.current() == []
    returned = []
    findings.back = lambda *place: returned.append(place)
    findings.take_in(other.drain())
    assert findings.current() == [] and returned == [("p", M.id)]


def test_no_more_is_remembered_than_there_is_room_for(findings, wall):
    for number in range(2100):
        refuse(findings, wall, gone(), model=Model(provider="p", id=f"m{number}"))
    assert len(findings.known) == 2000
