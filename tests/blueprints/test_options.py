"""What a caller says beside the request: headers and their twins in the body, each bad value named."""

import pytest

from tests.badinput.doors import DOORS, MODEL
from wallas.blueprints import options

CHAT = DOORS["chat"]
SPOKEN = [DOORS[name] for name in ("chat", "responses", "messages", "generate", "ollama_chat", "ollama_generate")]
doors = pytest.mark.parametrize("door", SPOKEN, ids=lambda door: door.name)

BAD_HEADERS = {
    "X-Willaku-Tier": ["", "x" * 301, "a\tb", MODEL],
    "X-Willaku-Model": ["", "x" * 301],
    "X-Wallas-Provider": ["", "x" * 301],
    "X-Wallas-Cost-Mode": ["", "free", "ALLOW_PAID", "allow_paid "],
    "X-Wallas-Hold": ["", "maybe", "PART", "part,turn"],
    "X-Wallas-Fallback": ["", "maybe", "2"],
    "X-Wallas-Wait": ["", "-1", "nan", "long"],
    "X-Session-Id": ["", "x" * 301],
    "X-Wallas-Timeout": ["", "0", "-1", "nan", "inf", "1e9", "ten", "3601"],
}
BAD_VALUES = {
    "tier": [7, "", [], MODEL],
    "model": [7, "", {}],
    "provider": [7, []],
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
    ("models", [{"model": MODEL}], "models[0]"),
    ("fallbacks", "auto", "fallbacks"),
    ("fallbacks", [None], "fallbacks[0]"),
    ("fallbacks", [{"model": 7}], "fallbacks[0].model"),
    ("fallbacks", [{"model": MODEL, "api_key": "sk-x"}], "fallbacks[0]"),
    ("fallbacks", [{"model": MODEL, "messages": []}], "fallbacks[0]"),
    ("fallbacks", [{}], "fallbacks[0]"),
    ("fallbacks", [{"a": ["b"], "c": ["d"]}], "fallbacks[0]"),
    ("fallbacks", [{MODEL: [7]}], f"fallbacks[0].{MODEL}[0]"),
    ("provider", 7, "provider"),
    ("provider", "", "provider"),
    ("provider", [], "provider"),
    ("provider", {"order": "acme"}, "provider.order"),
    ("provider", {"only": [7]}, "provider.only[0]"),
    ("provider", {"ignore": {}}, "provider.ignore"),
    ("provider", {"data_collection": "maybe"}, "provider.data_collection"),
    ("provider", {"zdr": "maybe"}, "provider.zdr"),
    ("provider", {"allow_fallbacks": "maybe"}, "provider.allow_fallbacks"),
    ("provider", {"require_parameters": "maybe"}, "provider.require_parameters"),
    ("provider", {"quantizations": ["int3"]}, "provider.quantizations"),
    ("provider", {"quantizations": "fp8"}, "provider.quantizations"),
    ("provider", {"sort": "beauty"}, "provider.sort"),
    ("provider", {"sort": {"by": "beauty"}}, "provider.sort"),
    ("provider", {"sort": {"by": "price", "partition": 7}}, "provider.sort.partition"),
    ("provider", {"max_price": 1}, "provider.max_price"),
    ("provider", {"max_price": {"prompt": -1}}, "provider.max_price.prompt"),
    ("provider", {"max_price": {"prompt": True}}, "provider.max_price.prompt"),
    ("provider", {"max_price": {"beauty": 1}}, "provider.max_price.beauty"),
    ("provider", {"preferred_max_latency": "soon"}, "provider.preferred_max_latency"),
    ("provider", {"preferred_max_latency": {"p51": 1}}, "provider.preferred_max_latency"),
    ("provider", {"preferred_min_throughput": {}}, "provider.preferred_min_throughput"),
    ("provider", {"only": ["acme"], "ignore": ["acme"]}, "provider.ignore"),
    ("provider", {"order": ["acme"], "ignore": ["acme"]}, "provider.ignore"),
    ("provider", {"order": ["other"], "only": ["acme"]}, "provider.order"),
]


@pytest.mark.parametrize(
    ("headers", "fields", "param"),
    [
        ({"X-Willaku-Tier": "rapidoo"}, {}, "X-Willaku-Tier"),
        ({"X-Wallas-Provider": "acmee"}, {}, "X-Wallas-Provider"),
        ({}, {"wallas": {"tier": "rapidoo"}}, "wallas.tier"),
        ({}, {"wallas": {"provider": "acmee"}}, "wallas.provider"),
        ({}, {"provider": "acmee"}, "provider"),
        ({}, {"provider": {"only": ["acmee"]}}, "provider.only"),
        ({}, {"model": "rapidoo"}, "model"),
    ],
)
@doors
def test_an_unknown_profile_or_provider_is_not_found_and_the_nearest_names_are_told(gate, door, headers, fields, param):
    if param == "model" and door is not CHAT:
        return
    told = gate.refuse(door, door.good(**fields), 404, headers=headers).told
    assert "rapido" in told.message or "acme" in told.message
    assert told.param in (param, None) and param.partition(".")[0] in told.message + (told.param or "")


