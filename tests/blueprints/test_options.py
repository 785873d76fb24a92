"""What a caller says beside the request: headers and their twins in the body, each bad value named."""

import pytest

from tests.badinput.doors import DOORS, MODEL

CHAT = DOORS["chat"]
SPOKEN = [DOORS[name] for name in ("chat", "responses", "messages", "generate", "ollama_chat", "ollama_generate")]
doors = pytest.mark.parametrize("door", SPOKEN, ids=lambda door: door.name)

BAD_HEADERS = {
    "X-Willaku-Tier": ["", "nobody", "x" * 301, "a\tb", MODEL],
    "X-Willaku-Model": ["", "x" * 301],
    "X-Wallas-Provider": ["", "nobody", "x" * 301],
    "X-Wallas-Cost-Mode": ["", "free", "ALLOW_PAID", "allow_paid "],
    "X-Wallas-Hold": ["", "maybe", "PART", "part,turn"],
    "X-Wallas-Fallback": ["", "maybe", "2"],
    "X-Wallas-Wait": ["", "-1", "nan", "long"],
    "X-Session-Id": ["", "x" * 301],
    "X-Wallas-Timeout": ["", "0", "-1", "nan", "inf", "1e9", "ten", "3601"],
}
BAD_VALUES = {
    "tier": [7, "", [], "nobody"],
    "model": [7, "", {}],
    "provider": [7, "nobody", []],
    "cost_mode": [True, "free", []],
    "hold": [7, "maybe", {}],
    "fallback": [7, "maybe", []],
    "wait": ["x", -1, True, []],
    "session": [7, "", []],
    "timeout": ["x", 0, -1, True, [], 1e9],
}


@pytest.mark.parametrize(
    ("header", "value"), [(header, value) for header, values in BAD_HEADERS.items() for value in values]
)
def test_c37_a_bad_header_is_named(gate, header, value):
    assert gate.refuse(CHAT, CHAT.good(), headers={header: value}).param == header


@doors
@pytest.mark.parametrize("header", BAD_HEADERS)
def test_c37_a_bad_header_is_named_in_every_protocol(gate, door, header):
    assert gate.refuse(door, door.good(), headers={header: BAD_HEADERS[header][-1]}).param == header


@pytest.mark.parametrize("value", ["ñandú", "x" * 8_000, "a\x85b", "\xff\xfe"])
def test_c37_header_values_beyond_ascii_break_nothing(gate, value):
    sent = value.encode("latin-1", "replace").decode("latin-1")
    for header in BAD_HEADERS.keys() - {"X-Session-Id"}:
        answer = gate.ask(CHAT, CHAT.good(), headers={header: sent})
        assert answer.status_code in (400, 404)
        gate.read("openai", answer)


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in BAD_VALUES.items() for value in values]
)
def test_a_bad_twin_in_the_body_is_named(gate, field, value):
    assert gate.refuse(CHAT, CHAT.good(wallas={field: value})).param == f"wallas.{field}"


@doors
@pytest.mark.parametrize("field", BAD_VALUES)
def test_a_bad_twin_is_named_in_every_protocol(gate, door, field):
    assert gate.refuse(door, door.good(wallas={field: BAD_VALUES[field][0]})).param == f"wallas.{field}"


@doors
@pytest.mark.parametrize("value", [7, "x", [], True], ids=repr)
def test_the_object_of_the_twins_has_to_be_one(gate, door, value):
    assert gate.refuse(door, door.good(wallas=value)).param == "wallas"


@doors
def test_twins_that_nobody_knows_are_named_as_dropped(gate, door):
    answer = gate.ask(door, door.good(wallas={"mood": "good", "hold": "turn", "tier": None}))
    assert answer.status_code == 200
    assert "wallas.mood" in answer.headers["X-Wallas-Dropped"]
    assert b"wallas" not in gate.provider.requests[-1].body


