"""What outlives kill -9, of one worker and of everything. The long form: `python -m tests.state.crash --rounds 60`."""

import os
import signal

from tests.fakes import FakeProvider, say, status
from tests.state.crash import crash
from tests.state.kit import gateway, profile, provider


def test_kills_under_load_lose_no_stored_response_and_no_count(database, tmp_path):
    outcome = crash(database, rounds=3, folder=tmp_path)
    assert (outcome.kills, outcome.lost, outcome.problems) == (4, 0, [])
    assert outcome.stored > 10


def test_rests_counts_and_responses_are_there_again_after_everything_was_killed(database, tmp_path):
    with FakeProvider() as one, FakeProvider() as two:
        config = provider("one", one.url) + provider("two", two.url) + profile("one/m", "two/m")
        with gateway(tmp_path, database, config) as running:
            line = running.line()
            one.will(status(429, None, {"Retry-After": "3600"}))
            two.will(say("kept"))
            stored = line.respond()
            before = running.wait_until(lambda: settled(line))
            running.restart()
            line = running.line()
            assert settled(line) == before
            assert line.get(f"/v1/responses/{stored['id']}") == stored
            assert line.chat()["choices"][0]["message"]["content"]
            assert (len(one.requests), len(two.requests)) == (1, 2)
            assert line.models()["two/m"]["latency_ms"] is not None


def settled(line):
    """Return the circuits of both providers once their counts, rests and latencies are stored."""
    rows = {row["key"]: row for row in line.get("/v1/stats")["circuits"]}
    one, two = rows.get("one/m", {}), rows.get("two/m", {})
    if one.get("state") != "open" or not one["fail_count"] or two.get("avg_latency_ms") is None:
        return None
    assert 3500 < one["cooldown_seconds_remaining"] <= 3600
    return [{name: value for name, value in row.items() if "cooldown" not in name} for row in (one, two)]


def test_a_worker_that_takes_a_killed_ones_place_obeys_what_the_others_know(database, tmp_path):
    with FakeProvider() as one, FakeProvider() as two:
        config = provider("one", one.url) + provider("two", two.url) + profile("one/m", "two/m")
        with gateway(tmp_path, database, config) as running:
            first, second = running.lines()
            one.will(status(429, None, {"Retry-After": "3600"}))
            first.chat()
            running.wait_until(lambda: settled_rest(second))
            for line in (first, second):
                os.kill(line.pid, signal.SIGKILL)
            old = {first.pid, second.pid}
            running.wait_until(lambda: len(running.workers() - old) == 2, seconds=10)
            for line in running.lines():
                assert line.chat().headers["x-wallas-trail"].startswith("two/m ok")
    assert len(one.requests) == 1


def settled_rest(line):
    return any(row["key"] == "one/m" and row["state"] == "open" for row in line.get("/v1/stats")["circuits"])
