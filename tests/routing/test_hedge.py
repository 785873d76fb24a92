"""A second provider, for callers who ask for that, when the first one's first word is late."""

import time

import pytest

from tests.fakes import FakeProvider, hang_up, pause, say, status
from wallas.app import create_app
from wallas.settings import load_settings


@pytest.fixture
def pair(tmp_path):
    """Yield a client of a gateway over real sockets to two providers, and both; the first is preferred."""
    with FakeProvider(models=["m"]) as one, FakeProvider(models=["m"]) as two:
        tables = [
            f'[providers.{name}]\nwire = "openai"\nbase_url = "{provider.url}/v1"\napi_key = "k"\nfree = true\n'
            f'discover = false\n[[providers.{name}.models]]\nid = "{name}"\nquality = {quality}\n'
            for name, provider, quality in (("one", one, 95), ("two", two, 60))
        ]
        order = '[profiles.both]\nmodels = ["one/one", "two/two"]\nstrategy = "order"\n'
        (tmp_path / "wallas.toml").write_text("".join(tables) + order)
        settings = {"WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'w.sqlite'}", "WALLAS_KEYLESS": "off"}
        app = create_app(load_settings(settings, directory=tmp_path))
        yield app, one, two
        app.extensions["wallas"].close()


def ask(app, *, hedge="on", stream=True, timeout="60"):
    body = {"model": "both", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    answer = app.test_client().post(
        "/v1/chat/completions", json=body, headers={"X-Wallas-Hedge": hedge, "X-Wallas-Timeout": timeout}
    )
    return answer.get_data(as_text=True)


def attempts(app):
    """Return the outcomes of the last request's attempts, by provider."""
    service = app.extensions["wallas"]
    service.writer.flush()
    with service.engine.connect() as connection:
        rows = connection.exec_driver_sql("select provider, outcome from attempts order by rowid").all()
    return dict(map(tuple, rows))


def open_calls(app):
    return app.extensions["wallas"].quota.ledger.open


def test_a_late_first_word_is_overtaken_and_the_loser_is_shut_down(pair):
    app, one, two = pair
    one.will(pause(20), say("too late"))
    two.will(say("in time"))
    started = time.monotonic()
    told = ask(app)
    assert "in time" in told and "too late" not in told and time.monotonic() - started < 15
    assert attempts(app) == {"one": "hedged", "two": "ok"} and open_calls(app) == 0


def test_who_is_in_time_is_not_raced(pair):
    app, one, two = pair
    one.will(say("first"))
    assert "first" in ask(app) and two.requests == [] and attempts(app) == {"one": "ok"}


def test_the_first_may_still_win(pair):
    app, one, two = pair
    one.will(pause(3.5), say("the first"))
    two.will(pause(20), say("the second"))
    assert "the first" in ask(app)
    assert attempts(app) == {"one": "ok", "two": "hedged"} and open_calls(app) == 0


def test_a_second_that_fails_leaves_the_first(pair):
    app, one, two = pair
    one.will(pause(3.5), say("the first"))
    two.will(status(500))
    assert "the first" in ask(app)
    assert attempts(app) == {"one": "ok", "two": "server"}


def test_a_first_that_fails_in_the_race_leaves_the_second(pair):
    app, one, two = pair
    one.will(pause(3.5), hang_up)
    two.will(pause(2), say("the second"))
    assert "the second" in ask(app)
    assert attempts(app)["two"] == "ok"


@pytest.mark.parametrize("how", [{"hedge": "off"}, {"stream": False}])
def test_nobody_is_raced_who_does_not_ask_or_takes_the_answer_whole(pair, how):
    app, one, two = pair
    one.will(pause(3.5), say("the first"))
    assert "the first" in ask(app, **how) and two.requests == []


def test_two_that_both_hang_are_both_booked_as_late(pair):
    app, one, two = pair
    one.will(pause(30), say("too late"))
    two.will(pause(30), say("too late"))
    told = ask(app, timeout="4.5")
    assert "too late" not in told and "error" in told
    assert attempts(app)["one"] != "cancelled" and open_calls(app) == 0
