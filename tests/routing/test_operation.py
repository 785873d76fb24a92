"""The attempt loop of everything that is no stream of words."""

import msgspec
import pytest

from tests.routing.stations import Station, model, router
from tests.routing.test_embedding import Embedder, embedding, refusal, vectors
from wallas.errors import AllAttemptsFailed, FailureKind, NotFound, ProviderError
from wallas.health import Place
from wallas.routing.embedding import embed
from wallas.routing.operation import Task, begin
from wallas.routing.router import Options
from wallas.types.media import EmbedRequest

DRAW = Task(name="image", noun="image", able=lambda one: "image_generation" in one.capabilities, foreign=("dall-e-*",))


def painter(provider, id="paint", **traits):
    return model(provider, id, kind="image", capabilities=frozenset({"image_generation"}), **traits)


@pytest.fixture
def made(tmp_path):
    return lambda models, *stations: router(tmp_path, models, *stations)


def run(at, name=None, task=DRAW, **options):
    return begin(at, task, name, Options(**options), request_id="r1", wire="openai_chat")


def order(at, name=None, **options):
    return [candidate.model.key for candidate in run(at, name, **options).waiting]


def test_whoever_is_best_comes_first_and_programs_of_this_machine_last(made):
    models = [painter("program", quality=99.0), painter("good", quality=70.0), painter("poor", quality=20.0)]
    at = made(models, Station("program", program=True), Station("good"), Station("poor"))
    assert order(at) == order(at, "auto") == order(at, "dall-e-3") == ["good/paint", "poor/paint", "program/paint"]


def test_a_name_is_obeyed_and_only_a_bare_one_may_be_stood_in_for(made):
    models = [painter("one"), painter("two", "other", quality=90.0), painter("three", "paid", free=False)]
    at = made(models, Station("one"), Station("two"), Station("three"))
    assert order(at, "paint") == ["one/paint", "two/other"]
    assert order(at, "one/paint") == ["one/paint"]
    assert order(at, "paid") == ["three/paid", "two/other", "one/paint"]
    assert order(at, "one/paint", models=("two/other",)) == ["one/paint", "two/other"]


def test_a_model_of_another_kind_is_404_and_nobody_at_all_is_told_whose_key_would_do(made):
    at = made([model("one", "chatty"), painter("two")], Station("one"))
    with pytest.raises(NotFound, match="no image model"):
        run(at, "chatty")
    with pytest.raises(AllAttemptsFailed, match="set a key for one of two") as caught:
        run(at)
    assert caught.value.code == "no_provider_configured" and caught.value.status == 503


def test_a_program_that_could_do_it_here_is_named_though_it_has_no_model_yet(made):
    task = Task(name="transcription", noun="transcription", able=lambda one: "transcription" in one.capabilities)
    at = made([model("one", "ear", capabilities=frozenset({"transcription"}))])
    with pytest.raises(
        AllAttemptsFailed, match=r'set a key for one of one.*; or pip install "wallas\[whisper\]", and a model in'
    ):
        run(at, task=task)


def test_the_next_candidate_answers_and_the_headers_tell_of_both(made):
    at = made([painter("one", quality=90.0), painter("two")], Station("one"), Station("two"))

    def ask(candidate, line):
        if candidate.model.provider == "one":
            raise ProviderError(FailureKind.SERVER, "broken", status=500)
        return candidate.key.id

    with run(at, "auto") as one:
        assert one.answer(ask, tokens=9) == "k0"
    told = one.headers()
    assert (told["X-Wallas-Provider"], told["X-Wallas-Model"], told["X-Wallas-Attempts"]) == ("two", "paint", "2")
    assert told["X-Wallas-Profile"] == "auto" and told["X-Wallas-Trail"].startswith("one/paint server")
    (record,) = at.desk.journal.records
    assert (record.outcome, record.operation) == ("ok", "image") and at.desk.ledger.open == 0
    assert at.desk.health.circuits[Place("one", "paint", "k0")].failures == 1


def test_whoever_gave_the_last_part_is_asked_for_the_next_one(made):
    at = made([painter("one", quality=90.0), painter("two")], Station("one"), Station("two"))
    fails = iter([ProviderError(FailureKind.SERVER), None, None, ProviderError(FailureKind.CUT), None])

    def ask(candidate, line):
        if error := next(fails):
            raise error
        return candidate.model.provider

    with run(at) as one:
        assert [one.answer(ask), one.answer(ask)] == ["two", "two"]
        with pytest.raises(AllAttemptsFailed):
            one.answer(ask)


