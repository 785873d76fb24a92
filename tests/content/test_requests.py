"""Files in chat requests: by address, by id, in tool results, unreadable, too large; and what is told of them."""

import io
import json
import struct
import threading
import time
import zlib

import pytest

from tests.content import samples
from tests.content.bodies import PROTOCOLS, anthropic, openai
from tests.content.conftest import b64, hearing, reading
from tests.content.samples import ANSWER
from tests.content.test_fetch import INSIDE, INSIDE6, SPELLED
from tests.content.web import moved, page, serving
from wallas import create_app
from wallas.content.hooks import Description
from wallas.settings import load_settings


def chat(model, *parts, **fields):
    content = [{"type": "text", "text": "What is in it?"}, *parts]
    return {"model": f"acme/{model}", "messages": [{"role": "user", "content": content}], **fields}


def picture(url):
    return {"type": "image_url", "image_url": {"url": url}}


def data_url(data, mime="image/png"):
    return f"data:{mime};base64,{b64(data)}"


def error_of(answer):
    return answer.status_code, answer.get_json()["error"]


URLS = [
    "http://169.254.169.254/latest/meta-data", "http://127.0.0.1:8001/x.png", "http://[::1]/x", "http://10.0.0.1/x.png",
    "http://localhost/x.png", "http://2130706433/x.png", "http://printer.local/x.png", "http://0.0.0.0/",
    "http://1.1.1.1\\@127.0.0.1/", "http://[::ffff:7f00:1]/x.png", "http://metadata.google.internal/x",
]  # fmt: skip


@pytest.mark.parametrize("model", ["blind", "seeing"])
@pytest.mark.parametrize("url", URLS)
def test_an_address_inside_is_refused_whoever_would_fetch_it(gateway, model, url):
    gate = gateway(model)
    gate.library.hooks.read_pages = reading()
    status, error = error_of(gate.post("/v1/chat/completions", chat(model, picture(url))))
    assert status == 400 and gate.provider.requests == []
    assert url[:30] not in error["message"]


def test_a_picture_by_url_is_fetched_for_a_model_that_reads_words(gateway):
    with serving() as web:
        gate = gateway("blind", WALLAS_FETCH_HOSTS=f"127.0.0.1:{web.port}")
        gate.library.hooks.read_pages = reading()
        web.pages["/x.png"] = page(samples.page_picture(1), "Content-Type: text/plain")
        answer = gate.post("/v1/chat/completions", chat("blind", picture(web.url("/x.png"))))
        assert "x.png: png to text" in answer.headers["X-Wallas-Converted"] and gate.got(ANSWER)


def test_a_picture_by_url_goes_as_it_is_to_a_model_that_sees(gateway):
    gate = gateway("seeing")
    answer = gate.post("/v1/chat/completions", chat("seeing", picture("https://example.com/x.png")))
    assert answer.status_code == 200 and gate.got("https://example.com/x.png")


def test_a_provider_without_addresses_gets_the_fetched_picture(gateway):
    with serving() as web:
        gate = gateway("seeing", wire="ollama", prefix="", WALLAS_FETCH_HOSTS=f"127.0.0.1:{web.port}")
        web.pages["/x.png"] = page(samples.page_picture(1))
        answer = gate.post("/v1/chat/completions", chat("seeing", picture(web.url("/x.png"))))
        assert answer.status_code == 200, answer.text
        assert gate.got(b64(samples.page_picture(1)))


def test_a_url_that_leads_inside_is_not_followed(gateway):
    with serving() as web, serving("127.0.0.2") as inside:
        gate = gateway("blind", WALLAS_FETCH_HOSTS=f"127.0.0.1:{web.port}")
        gate.library.hooks.read_pages = reading()
        web.pages["/x.png"] = moved(f"http://127.0.0.2:{inside.port}/")
        status, error = error_of(gate.post("/v1/chat/completions", chat("blind", picture(web.url("/x.png")))))
        assert status == 400 and "not fetched" in error["message"] and inside.connections == 0


