"""Large files stay in the bytes they came in, and what is read and sent is what would have been without that."""

import types
from base64 import b64encode
from io import BytesIO
from typing import Any

import msgspec
import pytest

from wallas import codecs
from wallas.blueprints.body import guarded_body
from wallas.blueprints.cut import LEAST_BYTES, MOST_CHARS, MOST_URLS, cut_out
from wallas.codecs import codec, openai_chat
from wallas.codecs.pieces import Pieces, written
from wallas.content.contents import Mark, _hash
from wallas.errors import GatewayError
from wallas.types.chat import ChatRequest, Media
from wallas.types.span import DataUrl, Span, spelled

PICTURE = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * (LEAST_BYTES // 256)).decode()
URL = f"data:image/png;base64,{PICTURE}"


def read(data: bytes, *, cut: bool = True) -> dict[str, Any]:
    """Return a body as the route of chat completions reads it, or as all others do."""
    asked = types.SimpleNamespace(environ={"wsgi.input": BytesIO(data), "CONTENT_LENGTH": str(len(data))})
    return guarded_body(asked, places=openai_chat.file_places if cut else None)


def outcome(data: bytes, *, cut: bool) -> Any:
    """Return what is asked for, or the fault as its caller is told it."""
    try:
        return openai_chat.decode_request(read(data, cut=cut))
    except GatewayError as error:
        return (error.status, error.code, error.param, error.message)


def body(*parts: Any, **more: Any) -> bytes:
    """Return a body with these parts of a turn."""
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": list(parts)}]} | more)


def image(url: str = URL, **more: Any) -> dict[str, Any]:
    """Return a picture as clients send it."""
    return {"type": "image_url", "image_url": {"url": url, **more}}


def media(request: ChatRequest) -> list[Media]:
    """Return the files of a request's first turn."""
    return [part for part in request.messages[0].parts if isinstance(part, Media)]


HELD = {
    "a picture": body({"type": "text", "text": "Look"}, image(detail="low"), image(URL[:-8])),
    "bare": body({"type": "image_url", "image_url": URL}),
    "a document": body({"type": "file", "file": {"file_data": URL.replace("image/png", "application/pdf")}}),
    "a document's URL": body({"type": "document_url", "document_url": {"url": URL}}),
    "a video": body({"type": "video_url", "video_url": {"url": URL.replace("image/png", "video/mp4")}}),
    "no type": body(image(URL.replace("image/png", ""))),
    "parameters": body(image(URL.replace("image/png", "image/png;name=a.png"))),
    "behind a mark": b"\xef\xbb\xbf" + body(image()),
    "written with spaces": msgspec.json.format(body(image(), image()), indent=2),
    "beside tools": body(image(), tools=[{"type": "function", "function": {"name": "f"}}] * 100),
}
"""Bodies whose files stay where they are."""
DECODED = {
    "words": body({"type": "text", "text": URL}),
    "words that quote": body({"type": "text", "text": f'{{"url":"{URL}"}}'}),
    "a picture and words": body(image(), {"type": "text", "text": URL}),
    "another field": body(image(), metadata={"picture": URL}),
    "a key": body(image(), metadata={URL: "x"}),
    "a part nobody knows": body({"type": "hologram", "hologram": {"url": URL}}),
    "an answer's arguments": msgspec.json.encode(
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": URL}}]}]}
    ),
    "small": body(image("data:image/png;base64,iVBORw0KGgo=")),
    "escaped slashes": body(image()).replace(b"/", b"\\/"),
    "line ends": body(image(URL[:-4] + "\n" + URL[-4:])),
    "a comma before": body(image(URL.replace("png;", "png,a;"))),
    "no base64": body(image(URL[:-4] + "@@@@")),
    "padded within": body(image(URL[:-4] + "A=A=")),
    "cut short": body(image(URL[:-1])),
    "no characters": body(image(URL)).replace(PICTURE[:4].encode(), b"\xff\xff\xff\xff"),
    "another type": body(
        {"type": "video_url", "video_url": {"url": URL.replace("image/png", "text/html")}}, image("x")
    ),
    "too large": body(image("data:image/png;base64," + "A" * (MOST_CHARS + 4))),
    "named twice": body(image()).replace(b'{"url":', b'{"url":"%b","url":' % URL.encode()),
    "an escaped quote": body(image()).replace(b'"data:', b'"\\"data:'),
    "escaped twice": body(image()).replace(b'"data:', b'"\\\\"data:'),
    "behind a string": body(image()).replace(b'"data:', b'"x"data:'),
    "broken behind": body(image()) + b"x",
    "broken before": body(image()).replace(b'"model":"m"', b'"model":m'),
    "no end": body(image())[:-6],
    "no quote": body(image())[: LEAST_BYTES * 5 // 4],
    "no object": b"[" + body(image()) + b"]",
    "too deep": body(image(), metadata=msgspec.Raw(b"[" * 70 + b"]" * 70)),
    "messages of another kind": msgspec.json.encode({"messages": {"content": [image()]}}),
    "content of another kind": msgspec.json.encode({"messages": [{"role": "user", "content": image()}, "x"]}),
}
"""Bodies that are decoded whole, as they would be without files."""


@pytest.mark.parametrize("data", HELD.values(), ids=HELD.keys())
def test_a_file_stays_where_it_came_and_is_the_same_request(data):
    asked, decoded = outcome(data, cut=True), outcome(data, cut=False)
    assert asked == decoded
    spans = [file.data for file in media(asked)]
    assert spans and all(isinstance(span, Span) for span in spans)
    assert [file.data for file in media(decoded)] == [str(span) for span in spans] == spans
    assert {id(span.body) for span in spans} == {id(spans[0].body)}


@pytest.mark.parametrize("data", DECODED.values(), ids=DECODED.keys())
def test_what_is_no_file_in_its_place_is_read_and_refused_as_ever(data):
    asked = outcome(data, cut=True)
    assert asked == outcome(data, cut=False)
    assert not isinstance(asked, ChatRequest) or not any(isinstance(file.data, Span) for file in media(asked))


def test_a_name_that_stands_for_a_file_is_another_each_time_and_nobodys_own():
    data = body(image())
    names = {name for _ in range(3) for name in cut_out(data).files}
    assert len(names) == 3
    assert not any(name.encode() in data for name in names)
    told = cut_out(body(image(), image()))
    assert not told.fills([({"url": name}, "url") for name in names])
    assert told.fills([({"url": name}, "url") for name in told.files])


def test_only_so_many_urls_are_looked_at():
    small, held = image("data:image/png;base64,iVBORw0KGgo="), image()
    assert cut_out(body(*[small] * (MOST_URLS - 1), held)) is not None
    assert cut_out(body(*[small] * MOST_URLS, held)) is None
    assert cut_out(body(small)) is None


@pytest.mark.parametrize("wire", codecs.WIRES)
def test_every_wire_says_a_file_that_stayed_as_it_says_one_that_was_decoded(wire):
    document = {"type": "file", "file": {"filename": "a.pdf", "file_data": URL.replace("image/png", "application/pdf")}}
    text = {
        "type": "file",
        "file": {"filename": "a.txt", "file_data": f"data:text/plain;base64,{'QUJD' * LEAST_BYTES}"},
    }
    data = body({"type": "text", "text": "Look"}, image(detail="low"), document, text, max_tokens=9)
    said = []
    for cut in (True, False):
        dropped: list[str] = []
        request = outcome(data, cut=cut)
        assert all(isinstance(file.data, Span) is cut for file in media(request))
        told = written(codec(wire).encode_request(request, dropped))
        said.append((b"".join(told) if isinstance(told, Pieces) else told, len(told), dropped))
    assert said[0] == said[1]
    assert PICTURE.encode() in said[0][0]


def test_a_file_that_stayed_is_sent_out_of_the_body_it_came_in():
    data = body(image(), image())
    request = outcome(data, cut=True)
    told = written(openai_chat.encode_request(request, []))
    assert [piece.obj is media(request)[0].data.body for piece in told if isinstance(piece, memoryview)] == [True, True]


def test_a_request_is_stored_with_its_files():
    request = outcome(body(image()), cut=True)
    stored = msgspec.json.encode(request, enc_hook=spelled)
    again = msgspec.json.decode(stored, type=ChatRequest)
    assert again == request and type(media(again)[0].data) is str
    with pytest.raises(TypeError):
        msgspec.json.encode({"a": object()}, enc_hook=spelled)


def test_a_span_is_the_text_that_it_stands_for():
    data = b'{"a":"' + PICTURE.encode() + b'"}'
    span, other = Span(data, 6, 6 + len(PICTURE)), Span(bytes(bytearray(data)), 6, 6 + len(PICTURE))
    assert (str(span), f"{span}", len(span), span[:9], span[-4:]) == (
        PICTURE, PICTURE, len(PICTURE), PICTURE[:9], PICTURE[-4:])  # fmt: skip
    assert span == PICTURE and PICTURE in (span,) and span == other and hash(span) == hash(PICTURE)
    assert span != PICTURE[:-1] and span != Span(data, 6, len(PICTURE)) and span != 1
    assert _hash(span) == _hash(PICTURE)
    assert Mark(Media(kind="image", data=span)) == Mark(Media(kind="image", data=PICTURE))
    assert DataUrl("data:;base64,", span).file is span
