"""Bodies that are no request: refused at every door, in the door's own form, before anyone is asked."""

import codecs
import gzip
import json

import msgspec
import pytest

from tests.badinput.doors import DOORS, at
from wallas.blueprints.body import BODY_BYTES, DEPTH
from wallas.codecs.framing import encode

doors = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


def with_words(door, words: str) -> bytes:
    """Return the door's good body as JSON, with this JSON text where its words are."""
    return encode(at(door.words, "WORDS", door.good())).replace(b'"WORDS"', words.encode("utf-8", "surrogatepass"))


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


@doors
@pytest.mark.parametrize("length", [BODY_BYTES + 1, 10**12, 10**30], ids=str)
def test_c10_a_body_that_says_it_is_too_long_is_not_read(gate, door, length):
    class Never:
        def read(self, *_):
            raise AssertionError("the body was read")

    refusal = gate.refuse(door, b"", 413, environ_overrides={"CONTENT_LENGTH": str(length), "wsgi.input": Never()})
    assert refusal.told.code in ("request_too_large", None)


@doors
@pytest.mark.parametrize(
    "words",
    [nested(1_000), nested(100_000), nested(1_000, '{"a":', "}").replace(":}", ":1}"), nested(100_000, '{"a":', "")],
    ids=["list-1000", "list-100000", "object-1000", "object-100000"],
)
def test_c19_json_nested_too_deeply_is_refused(gate, door, words):
    assert gate.refuse(door, with_words(door, words)).told.code in ("invalid_json", None)


@doors
def test_c19_the_deepest_body_that_is_read_has_64_levels(gate, door):
    body = door.good(metadata={"deep": json.loads(nested(DEPTH - 2))})
    answer = gate.ask(door, body)
    assert "nested" not in answer.get_data(as_text=True)
    assert "nested deeper than 64" in gate.refuse(door, door.good(spare=json.loads(nested(DEPTH)))).told.message


@doors
@pytest.mark.parametrize("place", ["temperature", "unknown"])
def test_c20_an_integer_of_5000_digits_is_refused(gate, door, place):
    data = encode(door.good(**{place: "WORDS"})).replace(b'"WORDS"', b"9" * 5000)
    gate.refuse(door, data)


@doors
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "+1", ".5", "0x10"])
def test_c21_a_number_that_is_none_is_refused(gate, door, number):
    for place in ("temperature", "unknown"):
        data = encode(door.good(**{place: "WORDS"})).replace(b'"WORDS"', number.encode())
        assert gate.refuse(door, data).told.code in ("invalid_json", None)


@doors
def test_c22_of_a_key_said_twice_the_last_counts(gate, door):
    first = json.dumps(door.words[0])
    data = b"{" + first.encode() + b":7," + encode(door.good())[1:]
    assert gate.ask(door, data).status_code == 200
    data = encode(door.good())[:-1] + b"," + first.encode() + b":7}"
    assert gate.refuse(door, data).param.startswith(str(door.words[0]))


@doors
@pytest.mark.parametrize(
    "words",
    [r'"\ud800"', r'"a\udfffb"', r'"\udc00\ud800"', '"\ud800"', r'"\ud83dx"'],
    ids=["escaped", "low", "swapped", "raw", "half"],
)
def test_c23_a_lone_surrogate_is_refused_anywhere(gate, door, words):
    gate.refuse(door, with_words(door, words))
    gate.refuse(door, encode(door.good(spare="WORDS")).replace(b'"WORDS"', words.encode("utf-8", "surrogatepass")))


@doors
def test_c23_nul_is_taken_out_of_a_text(gate, door):
    answer = gate.ask(door, at(door.words, "a\0b", door.good()))
    assert answer.status_code == 200
    assert [request for request in gate.provider.requests if b"\\u0000" in request.body] == []


@doors
def test_c23_nul_in_a_models_name_is_no_model(gate, door):
    body = door.good(model="a\0cme/m") if "model" in door.body else door.good()
    answer = gate.ask(door, body, url=door.url("a%00cme/m"))
    assert answer.status_code in (400, 404)
    assert b"\\u0000" not in answer.data
    gate.read(door.protocol, answer)


@doors
@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "latin-1"])
def test_c24_a_body_in_another_coding_than_utf8_is_refused(gate, door, coding):
    text = json.dumps(at(door.words, "señal", door.good()), ensure_ascii=False)
    assert gate.refuse(door, text.encode(coding)).told.code in ("invalid_json", None)


