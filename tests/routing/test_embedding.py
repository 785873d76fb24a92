import msgspec
import pytest

from tests.routing.scripted import ScriptedBody
from tests.routing.stations import Station, model, router
from wallas.codecs import embeddings_openai as wire
from wallas.errors import AllAttemptsFailed, BadRequest, FailureKind, NotFound, ProviderError
from wallas.health import Place
from wallas.routing.embedding import embed
from wallas.routing.router import Options
from wallas.settings import Timeouts
from wallas.types.media import EmbedRequest

REQUEST = EmbedRequest(model="embed-v3", inputs=("a", "b"))


class Body(ScriptedBody):
    """A scripted body that a thread can wait for."""

    late = False

    def wait(self, timeout):
        return not self.late


class Embedder(Station):
    """A station whose scripts are answers to embedding requests."""

    def embed(self, request, *, key):
        return self.chat(request, key=key)

    def decode_embeddings(self, request, data):
        return wire.decode_response(msgspec.json.decode(data), count=len(request.inputs))


def vectors(count=2, usage=True):
    rows = [{"object": "embedding", "index": index, "embedding": [0.5, 1.0]} for index in range(count)]
    body = {"object": "list", "data": rows, "model": "embed-v3"}
    return Body(msgspec.json.encode(body | ({"usage": {"prompt_tokens": 7, "total_tokens": 7}} if usage else {})))


def refusal(status, message="no", **headers):
    body = Body(msgspec.json.encode({"error": {"message": message}}), status=status)
    body.headers = headers
    return body


def embedding(provider, id="embed-v3", **traits):
    return model(provider, id, kind="embedding", capabilities=frozenset({"embeddings"}), **traits)


def asked(at, request=REQUEST, **options):
    return embed(at, request, Options(**options), request_id="r1", wire="openai_chat")


def record(at):
    (one,) = at.desk.journal.records
    assert at.desk.ledger.open == 0
    return one


@pytest.fixture
def made(tmp_path):
    def make(*stations, models=None):
        return router(tmp_path, models or [embedding(one.name) for one in stations], *stations)

    return make


def test_vectors_are_told_with_their_provider_and_usage(made):
    at = made(Embedder("one", vectors()))
    answer = asked(at)
    assert answer.vectors == ((0.5, 1.0),) * 2 and (answer.provider, answer.model) == ("one", "embed-v3")
    assert answer.usage.input == 7
    assert (record(at).outcome, record(at).operation, record(at).hops[0].outcome) == ("ok", "embed", "ok")
    assert at.desk.ledger.settled["one", "embed-v3", "acc"].tokens == 7


def test_usage_that_nobody_said_is_estimated(made):
    assert asked(made(Embedder("one", vectors(usage=False)))).usage.input == 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (lambda: refusal(500), "server"),
        (lambda: refusal(429), "rate_limit"),
        (lambda: vectors(1), "malformed"),
        (lambda: ProviderError(FailureKind.CONNECT), "connect"),
        (lambda: Body(b"", fault=ProviderError(FailureKind.CUT)), "cut"),
    ],
)
def test_the_same_model_elsewhere_stands_in(made, fault, outcome):
    at = made(Embedder("one", fault()), Embedder("two", vectors()))
    assert asked(at).provider == "two"
    assert [hop.outcome for hop in record(at).hops] == [outcome, "ok"]


def test_an_answer_that_is_late_is_a_failure(made):
    body = Body(b"", fault=ProviderError(FailureKind.CUT))
    body.late = True
    one = Embedder("one", body)
    one.timeouts = Timeouts(whole=5.0)
    at = made(one, Embedder("two", vectors()))
    assert asked(at).provider == "two" and record(at).hops[0].outcome == "timeout" and body.released


def test_a_limit_that_passes_while_waiting_is_a_failure(made):
    one = Embedder("one", Body(b"", fault=ProviderError(FailureKind.CUT)))
    one.timeouts = Timeouts(whole=0.0)
    with pytest.raises(AllAttemptsFailed) as caught:
        asked(made(one))
    assert caught.value.status == 504