def test_a_provider_without_a_key_is_not_found_and_its_key_is_asked_for(gate):
    assert "set a key" in gate.refuse(CHAT, CHAT.good(), 404, headers={"X-Wallas-Provider": "groq"}).told.message


CONTRADICTIONS = [
    ({"X-Wallas-Provider": "acme"}, {"provider": {"ignore": ["acme"]}}, ("X-Wallas-Provider", "provider.ignore")),
    ({"X-Wallas-Provider": "acme"}, {"provider": {"only": ["acme2", "acme"], "ignore": ["acme2"]}}, ("only", "ignore")),
    ({}, {"model": f"{MODEL}:nitro:floor"}, (":nitro", ":floor")),
    ({}, {"model": f"{MODEL}:nitro", "provider": {"sort": "price"}}, ("provider.sort", ":nitro")),
    ({}, {"provider": {"only": ["acme"], "order": ["other"]}}, ("provider.order", "provider.only")),
]


@pytest.mark.parametrize(("headers", "fields", "both"), CONTRADICTIONS)
def test_of_two_constraints_that_contradict_each_other_both_are_named(gate, headers, fields, both):
    message = gate.refuse(CHAT, CHAT.good(**fields), headers=headers).told.message
    assert all(name in message for name in both)


@pytest.mark.parametrize(("field", "value", "param"), OTHERS, ids=lambda value: str(value)[:30])
def test_a_bad_field_of_other_gateways_is_named(gate, field, value, param):
    assert gate.refuse(CHAT, CHAT.good(**{field: value})).param == param


def test_fields_of_other_gateways_are_obeyed(gate):
    said = {
        "models": ["nobody/x", MODEL],
        "fallbacks": [{"model": MODEL}, MODEL, {MODEL: [MODEL]}, {"*": [MODEL]}, {"other": ["nobody/x"]}],
        "provider": {"order": ["Acme"], "only": ["ACME"], "ignore": ["other"], "allow_fallbacks": False},
    }
    body = CHAT.good(**(said | {"models": [MODEL]}))
    assert gate.ask(CHAT, body).status_code == 200
    sent = gate.provider.requests[-1].body
    assert b"fallbacks" not in sent and b"provider" not in sent and b"models" not in sent


def test_what_of_openrouters_provider_object_is_not_obeyed_is_named(gate):
    answer = gate.ask(
        CHAT, CHAT.good(provider={"only": ["acme"], "enforce_distillable_text": True, "sort": "price", "x": None})
    )
    assert answer.status_code == 200
    assert "provider.enforce_distillable_text" in answer.headers["X-Wallas-Dropped"]
    assert "provider.sort" not in answer.headers["X-Wallas-Dropped"]
    assert "provider.x" not in answer.headers["X-Wallas-Dropped"]


def test_only_weights_stored_as_wished_answer_and_unknown_ones_by_their_word(gate):
    refused = gate.ask(CHAT, CHAT.good(provider={"quantizations": ["fp8", "bf16"]}))
    assert refused.status_code == 503 and "quantization unknown is none of provider.quantizations" in refused.text
    answer = gate.ask(CHAT, CHAT.good(provider={"quantizations": ["fp8", "unknown"]}))
    assert answer.status_code == 200 and "quantizations" not in answer.headers.get("X-Wallas-Dropped", "")


def test_fallbacks_of_another_model_and_switches_without_effect_are_named_as_dropped(gate):
    body = CHAT.good(fallbacks=[{"other": ["nobody/x"]}])
    dropped = gate.ask(CHAT, body, headers={"X-Wallas-Memory": "on"}).headers
    assert dropped["X-Wallas-Dropped"] == "X-Wallas-Memory, fallbacks[0].other"


def test_nobody_who_trains_is_asked_when_data_may_not_be_kept(gate):
    answer = gate.ask(CHAT, CHAT.good(provider={"data_collection": "deny"}))
    assert answer.status_code in (200, 503)
    assert gate.ask(CHAT, CHAT.good(provider={"data_collection": "allow", "zdr": False})).status_code == 200


@pytest.mark.parametrize("value", ["on", "true", "1", True, "off", "false", "0", False], ids=repr)
def test_switches_are_read_in_all_their_spellings(gate, value):
    assert gate.ask(CHAT, CHAT.good(wallas={"fallback": value})).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "named"),
    [
        ({"session_id": "s-1"}, {}, "s-1"),
        ({}, {"X-Session-Affinity": "s-2"}, "s-2"),
        ({}, {"X-Claude-Code-Session-Id": "s-3"}, "s-3"),
        ({"session_id": "s-1"}, {"X-Session-Id": "s-4"}, "s-4"),
    ],
)
def test_a_conversation_has_a_name_wherever_clients_put_it(body, headers, named):
    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    assert options.options(environ, body).session == named
    assert "session_id" not in body
