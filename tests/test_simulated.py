"""The scripted providers say what the vendors' own clients understand, and fail as scripted."""

import gzip
import json
import socket
import threading
import time
import zlib

import anthropic
import cohere
import httpx
import ollama
import openai
import pytest
from google import genai

from tests.fakes import (
    FakeProvider,
    anchored,
    ask,
    bad_json,
    call,
    close,
    comment,
    compressed,
    drip,
    empty,
    end_mark,
    error_event,
    fake_providers,
    finish,
    framed,
    hang_up,
    hang_up_after,
    headers,
    interim,
    line_ends,
    lying_length,
    marked_anchor,
    missing_end,
    never,
    pause,
    raw,
    repeat_anchor,
    say,
    sliced,
    status,
    think,
    usage,
)

TEXT = "Ünïcode says: a “whole” sentence, \u2028 and more."
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"type": "function", "function": {"name": "weather", "description": "w", "parameters": TOOL}}
WIRES = ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama", "cohere")


@pytest.fixture
def provider():
    with FakeProvider() as fake:
        yield fake


def openai_chat(provider, stream):
    """Return text and calls as OpenAI's client reads them."""
    client = openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0)
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [FUNCTION]}
    with client:
        if not stream:
            choice = client.chat.completions.create(**asked).choices[0]
            calls = [(c.function.name, c.function.arguments) for c in choice.message.tool_calls or []]
            return choice.message.content or "", calls, choice.finish_reason
        with client.chat.completions.stream(**asked) as events:
            for _ in events:
                pass
            choice = events.get_final_completion().choices[0]
        calls = [(c.function.name, c.function.arguments) for c in choice.message.tool_calls or []]
        return choice.message.content or "", calls, choice.finish_reason


def openai_responses(provider, stream):
    """Return text and calls as OpenAI's client reads them."""
    asked = {"model": "m", "input": "hi", "tools": [{"type": "function", **FUNCTION["function"], "strict": False}]}
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        if stream:
            with client.responses.stream(**asked) as events:
                for _ in events:
                    pass
                answer = events.get_final_response()
        else:
            answer = client.responses.create(**asked)
    calls = [(item.name, item.arguments) for item in answer.output if item.type == "function_call"]
    return answer.output_text, calls, "tool_calls" if calls else "stop"


def anthropic_messages(provider, stream):
    """Return text and calls as Anthropic's client reads them."""
    tools = [{"name": "weather", "input_schema": TOOL}]
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "tools": tools}
    with anthropic.Anthropic(base_url=provider.url, api_key="k", max_retries=0) as client:
        if stream:
            with client.messages.stream(**asked) as events:
                answer = events.get_final_message()
        else:
            answer = client.messages.create(**asked)
    text = "".join(part.text for part in answer.content if part.type == "text")
    calls = [(part.name, json.dumps(part.input)) for part in answer.content if part.type == "tool_use"]
    return text, calls, {"end_turn": "stop", "tool_use": "tool_calls"}[answer.stop_reason]


def gemini(provider, stream):
    """Return text and calls as Google's client reads them."""
    client = genai.Client(api_key="k", http_options={"base_url": provider.url})
    ask_ = client.models.generate_content_stream if stream else client.models.generate_content
    answer = ask_(model="m", contents="hi")
    parts = [part for piece in (answer if stream else [answer]) for part in piece.candidates[0].content.parts]
    text = "".join(part.text for part in parts if part.text and not part.thought)
    calls = [(p.function_call.name, json.dumps(p.function_call.args)) for p in parts if p.function_call]
    client.close()
    return text, calls, "tool_calls" if calls else "stop"


def ollama_chat(provider, stream):
    """Return text and calls as Ollama's client reads them."""
    client = ollama.Client(host=provider.url)
    answer = client.chat("m", messages=[{"role": "user", "content": "hi"}], stream=stream)
    pieces = list(answer) if stream else [answer]
    text = "".join(piece.message.content or "" for piece in pieces)
    calls = [c.function for piece in pieces for c in piece.message.tool_calls or []]
    client._client.close()
    assert pieces[-1].done
    return text, [(c.name, json.dumps(dict(c.arguments))) for c in calls], "tool_calls" if calls else "stop"


def cohere_chat(provider, stream):
    """Return text and calls as Cohere's client reads them."""
    with httpx.Client() as http:
        return cohere_read(cohere.ClientV2(api_key="k", base_url=provider.url, httpx_client=http), stream)