def test_no_other_model_ever_stands_in(made):
    other = Embedder("two")
    at = made(Embedder("one", refusal(500)), other, models=[embedding("one"), embedding("two", "embed-v4")])
    with pytest.raises(AllAttemptsFailed) as caught:
        asked(at)
    assert caught.value.status == 503 and other.requests == []
    assert (record(at).outcome, record(at).status) == ("no_provider_available", 503)


def test_an_exact_name_and_no_fallback_ask_one_only(made):
    for request, options in (
        (msgspec.structs.replace(REQUEST, model="one/embed-v3"), {}),
        (REQUEST, {"fallback": False}),
    ):
        second = Embedder("two")
        with pytest.raises(AllAttemptsFailed):
            asked(made(Embedder("one", refusal(500)), second), request, **options)
        assert second.requests == []


def test_limits_tell_when_to_come_back(made):
    at = made(
        Embedder("one", refusal(429, **{"retry-after": "9"})), Embedder("two", refusal(429, **{"retry-after": "4"}))
    )
    with pytest.raises(AllAttemptsFailed) as caught:
        asked(at, wait=0.0)
    assert caught.value.status == 429 and caught.value.retry_after in (4.0, 5.0)


def test_the_callers_fault_is_told_at_once(made):
    second = Embedder("two")
    at = made(Embedder("one", refusal(400, "input too weird")), second)
    with pytest.raises(BadRequest) as caught:
        asked(at)
    assert caught.value.status == 400 and second.requests == [] and record(at).status == 400
    assert not at.desk.health.circuits


def test_a_fault_of_our_own_is_503(made):
    with pytest.raises(AllAttemptsFailed) as caught:
        asked(made(Embedder("one", ProviderError(FailureKind.GATEWAY))))
    assert caught.value.status == 503


def test_a_stale_connection_is_repeated_without_blame(made):
    def stale():
        return Body(b"", fault=ProviderError(FailureKind.CONNECT, code="stale"))

    at = made(Embedder("one", stale(), vectors()))
    assert asked(at).provider == "one"
    assert [hop.outcome for hop in record(at).hops] == ["ok"] and at.desk.health.circuits[
        Place("one", "embed-v3", "k0")
    ].failures == 0
    at = made(Embedder("one", stale(), stale()), Embedder("two", vectors()))
    assert asked(at).provider == "two"
    assert at.desk.health.circuits[Place("one", "embed-v3", "k0")].failures == 1


def test_the_callers_terms_hold_here_too(made):
    models = [embedding("one", trains_on_data=True), embedding("two", free=False)]
    for options, reason in (
        ({"private": True}, "may train on prompts"),
        ({"ignore": frozenset({"one", "two"})}, "provider not allowed by the request"),
    ):
        at = made(Embedder("one"), Embedder("two"), models=models)
        with pytest.raises(AllAttemptsFailed) as caught:
            asked(at, **options)
        assert reason in caught.value.message


def test_what_costs_money_stands_in_only_where_that_is_allowed(made):
    models = [embedding("one"), embedding("two", "acme/embed-v3", free=False)]

    def at():
        return made(Embedder("one", refusal(500)), Embedder("two", vectors()), models=models)

    with pytest.raises(AllAttemptsFailed):
        asked(at(), msgspec.structs.replace(REQUEST, model="one/embed-v3"))
    paying = at()
    if paying.catalog.same(models[0]):
        assert asked(paying, cost_mode="allow_paid").provider == "two"


def test_whoever_rests_is_left_out(made):
    at = made(Embedder("one"))
    at.desk.health.failed(Place("one", "embed-v3", "k0"), ProviderError(FailureKind.RATE_LIMIT, retry_after=30.0))
    with pytest.raises(AllAttemptsFailed) as caught:
        asked(at)
    assert caught.value.status == 429 and caught.value.retry_after == 30.0


@pytest.mark.parametrize("name", ["chatty", "unknown"])
def test_a_model_that_does_not_embed_is_404(made, name):
    at = made(Embedder("one"), models=[embedding("one"), model("one", "chatty")])
    with pytest.raises(NotFound) as caught:
        asked(at, msgspec.structs.replace(REQUEST, model=name))
    assert caught.value.code == "model_not_found"


def test_an_error_inside_is_recorded(made):
    at = made(Embedder("one", ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        asked(at)
    assert (record(at).outcome, record(at).status) == ("internal_error", 500)
