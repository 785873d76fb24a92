"""The public catalogue: fetched once a day by one worker, kept, and done without."""

import json

from tests.catalog.test_public import page, row
from tests.fakes import FakeProvider, html, status
from tests.state.kit import gateway, provider


def asked_for(fake):
    """Return how often the catalogue was asked for, and with what headers."""
    return [request for request in fake.requests if request.path == "/api.json"]


def test_one_worker_fetches_it_once_all_use_it_and_a_restart_needs_no_network(database, tmp_path):
    catalogue = page(acme={"m": row()}, perplexity={"sonar-9": row()})
    variables = {"WALLAS_CATALOG": "on", "PERPLEXITY_API_KEY": "sk-canary-pplx"}
    with FakeProvider() as fake:
        fake.on("/api.json", status(200, catalogue))
        config = f'{provider("own", fake.url, models=())}[[providers.own.models]]\nid = "acme/m"\n'
        url = {"WALLAS_CATALOG_URL": f"{fake.url}/api.json"}
        with gateway(tmp_path, database, config, **variables, **url) as running:
            for line in running.lines():
                told = running.wait_until(
                    lambda line=line: (one := line.get("/v1/models/own/acme/m"))["context_length"] and one
                )
                assert (told["context_length"], told["released"], told["pricing"]) == (200000, "2026-05-02", None)
                assert told["facts"]["context"]["source"] == "127.0.0.1"
                unverified = line.models()["perplexity/sonar-9"]
                assert (unverified["status"], unverified["free"]) == ("unverified", False)
            (request,) = asked_for(fake)
            assert "canary" not in json.dumps(dict(request.headers))
            fake.close()
            running.restart()
            assert running.line().get("/v1/models/own/acme/m")["context_length"] == 200000
            assert running.wait_until(lambda: running.line().get("/health")["status"] == "ok")


def test_a_page_that_is_none_changes_nothing_and_the_switch_ends_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    with FakeProvider() as fake:
        fake.on("/api.json", html())
        variables = {
            "WALLAS_CATALOG_URL": f"{fake.url}/api.json",
            "WALLAS_WORKERS": "1",
            "GROQ_BASE_URL": f"{fake.url}/v1",
            "GROQ_API_KEY": "sk-a",
            "WALLAS_MODEL_REFRESH_SECONDS": "1",
        }
        with gateway(tmp_path, url, provider("own", fake.url), WALLAS_CATALOG="on", **variables) as running:
            running.wait_until(lambda: asked_for(fake))
            assert running.line().models()["own/m"]["context_length"] == 131072
            count = len(asked_for(fake))
            running.kill()
            running.variables["WALLAS_CATALOG"] = "off"
            running.start()
            lists = sum(request.path.endswith("/models") for request in fake.requests)
            running.wait_until(lambda: sum(request.path.endswith("/models") for request in fake.requests) > lists + 1)
            assert len(asked_for(fake)) == count