def cohere_read(client, stream):
    """Return text and calls that a Cohere client reads."""
    messages = [{"role": "user", "content": "hi"}]
    if not stream:
        answer = client.chat(model="m", messages=messages)
        text = "".join(part.text for part in answer.message.content or [] if part.type == "text")
        calls = [(c.function.name, c.function.arguments) for c in answer.message.tool_calls or []]
        return text, calls, {"COMPLETE": "stop", "TOOL_CALL": "tool_calls"}[answer.finish_reason]
    text, calls, reason = "", [], ""
    for event in client.chat_stream(model="m", messages=messages):
        match event.type:
            case "content-delta":
                text += event.delta.message.content.text or ""
            case "tool-call-start":
                calls.append([event.delta.message.tool_calls.function.name, ""])
            case "tool-call-delta":
                calls[-1][1] += event.delta.message.tool_calls.function.arguments
            case "message-end":
                reason = {"COMPLETE": "stop", "TOOL_CALL": "tool_calls"}[event.delta.finish_reason]
    return text, [tuple(c) for c in calls], reason


CLIENTS = dict(
    zip(WIRES, (openai_chat, openai_responses, anthropic_messages, gemini, ollama_chat, cohere_chat), strict=True)
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("wire", WIRES)
def test_the_vendors_own_client_reads_text_and_calls(provider, wire, stream):
    provider.will(think("hm"), say(TEXT))
    provider.will(say("Let me see.", finish=None), call("weather", '{"city"', ': "Lima"}'))
    read = CLIENTS[wire]
    assert read(provider, stream) == (TEXT, [], "stop")
    text, calls, reason = read(provider, stream)
    assert (text, [(name, json.loads(arguments)) for name, arguments in calls], reason) == (
        "Let me see.",
        [("weather", {"city": "Lima"})],
        "tool_calls",
    )
    assert [request.wire for request in provider.requests] == [wire, wire]
    assert [request.stream for request in provider.requests] == [stream, stream]
    assert provider.requests[0].model == "m"


@pytest.mark.parametrize(
    ("path", "fields", "body"),
    [
        ("/v1/chat/completions", {}, {}),
        ("/v1/responses", {}, {}),
        ("/v1/messages", {}, {}),
        ("/v1beta/models/m:streamGenerateContent", {}, {}),
        ("/api/chat", {}, {}),
        ("/v2/chat", {}, {}),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_every_wire_reports_an_error_inside_a_200(provider, path, fields, body, stream):
    provider.will(say("so far", finish=None), error_event("overloaded_error", "too busy"))
    path = path if stream else path.replace("streamG", "g")
    got, _ = ask(provider, path, {"model": "m", "stream": stream, "messages": []})
    assert got.startswith(b"HTTP/1.1 200 ")
    assert b"too busy" in got


def test_lists_speak_the_wire_of_whoever_asks(provider):
    def get(path, **fields):
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        with socket.create_connection(("127.0.0.1", provider.port)) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode())
            got = b"".join(iter(lambda: sock.recv(65536), b""))
        return json.loads(got.partition(b"\r\n\r\n")[2])

    assert [row["id"] for row in get("/v1/models")["data"]] == ["model-a", "model-b"]
    assert get("/v1/models/model-a")["id"] == "model-a"
    assert "error" in get("/v1/models/none")
    assert get("/v1beta/models", x_goog_api_key="k")["models"][0]["name"] == "models/model-a"
    assert get("/v1/models", anthropic_version="1")["data"][0]["type"] == "model"
    assert get("/v1/models?page_size=9")["models"][0]["endpoints"] == ["chat"]
    assert get("/api/tags")["models"][0]["model"] == "model-a"
    assert get("/api/version")["version"]
    assert "error" in get("/nothing/here")


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/v1/embeddings", {"model": "e", "input": ["a", "b"]}, "data"),
        ("/api/embed", {"model": "e", "input": "a"}, "embeddings"),
        ("/api/embeddings", {"model": "e", "prompt": "a"}, "embedding"),
        ("/v2/embed", {"model": "e", "texts": ["a"]}, "embeddings"),
        ("/v1beta/models/e:embedContent", {"content": {"parts": [{"text": "a"}]}}, "embedding"),
        ("/v1beta/models/e:batchEmbedContents", {"requests": [{}, {}]}, "embeddings"),
        ("/v1beta/models/e:countTokens", {"contents": []}, "totalTokens"),
        ("/v1/messages/count_tokens", {"messages": []}, "input_tokens"),
        ("/api/show", {"model": "e"}, "capabilities"),
    ],
)
def test_side_routes_answer_in_their_own_shape(provider, path, body, key):
    got, _ = ask(provider, path, body)
    assert key in json.loads(got.partition(b"\r\n\r\n")[2])


