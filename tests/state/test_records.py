"""Every request and every attempt is recorded once, and nothing of what was said."""

import contextlib
import http.client
import json

import pytest

from tests.fakes import FakeProvider, call, hang_up, pause, say, sealed, status, think, usage
from tests.state.kit import TOOL, gateway, profile, provider, sqlite_file, wait_until
from wallas.models import METADATA
from wallas.storage.file import is_sqlite

PROMPT, ANSWER, THOUGHT, ARGUMENT = (
    "canary-prompt-7f3",
    "canary-answer-9c1",
    "canary-thought-2b8",
    "canary-argument-5d4",
)
KEYS = ("sk-canary-one", "sk-canary-gem", "canary-client-key")


def rows_of(pair, request_id, count=1):
    """Return the row of a request and those of its attempts, once they are there."""
    gateway = pair.gateway
    query = "SELECT * FROM {} WHERE request_id = :id ORDER BY {}"
    wait_until(lambda: gateway.rows(query.format("requests", "id"), id=request_id))
    requests = gateway.rows(query.format("requests", "id"), id=request_id)
    attempts = gateway.rows(query.format("attempts", "number"), id=request_id)
    assert (len(requests), [row.number for row in attempts]) == (1, list(range(1, count + 1)))
    return requests[0], attempts


def test_a_plain_answer_is_one_request_and_one_attempt(pair, lines):
    pair.first.will(usage(11, 7, reasoning=3, cached=2), say("Hello there"))
    told = lines[0].chat(model=pair.model)
    request, (attempt,) = rows_of(pair, told.headers["x-request-id"])
    assert (request.outcome, request.status, request.attempts, request.stream) == ("ok", 200, 1, False)
    assert (request.wire, request.operation, request.asked_model) == ("openai_chat", "chat", pair.model)
    assert f"{attempt.provider}/{attempt.model}" == pair.names[0]
    counts = (attempt.input_tokens, attempt.output_tokens, attempt.cached_tokens, attempt.reasoning_tokens)
    assert (attempt.outcome, attempt.estimated, counts) == ("ok", False, (11, 7, 2, 3))
    assert len(attempt.key_id) == 8 and attempt.cost == 0


def test_a_failover_is_one_request_and_two_attempts_one_after_the_other(pair, lines):
    pair.first.will(pause(0.05), status(500))
    told = lines[0].chat(model=pair.model)
    request, (failed, good) = rows_of(pair, told.headers["x-request-id"], 2)
    assert (failed.outcome, failed.status, good.outcome) == ("server", 500, "ok")
    assert failed.started_at + failed.ms / 1000 <= good.started_at + 0.001
    assert (request.attempts, request.provider) == (2, good.provider)
    assert failed.ms >= 50 and request.ms >= failed.ms


