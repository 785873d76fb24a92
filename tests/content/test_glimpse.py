"""Pictures are known by their beginning: the same as by all of their bytes, and none for another."""

import io
from base64 import b64encode

import pytest
from PIL import Image

from wallas.content.contents import Contents, Item, Mark, glimpse
from wallas.content.measures import pixels
from wallas.content.sniff import sniff
from wallas.types.chat import Media, Message


def media(data, **fields):
    return Media(kind="image", data=b64encode(data).decode(), **fields)


def noise(size, form):
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_glimpse_tells_what_all_bytes_tell(form):
    data = noise((640, 400), form)
    look = glimpse(media(data).data, Item(media(data), "messages[0]"))
    sort = sniff(data)
    assert (look.sort, look.size, look.pixels) == (sort, len(data), pixels(data, sort.word)) == (
        sort, len(data), (640, 400),
    )  # fmt: skip


def test_what_is_called_a_picture_and_is_none_is_read_whole():
    data = b"%PDF-1.4 " + b"x" * 100_000
    assert glimpse(media(data).data, Item(media(data, mime="image/png"), "messages[0]")) is None


def test_pictures_that_begin_and_end_alike_are_two_and_the_same_one_twice_is_one():
    first = b"\x89PNG" + b"a" * 100_000 + b"end" * 40
    second = b"\x89PNG" + b"b" * 100_000 + b"end" * 40
    parts = (media(first), media(second), media(first, name="again.png"))
    found = Contents([Message(role="user", parts=parts)], works=None, fetcher=None, hooks=None)
    assert [item.media for item in found.items.values()] == [media(first), media(second)]
    assert found.of(parts[2]).media == media(first) and Mark(parts[0]) != Mark(parts[1])
