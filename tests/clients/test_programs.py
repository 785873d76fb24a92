"""What real programs send, and what each of them needs of the answer (clients.md)."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients import bodies
from tests.clients.fleet import WIRES, Fleet
from tests.clients.received import turns
from tests.clients.wire import Answered, chat_text, send
from tests.fakes import (
    Request,
    Step,
    call,
    garbage,
    hang_up,
    html200,
    missing_end,
    raw,
    repeat_anchor,
    say,
    sealed,
    status,
    think,
)

ANY = {"authorization": "Bearer any"}
CLAUDE = "/v1/messages?beta=true"
HELLO = [{"role": "user", "content": "Hello"}]
PATCH = '*** Begin Patch\n*** Update File: a.py\n@@\n-print("a")\n+print("b")\n*** End Patch'


def kinds(answered: Answered) -> list[str]:
    return [event["type"] for event in answered.events]


# Claude Code.


def test_the_body_of_claude_code_is_as_large_as_it_really_is() -> None:
    assert 85_000 < len(json.dumps(bodies.claude_code("m"))) < 91_000


@pytest.mark.parametrize("thinking", [None, {"type": "adaptive"}], ids=["budget", "adaptive"])
@pytest.mark.parametrize("wire", WIRES)
def test_claude_code_is_answered_by_every_wire(wire: str, thinking: object, url: str, fleet: Fleet) -> None:
    fleet.one.will(sealed("c2VhbA=="), think("Hm."), call("Read", '{"command": "b.py"}'))
    body = bodies.claude_code(f"{wire}-openai", thinking=thinking)
    answered = send(url + CLAUDE, body, bodies.CLAUDE_HEADERS)
    assert answered.status == 200
    assert answered.headers["content-type"].startswith("text/event-stream")
    blocks = [event["content_block"] for event in answered.events if event["type"] == "content_block_start"]
    assert [block["type"] for block in blocks] == ["thinking", "tool_use"]
    (delta,) = [event for event in answered.events if event["type"] == "message_delta"]
    assert delta["delta"]["stop_reason"] == "tool_use"
    assert kinds(answered)[-1] == "message_stop"
    sent = fleet.one.requests[0]
    said = turns(wire, sent.json)
    words = "".join(turn.text for turn in said)
    assert "The folder is /work." in words and "Tokens left: 100000." in words and "Go on." in words
    assert sent.body.decode().count("mcp__notes__find") == 1
    assert len(json.dumps(sent["tools"])) > 70_000


def test_anthropic_gets_claude_codes_own_fields_and_flags(url: str, fleet: Fleet) -> None:
    send(url + CLAUDE, bodies.claude_code("anthropic-openai"), bodies.CLAUDE_HEADERS)
    sent = fleet.one.requests[0]
    assert sent.headers["anthropic-beta"] == bodies.BETAS
    assert sent["context_management"] == {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    assert sent["system"][1]["cache_control"] == bodies.CACHED
    assert [tool.get("defer_loading") for tool in sent["tools"]][-1] is True
    assert "authorization" not in sent.headers


def test_others_get_none_of_them_and_the_client_is_told(url: str, fleet: Fleet) -> None:
    answered = send(url + CLAUDE, bodies.claude_code("openai-openai"), bodies.CLAUDE_HEADERS)
    dropped = answered.headers["x-wallas-dropped"].split(", ")
    assert {"context_management", "cache_control", "defer_loading"} <= set(dropped)
    body = fleet.one.requests[0].body.decode()
    assert not any(word in body for word in ("context_management", "cache_control", "defer_loading", "betas"))


@pytest.mark.parametrize("code", [429, 500, 529])
def test_claude_code_is_told_when_to_come_again(code: int, url: str, fleet: Fleet) -> None:
    """It honours Retry-After and comes three times."""
    for provider in (fleet.one, fleet.two, fleet.two):
        provider.will(status(code, {"error": {"message": "later"}}, {"Retry-After": "40"}))
    answered = send(url + CLAUDE, bodies.claude_code("openai-anthropic"), bodies.CLAUDE_HEADERS)
    assert answered.status == (429 if code == 429 else 529)
    assert answered.json["error"]["type"] == ("rate_limit_error" if code == 429 else "overloaded_error")
    assert answered.headers["retry-after"] == "40"
    assert "x-should-retry" not in answered.headers


def test_after_a_broken_stream_the_same_request_works_whole(url: str, fleet: Fleet) -> None:
    fleet.one.will(say("I", finish=None), hang_up)
    broken = send(url + CLAUDE, bodies.claude_code("openai-openai"), bodies.CLAUDE_HEADERS)
    assert kinds(broken)[-1] == "error" and "message_stop" not in kinds(broken)
    fleet.one.will(say("It is mended."))
    whole = send(url + CLAUDE, bodies.claude_code("openai-openai", stream=False), bodies.CLAUDE_HEADERS)
    assert (whole.status, whole.json["content"][0]["text"]) == (200, "It is mended.")


def test_a_limit_of_128000_tokens_is_lowered_to_what_the_provider_says_it_has(url: str, fleet: Fleet) -> None:
    message = "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5"
    fleet.one.will(status(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}}))
    fleet.one.will(say("It is mended."))
    body = bodies.claude_code("anthropic-openai") | {"max_tokens": 128000}
    answered = send(url + CLAUDE, body, bodies.CLAUDE_HEADERS)
    assert answered.status == 200 and kinds(answered)[-1] == "message_stop"
    assert [request["max_tokens"] for request in fleet.one.requests] == [128000, 64000]
    assert fleet.two.requests == []


def test_system_turns_may_be_words_or_blocks(url: str, fleet: Fleet) -> None:
    messages = [
        {"role": "system", "content": "One."},
        {"role": "user", "content": "Hello"},
        {"role": "system", "content": [{"type": "text", "text": "Two."}]},
    ]
    body = {"model": "openai-openai", "max_tokens": 10, "messages": messages}
    assert send(f"{url}/v1/messages", body, bodies.CLAUDE_HEADERS).status == 200
    said = [(turn.role, turn.text) for turn in turns("openai", fleet.one.requests[0].json)]
    assert said == [("system", "One."), ("user", "Hello"), ("system", "Two.")]


# Codex.


@pytest.mark.parametrize("wire", WIRES)
def test_codex_gets_its_completed_response_from_every_wire(wire: str, url: str, fleet: Fleet) -> None:
    fleet.one.will(sealed("c2VhbA=="), think("Hm."), call("exec_command", '{"cmd": "ls"}'))
    answered = send(f"{url}/v1/responses", bodies.codex(f"{wire}-openai"), bodies.CODEX_HEADERS)
    assert answered.status == 200
    assert answered.headers["content-type"].startswith("text/event-stream")
    last = answered.events[-1]
    assert last["type"] == "response.completed"
    assert [item["type"] for item in last["response"]["output"]] == ["reasoning", "function_call"]
    assert last["response"]["usage"]["total_tokens"] > 0
    said = [(turn.role, turn.text) for turn in turns(wire, fleet.one.requests[0].json) if turn.role == "user"]
    assert "Mend a.py." in said[-1][1]


@pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini", "ollama", "cohere"])
def test_apply_patch_is_a_function_for_others_and_freeform_again_for_codex(wire: str, url: str, fleet: Fleet) -> None:
    fleet.one.will(sealed("c2VhbA=="), think("Hm."), call("apply_patch", json.dumps({"input": PATCH})))
    answered = send(f"{url}/v1/responses", bodies.codex(f"{wire}-openai"), bodies.CODEX_HEADERS)
    offered = json.dumps(fleet.one.requests[0]["tools"])
    assert "apply_patch" in offered and "lark" in offered
    (made,) = [item for item in answered.events[-1]["response"]["output"] if item["type"] == "custom_tool_call"]
    assert (made["name"], made["input"]) == ("apply_patch", PATCH)
    done = [event["input"] for event in answered.events if event["type"] == "response.custom_tool_call_input.done"]
    assert done == [PATCH]

    echoed = [item for item in answered.events[-1]["response"]["output"]]
    output = {"type": "custom_tool_call_output", "call_id": made["call_id"], "output": "Done."}
    fleet.one.will(say("It is mended."))
    answered = send(f"{url}/v1/responses", bodies.codex(f"{wire}-openai", *echoed, output), bodies.CODEX_HEADERS)
    assert answered.events[-1]["type"] == "response.completed"
    said = turns(wire, fleet.one.requests[-1].json)
    (made,) = [turn for turn in said if turn.role == "call"]
    (result,) = [turn for turn in said if turn.role == "result"]
    assert (made.name, json.loads(made.arguments), made.id) == ("apply_patch", {"input": PATCH}, result.id)
    assert result.text == "Done."


def test_a_responses_provider_gets_codexs_tools_as_they_are(url: str, fleet: Fleet) -> None:
    send(f"{url}/v1/responses", bodies.codex("responses-openai"), bodies.CODEX_HEADERS)
    assert fleet.one.requests[0]["tools"] == bodies.codex_tools()
    assert fleet.one.requests[0]["include"] == ["reasoning.encrypted_content"]
    assert fleet.one.requests[0]["store"] is False


@pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini", "ollama", "cohere"])
def test_a_tool_in_a_namespace_is_called_through_any_wire(wire: str, url: str, fleet: Fleet) -> None:
    fleet.one.will(sealed("c2VhbA=="), think("Hm."), call("mcp__notes__find", '{"query": "a"}'))
    answered = send(f"{url}/v1/responses", bodies.codex(f"{wire}-openai"), bodies.CODEX_HEADERS)
    output = answered.events[-1]["response"]["output"]
    (made,) = [item for item in output if item["type"] == "function_call"]
    assert (made["namespace"], made["name"]) == ("mcp__notes", "find")
    (added,) = [event["item"] for event in answered.events if event["type"] == "response.output_item.done"][-1:]
    assert (added["namespace"], added["name"]) == ("mcp__notes", "find")
    assert "web_search" in answered.headers["x-wallas-dropped"]
    assert "namespace" not in answered.headers["x-wallas-dropped"]

    result = {"type": "function_call_output", "id": "fco_1", "call_id": made["call_id"], "output": "None."}
    send(f"{url}/v1/responses", bodies.codex(f"{wire}-openai", *output, result), bodies.CODEX_HEADERS)
    (echoed,) = [turn for turn in turns(wire, fleet.one.requests[-1].json) if turn.role == "call"]
    assert echoed.name == "mcp__notes__find"


def test_a_call_to_a_tool_that_codex_did_not_offer_is_asked_of_the_next_provider(url: str, fleet: Fleet) -> None:
    fleet.one.will(call("apply_magic", "{}"))
    fleet.two.will(call("exec_command", '{"cmd": "ls"}'))
    answered = send(f"{url}/v1/responses", bodies.codex("openai-anthropic"), bodies.CODEX_HEADERS)
    (made,) = answered.events[-1]["response"]["output"]
    assert made["name"] == "exec_command"


def test_codex_gets_a_stream_though_the_provider_sent_a_whole_answer(url: str, fleet: Fleet) -> None:
    """A 200 with JSON in place of a stream would end Codex with an error."""
    row = {"index": 0, "message": {"role": "assistant", "content": "It is mended."}, "finish_reason": "stop"}
    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [row]}
    fleet.one.will(status(200, whole))
    answered = send(f"{url}/v1/responses", bodies.codex("openai-openai"), bodies.CODEX_HEADERS)
    assert answered.events[-1]["type"] == "response.completed"
    assert answered.events[-1]["response"]["output"][0]["content"][0]["text"] == "It is mended."


def test_codex_is_told_of_a_failure_by_an_event_and_never_by_a_completed_response(url: str, fleet: Fleet) -> None:
    fleet.one.will(say("Well", finish=None), hang_up)
    answered = send(f"{url}/v1/responses", bodies.codex("openai-openai"), bodies.CODEX_HEADERS)
    assert kinds(answered)[-1] == "response.failed"
    assert "response.completed" not in kinds(answered)


# opencode, aider, pi and their kin.


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "noise", [garbage, html200, raw(b'{"oops": tru'), raw(b"")], ids=["noise", "html", "half", "no"]
)
def test_an_unparsable_answer_becomes_a_failover(noise: object, stream: bool, url: str, fleet: Fleet) -> None:
    """One that passed it on was asked 361 times in 40 s by opencode."""
    fleet.one.will(noise)
    fleet.two.will(say("It is mended."))
    body = bodies.aider("openai-openai") | {"stream": stream}
    answered = send(f"{url}/v1/chat/completions", body, ANY)
    assert answered.status == 200
    assert "It is mended." in (chat_text(answered) if stream else answered.text)


def test_where_all_answers_are_unparsable_the_client_gets_a_502(url: str, fleet: Fleet) -> None:
    for provider in (fleet.one, fleet.two, fleet.two):
        provider.will(garbage)
    title, _ = bodies.opencode("openai-openai")
    answered = send(f"{url}/v1/chat/completions", title, ANY)
    assert answered.status == 502
    assert answered.json["error"]["code"] == "bad_upstream_answer"


def test_opencode_runs_two_requests_at_once(url: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(request: Request) -> list[Step]:
        return [call("bash", '{"command": "ls"}')] if "tools" in request.json else [say("Mend")]

    monkeypatch.setattr(fleet.one, "otherwise", answers)
    with ThreadPoolExecutor(2) as pool:
        title, main = pool.map(
            lambda body: send(f"{url}/v1/chat/completions", body, ANY), bodies.opencode("openai-openai")
        )
    assert chat_text(title) == "Mend"
    deltas = [choice["delta"] for event in main.events for choice in event["choices"]]
    calls = [made["function"] for delta in deltas for made in delta.get("tool_calls", ())]
    assert "".join(made.get("arguments", "") for made in calls) == '{"command": "ls"}'


def test_aider_never_takes_a_cut_stream_for_an_answer(url: str, fleet: Fleet) -> None:
    fleet.one.will(say("Well", finish=None), missing_end)
    answered = send(f"{url}/v1/chat/completions", bodies.aider("openai-openai"), ANY)
    assert "[DONE]" not in answered.text
    assert not any(choice["finish_reason"] for event in answered.events for choice in event.get("choices", ()))
    assert answered.events[-1]["error"]["code"] == "stream_interrupted"
    fleet.one.will(say("The file is mended; nothing else", finish=None), missing_end)
    fleet.two.will(repeat_anchor, say(" had to be changed."))
    answered = send(f"{url}/v1/chat/completions", bodies.aider("openai-openai"), ANY)
    assert chat_text(answered) == "The file is mended; nothing else had to be changed."


def test_pi_sends_store_and_max_completion_tokens_in_chat(url: str, fleet: Fleet) -> None:
    answered = send(f"{url}/v1/chat/completions", bodies.pi("openai-openai"), ANY)
    assert answered.status == 200 and chat_text(answered)
    sent = fleet.one.requests[0].json
    assert sent["max_tokens"] == 32000 and "store" not in sent and "max_completion_tokens" not in sent
    assert sent["messages"][0]["role"] == "system"


def test_the_ai_sdk_speaks_anthropics_older_version(url: str, fleet: Fleet) -> None:
    headers = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
    answered = send(f"{url}/v1/messages", bodies.ai_sdk("gemini-openai"), headers)
    assert answered.status == 200 and kinds(answered)[-1] == "message_stop"


def test_litellm_speaks_it_too_and_todays_sdk_another(url: str, fleet: Fleet) -> None:
    for headers in (
        {"x-api-key": "any", "anthropic-version": "2023-06-01"},
        {"authorization": "Bearer any", "anthropic-version": "2026-10-21"},
        {"authorization": "Bearer any", "x-api-key": "any"},
    ):
        body = {"model": "openai-openai", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}
        assert send(f"{url}/v1/messages", body, headers).status == 200


# Editors, web interfaces and Google's program.


def test_open_webui_fires_four_requests_for_one_message(url: str, fleet: Fleet) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda body: send(f"{url}/v1/chat/completions", body, ANY), bodies.open_webui_tasks("openai-openai")
            )
        )
    assert [answered.status for answered in answers] == [200] * 4
    assert answers[0].events[-1]["usage"]["total_tokens"] > 0
    assert all(answered.json["choices"][0]["message"]["content"] for answered in answers[1:])
    listed = send(f"{url}/v1/models", headers=ANY).json["data"]
    assert {"openai-openai", "auto", "rapido"} <= {row["id"] for row in listed}


def test_everything_is_reachable_by_model_name_alone(url: str, fleet: Fleet) -> None:
    """Open WebUI cannot always send headers of its own."""
    for name in ("one-openai/m", "one-openai:m", "one-openai/m:free", "one-openai/m:nitro"):
        assert send(f"{url}/v1/chat/completions", bodies.aider(name), ANY).status == 200
    assert len(fleet.one.requests) == 4


def test_copilots_ollama_mode(url: str, fleet: Fleet) -> None:
    version = send(f"{url}/api/version").json["version"]
    assert tuple(int(part) for part in version.split(".")) >= (0, 6, 4)
    names = [row["model"] for row in send(f"{url}/api/tags").json["models"]]
    assert "one-openai/m" in names
    shown = send(f"{url}/api/show", {"model": "one-openai/m"}).json
    assert {"tools", "vision"} <= set(shown["capabilities"])
    architecture = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{architecture}.context_length"] == 400000
    answered = send(f"{url}/v1/chat/completions", bodies.copilot("one-openai/m"), ANY)
    assert answered.status == 200 and chat_text(answered)


def test_gemini_cli(url: str, fleet: Fleet) -> None:
    fleet.one.will(think("Hm."), call("read_file", '{"path": "a.py"}'))
    path = "/v1beta/models/anthropic-openai:streamGenerateContent?alt=sse"
    answered = send(url + path, bodies.gemini_cli(), {"x-goog-api-key": "any"})
    parts = [part for event in answered.events for part in event["candidates"][0]["content"]["parts"]]
    assert "".join(part["text"] for part in parts if part.get("thought")) == "Hm."
    assert [part["functionCall"]["args"] for part in parts if "functionCall" in part] == [{"path": "a.py"}]
    assert answered.events[-1]["candidates"][0]["finishReason"] == "STOP"
    assert answered.events[-1]["usageMetadata"]["totalTokenCount"] > 0


# Retries, and small servers as upstreams.


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/chat/completions", {"model": "openai-openai", "messages": "Hello"}, 400),
        ("/v1/chat/completions", {"model": "nobody-has-this", "messages": HELLO}, 404),
        ("/v1/messages", {"model": "openai-openai", "messages": []}, 400),
        ("/v1/responses", {"model": "openai-openai", "input": 7}, 400),
        ("/v1/nowhere", {}, 404),
    ],
)
def test_a_retry_that_is_useless_is_called_so(path: str, body: dict[str, object], code: int, url: str) -> None:
    answered = send(url + path, body, ANY)
    assert (answered.status, answered.headers["x-should-retry"]) == (code, "false")


def test_a_server_that_never_says_done(url: str, fleet: Fleet) -> None:
    """As `transformers serve`: the usage is in the chunk that ends the answer."""
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    words = chunk | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi."}, "finish_reason": None}]}
    end = chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    end |= {"usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}
    fleet.one.will(*(raw(f"data: {json.dumps(one)}\n\n".encode()) for one in (words, end)))
    body = bodies.aider("openai-openai") | {"stream_options": {"include_usage": True}}
    answered = send(f"{url}/v1/chat/completions", body, ANY)
    assert chat_text(answered) == "Hi."
    assert answered.text.rstrip().endswith("[DONE]")
    assert answered.events[-1]["usage"]["prompt_tokens"] == 5
    assert fleet.two.requests == []


def test_a_plain_text_500_is_no_answer(url: str, fleet: Fleet) -> None:
    fleet.one.will(status(500, b"Internal Server Error", {"Content-Type": "text/plain"}))
    fleet.two.will(say("Hi."))
    answered = send(f"{url}/v1/chat/completions", bodies.aider("openai-openai"), ANY)
    assert chat_text(answered) == "Hi."


def test_a_server_that_ignores_include_usage_gets_an_estimate(url: str, fleet: Fleet) -> None:
    """As `llama-cpp-python`; the estimate is marked as one."""
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    words = chunk | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi."}, "finish_reason": None}]}
    end = chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    fleet.one.will(*(raw(f"data: {one}\n\n".encode()) for one in (json.dumps(words), json.dumps(end), "[DONE]")))
    body = bodies.aider("openai-openai") | {"stream_options": {"include_usage": True}}
    usage = send(f"{url}/v1/chat/completions", body, ANY).events[-1]["usage"]
    assert usage["prompt_tokens"] > 0 and usage["completion_tokens"] > 0
    assert usage["estimated"] is True
