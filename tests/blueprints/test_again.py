"""Tools that come again are decoded once, and what is read is what would have been read without that."""

import copy
import types
from io import BytesIO
from typing import Any

import msgspec
import pytest

from wallas import codecs
from wallas.blueprints import again
from wallas.blueprints.again import MOST, Again
from wallas.blueprints.body import guarded_body
from wallas.catalog.entries import Model
from wallas.codecs import codec
from wallas.errors import BadRequest, GatewayError
from wallas.routing.adapt import adapt
from wallas.types.lasting import LastingList, once


def tools(mark: str = "", count: int = 8) -> list[dict[str, Any]]:
    """Return tools of more bytes than are looked for."""
    schema = {"type": "object", "properties": {"tools": {"type": "array"}, "path": {"type": "string"}}}
    text = f"reads {mark} " + "words " * 60
    return [
        {"type": "function", "function": {"name": f"read_{n}", "description": text, "parameters": schema}}
        for n in range(count)
    ]


def read(data: bytes) -> dict[str, Any]:
    """Return a body as the routes read it."""
    environ = {"wsgi.input": BytesIO(data), "CONTENT_LENGTH": str(len(data))}
    return guarded_body(types.SimpleNamespace(environ=environ))


def written(**body: Any) -> bytes:
    """Return a body as clients write it."""
    return msgspec.json.format(msgspec.json.encode(body), indent=1)


def test_the_same_bytes_of_tools_are_the_same_list():
    first, second = read(written(model="a", tools=tools())), read(written(user="ü", tools=tools(), model="b"))
    assert first["tools"] is second["tools"]
    assert list(second) == ["user", "tools", "model"]
    assert second == {"user": "ü", "tools": tools(), "model": "b"}


def test_other_bytes_are_another_list():
    first, second = read(written(tools=tools("one"))), read(written(tools=tools("two")))
    assert (first["tools"], second["tools"]) == (tools("one"), tools("two"))


def test_a_list_behind_another_one_is_known_all_the_same_and_drives_none_out():
    first = read(written(model="a", tools=tools("first")))["tools"]
    data = written(messages=[{"input": {"tools": ["read"]}}], tools=tools("behind"))
    behind = read(data)["tools"]
    assert all(read(data)["tools"] is behind for _ in range(MOST + 1))
    assert read(written(model="b", tools=tools("first")))["tools"] is first


def cases() -> dict[str, bytes]:
    """Return bodies in which the known tools are not simply the body's own."""
    known = msgspec.json.encode(tools("known"))
    return {
        "further in": b'{"metadata":{"tools":%b},"model":"m"}' % known,
        "further in, and others": b'{"metadata":{"tools":%b},"tools":[1]}' % known,
        "named twice": b'{"tools":%b,"tools":[1]}' % known,
        "named twice, the last known": b'{"tools":[1],"tools":%b}' % known,
        "in a key's end": b'{"no\\"tools":%b}' % known,
        "in a text": msgspec.json.encode({"text": '"tools":' + known.decode(), "model": "m"}),
        "in a list": b'[{"tools":%b}]' % known,
        "behind a mark": b'\xef\xbb\xbf{"tools":%b}' % known,
        "broken behind": b'{"tools":%b,"model":}' % known,
        "broken before": b'{"model":x,"tools":%b}' % known,
        "cut": b'{"tools":%b' % known,
        "more behind": b'{"tools":%b}x' % known,
        "one item more": b'{"tools":%b}' % (known[:-1] + b',{"a":1}]'),
        "longer": b'{"tools":%b1]}' % known,
        "no UTF-8": b'{"tools":%b,"a":"\xff"}' % known,
        "too deep": b'{"tools":%b,"a":%b}' % (known, b"[" * 70 + b"]" * 70),
        "far too deep": b'{"tools":%b,"a":%b}' % (known, b"[" * 70_000 + b"]" * 70_000),
        "too many fields": b'{"tools":%b,%b}' % (known, b",".join(b'"%d":1' % n for n in range(1001))),
    }