def test_scripts_come_in_order_and_then_the_default(provider):
    provider.will(status(503))
    provider.will(status(429, {"error": "wait"}, {"Retry-After": "7"}))
    provider.otherwise = lambda request: (say(f"asked by {request['model']}"),)
    assert provider.scripts_left == 2
    assert b" 503 " in ask(provider)[0]
    assert b"Retry-After: 7\r\n" in ask(provider)[0]
    assert b"asked by m" in ask(provider, body={"model": "m"})[0]


def test_a_route_can_be_scripted_for_good(provider):
    provider.on("/models", status(401))
    assert b" 401 " in ask(provider, "/v1/models")[0]
    provider.on("/models")
    assert b" 200 " in ask(provider, "/v1/models")[0]


def test_framings_slices_line_ends_and_heads_are_as_scripted(provider):
    provider.headers["X-Always"] = "here"
    provider.will(framed("close"), headers(X_Once="now"), interim(), line_ends(b"\r\n", mark=b"\xef\xbb\xbf"), say("a"))
    got, end = ask(provider)
    assert got.startswith(b"HTTP/1.1 103 ")
    assert b"X-Always: here\r\n" in got and b"X-Once: now\r\n" in got
    assert b"\r\n\r\n\xef\xbb\xbfdata: " in got
    assert b"data: [DONE]\r\n\r\n" in got and end == "closed"
    provider.will(sliced(3), say("a"))
    got, _ = ask(provider)
    assert b"\r\n3\r\ndat\r\n" in got
    provider.will(framed("length"), say("a"))
    assert b"Content-Length: " in ask(provider)[0]


def test_a_drip_is_slow(provider):
    provider.will(drip(0.01), raw(b"x" * 8), missing_end)
    ask(provider)
    sent = provider.requests[0].sent
    assert sent[-2] - sent[0] > 0.07


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
def test_bodies_are_compressed_as_asked(provider, coding):
    provider.will(framed("length"), compressed(coding), raw(b"hello"), missing_end)
    got, _ = ask(provider)
    body = got.partition(b"\r\n\r\n")[2]
    read = {"gzip": gzip.decompress, "deflate": zlib.decompress, "raw": lambda data: zlib.decompress(data, -15)}[coding]
    assert read(body) == b"hello"


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        ((say("abc", finish=None), hang_up), "ConnectionResetError"),
        ((say("abc", finish=None), close), "closed"),
        ((hang_up_after(20), say("abc" * 30)), "ConnectionResetError"),
        ((never,), "TimeoutError"),
        ((say("abc"),), "TimeoutError"),
    ],
    ids=["reset", "closed", "reset after bytes", "silent", "kept alive"],
)
def test_connections_end_as_scripted(provider, steps, end):
    provider.will(*steps)
    assert ask(provider, keep=True)[1] == end


def test_a_connection_is_reset_after_exactly_so_many_bytes(provider):
    provider.will(hang_up_after(20), say("abc" * 30))
    got, _ = ask(provider)
    assert len(got.partition(b"\r\n\r\n")[2]) == 20


def test_a_plain_answer_breaks_off_in_its_middle(provider):
    provider.will(say("abc" * 30, finish=None), hang_up)
    got, end = ask(provider, body={"model": "m"})
    head, _, body = got.partition(b"\r\n\r\n")
    assert end == "ConnectionResetError"
    assert 0 < len(body) < int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])


def test_a_length_can_lie(provider):
    provider.will(say("abc", finish=None), lying_length(10))
    got, end = ask(provider, body={"model": "m"})
    head, _, body = got.partition(b"\r\n\r\n")
    assert end == "closed"
    assert len(body) == int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) - 10


@pytest.mark.parametrize("wire_path", ["/v1/chat/completions", "/api/chat"])
def test_ends_and_oddities_of_streams(provider, wire_path):
    provider.will(say("a", done=False))
    provider.will(say("a", finish=None), end_mark)
    provider.will(say("a", finish=None))
    provider.will(comment("hi"), bad_json, finish("length"))
    provider.will(empty)
    got = [ask(provider, wire_path)[0] for _ in range(5)]
    ends = [b"[DONE]" in one or b'"done":true' in one for one in got]
    assert ends == [False, True, False, True, False]
    assert b": hi\n\n" in got[3] and b'{"broken": ' in got[3] and b"length" in got[3]
    assert got[4].endswith(b"\r\n\r\n")


