"""Ollama's own SDK against a live gateway: what the daemon has is passed on unread, all else is answered here."""

import json
import time
import urllib.request
from collections.abc import Iterator

import ollama
import pytest
from flask import Flask
from ollama import Client

from tests.clients.fleet import WIRES, Fleet
from tests.clients.loops import PIXEL
from tests.clients.received import turns
from tests.fakes import call, finish, hang_up, raw, say, sliced, status, think, usage

HELLO = [{"role": "user", "content": "Hello"}]
LOCAL = "local:latest"


def weather(town: str) -> str:
    """Tell the weather of a town."""
    return "Rain."


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    with Client(host=url) as client:
        yield client


@pytest.mark.parametrize("wire", WIRES)
def test_a_plain_answer(wire: str, client: Client, fleet: Fleet) -> None:
    fleet.one.will(usage(11, 3), say("Good morning."))
    answer = client.chat(model=f"{wire}-openai", messages=HELLO)
    assert (answer.message.content, answer.done, answer.done_reason) == ("Good morning.", True, "stop")
    assert (answer.prompt_eval_count, answer.eval_count) == (11, 3)


@pytest.mark.parametrize("wire", WIRES)
def test_a_streamed_answer_ends_once(wire: str, client: Client, fleet: Fleet) -> None:
    fleet.one.will(think("Hm."), say("Good morning."))
    lines = list(client.chat(model=f"{wire}-openai", messages=HELLO, stream=True, think=True))
    assert "".join(line.message.content or "" for line in lines) == "Good morning."
    assert "".join(line.message.thinking or "" for line in lines) == "Hm."
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]


@pytest.mark.parametrize("wire", WIRES)
def test_tools_are_python_functions_and_arguments_objects(wire: str, client: Client, fleet: Fleet) -> None:
    fleet.one.will(call("weather", '{"town": ', '"Lima"}', finish=False), call("weather", '{"town": "Quito"}'))
    answer = client.chat(model=f"{wire}-openai", messages=HELLO, tools=[weather])
    assert [made.function.arguments for made in answer.message.tool_calls] == [{"town": "Lima"}, {"town": "Quito"}]
    said = [*HELLO, answer.message]
    said += [{"role": "tool", "tool_name": "weather", "content": "Rain."}, {"role": "tool", "content": "Sun."}]
    fleet.one.will(say("Rain, then sun."))
    assert client.chat(model=f"{wire}-openai", messages=said, tools=[weather]).message.content == "Rain, then sun."
    seen = turns(wire, fleet.one.requests[-1].json)
    calls = [turn.id for turn in seen if turn.role == "call"]
    results = [(turn.id, turn.text) for turn in seen if turn.role == "result"]
    assert results == list(zip(calls, ["Rain.", "Sun."], strict=True))


@pytest.mark.parametrize("wire", WIRES)
def test_a_format_is_a_schema(wire: str, client: Client, fleet: Fleet) -> None:
    schema = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
    fleet.one.will(say('{"town": "Lima"}'))
    answer = client.chat(model=f"{wire}-openai", messages=HELLO, format=schema)
    assert json.loads(answer.message.content) == {"town": "Lima"}
    assert '"town"' in fleet.one.requests[0].body.decode()


def test_generate_whole_and_streamed(client: Client, fleet: Fleet) -> None:
    for _ in range(2):
        fleet.one.will(say("Good morning."))
    whole = client.generate(model="anthropic-openai", prompt="Hello", system="Be polite.", images=[PIXEL])
    assert (whole.response, whole.done) == ("Good morning.", True)
    said = turns("anthropic", fleet.one.requests[0].json)
    assert [(turn.role, turn.text) for turn in said] == [("system", "Be polite."), ("user", "Hello")]
    lines = list(client.generate(model="anthropic-openai", prompt="Hello", stream=True))
    assert "".join(line.response for line in lines) == "Good morning."
    assert lines[-1].done


def test_options_go_where_the_wire_has_them(client: Client, fleet: Fleet) -> None:
    fleet.one.will(say("Once upon", finish=None), finish("length"))
    options = {"num_predict": 2, "temperature": 0.1, "num_ctx": 4096, "stop": ["END"]}
    answer = client.chat(model="openai-openai", messages=HELLO, options=options, keep_alive="5m")
    assert answer.done_reason == "length"
    asked = fleet.one.requests[0].json
    assert (asked["max_tokens"], asked["temperature"], asked["stop"]) == (2, 0.1, ["END"])
    assert "num_ctx" not in asked and "options" not in asked


@pytest.mark.parametrize("wire", ["openai", "gemini", "ollama", "cohere"])
def test_embeddings_in_both_forms(wire: str, client: Client, fleet: Fleet) -> None:
    many = client.embed(model=f"one-{wire}/vectors", input=["a", "bb"])
    assert [list(vector)[1:] for vector in many.embeddings] == [[0.25, -0.5]] * 2
    one = client.embeddings(model=f"one-{wire}/vectors", prompt="a")
    assert list(one.embedding)[1:] == [0.25, -0.5]