@pytest.mark.parametrize("data", cases().values(), ids=cases().keys())
def test_known_tools_are_never_taken_for_something_else(data, monkeypatch):
    monkeypatch.setattr("wallas.blueprints.body._tools", Again())
    expected = outcome(data)
    read(b'{"tools":%b}' % msgspec.json.encode(tools("known")))
    assert outcome(data) == expected


def outcome(data: bytes) -> Any:
    """Return what is read, or the fault as its caller is told it."""
    try:
        return read(data)
    except GatewayError as error:
        return (error.status, error.code, error.message)


def test_only_so_many_lists_are_known(monkeypatch):
    known = Again()
    monkeypatch.setattr("wallas.blueprints.body._tools", known)
    for number in range(MOST + 5):
        read(written(tools=tools(str(number))))
    assert len(known.known) == MOST
    monkeypatch.setattr(again, "MOST_BYTES", 3 * len(known.known[0].text))
    read(written(tools=tools("x")))
    assert 1 <= len(known.known) <= 3


def test_a_list_that_is_asked_for_stays(monkeypatch):
    known = Again()
    monkeypatch.setattr("wallas.blueprints.body._tools", known)
    mine = read(written(tools=tools("mine")))["tools"]
    for number in range(2 * MOST):
        read(written(tools=tools(str(number))))
        assert read(written(tools=tools("mine")))["tools"] is mine


@pytest.mark.parametrize("asked_on", [codecs.OPENAI_CHAT, codecs.ANTHROPIC, codecs.OPENAI_RESPONSES, codecs.OLLAMA])
def test_tools_that_last_are_written_as_others_are_and_stay_as_they_were(asked_on):
    offered = {
        codecs.ANTHROPIC: [{"name": "read", "input_schema": {"properties": {"a": {"type": "string"}}}, "x": 1}],
        codecs.OPENAI_RESPONSES: [
            {"type": "function", "name": "read", "parameters": {"type": "object"}, "x": 1},
            {"type": "custom", "name": "patch"},
            {"type": "namespace", "name": "mcp", "tools": [{"type": "function", "name": "find"}]},
            {"type": "web_search"},
        ],
    }.get(asked_on, [*tools(), tools()[0] | {"x": 1}])
    said = [{"role": "user", "content": "hello"}]
    body = {"model": "m", "max_tokens": 9, "messages": said, "input": said, "tools": offered}
    lasting = body | {"tools": LastingList(copy.deepcopy(offered))}
    for wire in codecs.WIRES:
        told = []
        for one in (body, lasting, lasting):
            request = codec(asked_on).decode_request(one)
            fitted = adapt(request, model=Model(provider="p", id="m"), wire=wire, issuer="", asked_on=asked_on)
            told.append((codec(wire).encode_request(fitted.request, fitted.dropped), fitted.dropped))
        assert told[0] == told[1] == told[2]
    assert lasting["tools"] == offered


def test_what_is_made_of_a_list_that_lasts_is_made_once():
    made: list[int] = []

    def total(items: list[int], more: int) -> int:
        made.append(more)
        return sum(items) + more

    assert [once(LastingList([1, 2]), total, 1), once([1, 2], total, 1)] == [4, 4]
    items = LastingList([1, 2])
    assert [once(items, total, more) for more in (1, 1, 2, 2)] == [4, 4, 5, 5]
    assert made == [1, 1, 1, 2]


def test_tools_that_are_wrong_are_refused_every_time():
    data = written(model="m", messages=[{"role": "user", "content": "x"}], tools=[*tools(), {"function": {"name": ""}}])
    for _ in range(3):
        with pytest.raises(BadRequest) as caught:
            codec(codecs.OPENAI_CHAT).decode_request(read(data))
        assert caught.value.param == "tools[8].function.name"
