"""What a provider refuses for good is known to all workers at once, is shown with its evidence, and is taken back."""

from tests.fakes import FakeProvider, say, status
from tests.state.kit import gateway, provider

CANARY = "sk-canary-acme"


def shown(line, name="acme"):
    """Return a provider's row."""
    return next(row for row in line.get("/v1/providers")["data"] if row["id"] == name)


def missing(said):
    """Return a refusal of a model that is not there."""
    return status(404, {"error": {"message": said, "code": "model_not_found"}})


def check(running, line):
    """Check what one worker tells of a missing model, one that wants money, and one that another answers for."""
    row = running.wait_until(lambda: len(shown(line)["evidence"]) == 3 and shown(line))
    evidence = {(found["model"], found["what"]): found for found in row["evidence"]}
    assert evidence["gone", "gone"]["count"] == 2 and evidence["gone", "gone"]["status"] == 404
    assert evidence["dear", "money"]["said"] == "no credit left" and evidence["dear", "money"]["key"]
    assert evidence["swap", "other_model"]["said"] == "llama-3.1-8b"
    assert (row["status"], row["table_status"]) == ("paid", "working")
    assert CANARY not in str(row)
    stats = {row["key"]: row for row in line.get("/v1/stats")["circuits"]}
    assert stats["acme/swap"]["answered_as"] == "llama-3.1-8b"
    assert "answered_as" not in stats["acme/gone"]


def test_a_404_a_402_and_another_name_are_told_by_every_worker_with_their_evidence(database, tmp_path):
    with FakeProvider() as fake:
        config = provider("acme", fake.url, models=("gone", "dear", "swap"), never_rest=True)
        message = {"role": "assistant", "content": "Hello"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        swapped = {"id": "x", "object": "chat.completion", "created": 1, "model": "llama-3.1-8b", "choices": choices}
        fake.otherwise = lambda request: (status(200, swapped),)
        with gateway(tmp_path, database, config) as running:
            one, other = running.lines()
            fake.will(missing(f"no model gone for key {CANARY}"))
            assert one.chat(model="acme/gone").status == 503
            for line in (one, other):
                running.wait_until(lambda line=line: line.models()["acme/gone"]["status"] == "unverified")
            fake.will(missing("still no such model"))
            assert other.chat(model="acme/gone").status == 503
            one, other = running.lines()
            running.wait_until(lambda: "acme/gone" not in one.models())
            refused = one.chat(model="acme/gone")
            assert (refused.status, refused["error"]["code"]) == (404, "model_not_found")
            assert "was retired" in refused["error"]["message"]
            fake.will(status(402, {"error": {"message": "no credit left"}}))
            one.chat(model="acme/dear")
            one.chat(model="acme/swap")
            for line in running.lines():
                check(running, line)
            assert running.rows("SELECT model, said_model FROM attempts WHERE said_model IS NOT NULL") == [
                ("swap", "llama-3.1-8b")
            ]
            with running.visit() as line:
                assert line.models()["acme/swap"]["quality"] < 40
            running.restart()
            assert "acme/gone" not in running.line().models()


def test_a_model_that_was_retired_comes_back_when_its_providers_list_has_it_again(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    fake = FakeProvider(models=["model-a", "model-b"])
    moved = {"GROQ_BASE_URL": f"{fake.url}/v1", "GROQ_API_KEY": "sk-a", "WALLAS_MODEL_REFRESH_SECONDS": "1"}
    with fake, gateway(tmp_path, url, "[providers.groq]\nnever_rest = true\n", WALLAS_WORKERS="1", **moved) as running:
        line = running.line()
        running.wait_until(lambda: "groq/model-b" in line.models())
        for _ in range(2):
            fake.will(missing("model-b was decommissioned"))
            line.chat(model="groq/model-b")
        running.wait_until(lambda: "groq/model-b" not in line.models())
        asked = len(fake.requests)
        running.wait_until(lambda: len(fake.requests) > asked + 1)
        assert "groq/model-b" not in line.models()
        fake.models = ["model-a"]
        asked = len(fake.requests)
        running.wait_until(lambda: len(fake.requests) > asked + 1)
        fake.models = ["model-a", "model-b"]
        running.wait_until(lambda: "groq/model-b" in line.models())
        assert shown(line, "groq")["evidence"] == []


def test_a_model_that_was_refused_once_and_is_listed_again_need_not_rest_for_hours(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    fake = FakeProvider(models=["model-a", "model-b"], otherwise=lambda request: (say("Hello"),))
    moved = {"GROQ_BASE_URL": f"{fake.url}/v1", "GROQ_API_KEY": "sk-a", "WALLAS_MODEL_REFRESH_SECONDS": "1"}
    with fake, gateway(tmp_path, url, "", WALLAS_WORKERS="1", **moved) as running:
        line = running.line()
        running.wait_until(lambda: "groq/model-b" in line.models())
        fake.models = ["model-a"]
        fake.will(missing("no such model"))
        assert line.chat(model="groq/model-b").status == 503
        running.wait_until(lambda: line.models()["groq/model-b"]["missing_since"])
        assert line.chat(model="groq/model-b").status == 503
        fake.models = ["model-a", "model-b"]
        running.wait_until(lambda: line.models()["groq/model-b"]["missing_since"] is None)
        assert running.wait_until(lambda: line.chat(model="groq/model-b").status == 200)