def test_the_list_has_the_daemons_own_models_first(client: Client) -> None:
    names = [model.model for model in client.list().models]
    assert names[0] == LOCAL
    assert {"auto", "one-openai/m", "openai-anthropic"} <= set(names)


def test_a_virtual_model_is_shown_with_capabilities_and_context(client: Client) -> None:
    shown = client.show("auto")
    assert {"completion", "tools"} <= set(shown.capabilities)
    assert any(key.endswith(".context_length") for key in shown.modelinfo)
    shown = client.show("one-openai/m")
    assert shown.modelinfo["wallas.context_length"] == 400000


@pytest.mark.parametrize("field", ["model", "name"])
def test_show_takes_both_names_of_the_field(field: str, url: str) -> None:
    data = json.dumps({field: "auto"}).encode()
    with urllib.request.urlopen(f"{url}/api/show", data=data) as answer:
        assert "completion" in json.load(answer)["capabilities"]


def test_what_runs_and_which_version(client: Client, url: str) -> None:
    assert [model.model for model in client.ps().models] == [LOCAL]
    with urllib.request.urlopen(f"{url}/api/version") as answer:
        version = json.load(answer)["version"]
    assert tuple(int(part) for part in version.split(".")) >= (0, 6, 4)


def test_an_unknown_model_is_a_404_as_ollama_says_it(client: Client) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat(model="nobody-has-this", messages=HELLO)
    assert caught.value.status_code == 404
    assert "nobody-has-this" in caught.value.error


def test_a_stream_that_nobody_can_go_on_with_raises(client: Client, fleet: Fleet) -> None:
    fleet.one.will(say("Well", finish=None), hang_up)
    with pytest.raises(ollama.ResponseError, match="broke off"):
        list(client.chat(model="openai-openai", messages=HELLO, stream=True))


# The daemon's own models.

BODY = b'{"model": "local",  "messages": [{"role":"user","content":"Hello"}], "mystery": 1}'


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/show", "/api/embed", "/api/embeddings"])
def test_a_local_tag_is_passed_on_byte_for_byte(path: str, url: str, fleet: Fleet) -> None:
    answer = b'{"model":"local","odd":  [1,2],\n "done":true}\n{"unread": \xff}'
    fleet.daemon.on(path, raw(answer), sliced(3))
    with urllib.request.urlopen(f"{url}{path}", data=BODY) as response:
        assert response.read() == answer
        assert response.headers["X-Wallas-Provider"] == "ollama"
    assert fleet.daemon.requests[-1].body == BODY
    assert fleet.daemon.requests[-1].path == path


def test_a_local_stream_is_passed_on_as_it_comes(client: Client, fleet: Fleet) -> None:
    fleet.daemon.will(say("Good morning.", size=1, gap=0.01))
    times = []
    words = ""
    for line in client.chat(model="local", messages=HELLO, stream=True):
        times.append(time.monotonic())
        words += line.message.content
    assert words == "Good morning."
    assert times[-1] - times[0] > 0.1


def test_a_local_refusal_keeps_its_status_and_words(client: Client, fleet: Fleet) -> None:
    fleet.daemon.will(status(400, {"error": "does not support thinking"}))
    with pytest.raises(ollama.ResponseError, match="does not support thinking") as caught:
        client.chat(model="local", messages=HELLO, think=True)
    assert caught.value.status_code == 400
    assert fleet.one.requests == fleet.two.requests == []


@pytest.fixture
def without_daemon(app: Flask) -> Iterator[Flask]:
    """Yield a gateway that has to find out anew that no daemon is there."""
    app.extensions["wallas"].local.until = 0.0
    yield app


@pytest.mark.parametrize("path", ["/api/tags", "/api/ps"])
def test_a_missing_daemon_is_found_missing_at_once(path: str, without_daemon: Flask) -> None:
    before = time.monotonic()
    answer = without_daemon.test_client().get(path)
    assert time.monotonic() - before < 0.3
    assert answer.status_code == 200
    assert LOCAL not in answer.text


def test_a_daemon_that_does_not_answer_delays_nothing_for_long(without_daemon: Flask, fleet: Fleet) -> None:
    """As when a laptop sleeps: the connection stands, and nothing comes."""
    local = without_daemon.extensions["wallas"].local
    fleet.daemon.door = "mute"
    upstream, local.upstream = local.upstream, fleet.daemon.url
    try:
        fleet.daemon.close_idle()
        before = time.monotonic()
        assert without_daemon.test_client().get("/api/tags").status_code == 200
        assert time.monotonic() - before < 0.35
    finally:
        fleet.daemon.door = "open"
        local.upstream, local.until = upstream, 0.0
