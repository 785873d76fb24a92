"""Files over HTTP, as OpenAI's clients ask for them."""

import io
import time

import pytest

from wallas.media.store import Limits

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def store(client):
    return client.application.extensions["wallas"].media


def post(client, data=b"hello", name="a.txt", **fields):
    form = {"purpose": "user_data", "file": (io.BytesIO(data), name)} | fields
    data = {key: value for key, value in form.items() if value is not None}
    return client.post("/v1/files", data=data, content_type="multipart/form-data")


def test_a_file_goes_in_and_comes_out(client):
    answer = post(
        client,
        b"%PDF-1.4 hi",
        "räport.pdf",
        **{"expires_after[anchor]": "created_at"} | {"expires_after[seconds]": "3600"},
    )
    row = answer.get_json()
    assert answer.status_code == 200 and row["object"] == "file" and row["bytes"] == 11
    assert row["expires_at"] - row["created_at"] in (3600, 3601) and row["filename"] == "räport.pdf"
    assert row["mime_type"] == "application/pdf" and row["status"] == "processed"
    assert client.get(f"/v1/files/{row['id']}").get_json() == row
    content = client.get(f"/v1/files/{row['id']}/content")
    assert content.data == b"%PDF-1.4 hi" and content.content_type == "application/octet-stream"
    assert content.headers["Content-Disposition"].startswith("attachment; filename=")
    assert client.delete(f"/v1/files/{row['id']}").get_json() == {"id": row["id"], "object": "file", "deleted": True}
    for gone in (client.get(f"/v1/files/{row['id']}"), client.delete(f"/v1/files/{row['id']}")):
        assert gone.status_code == 404 and gone.get_json()["error"]["code"] == "file_not_found"


def test_pages_of_files(client):
    ids = [post(client, bytes([n + 1])).get_json()["id"] for n in range(3)]
    page = client.get("/v1/files?limit=2&order=asc&purpose=user_data").get_json()
    assert page["object"] == "list" and page["has_more"] and len(page["data"]) == 2
    rest = client.get(f"/v1/files?order=asc&after={ids[1]}").get_json()
    assert [row["id"] for row in rest["data"]] == ids[2:] and rest["last_id"] == ids[2] and not rest["has_more"]
    assert client.get("/v1/files?purpose=batch").get_json()["first_id"] is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": None}, "purpose"),
        ({"purpose": "mischief"}, "purpose"),
        ({"file": None}, "file"),
        ({"file": "text"}, "file"),
        ({"expires_after[seconds]": "3600"}, "expires_after.anchor"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"}, "expires_after.seconds"),
        ({"expires_after[anchor]": "now", "expires_after[seconds]": "3600"}, "expires_after.anchor"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "soon"}, "expires_after.seconds"),
    ],
)
def test_a_wrong_field_is_named(client, fields, param):
    answer = post(client, **fields)
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense", 400),
        ("multipart/form-data; boundary=x", b"", 400),
    ],
)
def test_a_form_that_is_none_is_refused(client, kind, data, status):
    answer = client.post("/v1/files", data=data, content_type=kind)
    assert answer.status_code == status and answer.get_json()["error"]["message"]


@pytest.mark.parametrize("query", ["order=up", "limit=x", "after=file-none"])
def test_a_wrong_query_is_named(client, query):
    answer = client.get(f"/v1/files?{query}")
    assert answer.status_code in (400, 404)
    assert answer.get_json()["error"]["param"] in (query.partition("=")[0], "file_id")


def test_what_is_too_large_is_413(client, store, monkeypatch):
    monkeypatch.setattr(store, "limits", Limits(file=10, owner=1000))
    answer = post(client, bytes(11))
    assert answer.status_code == 413 and answer.get_json()["error"]["type"] == "invalid_request_error"
    monkeypatch.setattr("wallas.blueprints.files.FORM_BYTES", 0)
    assert post(client, bytes(5000)).status_code == 413


def test_many_or_large_fields_are_413(client):
    parts = b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(300))
    large = b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + b"x" * 1_100_000 + b"\r\n"
    for body in (parts, large):
        answer = client.post("/v1/files", data=body + b"--x--\r\n", content_type="multipart/form-data; boundary=x")
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("said", "status", "data", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1", 200, b"0123456789", None),
    ],
)
def test_ranges_are_obeyed(client, said, status, data, told):
    id = post(client, b"0123456789").get_json()["id"]
    answer = client.get(f"/v1/files/{id}/content", headers={"Range": said})
    assert (answer.status_code, answer.data, answer.headers.get("Content-Range")) == (status, data, told)


def test_a_range_outside_is_416(client):
    id = post(client, b"0123456789").get_json()["id"]
    assert client.get(f"/v1/files/{id}/content", headers={"Range": "bytes=10-"}).status_code == 416


def test_made_media_have_an_address_that_needs_no_key(apps, provider):
    client = apps(PROXY_API_KEY="sk-client").test_client()
    store = client.application.extensions["wallas"].media
    made = store.publish(PNG, owner="", purpose="image")
    answer = client.get(f"/media/{made.id}/image.png")
    assert answer.status_code == 200 and answer.data == PNG and answer.content_type == "image/png"
    assert "sandbox" in answer.headers["Content-Security-Policy"] and "Content-Disposition" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get(f"/media/{made.id}/image.png", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and again.data == b""
    head = client.head(f"/media/{made.id}/image.png")
    assert head.headers["Content-Length"] == str(len(PNG)) and head.data == b""
    assert client.get(f"/media/{'0' * 40}/image.png").status_code == 404
    assert client.get("/v1/files").status_code == 401
    assert client.post(f"/media/{made.id}/image.png").status_code == 401


def test_what_could_hold_a_script_is_only_ever_saved(client, store):
    made = store.publish(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", owner="", purpose="image")
    answer = client.get(f"/media/{made.id}/image.svg")
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_bytes_that_are_gone_are_said_to_be(client, store):
    id = post(client, b"soon gone %f" % time.time()).get_json()["id"]
    store.blobs.drop(store.find(id, owner="").sha256)
    answer = client.get(f"/v1/files/{id}/content")
    assert answer.status_code == 500 and answer.get_json()["error"]["code"] == "file_lost"
