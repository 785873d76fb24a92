"""The store of files: rows on both databases, bytes in a folder."""

import os
import time

import pytest

from wallas.errors import NotFound, TooLarge
from wallas.media.kinds import sniff
from wallas.media.store import Limits, MediaStore
from wallas.storage.prune import prune

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def store(engine, tmp_path):
    return MediaStore(engine, tmp_path / "media", limits=Limits(file=1000, owner=2500, seconds=60))


def upload(store, data=b"hello", owner="a", **more):
    return store.upload(iter([data]), **{"owner": owner, "purpose": "user_data", "filename": "a.txt"} | more)


def test_a_file_is_its_owners_alone(store):
    file = upload(store)
    assert store.read(store.find(file.id, owner="a")) == b"hello"
    for call in (store.find, store.delete, lambda id, owner: store.list(owner=owner, after=id)):
        with pytest.raises(NotFound):
            call(file.id, owner="b")
    with pytest.raises(NotFound):
        store.made(file.id)
    assert store.list(owner="b") == [] and [one.id for one in store.list(owner="a")] == [file.id]


def test_files_are_listed_by_age_a_page_at_a_time(store):
    ids = [upload(store, bytes([number]), purpose="batch" if number == 2 else "user_data").id for number in range(4)]
    assert [one.id for one in store.list(owner="a", newest_first=False)] == ids
    assert [one.id for one in store.list(owner="a", after=ids[2], limit=1)] == [ids[1]]
    assert [one.id for one in store.list(owner="a", newest_first=False, after=ids[1])] == ids[2:]
    assert [one.id for one in store.list(owner="a", purpose="batch")] == [ids[2]]


def test_the_same_bytes_are_kept_once_and_until_the_last_file_goes(store):
    first, second = upload(store), upload(store, owner="b")
    assert first.sha256 == second.sha256
    store.delete(first.id, owner="a")
    assert store.read(second) == b"hello"
    store.delete(second.id, owner="b")
    assert not store.blobs.has(second.sha256)


def test_more_than_is_taken_leaves_nothing_behind(store):
    with pytest.raises(TooLarge):
        upload(store, bytes(1001))
    upload(store, bytes(1000))
    upload(store, bytes(1000) + b"", filename="b")
    with pytest.raises(TooLarge):
        upload(store, bytes(501))
    upload(store, bytes(501), owner="b")
    assert not list(store.blobs.folder.glob("draft-*")) and len(store.list(owner="a")) == 2


def test_made_media_are_found_by_an_id_that_nobody_guesses_until_they_expire(store, engine):
    made = store.publish(PNG, owner="a", purpose="image")
    assert made.mime == "image/png" and len(made.id) >= 32 and store.made(made.id).sha256 == made.sha256
    assert store.list(owner="a") == []
    prune(engine, now=time.time() + 61)
    with pytest.raises(NotFound):
        store.made(made.id)
    assert store.blobs.has(made.sha256)
    os.utime(store.blobs.path(made.sha256), (0, 0))
    (store.blobs.folder / "draft-x").write_bytes(b"half")
    os.utime(store.blobs.folder / "draft-x", (0, 0))
    kept = upload(store)
    os.utime(store.blobs.path(kept.sha256), (0, 0))
    assert store.sweep() == 1 and not store.blobs.has(made.sha256) and store.read(kept) == b"hello"
    assert not (store.blobs.folder / "draft-x").exists()


def test_an_expired_file_is_gone_before_it_is_pruned(store):
    file = upload(store, seconds=-1.0)
    with pytest.raises(NotFound):
        store.find(file.id, owner="a")
    assert store.list(owner="a") == []


def test_a_piece_of_a_file_is_read_alone(store):
    file = upload(store, bytes(range(100)))
    assert b"".join(store.pieces(file, start=10, size=5)) == bytes(range(10, 15))
    assert b"".join(store.pieces(file, start=98)) == bytes([98, 99])


@pytest.mark.parametrize(
    ("head", "name", "mime"),
    [
        (PNG, "x.html", "image/png"),
        (b"<html><script>", "x.png", "text/plain"),
        (b"<svg xmlns", "x.svg", "text/plain"),
        (b"\xff\xfb\x90\x00", "", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "", "audio/aac"),
        (b"RIFF\0\0\0\0WAVEfmt ", "", "audio/wav"),
        (b"\0\0\0\x18ftypmp42", "", "video/mp4"),
        (b"\0\1\2", "x.txt", "text/plain"),
        (b"\0\1\2", "", "application/octet-stream"),
        ("añ".encode()[:2], "", "text/plain"),
    ],
)
def test_bytes_are_what_they_begin_with(head, name, mime):
    assert sniff(head, name) == mime