def test_a_document_by_url_is_read(gateway):
    with serving() as web:
        gate = gateway("blind", WALLAS_FETCH_HOSTS=f"127.0.0.1:{web.port}")
        web.pages["/towns.docx"] = page(samples.docx())
        source = {"type": "url", "url": web.url("/towns.docx")}
        body = anthropic("acme/blind", "x", "text/plain", b"x").body
        body["messages"][0]["content"][1] = {"type": "document", "source": source}
        answer = gate.post("/v1/messages", body)
        assert answer.status_code == 200 and gate.got(ANSWER)


def test_no_more_than_four_documents_are_fetched(gateway):
    with serving() as web:
        gate = gateway("blind", WALLAS_FETCH_HOSTS=f"127.0.0.1:{web.port}")
        parts = [{"type": "file_url", "file_url": {"url": web.url(f"/{n}.txt")}} for n in range(5)]
        status, error = error_of(gate.post("/v1/chat/completions", chat("blind", *parts)))
        assert status == 400 and "at most 4 files" in error["message"] and web.connections == 0


@pytest.mark.parametrize("model", ["blind", "native"])
def test_an_uploaded_file_reaches_the_model_by_its_id(gateway, model):
    gate = gateway(model)
    form = {"file": (io.BytesIO(samples.pdf()), "towns.pdf"), "purpose": "user_data"}
    id = gate.client.post("/v1/files", data=form, headers={"Host": "127.0.0.1"}).get_json()["id"]
    answer = gate.post("/v1/chat/completions", chat(model, {"type": "file", "file": {"file_id": id}}))
    assert answer.status_code == 200, answer.text
    assert gate.got(ANSWER if model == "blind" else "JVBERi0") and not gate.got(id)


def test_a_file_id_that_nobody_knows_is_told(gateway):
    gate = gateway("blind")
    status, error = error_of(
        gate.post("/v1/chat/completions", chat("blind", {"type": "file", "file": {"file_id": "file-1"}}))
    )
    assert status == 400 and error["param"] == "messages[0].content[1]" and "no file with this id" in error["message"]


