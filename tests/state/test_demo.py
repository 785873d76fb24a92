"""The demo, as a newcomer meets it: two workers, no keys, no network, everything said to be simulated."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.state.kit import TOOL, Gateway, gateway
from wallas.settings import ROOT, load_settings
from wallas.simulated.fleet import LABEL, answer_text

MESSAGES = [{"role": "user", "content": "Hello"}]
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
STEADY = {"X-Wallas-Provider": "simulated-steady"}
WAYS = {
    "openai": ("/v1/chat/completions", {"model": "auto", "messages": MESSAGES}),
    "responses": ("/v1/responses", {"model": "rapido", "input": "Hello"}),
    "anthropic": ("/v1/messages", {"model": "claude-sonnet-4-5", "max_tokens": 900, "messages": MESSAGES}),
    "ollama": ("/api/chat", {"model": "simulated-steady/simulated/steady", "messages": MESSAGES}),
    "gemini": ("/v1beta/models/gemini-2.5-flash:generateContent", GEMINI),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Yield a running demo of two workers."""
    folder = tmp_path_factory.mktemp("demo")
    with gateway(folder, f"sqlite:///{folder / 'demo.sqlite'}", "", app="wsgi:app", WALLAS_DEMO="1") as running:
        yield running


def call(demo, method, path, body=None, headers=None):
    with demo.visit() as line:
        return line.call(method, path, body, headers)


def chat(demo, prompt="Hello", *, model="auto", **more):
    with demo.visit() as line:
        return line.chat(prompt, model=model, **more)


def stream(demo, prompt, **more):
    """Return the text of a streamed chat, and what its last comment tells."""
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": prompt}]} | more
    with demo.visit() as line:
        rows = line.request("POST", "/v1/chat/completions", body).read().split(b"\n")
    events = [json.loads(row[6:]) for row in rows if row.startswith(b"data: {")]
    (news,) = [json.loads(row[9:]) for row in rows if row.startswith(b": wallas {")]
    assert rows[-3] == b"data: [DONE]"
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"]), news


def test_every_protocol_gets_an_answer_that_says_that_it_is_simulated(demo):
    def whole(way):
        path, body = WAYS[way]
        streams = {} if way == "gemini" else {"stream": False}
        return way, json.dumps(call(demo, "POST", path, body | streams, STEADY))

    def streamed(way):
        path, body = WAYS[way]
        if way == "gemini":
            path = path.replace(":generate", ":streamGenerate") + "?alt=sse"
        else:
            body = body | {"stream": True}
        with demo.visit() as line:
            return way, line.request("POST", path, body, STEADY).read().decode()

    with ThreadPoolExecutor(5) as pool:
        for way, told in [*pool.map(whole, WAYS), *pool.map(streamed, WAYS)]:
            assert LABEL[:8] in told and "simulated/" in told, way


@pytest.mark.parametrize(
    ("path", "headers", "rows", "label"),
    [
        ("/v1/models", {}, "data", lambda row: row["simulated"] is True),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "data", lambda row: "(simulated)" in row["display_name"]),
        ("/v1beta/models", {}, "models", lambda row: "(simulated)" in row["displayName"]),
        ("/api/tags", {}, "models", lambda row: row["details"]["family"] == "simulated"),
    ],
)
def test_every_row_of_every_model_list_says_that_it_is_simulated(demo, path, headers, rows, label):
    found = call(demo, "GET", path, headers=headers)[rows]
    assert len(found) >= 5 + 7
    assert [row for row in found if not label(row)] == []


def test_a_provider_that_dies_in_mid_sentence_leaves_no_seam(demo):
    prompts = [f"Tell me {number} cue:die" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for prompt, (text, news) in zip(prompts, pool.map(lambda prompt: stream(demo, prompt), prompts), strict=True):
            assert text == answer_text(prompt)
            assert news["attempts"] >= 2 and "cut" in news["trail"]


@pytest.mark.parametrize("cue", ["429", "500", "html", "garbage"])
def test_a_failure_on_cue_is_made_up_for_by_the_next_one(demo, cue):
    told = chat(demo, f"Hello cue:{cue}")
    assert told["choices"][0]["message"]["content"] == answer_text(f"Hello cue:{cue}")
    assert int(told.headers["x-wallas-attempts"]) >= 2


def test_a_tool_is_called_on_cue_and_its_result_is_answered(demo):
    first = chat(demo, "Weather? cue:tool", model="agentico", tools=[TOOL])["choices"][0]
    (called,) = first["message"]["tool_calls"]
    assert (first["finish_reason"], json.loads(called["function"]["arguments"])) == ("tool_calls", {"city": LABEL})
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": called["id"], "content": "sunny"},
    ]
    told = chat(demo, model="agentico", tools=[TOOL], messages=messages)
    assert told["choices"][0]["message"]["content"].startswith(LABEL)


def test_json_that_is_asked_for_comes_as_the_schema_wants_it(demo):
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    told = chat(demo, "A word", response_format=form)
    assert json.loads(told["choices"][0]["message"]["content"]) == {"word": LABEL}


def test_when_all_of_them_fail_on_cue_the_error_lists_each_attempt(demo):
    told = chat(demo, "Hello cue:500!")
    assert told.status == 503
    assert len(told["error"]["attempts"]) >= 4
    assert all(row["provider"].startswith("simulated-") for row in told["error"]["attempts"])


def test_the_demo_knows_no_real_provider_and_keeps_apart_from_the_real_database(demo, tmp_path):
    configured = [row["id"] for row in call(demo, "GET", "/v1/providers")["data"] if row["configured"]]
    assert configured and all(name.startswith("simulated-") for name in configured)
    assert load_settings({"WALLAS_DEMO": "1"}, directory=tmp_path).database_url.endswith("/instance/demo.sqlite")
    assert load_settings({}, directory=tmp_path).database_url.endswith("/instance/wallas.sqlite")


def test_the_command_serves_the_demo(tmp_path):
    command = Gateway(
        tmp_path, f"sqlite:///{tmp_path / 'demo.sqlite'}", app="", conf=ROOT / "gunicorn.conf.py", variables={}
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "wallas", "demo"],
        cwd=ROOT,
        env={name: value for name, value in command.environ().items() if name != "WALLAS_CONFIG"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    command.process = process
    try:
        assert process.stdout is not None
        assert "simulated providers" in process.stdout.readline()
        with command.visit() as line:
            assert "simulated-steady/simulated/steady" in line.models()
    finally:
        command.kill()
        process.stdout.close()


def test_several_answers_are_had_from_members_that_give_one(demo):
    body = {"model": "auto", "messages": MESSAGES, "n": 2}
    answer = call(demo, "POST", "/v1/chat/completions", body, STEADY)
    assert answer.status == 200 and [choice["index"] for choice in answer["choices"]] == [0, 1]
