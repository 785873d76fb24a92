"""Providers' own model lists: one elected worker fetches them, all workers and later runs know them."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fakes import FakeProvider, say, status
from tests.state.kit import Gateway, gateway

PUBLIC = re.compile(r"[\w.:/@+-]{1,300}", re.ASCII)


@contextlib.contextmanager
def serving(folder: Path, url: str, fake: FakeProvider, **more: str) -> Iterator[Gateway]:
    """Serve with a provider of the table, moved here: unlike one of this machine it is not forgotten when it fails."""
    moved = {"GROQ_BASE_URL": f"{fake.url}/v1", "GROQ_API_KEY": "sk-canary-groq"}
    with gateway(folder, url, "", **moved, **more) as running:
        yield running


def asked_for(fake: FakeProvider) -> int:
    """Return how often a provider was asked for its list."""
    return sum(request.path.endswith("/models") for request in fake.requests)


def test_one_worker_fetches_a_list_and_both_serve_it_also_after_a_restart_without_network(database, tmp_path):
    with FakeProvider(models=["model-a", "model-b"]) as fake, serving(tmp_path, database, fake) as running:
        one, other = running.lines()
        for line in (one, other):
            running.wait_until(lambda line=line: {"groq/model-a", "groq/model-b"} <= set(line.models()))
        assert asked_for(fake) == 1
        fake.close()
        running.restart()
        for line in running.lines():
            assert {"groq/model-a", "groq/model-b"} <= set(line.models())
        time.sleep(0.3)
        assert "groq/model-a" in running.line().models()


def test_a_model_that_its_provider_no_longer_lists_stays_and_is_marked(database, tmp_path):
    fake = FakeProvider(models=["model-a", "model-b"])
    with fake, serving(tmp_path, database, fake, WALLAS_MODEL_REFRESH_SECONDS="1") as running:
        line = running.line()

        def missing(name):
            return line.models().get(name, {}).get("missing_since", "unknown")

        running.wait_until(lambda: missing("groq/model-b") is None)
        fake.models = ["model-a"]
        running.wait_until(lambda: re.fullmatch(r"\d{4}-\d\d-\d\d", missing("groq/model-b") or ""))
        assert missing("groq/model-a") is None
        running.restart()
        line = running.line()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", missing("groq/model-b"))
        fake.models = ["model-a", "model-b"]
        running.wait_until(lambda: missing("groq/model-b") is None)


def test_the_office_goes_to_another_worker_when_its_holder_is_killed(database, tmp_path):
    with FakeProvider() as fake, serving(tmp_path, database, fake, WALLAS_MODEL_REFRESH_SECONDS="1") as running:

        def holder():
            rows = running.rows("SELECT holder FROM leases WHERE name = 'jobs'")
            return int(rows[0][0].split(":")[1]) if rows else None

        first = running.wait_until(holder)
        workers = running.workers()
        assert first in workers
        os.kill(first, signal.SIGKILL)
        second = running.wait_until(lambda: (now := holder()) != first and now)
        assert second in running.workers()
        count = asked_for(fake)
        running.wait_until(lambda: asked_for(fake) > count)


def test_an_office_is_left_at_a_stop_and_taken_at_once_by_the_next_run(database, tmp_path):
    with FakeProvider() as fake, serving(tmp_path, database, fake, WALLAS_WORKERS="1") as running:
        running.wait_until(lambda: asked_for(fake) == 1)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(10)
        assert running.rows("SELECT * FROM leases") == []
        running.start()
        running.wait_until(lambda: asked_for(fake) == 2, seconds=1.5)


def test_a_list_of_rubbish_is_capped_and_checked_and_slows_nobody_down(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    rubbish = [
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "a b",
        "x" * 10_000,
        "é",
        "a\nb",
        "",
        7,
        None,
        {"id": 1},
    ]
    many = [{"id": name} for name in rubbish] + rubbish + [{"id": f"model-{number}"} for number in range(100_000)]
    with FakeProvider() as fake:
        fake.on("/models", status(200, {"data": many}))
        with serving(tmp_path, url, fake, WALLAS_WORKERS="1") as running:
            line = running.line()
            fake.otherwise = lambda request: (say("Hello"),)
            slowest = 0.0

            def listed():
                nonlocal slowest
                began = time.monotonic()
                line.get("/health")
                slowest = max(slowest, time.monotonic() - began)
                return "groq/model-1" in line.models()

            running.wait_until(listed, seconds=20)
            found = line.get("/v1/models?provider=groq&search=groq/model-")["data"]
            assert len([row for row in found if row["id"].startswith("groq/model-")]) == 5000
            models = line.models()
            assert [name for name in models if not PUBLIC.fullmatch(name)] == []
            assert slowest < 2.0
            assert line.chat(model="groq/model-4000")["choices"][0]["message"]["content"] == "Hello"


def test_a_list_that_is_no_list_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    fake = FakeProvider(models=["model-a"])
    with fake, serving(tmp_path, url, fake, WALLAS_WORKERS="1", WALLAS_MODEL_REFRESH_SECONDS="1") as running:
        line = running.line()
        running.wait_until(lambda: "groq/model-a" in line.models())
        for answer in (b"<html>", {"data": "none"}, [], {"data": [1, None]}):
            fake.on("/models", status(200, answer))
            count = asked_for(fake)
            running.wait_until(lambda count=count: asked_for(fake) > count)
        assert line.models()["groq/model-a"]["missing_since"] is None
        assert line.get("/health")["status"] == "ok"
