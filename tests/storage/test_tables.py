"""Each group of tables: what is saved is found, by every worker, on both databases."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.event import listen

from tests.storage.kit import attempt, request, save_attempts, save_requests
from wallas.journal import DatabaseJournal
from wallas.models import ATTEMPTS, REQUESTS
from wallas.routing.enrich import Kept
from wallas.storage.circuits import (
    CircuitChange,
    RestChange,
    load_circuits,
    load_rests,
    save_circuits,
    save_rests,
)
from wallas.storage.engine import open_database, reading
from wallas.storage.leader import Lease
from wallas.storage.migrate import upgrade
from wallas.storage.model_lists import load_models, save_models
from wallas.storage.plain import Writing
from wallas.storage.prune import DAY, prune
from wallas.storage.responses import delete_response, load_response, save_response
from wallas.storage.seals import find_seals, make_seal, save_seals
from wallas.storage.writer import Writer
from wallas.types.chat import Seal

REQUEST = request(attempts=2, provider="groq", model="m", key_id="k", input_tokens=5, cost=0.25)
ATTEMPT = attempt(outcome="failed", status=429, error_class="rate_limit")


def seen(*, successes=0, failures=0, at=10.0, **more) -> CircuitChange:
    values = {
        "avg_latency_ms": None,
        "ttft_ms": None,
        "tokens_per_second": None,
        "failed_at": None,
        "last_error": None,
    } | more
    return CircuitChange("groq", "m", "k", successes, failures, updated_at=at, **values)


def test_what_several_workers_saw_adds_up(engine):
    for change in (
        seen(successes=2, avg_latency_ms=100, ttft_ms=10),
        seen(failures=3, failed_at=11, last_error="timeout", at=11),
        seen(successes=1, avg_latency_ms=50, at=12),
    ):
        with Writing(engine) as to:
            save_circuits(to, [change])
    (row,) = load_circuits(engine)
    assert (row.key, row.success_count, row.fail_count, row.failures) == ("groq/m", 3, 3, 0)
    assert (row.avg_latency_ms, row.ttft_ms, row.failed_at, row.last_error, row.updated_at) == (
        50,
        10,
        11,
        "timeout",
        12,
    )


def test_changes_of_one_circuit_in_one_batch_add_up_too(engine):
    with Writing(engine) as to:
        save_circuits(to, [seen(successes=1), seen(failures=1), seen(failures=1)])
    (row,) = load_circuits(engine)
    assert (row.success_count, row.fail_count, row.failures) == (1, 2, 2)


def test_a_rest_of_one_worker_is_found_by_another_until_it_ends(database):
    one, other = open_database(database), open_database(database)
    rest = RestChange("groq", "*", "k", 50.0, "rate_limit", False, 10.0)
    with Writing(one) as to:
        save_rests(to, [rest])
    assert load_rests(other, now=49) == [rest]
    assert load_rests(other, now=50) == []
    one.dispose()
    other.dispose()


def test_a_rest_leaves_the_counts_alone_and_counts_leave_the_rest(engine):
    with Writing(engine) as to:
        save_circuits(to, [seen(successes=4)])
        save_rests(to, [RestChange("groq", "m", "k", 50.0, "breaker", True, 11.0)])
        save_circuits(to, [seen(successes=1, at=12.0)])
    (row,) = load_circuits(engine)
    assert (row.success_count, row.rest_until, row.rest_reason, row.rest_breaker) == (5, 50.0, "breaker", True)
    assert row.state == "open"


def test_a_rest_that_was_lifted_is_told_to_whoever_asks_since(engine):
    with Writing(engine) as to:
        save_rests(to, [RestChange("groq", "m", "*", 50.0, "breaker", True, 10.0)])
        save_rests(to, [RestChange("groq", "m", "*", 0.0, "", True, 20.0)])
    assert [rest.rest_until for rest in load_rests(engine, now=30, since=19)] == [0.0]
    assert load_rests(engine, now=30, since=21) == []


def test_the_documented_query_on_circuits_works(engine):
    with Writing(engine) as to:
        save_rests(to, [RestChange("groq", "m", "*", 50.0, "breaker", True, 10.0)])
    query = "SELECT key, key_id, rest_reason, rest_until, success_count, fail_count, last_error FROM circuits"
    with reading(engine) as connection:
        assert connection.execute(text(query)).one()[:4] == ("groq/m", "*", "breaker", 50.0)


def test_requests_and_their_attempts_are_recorded(engine):
    with Writing(engine) as to:
        save_requests(to, [REQUEST, REQUEST | {"request_id": "r2"}])
        save_attempts(to, [ATTEMPT, ATTEMPT | {"number": 2, "outcome": "ok", "status": 200}])
    with reading(engine) as connection:
        requests = connection.execute(select(REQUESTS).order_by(REQUESTS.c.id)).all()
        attempts = connection.execute(select(ATTEMPTS).order_by(ATTEMPTS.c.id)).all()
    assert [(row.request_id, row.provider, row.cost, row.output_tokens) for row in requests] == [
        ("r1", "groq", 0.25, None),
        ("r2", "groq", 0.25, None),
    ]
    assert [(row.number, row.status, row.error_class) for row in attempts] == [
        (1, 429, "rate_limit"),
        (2, 200, "rate_limit"),
    ]


def test_rows_of_one_batch_keep_their_own_values_whatever_the_others_lack(engine):
    rows = [
        REQUEST
        | {"request_id": f"r{number}", "stream": number % 2 == 0}
        | ({"profile": f"p{number}", "cost": None} if number % 3 == 0 else {"ttft_ms": float(number)})
        for number in range(75)
    ]
    with Writing(engine) as to:
        save_requests(to, rows)
    with reading(engine) as connection:
        found = connection.execute(select(REQUESTS).order_by(REQUESTS.c.id)).mappings().all()
    assert [dict(row) for row in found] == [
        dict.fromkeys(REQUESTS.columns.keys()) | {"id": number} | row for number, row in enumerate(rows, 1)
    ]


def test_a_batch_takes_few_statements_for_each_lets_go_of_the_interpreter(tmp_path):
    upgrade(url := f"sqlite:///{tmp_path / 'wallas.sqlite'}")
    engine, asked = open_database(url), []
    listen(engine, "connect", lambda connection, entry: connection.set_trace_callback(asked.append))
    with Writing(engine) as to:
        save_requests(to, [REQUEST] * 200)
    engine.dispose()
    inserts = [statement for statement in asked if statement.startswith("INSERT INTO requests")]
    assert len(inserts) == 7 and asked[-9:] == ["BEGIN IMMEDIATE", *inserts, "COMMIT"]


def test_what_a_client_chose_as_names_cannot_cost_the_row(engine):
    with Writing(engine) as to:
        save_requests(to, [REQUEST | {"asked_model": "x\0y\ud800" + "z" * 10_000, "request_id": "i" * 500}])
    with reading(engine) as connection:
        row = connection.execute(select(REQUESTS)).one()
    assert row.asked_model.startswith("xy?z") and len(row.asked_model) == 200


def test_rows_hold_no_prompt_and_no_key():
    columns = {*REQUESTS.columns.keys(), *ATTEMPTS.columns.keys()}
    assert not columns & {"prompt", "messages", "content", "key", "secret", "body"}


def test_a_response_stored_by_one_worker_is_found_by_another_at_once(database):
    one, other = open_database(database), open_database(database)
    save_response(one, "resp_1", request=b'{"a":"\xc3\xa9"}', response=b"{}", expires_at=2e9, previous_id="resp_0")
    found = load_response(other, "resp_1")
    assert (found.request, found.response, found.previous_id) == (b'{"a":"\xc3\xa9"}', b"{}", "resp_0")
    one.dispose()
    other.dispose()


def test_a_response_is_its_owners_only_and_not_for_ever(engine):
    save_response(engine, "resp_1", request=b"{}", response=b"{}", expires_at=100, owner="alice")
    assert load_response(engine, "resp_1", owner="alice", now=99) is not None
    assert load_response(engine, "resp_1", owner="alice", now=101) is None
    assert load_response(engine, "resp_1", owner="bob", now=99) is None
    assert delete_response(engine, "resp_1", owner="bob") is False
    assert delete_response(engine, "resp_1", owner="alice") is True
    assert load_response(engine, "resp_1", owner="alice", now=99) is None


def test_seals_are_found_by_call_and_by_what_was_called(engine):
    first = make_seal("call_1", name="weather", arguments_hash="h1", issuer="gemini/g@a", value="v1")
    second = make_seal("call_1", name="weather", arguments_hash="h1", issuer="gemini/g@a", value="v2")
    other = make_seal("call_2", name="time", arguments_hash="h2", issuer="openai/o@b", value="v3")
    save_seals(engine, [first, other])
    save_seals(engine, [second])
    save_seals(engine, [])
    assert find_seals(engine, ["call_1"]) == [second, first]
    assert find_seals(engine, [], calls=[("time", "h2"), ("time", "h1")]) == [other]
    assert find_seals(engine, []) == []


def test_a_providers_list_replaces_the_one_before(engine):
    save_models(engine, "groq", b'[{"id":"a"}]', fetched_at=10)
    save_models(engine, "groq", b'[{"id":"b"}]', fetched_at=20)
    save_models(engine, "cohere", b"[]", fetched_at=15)
    assert {row.provider: row.models for row in load_models(engine)} == {"groq": b'[{"id":"b"}]', "cohere": b"[]"}
    assert [row.provider for row in load_models(engine, since=15)] == ["groq"]


def test_of_two_workers_one_leads_and_the_other_takes_over_when_it_dies(engine):
    clock = {"now": 100.0}
    one, other = (Lease(engine, "jobs", seconds=30, clock=lambda: clock["now"]) for _ in range(2))
    assert (one.claim(), other.claim()) == (True, False)
    clock["now"] = 120.0
    assert (one.claim(), other.claim()) == (True, False)
    clock["now"] = 150.0
    assert (other.claim(), one.claim()) == (True, False)


def test_a_leader_that_leaves_makes_room_at_once(engine):
    one, other = Lease(engine, "jobs"), Lease(engine, "jobs")
    assert one.claim()
    other.release()
    assert not other.claim()
    one.release()
    assert other.claim()


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_what_has_had_its_time_is_deleted_a_little_at_a_go(engine, batch):
    now = 100 * DAY
    with Writing(engine) as to:
        save_requests(to, [REQUEST | {"started_at": now - age * DAY} for age in (1, 29, 31, 32, 33, 34)])
        save_attempts(to, [ATTEMPT | {"started_at": now - age * DAY} for age in (1, 31)])
    save_response(engine, "old", request=b"", response=b"", expires_at=now - 1)
    save_response(engine, "new", request=b"", response=b"", expires_at=now + 1)
    assert prune(engine, now=now, batch=batch, pause=lambda: None) == 6
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM requests")).scalar() == 2
        assert connection.execute(text("SELECT id FROM responses")).scalars().all() == ["new"]


def test_pruning_stops_after_its_share_and_goes_on_next_time(engine):
    with Writing(engine) as to:
        save_requests(to, [REQUEST] * 10)
    assert prune(engine, now=100 * DAY, batch=2, most=3, pause=lambda: None) == 6
    assert prune(engine, now=100 * DAY, batch=2, most=3, pause=lambda: None) == 4


def test_a_journal_asks_once_for_calls_that_have_no_seal(engine):
    journal = DatabaseJournal(engine, Writer(engine))
    asked = []
    listen(engine, "checkout", lambda *said: asked.append(said))
    calls = {"call_1": ("weather", "h1"), "call_2": ("time", "h2")}
    assert journal.seals(calls) == journal.seals(calls) == {}
    assert len(asked) == 1
    journal.keep_seals({"call_1": Kept(seal=Seal(issuer="gemini/g@a", value="v1"), name="weather", mark="h1")})
    assert journal.seals(calls)["call_1"].seal.value == "v1"