def test_a_rest_that_began_meanwhile_is_heeded(made):
    at = made([painter("one", quality=90.0), painter("two")], Station("one"), Station("two"))
    with run(at) as one:
        at.desk.health.failed(Place("one", "paint", "k0"), ProviderError(FailureKind.RATE_LIMIT, retry_after=30.0))
        assert one.answer(lambda candidate, line: candidate.model.provider) == "two"


def test_half_open_candidates_let_one_request_try(made):
    at = made([painter("one", quality=90.0), painter("two")], Station("one"), Station("two"))
    for provider in ("one", "two"):
        breaker = at.desk.health._breaker(Place(provider, "paint", "k0"), at.desk.health.clock())
        breaker.opened, breaker.probing = 1, True
    with run(at) as one:
        assert one.answer(lambda candidate, line: candidate.model.provider) == "two"


def test_the_time_of_the_whole_request_ends_it(made):
    at = made([painter("one", quality=90.0), painter("two")], Station("one"), Station("two"))

    def ask(candidate, line):
        line.pause(10.0)

    with pytest.raises(AllAttemptsFailed) as caught, run(at, timeout=0.01) as one:
        one.until = 0.0
        one.answer(ask)
    assert caught.value.status == 504


def test_many_inputs_are_asked_for_in_as_many_calls_as_the_provider_needs(made):
    one = Embedder("one", vectors(2), refusal(500), embed_batch=2)
    two = Embedder("two", vectors(3), embed_batch=96)
    at = made([embedding("one"), embedding("two")], one, two)
    request = EmbedRequest(model="embed-v3", inputs=("a", "b", "c", "d", "e"))
    answer = embed(at, request, Options(), request_id="r", wire="openai_chat")
    assert len(answer.vectors) == 5 and answer.usage.input == 14
    assert [len(request.inputs) for request in (*one.requests, *two.requests)] == [2, 2, 3]
    assert [hop.outcome for hop in at.desk.journal.records[0].hops] == ["ok", "server", "ok"]


def test_vectors_of_another_length_than_the_first_are_refused(made):
    from tests.routing.test_embedding import Body

    long = Body(msgspec.json.encode({"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}], "model": "m"}))
    at = made([embedding("one")], Embedder("one", vectors(1), long, embed_batch=1))
    with pytest.raises(AllAttemptsFailed) as caught:
        embed(at, EmbedRequest(model="embed-v3", inputs=("a", "b")), Options(), request_id="r", wire="openai_chat")
    assert caught.value.status == 502


def test_a_limit_that_ends_soon_is_waited_for(made):
    at = made([painter("one")], Station("one"))
    answers = iter([ProviderError(FailureKind.RATE_LIMIT, retry_after=0.05), None])

    def ask(candidate, line):
        if error := next(answers):
            raise error
        return "drawn"

    with run(at, wait=0.5) as one:
        assert one.answer(ask) == "drawn"
    assert [hop.outcome for hop in at.desk.journal.records[0].hops] == ["rate_limit", "ok"]
    at.desk.health.failed(Place("one", "paint", "k0"), ProviderError(FailureKind.RATE_LIMIT, retry_after=0.05))
    with run(at, wait=0.5) as one:
        assert one.answer(lambda candidate, line: "drawn") == "drawn"
    at.desk.health.failed(Place("one", "paint", "k0"), ProviderError(FailureKind.RATE_LIMIT, retry_after=0.05))
    with pytest.raises(AllAttemptsFailed) as caught, run(at, wait=0.0) as one:
        one.answer(lambda candidate, line: "drawn")
    assert caught.value.status == 429


def test_what_could_be_installed_is_told_beside_whose_key_would_do(made):
    speak = Task(name="speech", noun="speech", able=lambda one: "speech" in one.capabilities)
    voices = [
        model(name, "voice", kind="speech", capabilities=frozenset({"speech"})) for name in ("groq", "espeak", "own")
    ]
    at = made([*voices, model("one", "chatty")], Station("one"))
    with pytest.raises(AllAttemptsFailed, match=r"key for one of groq, own in .*; or apt-get install espeak-ng"):
        run(at, task=speak)