def test_a_client_that_leaves_is_recorded_as_such_and_blames_nobody(pair, lines):
    pair.first.will(say("word " * 20, gap=0.05))
    body = {"model": pair.model, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    answer = lines[0].request("POST", "/v1/chat/completions", body, {"X-Request-Id": f"leaver-{pair.model}"})
    assert answer.read(10)
    lines[0].connection.close()
    answer.close()
    request, (attempt,) = rows_of(pair, f"leaver-{pair.model}")
    assert (request.outcome, request.status, attempt.outcome) == ("cancelled", 499, "cancelled")
    rows = pair.gateway.rows("SELECT fail_count FROM circuits WHERE key = :key", key=pair.names[0])
    assert sum(row[0] for row in rows) == 0


def test_an_answer_that_nobody_could_give_is_recorded_with_each_attempt(pair, lines):
    pair.first.otherwise = lambda request: (status(500),)
    pair.second.otherwise = lambda request: (status(503),)
    told = lines[0].chat(model=pair.model)
    request, attempts = rows_of(pair, told.headers["x-request-id"], int(told.headers["x-wallas-attempts"]))
    assert told.status == request.status == 503
    assert {row.outcome for row in attempts} == {"server", "overloaded"}
    assert len(attempts) == len(pair.first.requests) + len(pair.second.requests)


def test_a_cut_stream_that_went_on_elsewhere_is_one_request(pair, lines):
    pair.first.will(say("A tale of many words that goes on for quite a while, ", finish=None), hang_up)
    body = {"model": pair.model, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    answer = lines[0].request("POST", "/v1/chat/completions", body, {"X-Request-Id": f"cut-{pair.model}"})
    answer.read()
    asked = len(pair.first.requests) + len(pair.second.requests)
    _, attempts = rows_of(pair, f"cut-{pair.model}", asked)
    assert (attempts[0].outcome, len(attempts) > 1) == ("cut", True)


def test_a_request_that_is_refused_at_the_door_is_nobodys_attempt(pair, lines):
    told = lines[0].call("POST", "/v1/chat/completions", {"model": pair.model, "messages": "no list"})
    assert told.status == 400
    assert pair.gateway.rows("SELECT * FROM attempts WHERE request_id = :id", id=told.headers["x-request-id"]) == []


def everything_stored(url, running):
    """Return all bytes that a database holds."""
    if is_sqlite(url):
        file = sqlite_file(url)
        return b"".join(path.read_bytes() for path in file.parent.glob(file.name + "*"))
    tables = sorted(METADATA.tables)
    return repr([running.rows(f"SELECT t::text FROM {table} t") for table in tables]).encode()


def ways(line):
    """Ask on every protocol, with and without streams, with tools, thoughts, failures and a departure."""
    message = {"role": "user", "content": PROMPT}
    headers = {"Authorization": "Bearer canary-client-key"}
    asks = [
        ("/v1/chat/completions", {"model": "mine", "messages": [{"role": "system", "content": PROMPT}, message]}),
        ("/v1/chat/completions", {"model": "mine", "messages": [message], "tools": [TOOL]}),
        ("/v1/responses", {"model": "mine", "input": PROMPT, "store": False}),
        ("/v1/messages", {"model": "mine", "max_tokens": 50, "messages": [message]}),
        ("/v1/completions", {"model": "mine", "prompt": PROMPT}),
        ("/api/chat", {"model": "mine", "messages": [message]}),
        ("/v1beta/models/mine:generateContent", {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}),
    ]
    for path, body in asks:
        for stream in (False, True):
            yield path, body | ({} if "generateContent" in path else {"stream": stream}), headers
    yield "/v1/chat/completions", {"model": PROMPT, "messages": [message]}, headers


@pytest.mark.parametrize("kind", ["fine", "failing"])
def test_no_prompt_no_answer_and_no_key_is_stored_or_logged(database, tmp_path, kind):
    def steps(request):
        if kind == "failing":
            said = {"error": {"message": f"{PROMPT} {KEYS[0]} is wrong", "code": PROMPT, "type": PROMPT}}
            return (status(500, said),)
        if request.json.get("tools"):
            return sealed("SEAL"), call("weather", f'{{"city": "{ARGUMENT}"}}')
        return think(THOUGHT), say(ANSWER)

    with FakeProvider(otherwise=steps) as one, FakeProvider(otherwise=steps) as two:
        config = provider("one", one.url, never_rest=True) + provider("gem", two.url, wire="gemini", never_rest=True)
        config += profile("one/m", "gem/m")
        with gateway(tmp_path, database, config, WALLAS_WORKERS="1", PROXY_API_KEY="canary-client-key") as running:
            asked = 0
            for path, body, headers in ways(running.line()):
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", running.port)) as connection:
                    connection.request("POST", path, json.dumps(body), headers | {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                    answer.read()
                    asked += answer.status != 404
            wait_until(lambda: running.rows("SELECT count(*) FROM requests")[0][0] == asked)
            assert asked >= 13
            held = everything_stored(database, running) + running.said().encode()
    canaries = (PROMPT, ANSWER, THOUGHT, ARGUMENT, *KEYS)
    assert [canary for canary in canaries if canary.encode() in held] == []
    assert b"one" in held
