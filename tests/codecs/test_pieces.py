"""Bodies with large files leave in pieces, which together are the JSON that one piece would have been."""

import msgspec
import pytest

from wallas.codecs import anthropic, openai_chat
from wallas.codecs.pieces import LARGE, PIECE_BYTES, Pieces, Verbatim, base64_string, written
from wallas.types.chat import ChatRequest, Media, Message, Text, ToolResult

LONG = "QUJD" * (PIECE_BYTES // 2)


def plain(body: object) -> bytes:
    """Return the JSON in one piece."""
    return msgspec.json.Encoder(enc_hook=str).encode(body)


def test_pieces_are_the_json_that_one_piece_would_be():
    first, second = Verbatim("data:image/png;base64,", LONG), Verbatim("", LONG[: LARGE + 4])
    body = {"a": [first, "ü\n", {"b": second}], "c": second, "d": first}
    data = written(body)
    assert isinstance(data, Pieces)
    assert b"".join(data) == plain(body) == b"".join(data)
    assert len(data) == len(plain(body))
    assert max(map(len, data)) <= PIECE_BYTES + 100


def test_a_body_without_large_files_is_one_piece():
    body = {"a": base64_string("data:image/png;base64,", LONG[:100]), "b": [1, "ü"]}
    assert written(body) == plain(body) == '{"a":"data:image/png;base64,%s","b":[1,"ü"]}'.encode() % LONG[:100].encode()


@pytest.mark.parametrize("odd", ['"', "\\", "ü"])
def test_what_json_has_to_escape_is_never_taken_as_it_is(odd):
    for head, text in (("data:;base64,", LONG + odd), (f"data:{odd};base64,", LONG)):
        body = {"url": base64_string(head, text)}
        assert msgspec.json.decode(b"".join(pieces) if isinstance(pieces := written(body), Pieces) else pieces) == {
            "url": head + text
        }


def test_a_control_character_in_a_head_is_escaped():
    assert base64_string("data:image/\n;base64,", LONG) == "data:image/\n;base64," + LONG


def test_what_is_no_json_is_a_fault():
    with pytest.raises(TypeError):
        written({"a": object()})


@pytest.mark.parametrize("codec", [openai_chat, anthropic])
def test_large_files_are_written_as_small_ones_are(codec):
    def asked(data: str) -> ChatRequest:
        files = (
            Media(kind="image", mime="image/png", data=data, detail="low"),
            Media(kind="document", mime="application/pdf", data=data, name="a.pdf"),
            Media(kind="document", data=data, extra={"openai_chat": {"_type": "file_url"}}),
            Media(kind="audio", mime="audio/wav", data=data),
            Media(kind="video", mime="video/mp4", data=data),
        )
        result = ToolResult(call_id="c", parts=files[:2])
        turns = (
            Message(role="user", parts=(Text(text="x"), *files)),
            Message(role="tool", parts=(result,)),
            Message(role="user", parts=(Text(text="y"),)),
        )
        return ChatRequest(model="m", messages=turns, max_tokens=5)

    large, small = (written(codec.encode_request(asked(data))) for data in (LONG, "QUJD"))
    assert isinstance(large, Pieces)
    assert isinstance(small, bytes)
    assert b"".join(large) == small.replace(b"QUJD", LONG.encode())