@doors
def test_c24_a_byte_order_mark_is_passed_over(gate, door):
    assert gate.ask(door, codecs.BOM_UTF8 + encode(door.good())).status_code == 200


@doors
@pytest.mark.parametrize(
    "data", [b"", b" ", b"null", b"true", b'"x"', b"[]", b"7", b"{", b"{}x", b"\0", b"{'a':1}", b"a=1&b=2"], ids=repr
)
def test_c25_a_body_that_is_no_json_object_is_refused(gate, door, data):
    assert gate.refuse(door, data).told.code in ("invalid_json", None)


@doors
def test_c25_an_empty_object_lacks_something_by_name(gate, door):
    assert gate.refuse(door, {}).param != ""


@doors
def test_c28_fields_that_nobody_knows_are_not_forwarded(gate, door):
    answer = gate.ask(door, door.good(qwertyuiop={"a": 1}))
    assert answer.status_code == 200
    assert [request for request in gate.provider.requests if b"qwertyuiop" in request.body] == []


@doors
@pytest.mark.parametrize("count", [1_001, 60_000])
def test_c29_more_fields_than_any_protocol_has_are_refused(gate, door, count):
    body = door.good(**{f"key{number}": number for number in range(count - len(door.body))})
    refusal = gate.refuse(door, body)
    assert f"has {count} fields" in refusal.told.message
    assert refusal.seconds < 1


@doors
def test_c29_a_thousand_fields_that_nobody_knows_are_named_in_bounds(gate, door):
    answer = gate.ask(door, door.good(**{f"key{number}": number for number in range(900)}))
    assert answer.status_code == 200
    assert sum(len(value) for value in answer.headers.values()) < 8_000
    assert [request for request in gate.provider.requests if b"key899" in request.body] == []


@doors
@pytest.mark.parametrize("packed", ["gzip", "br", "deflate", "gzip, identity", "x" * 3000])
def test_c32_a_packed_body_is_not_unpacked(gate, door, packed):
    data = gzip.compress(encode(door.good()))
    refusal = gate.refuse(door, data, 415, headers={"Content-Encoding": packed})
    assert refusal.param == "Content-Encoding"


@doors
@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x/y"]
)
def test_c33_json_is_read_whatever_its_content_type(gate, door, kind):
    assert gate.ask(door, door.good(), content_type=kind).status_code == 200


@doors
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_c33_a_page_of_another_site_is_refused_whatever_it_sends(gate, door, kind):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        gate.refuse(door, door.good(), 403, content_type=kind, headers=headers)


NAMES = {
    "10-kB": "x" * 10_240,
    "parents": "../../etc/passwd",
    "line-end": "a\r\nSet-Cookie: a=b",
    "emoji": "🙂" * 40,
    "sql": "' OR 1=1; DROP TABLE models; --",
    "space": " ",
    "template": "{{7*7}}${7*7}%s",
    "html": "<script>alert(1)</script>",
    "colons": ":::::",
    "slashes": "//",
    "suffixes": ":free" * 500,
    "glob": "acme/*",
    "class": "[a-",
    "escape": "\x1b[31m",
    "unknown": "acme/unknown",
    "provider": "acme/",
}


@doors
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_c35_a_model_that_nobody_has_is_not_found(gate, door, name):
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    body = door.good(model=name) if "model" in door.body else door.good()
    refusal = gate.refuse(door, body, 404, url=door.url(quoted))
    assert refusal.told.code in ("model_not_found", None)
    assert len(refusal.told.message) < 600
    assert refusal.told.message.isascii()
    assert refusal.told.message.isprintable()


@doors
@pytest.mark.parametrize("name", ["", None], ids=repr)
def test_c35_no_model_is_a_missing_field(gate, door, name):
    if "model" not in door.body:
        answer = gate.ask(door, door.good(), url=door.url(" ").replace(" ", ""))
        assert answer.status_code in (400, 404)
        gate.read(door.protocol, answer)
        return
    assert gate.refuse(door, door.good(model=name)).param == "model"


def test_the_names_of_missing_models_are_cut_to_100_characters(gate):
    door = DOORS["chat"]
    assert "x" * 101 not in gate.refuse(door, door.good(model="x" * 10_240), 404).told.message
    assert msgspec.json.decode(msgspec.json.encode("x")) == "x"