def test_files_in_tool_results_are_converted(gateway):
    gate = gateway("blind")
    gate.library.hooks.read_pages = reading()
    use = {"type": "tool_use", "id": "t1", "name": "shot", "input": {}}
    source = {"type": "base64", "media_type": "image/png", "data": b64(samples.page_picture(1))}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": source}]}
    body = {
        "model": "acme/blind",
        "max_tokens": 50,
        "tools": [{"name": "shot", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "Look"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ],
    }
    answer = gate.post("/v1/messages", body)
    assert answer.status_code == 200, answer.text
    assert "messages[2].content[0].content[0]: png to text" in answer.headers["X-Wallas-Converted"] and gate.got(ANSWER)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_that_nobody_can_read_is_a_400_that_says_which_and_why(gateway, protocol):
    gate = gateway("blind")
    path, body, headers = PROTOCOLS[protocol]("acme/blind", "broken.pdf", "application/pdf", b"%PDF-1.4 nothing at all")
    answer = gate.post(path, body, **headers)
    assert answer.status_code == 400 and gate.provider.requests == []
    place = {"responses": "input[0].content[1]", "gemini": "contents[0].parts[1]", "ollama": "messages[0].content[0]"}
    assert "it is damaged: PDFium cannot open it" in answer.text
    assert place.get(protocol, "messages[0].content[1]") in answer.text


def test_who_takes_it_as_it_is_gets_what_cannot_be_read_here(gateway):
    gate = gateway("blind", "native")
    body = openai("auto", "x.pdf", "application/pdf", b"%PDF-1.4 nothing at all").body
    answer = gate.post("/v1/chat/completions", body)
    assert answer.headers["X-Wallas-Model"] == "native"


def test_what_is_sent_as_something_else_is_what_its_bytes_say(gateway):
    gate = gateway("seeing")
    answer = gate.post(
        "/v1/chat/completions", openai("acme/seeing", "x.pdf", "application/pdf", samples.page_picture(1)).body
    )
    assert answer.status_code == 200 and gate.got("data:image/png;base64,")
    gate.post("/v1/chat/completions", chat("seeing", picture(data_url(samples.page_picture(1, form="JPEG")))))
    assert gate.got("data:image/jpeg;base64,")


def test_a_picture_too_large_for_the_provider_is_made_smaller(gateway):
    from PIL import Image

    gate = gateway("seeing")
    big = samples.saved(Image.new("RGB", (9000, 200), "red"))
    answer = gate.post("/v1/chat/completions", chat("seeing", picture(data_url(big))))
    assert "image (2048x46 png)" in answer.headers["X-Wallas-Converted"] and not gate.got(b64(big)[:200])


@pytest.mark.parametrize("form", ["TIFF", "BMP", "HEIF", "AVIF"])
def test_a_picture_of_a_kind_that_models_do_not_take_is_converted(gateway, form):
    from PIL import Image

    if form == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    gate = gateway("seeing")
    data = samples.saved(Image.new("RGB", (64, 48), "red"), form)
    answer = gate.post("/v1/chat/completions", chat("seeing", picture(data_url(data, f"image/{form.lower()}"))))
    assert answer.status_code == 200, answer.text
    assert "image (64x48 png)" in answer.headers["X-Wallas-Converted"] and gate.got("data:image/png;base64,")


def pixel_bomb() -> bytes:
    """Return a small PNG that says it has 30000 x 30000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 3751 * 3000))
        + chunk(b"IEND", b"")
    )


def test_a_picture_of_too_many_pixels_is_refused_and_costs_nothing(gateway):
    gate = gateway("seeing")
    status, error = error_of(gate.post("/v1/chat/completions", chat("seeing", picture(data_url(pixel_bomb())))))
    assert status == 400 and "pixels" in error["message"] and gate.provider.requests == []


def test_a_picture_is_described_by_a_model_that_sees(gateway):
    gate = gateway("blind")
    gate.library.hooks.read_pages = reading()
    gate.library.hooks.describe = lambda data, *, mime, caller: Description("A red dog.", "acme/eye")
    answer = gate.post("/v1/chat/completions", chat("blind", picture(data_url(samples.page_picture(2)))))
    assert "description (acme/eye)" in answer.headers["X-Wallas-Converted"] and gate.got("A red dog.")


def test_the_models_that_see_describe_for_those_that_do_not(gateway):
    gate = gateway("blind", "seeing")
    gate.library.hooks.read_pages = reading()
    answer = gate.post("/v1/chat/completions", chat("blind", picture(data_url(samples.page_picture(1, (400, 300))))))
    assert "description (acme/seeing)" in answer.headers["X-Wallas-Converted"]
    assert [request.model for request in gate.provider.requests] == ["seeing", "blind"]


@pytest.mark.parametrize("private", [False, True])
def test_a_private_request_shows_its_files_to_nobody_who_trains_on_them(gateway, tmp_path, private):
    gate = gateway("blind", "seeing")
    config = (tmp_path / "wallas.toml").read_text().replace('id = "blind"\n', 'id = "blind"\ntrains_on_data = false\n')
    (tmp_path / "wallas.toml").write_text(config.replace('id = "seeing"\n', 'id = "seeing"\ntrains_on_data = true\n'))
    values = {
        "WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'other.sqlite'}",
        "WALLAS_CONFIG": str(tmp_path / "wallas.toml"),
        "WALLAS_KEYLESS": "off",
        "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
    }
    app = create_app(load_settings(values, directory=tmp_path))
    app.extensions["wallas"].library.hooks.read_pages = reading()
    body = chat("blind", picture(data_url(samples.page_picture(2, (410, 300)))))
    body["model"] += ":private" if private else ""
    answer = app.test_client().post("/v1/chat/completions", json=body)
    app.extensions["wallas"].close()
    assert answer.status_code == 200, answer.text
    assert [request.model for request in gate.provider.requests] == ["blind"] if private else ["seeing", "blind"]
    assert ("description" in answer.headers["X-Wallas-Converted"]) is not private


def test_auto_prefers_who_takes_it_natively_and_falls_back(gateway):
    gate = gateway("blind", "seeing")
    gate.library.hooks.read_pages = reading()
    gate.library.hooks.describe = None
    answer = gate.post(
        "/v1/chat/completions", chat("x", picture(data_url(samples.page_picture(1)))) | {"model": "auto"}
    )
    assert answer.headers["X-Wallas-Model"] == "seeing"


def test_a_pdf_with_pictures_goes_to_who_takes_it_then_to_who_sees_then_to_who_reads(gateway):
    gate = gateway("blind", "seeing", "native")
    body = openai("auto", "figures.pdf", "application/pdf", samples.illustrated_pdf()).body
    told = gate.post("/v1/route/explain", body).get_json()
    assert [row["model"] for row in told["candidates"]] == ["native", "seeing", "blind"]
    answer = gate.post("/v1/chat/completions", body | {"model": "acme/blind"})
    assert "pictures on page 1, 3 are not in the text" in answer.headers["X-Wallas-Converted"]
    answer = gate.post("/v1/chat/completions", body | {"model": "acme/seeing"})
    assert "2 pages as pictures" in answer.headers["X-Wallas-Converted"] and gate.got(ANSWER)
    assert gate.sent().count('"image_url"') >= 2


def test_pictures_in_tool_results_reach_a_model_that_sees(gateway):
    gate = gateway("seeing")
    source = {"type": "base64", "media_type": "image/png", "data": b64(samples.page_picture(1))}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": source}]}
    use = {"type": "tool_use", "id": "t1", "name": "shot", "input": {}}
    turns = [("user", "Look"), ("assistant", [use]), ("user", [result])]
    body = {
        "model": "acme/seeing",
        "max_tokens": 50,
        "tools": [{"name": "shot", "input_schema": {"type": "object"}}],
        "messages": [{"role": role, "content": content} for role, content in turns],
    }
    answer = gate.post("/v1/messages", body)
    assert answer.status_code == 200 and gate.got(b64(samples.page_picture(1)))


def test_a_part_that_is_not_installed_is_named_with_the_command():
    from wallas.content.guarded import Unreadable
    from wallas.content.opening import require

    with pytest.raises(Unreadable, match=r"pip install 'wallas\[documents\]'") as caught:
        require("no_such_package_here")
    assert caught.value.code == "missing_extra"


def test_explain_names_files_and_conversions_and_calls_nobody(gateway):
    gate = gateway("blind", "native")
    gate.library.hooks.read_pages = read = reading()
    body = openai("auto", "scan.pdf", "application/pdf", samples.scanned_pdf()).body
    told = gate.post("/v1/route/explain", body).get_json()
    [file] = told["files"]
    assert (file["kind"], file["mime"], file["pages"], file["text_layer"]) == ("document", "application/pdf", 3, False)
    assert file["scanned_pages"] == [1, 2, 3] and told["needs"]["rather"] == ["pdf"]
    rows = {row["model"]: row for row in told["candidates"]}
    assert told["decision"] == "acme/native" and "converted" not in rows["native"]
    assert rows["blind"]["converted"] == ["scan.pdf: pdf to text"]
    assert gate.provider.requests == [] and read.asked == []


@pytest.mark.parametrize(
    ("engine", "expected"), [("native", "JVBERi0"), ("pdf-text", ANSWER), ("mistral-ocr", "(page 3)")]
)
def test_the_file_parser_plugin_of_openrouter_is_obeyed(gateway, engine, expected):
    gate = gateway("blind", "native")
    gate.library.hooks.read_pages = reading()
    body = openai("auto", "towns.pdf", "application/pdf", samples.pdf()).body
    body["plugins"] = [{"id": "file-parser", "pdf": {"engine": engine}}]
    assert gate.post("/v1/chat/completions", body).status_code == 200
    assert gate.got(expected) and not gate.got("file-parser")


def test_a_file_parser_that_nobody_has_is_a_400(gateway):
    gate = gateway("blind")
    body = chat("blind", plugins=[{"id": "file-parser", "pdf": {"engine": "magic"}}])
    status, error = error_of(gate.post("/v1/chat/completions", body))
    assert status == 400 and error["param"] == "plugins[0].pdf.engine"


def test_a_stream_tells_what_was_converted_in_its_headers(gateway):
    gate = gateway("blind")
    body = openai("acme/blind", "towns.pdf", "application/pdf", samples.pdf()).body | {"stream": True}
    answer = gate.post("/v1/chat/completions", body)
    assert "towns.pdf: pdf to text" in answer.headers["X-Wallas-Converted"]
    [note] = [line for line in answer.text.splitlines() if line.startswith(": wallas {")]
    assert json.loads(note[9:])["converted"] == ["towns.pdf: pdf to text (pdfium)"]


def test_progress_is_told_while_a_file_is_read(gateway):
    gate = gateway("blind")
    release = threading.Event()

    def slowly(data, *, mime, pages=None, language=None, caller):
        caller.tell({"pages_read": 1, "of": 3})
        release.wait(5)
        return reading()(data, mime=mime, pages=pages, caller=caller)

    gate.library.hooks.read_pages = slowly
    body = openai("acme/blind", "slow.pdf", "application/pdf", samples.scanned_pdf(2)).body | {"stream": True}
    router = gate.app.extensions["wallas"].router
    from wallas.blueprints.options import options
    from wallas.codecs import openai_chat

    request = openai_chat.decode_request(body)
    out = openai_chat.Encoder(request)
    stream = router.chat(request, options({}, {}), codec=openai_chat, out=out, request_id="x")
    while stream.want != "read" or not stream.body.progress.get("pages_read"):
        stream.step()
        time.sleep(0.01)
    ping = stream.attempts.ping()
    assert json.loads(ping[len(": wallas ") :])["reading"] == {"pages_read": 1, "of": 3}
    release.set()
    stream.close()


def test_a_conversion_that_is_known_takes_no_time(gateway):
    gate = gateway("blind")
    body = openai("acme/blind", "twenty.pdf", "application/pdf", samples.pdf(20)).body
    gate.post("/v1/chat/completions", body)
    overheads = [float(gate.post("/v1/chat/completions", body).headers["X-Wallas-Overhead-Ms"]) for _ in range(5)]
    assert min(overheads) < 5.0


def test_a_file_is_read_once_whatever_it_is_called(gateway):
    gate = gateway("blind")
    asked = []

    def counted(data, **said):
        asked.append(said["pages"])
        return reading()(data, **said)

    gate.library.hooks.read_pages = counted
    data = samples.scanned_pdf(2) + b"% another"
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        answer = gate.post("/v1/chat/completions", openai("acme/blind", name, "application/pdf", data).body)
        assert f"{name}: pdf to text" in answer.headers["X-Wallas-Converted"] and gate.got(name)
    assert asked == [(1, 2)]


def test_the_sound_of_a_voice_note_is_written_down_in_words(gateway):
    from tests.content.kinds import tone

    gate = gateway("blind")
    gate.library.hooks.transcribe = hearing
    sound = {"type": "input_audio", "input_audio": {"data": b64(tone(0.4)), "format": "wav"}}
    answer = gate.post("/v1/chat/completions", chat("blind", sound))
    assert answer.status_code == 200 and gate.got("It is 7307 in Quito")


def test_a_fork_gives_each_candidate_the_form_that_it_can_take(gateway):
    gate = gateway("blind", "native")
    body = openai("auto", "towns.pdf", "application/pdf", samples.pdf()).body
    body |= {"models": ["acme/blind", "acme/native"], "max_parallel": 2, "return_all": True}
    answer = gate.post("/v1/chat/completions/fork", body)
    assert answer.status_code == 200, answer.text
    sent = {request.model: json.dumps(request.json) for request in gate.provider.requests}
    assert all((ANSWER in text) is (model == "blind") for model, text in sent.items())


@pytest.mark.parametrize("wire", ["anthropic", "gemini", "ollama", "responses"])
def test_explain_reads_the_files_of_every_protocol(gateway, wire):
    gate = gateway("blind")
    body = PROTOCOLS[wire]("acme/blind", "towns.docx", "application/octet-stream", samples.docx()).body
    told = gate.post(f"/v1/route/explain?wire={wire}", {"model": "acme/blind"} | body).get_json()
    assert told["files"][0]["kind"] == "document" and "docx to text" in told["candidates"][0]["converted"][0]


def test_no_way_into_the_gateway_reaches_a_listener_inside(gateway):
    gate = gateway("blind")
    gate.library.hooks.read_pages = reading()
    with serving() as web:
        for host in (*INSIDE, *(f"[{ip}]" for ip in INSIDE6), *SPELLED):
            url = f"http://{host}:{web.port}/x.pdf"
            document = {"type": "file_url", "file_url": {"url": url}}
            for part in (picture(url), document):
                answer = gate.post("/v1/chat/completions", chat("blind", part))
                assert answer.status_code == 400
            assert gate.post("/v1/files/convert", {"file": url}).status_code == 400
            assert gate.post("/v1/ocr/process", {"image": url}).status_code == 400
        assert web.connections == 0 and gate.provider.requests == []
