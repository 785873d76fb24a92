"""Two gunicorn workers on one window, over real sockets: who is asked, what is told, and after a kill -9 too."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes import FakeProvider, say, status
from tests.state.kit import gateway, profile, provider
from wallas.quota.clocks import next_midnight


def limited(name, url, limits):
    """Return a provider's table with limits."""
    return provider(name, url).replace(f"[providers.{name}]\n", f"[providers.{name}]\nlimits = {{ {limits} }}\n")


def rows(line):
    return {(row["provider"], row["window"]): row for row in line.get("/v1/quota")["data"]}


@pytest.fixture
def whole_day():
    """Wait for the next UTC day when this one ends within the test."""
    left = next_midnight(time.time()) - time.time()
    if left < 60:
        time.sleep(left + 1)


def test_a_day_of_six_is_six_calls_for_both_workers_and_still_is_after_kill_9(tmp_path, whole_day):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    with (
        FakeProvider(otherwise=lambda request: (say("from one"),)) as first,
        FakeProvider(otherwise=lambda request: (say("from two"),)) as second,
    ):
        config = limited("one", first.url, 'rpd = 6, reset = "utc", scope = "account"') + provider("two", second.url)
        with gateway(tmp_path, url, config + profile("one/m", "two/m")) as running:
            lines = running.lines()
            for _ in range(10):
                for line in lines:
                    assert line.chat().status == 200
                    time.sleep(0.02)
            assert len(first.requests) == 6 and len(second.requests) == 14
            running.restart()
            line = running.line()
            row = rows(line)["one", "rpd"]
            assert (row["limit"], row["used"], row["remaining"], row["source"]) == (6, 6, 0, "user")
            assert row["resets_at"] == next_midnight(time.time())
            refused = line.chat(model="one/m")
            assert refused.status == 429 and "rpd used up" in str(refused)
            left = next_midnight(time.time()) - time.time()
            assert left - 5 <= float(refused.headers["retry-after"]) <= left + 5
            assert line.chat().status == 200
            assert len(first.requests) == 6


def test_what_a_refusal_names_is_learned_and_shown(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    said = (
        "Rate limit reached on tokens per day (TPD): Limit 5000, Used 4990, Requested 90. Please try again in 7m12.5s."
    )
    with (
        FakeProvider(otherwise=lambda request: (say("from one"),)) as first,
        FakeProvider(otherwise=lambda request: (say("from two"),)) as second,
    ):
        first.will(status(429, {"error": {"message": said, "type": "tokens", "code": "rate_limit_exceeded"}}))
        config = provider("one", first.url) + provider("two", second.url) + profile("one/m", "two/m")
        with gateway(tmp_path, url, config) as running:
            line = running.line()
            assert [line.chat().status for _ in range(3)] == [200] * 3
            row = rows(line)["one", "tpd"]
            assert (row["limit"], row["remaining"], row["source"]) == (5000, 0, "body")
            assert 400 < row["shut_until"] - time.time() < 440
            assert len(first.requests) == 1 and len(second.requests) == 3


def test_what_openrouter_tells_of_a_key_is_asked_by_a_job_and_shown_by_every_worker(tmp_path):
    url = f"sqlite:///{tmp_path / 'wallas.sqlite'}"
    with FakeProvider(otherwise=lambda request: (say("from the router"),)) as router:
        day = {"limit": 50, "remaining": 1, "used": 49}
        money = {"limit": 10, "limit_remaining": 2.5, "limit_reset": "monthly", "usage_monthly": 7.5}
        router.on("/key", status(200, {"data": {"label": "mine", "free_model_daily_requests": day, **money}}))
        config = (
            f'[providers.openrouter]\nbase_url = "{router.url}/v1"\napi_key = "sk-or-x"\ndiscover = false\n'
            '[[providers.openrouter.models]]\nid = "some/m:free"\nfree = true\n'
        )
        with gateway(tmp_path, url, config) as running:
            lines = running.lines()
            for line in lines:
                row = running.wait_until(lambda line=line: told(line, "openrouter", "rpd", "route"))
                assert (row["limit"], row["used"], row["remaining"]) == (50, 49, 1)
                assert row["resets_at"] == next_midnight(time.time()) and row["model"] == "$free"
                row = running.wait_until(lambda line=line: told(line, "openrouter", "usd_month", "route"))
                assert (row["limit"], row["used"], row["remaining"]) == (10, 7.5, 2.5)
            asked = [request for request in router.requests if request.path.endswith("/key")]
            assert [request.headers["authorization"] for request in asked] == ["Bearer sk-or-x"]
            assert lines[0].chat(model="some/m:free").status == 200
            refused = lines[1].chat(model="some/m:free")
            assert refused.status == 429 and "rpd used up" in str(refused)


def told(line, provider, window, source):
    """Return a window's row once it comes from there."""
    row = rows(line).get((provider, window))
    return row if row and row["source"] == source else None


def test_two_workers_hammered_at_once_make_exactly_a_hundred_calls_of_a_hundred(tmp_path, database, whole_day):
    with FakeProvider(otherwise=lambda request: (say("Hi."),)) as only:
        config = limited("one", only.url, 'rpd = 100, reset = "utc", scope = "account"')
        with gateway(tmp_path, database, config, WALLAS_MAX_CONNECTIONS="64") as running:
            lines = running.lines(2) + running.lines(2) + running.lines(2)

            def hammer(line):
                return [line.chat(model="one/m").status for _ in range(30)]

            with ThreadPoolExecutor(len(lines)) as pool:
                statuses = [status for some in pool.map(hammer, lines) for status in some]
            assert len(only.requests) == 100
            assert (statuses.count(200), statuses.count(429)) == (100, 80)
