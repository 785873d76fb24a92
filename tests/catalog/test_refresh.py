"""Lists are fetched from all providers; what fails keeps what was known."""

from types import SimpleNamespace

from wallas.catalog.build import build
from wallas.catalog.entries import Model
from wallas.catalog.refresh import refresh
from wallas.errors import FailureKind, ProviderError
from wallas.settings import Key, Secret

DAY = "2026-11-21"


class Lists:
    """A provider that answers for each key with a list or an error."""

    def __init__(self, *answers, local=False):
        self.keys = tuple(Key(secret=Secret(str(n)), account="a", id=str(n)) for n in range(len(answers)))
        self.answers = dict(zip(self.keys, answers, strict=True))
        self.row = SimpleNamespace(local=local)

    def list_models(self, key):
        answer = self.answers[key]
        if isinstance(answer, Exception):
            raise answer
        return answer


def down():
    return ProviderError(FailureKind.CONNECT, "refused")


def test_lists_are_stored_and_a_failing_provider_keeps_its_old_one():
    stored = {}
    models = [Model(provider="a", id="x"), Model(provider="a", id="<bad>")]
    counts = refresh({"a": Lists(models), "b": Lists(down())}, stored.__setitem__, today=DAY)
    assert counts == {"a": 1}
    assert [model.id for model in stored["a"].models] == ["x"]
    assert "b" not in stored


def test_the_next_key_is_tried_when_the_first_is_refused():
    stored = {}
    refused = ProviderError(FailureKind.CREDENTIAL, "bad key", status=401)
    refresh({"a": Lists(refused, [Model(provider="a", id="x")])}, stored.__setitem__, today=DAY)
    assert [model.id for model in stored["a"].models] == ["x"]


def test_an_empty_list_is_not_believed_except_of_an_engine_on_this_machine():
    stored = {}
    refresh({"a": Lists([]), "here": Lists([], local=True), "off": Lists(down(), local=True)}, stored.__setitem__)
    assert sorted(stored) == ["here", "off"]


def test_a_provider_cannot_list_models_of_another():
    stored = {}
    refresh({"a": Lists([Model(provider="b", id="x"), Model(provider="a", id="y")])}, stored.__setitem__)
    assert [model.key for model in stored["a"].models] == ["a/y"]


def test_a_second_refresh_does_not_lose_what_is_known_of_a_model():
    stored = {}
    bare = Model(provider="groq", id="openai/gpt-oss-120b", free=True, guessed=frozenset({"capabilities"}))
    for _ in range(2):
        refresh({"groq": Lists([bare])}, stored.__setitem__, today=DAY)
    model = build(listings=stored.values(), today=DAY).find("groq", "openai/gpt-oss-120b")
    assert (model.context, model.price.output, model.limits.rpm) == (131072, 0.6, 30)