def test_a_header_counts_more_than_the_body(gate):
    answer = gate.ask(
        CHAT, CHAT.good(model="nobody-has-this", wallas={"model": "nor-this"}), headers={"X-Willaku-Model": MODEL}
    )
    assert answer.status_code == 200
    assert answer.headers["X-Wallas-Provider"] == "acme"


def test_the_body_counts_more_than_the_model_field(gate):
    assert gate.ask(CHAT, CHAT.good(model="nobody-has-this", wallas={"model": MODEL})).status_code == 200


def test_a_tier_is_a_virtual_model(gate):
    answer = gate.ask(CHAT, CHAT.good(wallas={"tier": "rapido", "provider": "acme"}))
    assert answer.status_code == 200
    assert answer.headers["X-Wallas-Profile"] == "rapido"


def test_an_unknown_model_in_a_header_is_not_found(gate):
    assert gate.refuse(CHAT, CHAT.good(), 404, headers={"X-Willaku-Model": "nobody/x"}).told.code == "model_not_found"


OTHERS = [
    ("models", "auto", "models"),
    ("models", [7], "models[0]"),
    ("models", [""], "models[0]"),
    ("models", ["a"] * 33, "models"),
    ("models", [{"model": 7}], "models[0]"),
    ("fallbacks", "auto", "fallbacks"),
    ("fallbacks", [None], "fallbacks[0]"),
    ("provider", 7, "provider"),
    ("provider", "", "provider"),
    ("provider", "nobody", "provider"),
    ("provider", [], "provider"),
    ("provider", {"order": "acme"}, "provider.order"),
    ("provider", {"only": [7]}, "provider.only[0]"),
    ("provider", {"only": ["nobody"]}, "provider.only"),
    ("provider", {"ignore": {}}, "provider.ignore"),
    ("provider", {"data_collection": "maybe"}, "provider.data_collection"),
    ("provider", {"zdr": "maybe"}, "provider.zdr"),
    ("provider", {"allow_fallbacks": "maybe"}, "provider.allow_fallbacks"),
]


@pytest.mark.parametrize(("field", "value", "param"), OTHERS, ids=lambda value: str(value)[:30])
def test_a_bad_field_of_other_gateways_is_named(gate, field, value, param):
    assert gate.refuse(CHAT, CHAT.good(**{field: value})).param == param


def test_fields_of_other_gateways_are_obeyed(gate):
    said = {
        "models": ["nobody/x", MODEL],
        "fallbacks": [{"model": MODEL}],
        "provider": {"order": ["Acme"], "only": ["ACME"], "ignore": ["other"], "allow_fallbacks": False},
    }
    body = CHAT.good(**(said | {"models": [MODEL]}))
    assert gate.ask(CHAT, body).status_code == 200
    sent = gate.provider.requests[-1].body
    assert b"fallbacks" not in sent and b"provider" not in sent and b"models" not in sent


def test_what_of_openrouters_provider_object_is_not_obeyed_is_named(gate):
    answer = gate.ask(
        CHAT, CHAT.good(provider={"only": ["acme"], "sort": "price", "max_price": {"prompt": 1}, "x": None})
    )
    assert answer.status_code == 200
    assert "provider.sort" in answer.headers["X-Wallas-Dropped"]
    assert "provider.max_price" in answer.headers["X-Wallas-Dropped"]
    assert "provider.x" not in answer.headers["X-Wallas-Dropped"]


def test_nobody_who_trains_is_asked_when_data_may_not_be_kept(gate):
    answer = gate.ask(CHAT, CHAT.good(provider={"data_collection": "deny"}))
    assert answer.status_code in (200, 503)
    assert gate.ask(CHAT, CHAT.good(provider={"data_collection": "allow", "zdr": False})).status_code == 200


@pytest.mark.parametrize("value", ["on", "true", "1", True, "off", "false", "0", False], ids=repr)
def test_switches_are_read_in_all_their_spellings(gate, value):
    assert gate.ask(CHAT, CHAT.good(wallas={"fallback": value})).status_code == 200