def test_wrong_usage_and_odd_tool_calls_are_said_as_scripted(provider):
    provider.will(usage(-5, 10**12), call("f", id=None, index=None, finish=False), call("f", '{"a"', id="same"))
    body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    got, _ = ask(provider, body=body)
    assert b'"prompt_tokens":-5' in got and b'"completion_tokens":1000000000000' in got
    assert b'"tool_calls":[{"type":"function","function":{"name":"f"' in got
    assert b'"id":"same"' in got


def test_half_a_call_stays_half_on_wires_that_have_only_whole_ones(provider):
    for path in ("/api/chat", "/v1beta/models/m:streamGenerateContent"):
        provider.will(call("weather", '{"ci', finish=False), hang_up)
        got, _ = ask(provider, path)
        assert b"weather" in got
        assert got.endswith(b'{"ci\r\n')


@pytest.mark.parametrize(
    ("path", "turns"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "{}"}]}),
        ("/v1/messages", {"messages": [{"role": "user", "content": [{"type": "text", "text": "{}"}]}]}),
        ("/v1beta/models/m:streamGenerateContent", {"contents": [{"role": "user", "parts": [{"text": "{}"}]}]}),
        ("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": "{}"}]}]}),
    ],
)
def test_an_anchor_is_repeated_on_every_wire(provider, path, turns):
    asked = "Go on.\n⟦0a⟧\nthe last\nwords\n⟦0a⟧"
    turns = json.loads(json.dumps(turns).replace("{}", json.dumps(asked)[1:-1]))
    provider.will(repeat_anchor, say(" and on"))
    provider.will(anchored("Sure: ", size=99), say(""))
    got, _ = ask(provider, path, {"model": "m", "stream": True, **turns})
    assert b"the last\\nwo" in got
    assert b"Sure: the last\\nwords" in ask(provider, path, {"model": "m", "stream": True, **turns})[0]


def test_without_marks_there_is_no_anchor(provider):
    provider.will(repeat_anchor, say("whole"))
    assert b"whole" in ask(provider)[0]
    assert marked_anchor("⟦a⟧\nx\n⟦b⟧") is None


def test_a_client_that_leaves_is_noticed_and_timed(provider):
    provider.will(say("a", finish=None), pause(30))
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", provider.port)) as sock:
        body = b'{"stream": true}'
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        sock.recv(10)
        assert provider.open_connections == 1
    assert provider.wait_until(lambda: provider.cancelled)
    assert start < provider.cancelled[0].cancelled < time.monotonic()
    assert not provider.cancelled[0].done
    assert provider.wait_until(lambda: provider.open_connections == 0)


def test_an_answer_that_is_over_was_not_cancelled(provider):
    ask(provider)
    assert provider.wait_until(lambda: provider.open_connections == 0)
    assert provider.requests[0].done and not provider.cancelled


@pytest.mark.parametrize(("door", "end"), [("slam", "ConnectionResetError"), ("mute", "TimeoutError")])
def test_a_door_can_be_shut(provider, door, end):
    provider.door = door
    assert ask(provider) == (b"", end)


def test_closing_is_fast_whatever_goes_on():
    with fake_providers(3) as providers:
        for fake in providers:
            fake.otherwise = lambda request: (never,)
            threading.Thread(target=ask, args=(fake,), daemon=True).start()
            assert fake.wait_until(lambda fake=fake: fake.requests)
        start = time.monotonic()
    assert time.monotonic() - start < 0.15
    assert not any(fake.open_connections for fake in providers)


def test_three_hundred_streams_at_once_are_served(provider):
    provider.otherwise = lambda request: (say("hello " * 4, gap=0.05),)
    body = b'{"stream": true}'
    asked = b"POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )
    socks = [socket.create_connection(("127.0.0.1", provider.port)) for _ in range(300)]
    for sock in socks:
        sock.sendall(asked)
    got = [b"".join(iter(lambda sock=sock: sock.recv(65536), b"")) for sock in socks]
    for sock in socks:
        sock.close()
    assert sum(b"[DONE]" in one for one in got) == 300
