"""The transport against providers that fail in every way: what it says, how soon, and what it leaves open."""

import json
import os
import ssl
import threading
import time

import pytest
import trustme

from tests.fakes import (
    FakeProvider,
    bad_chunk_header,
    close,
    close_after,
    compressed,
    drip,
    empty,
    flush,
    framed,
    garbage,
    gzip_bomb,
    half_chunk,
    hang_up,
    hang_up_after,
    html200,
    interim,
    lying_length,
    missing_end,
    never,
    not_http,
    pause,
    raw,
    redirect,
    say,
    sliced,
    status,
)
from tests.transport_kit import failure, read_all, read_some
from wallas.codecs.pieces import Verbatim, written
from wallas.errors import FailureKind, ProviderError
from wallas.transport import Transport

CHAT = b'{"model": "m", "stream": true}'
PLAIN = b'{"model": "m"}'
AUTHORITY = trustme.CA()


@pytest.fixture(scope="session")
def cafile(tmp_path_factory):
    """Return the file of an authority that nobody else knows."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(certificate):
    """Return a server's TLS context with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(params=["http", "https"])
def provider(request):
    """Return a provider without and with TLS."""
    tls = server_context(AUTHORITY.issue_cert("127.0.0.1")) if request.param == "https" else None
    with FakeProvider(tls=tls) as fake:
        yield fake


@pytest.fixture
def transport(cafile):
    with_ca = Transport(cafile=cafile)
    yield with_ca
    with_ca.close()


@pytest.fixture
def send(transport, provider):
    """Return a function that sends a chat request; whatever is left open is cut off at the end."""
    bodies = []

    def send_(body=CHAT, path="/v1/chat/completions", method="POST", **more):
        headers = {"Content-Type": "application/json", "Authorization": "Bearer secret-key"}
        bodies.append(transport.send(method, provider.url + path, headers=headers, body=body, **more))
        return bodies[-1]

    yield send_
    for body in bodies:
        body.abort()


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_arrives_in_every_framing(provider, send, framing, stream):
    provider.will(framed(framing), say("Hello there, this is it."))
    body = send(CHAT if stream else PLAIN)
    data = read_all(body)
    assert body.status == 200
    assert body.headers["content-type"] == ("text/event-stream" if stream else "application/json")
    assert (b"data: [DONE]" in data) is stream
    assert provider.requests[0].headers["authorization"] == "Bearer secret-key"
    assert provider.requests[0].headers["accept-encoding"] == "identity"
    assert body.begun


def test_a_connection_is_used_again_after_a_clean_end(provider, send, transport):
    reused = []
    for _ in range(4):
        body = send()
        read_all(body)
        body.release()
        reused.append(body.reused)
    assert reused == [False, True, True, True]
    assert provider.accepted == 1
    assert transport.idle == 1


@pytest.mark.parametrize(
    "steps",
    [(framed("close"), say("x")), (status(200, {}, {"Connection": "close"}),)],
    ids=["close-delimited", "connection: close"],
)
def test_a_connection_that_the_provider_ends_is_not_kept(provider, send, transport, steps):
    provider.will(*steps)
    body = send()
    read_all(body)
    body.release()
    assert transport.idle == 0
    assert provider.wait_until(lambda: not provider.open_connections)


def test_releasing_before_the_end_closes(provider, send, transport):
    provider.will(say("x", finish=None), never)
    body = send()
    read_some(body)
    body.release()
    body.release()
    assert transport.idle == 0
    assert provider.wait_until(lambda: provider.cancelled)


def test_an_idle_connection_that_was_closed_is_not_taken(provider, send):
    provider.otherwise = lambda request: (say("x"),)
    body = send()
    read_all(body)
    body.release()
    provider.close_idle()
    assert provider.wait_until(lambda: not provider.open_connections)
    again = send()
    assert not again.reused
    read_all(again)


def test_an_idle_connection_that_dies_under_the_request_is_stale(provider, send):
    read_all(body := send())
    body.release()
    provider.will(hang_up)
    again = send()
    _, error = failure(again)
    assert again.reused
    assert (error.kind, error.code) == (FailureKind.CONNECT, "stale")


def test_the_head_comes_without_blocking(provider, send):
    provider.will(pause(0.1), flush, pause(0.1), say("x"))
    body = send()
    assert body.read() == b"" and body.status is None and not body.begun
    assert read_some(body) == b"" and body.status == 200 and body.begun
    assert b"[DONE]" in read_all(body)


def test_waiting_has_an_end(provider, send):
    provider.will(never)
    body, start = send(), time.monotonic()
    while body.wait(0.05):  # a TLS session ticket is readable, but no data
        assert body.read() == b""
    assert time.monotonic() - start < 0.5


def test_reads_after_the_end_are_empty(provider, send):
    body = send()
    read_all(body)
    assert body.read() == b"" and body.wait(0) and body.ended
    body.release()
    assert body.read() == b"" and body.fileno() == -1


def test_u06_u07_a_deadline_ends_a_silent_answer(provider, send):
    for steps in ((never,), (flush, never)):
        provider.will(*steps)
        body = send()
        body.wait(0.05)
        body.failed = ProviderError(FailureKind.TIMEOUT, "too late")
        assert body.pending()
        with pytest.raises(ProviderError, match="too late"):
            body.read()
    assert provider.wait_until(lambda: len(provider.cancelled) == 2)


def test_u09_a_drip_comes_byte_by_byte_and_no_read_waits_for_more(provider, send):
    provider.will(drip(0.01), raw(b"abcdefgh"), missing_end)
    body = send()
    got = []
    while not body.ended:
        assert body.wait(1)
        got.append(body.read())
    assert [piece for piece in got if piece] == [b"%c" % letter for letter in b"abcdefgh"]


@pytest.mark.parametrize("fault", [hang_up, close], ids=["rst", "fin"])
def test_u10_u11_a_break_before_the_head_blames_the_connection(provider, send, fault):
    provider.will(fault)
    _, error = failure(send())
    assert error.kind is FailureKind.CONNECT
    assert error.code in ("closed", "econnreset")


@pytest.mark.parametrize("fault", [hang_up, close], ids=["rst", "fin"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_u10_u11_u12_a_break_after_the_head_is_a_cut(provider, send, fault, framing):
    if framing == "length":
        provider.will(say("hello " * 20, finish=None), fault)
        data, error = failure(send(PLAIN))
    else:
        provider.will(say("hello", finish=None), fault)
        data, error = failure(send())
    assert b"hello" in data
    assert error.kind is FailureKind.CUT


@pytest.mark.parametrize("after", [hang_up_after, close_after])
def test_u12_whatever_came_before_the_break_is_delivered(provider, send, after):
    provider.otherwise = lambda request: (say("x" * 40),)
    whole = len(read_all(send()))
    for count in (0, 1, 2, 5, 60, 200, 300):
        provider.will(after(count), say("x" * 40))
        body = send()
        data, error = failure(body)
        assert error.kind is FailureKind.CUT
        assert len(data) < whole


def test_u13_a_body_that_ends_cleanly_is_whole_for_the_transport(provider, send):
    provider.will(say("x", finish=None), missing_end)
    assert b"[DONE]" not in read_all(send())


def test_u17_u18_a_length_that_lies_is_a_cut(provider, send):
    provider.will(say("x", finish=None), lying_length(9))
    data, error = failure(send(PLAIN))
    assert error.kind is FailureKind.CUT and data


def test_u19_an_empty_body_is_empty(provider, send):
    provider.will(empty)
    body = send()
    assert read_all(body) == b"" and body.status == 200


def test_u20_a_page_is_handed_on_with_its_type(provider, send):
    provider.will(html200)
    body = send()
    assert read_all(body).startswith(b"<!DOCTYPE") and body.headers["content-type"].startswith("text/html")


def test_noise_in_a_body_is_handed_on(provider, send):
    provider.will(garbage)
    assert len(read_all(send())) == 300


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ((not_http,), FailureKind.MALFORMED),
        ((say("good", finish=None), bad_chunk_header), FailureKind.MALFORMED),
        ((say("good", finish=None), half_chunk), FailureKind.CUT),
        ((framed("length"), compressed("br"), raw(b"x"), missing_end), FailureKind.MALFORMED),
        ((gzip_bomb(20),), FailureKind.MALFORMED),
    ],
    ids=["no http", "bad chunk", "half chunk", "U32 brotli", "U32 bomb"],
)
def test_what_cannot_be_read_has_its_own_fault_after_all_that_could(provider, send, steps, kind):
    provider.will(*steps)
    data, error = failure(send())
    assert error.kind is kind
    if len(steps) == 2:
        assert b"good" in data


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_u26_u27_u28_u29_bytes_come_out_as_they_went_in(provider, send, size):
    text = '\ufeffdata: {"a": "é\u2028\u0085"}\r\n\r'.encode() + b"\xff\xfe\xc3"
    provider.will(sliced(size), raw(text), missing_end)
    assert read_all(send()) == text


def test_u30_a_huge_event_comes_in_small_pieces(provider, send):
    provider.will(raw(b"data: " + b"x" * 3_000_000), missing_end)
    body, most, total = send(), 0, 0
    while not body.ended:
        assert body.wait(2)
        piece = body.read()
        most, total = max(most, len(piece)), total + len(piece)
    assert most <= 65536 and total == 3_000_006


@pytest.mark.parametrize("provider", ["http"], indirect=True)
def test_u31_tiny_chunks_do_not_cost_a_read_each(provider, send):
    provider.will(flush, pause(0.05), sliced(2), raw(b"xy" * 5000), missing_end)
    body, reads, total = send(), 0, 0
    while not body.ended:
        assert body.wait(2)
        total += len(body.read())
        reads += 1
    assert total == 10_000 and reads < 5000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_u32_a_compressed_answer_is_unpacked_as_it_comes(provider, send, coding, framing):
    provider.will(framed(framing), compressed(coding), say("packed" * 50))
    data = read_all(send())
    assert data.endswith(b"[DONE]\n\n") and "content-encoding" not in send().headers


def test_u32_a_large_compressed_answer_needs_no_poll_for_what_is_here(provider, send):
    provider.will(framed("length"), compressed(), raw(os.urandom(50_000) * 60), missing_end)
    body = send()
    data = read_all(body)
    assert len(data) == 3_000_000
    body.release()


def test_u45_a_redirect_is_only_a_status(provider, send):
    with FakeProvider() as other:
        provider.will(redirect(f"{other.url}/v1/chat/completions", 307))
        body = send()
        read_all(body)
        assert body.status == 307 and other.accepted == 0


def test_interim_answers_are_skipped(provider, send):
    provider.will(interim(100), interim(103), say("x"))
    body = send()
    assert b"[DONE]" in read_all(body) and body.status == 200


def test_answers_without_a_body_end_at_once(provider, send):
    provider.will(status(204, b""))
    body = send(PLAIN)
    assert read_all(body) == b"" and body.ended


def test_abort_wakes_a_waiting_thread_and_the_provider_sees_it(provider, send):
    provider.will(say("x", finish=None), never)
    body = send()
    read_some(body)
    seen = []

    def wait():
        while True:
            body.wait(5)
            try:
                body.read()
            except ProviderError as error:
                seen.append((error, time.monotonic()))
                return

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    start = time.monotonic()
    body.abort()
    body.abort()
    thread.join(2)
    assert seen[0][0].code == "aborted"
    assert seen[0][1] - start < 0.1
    assert provider.wait_until(lambda: provider.cancelled)
    assert provider.cancelled[0].cancelled - start < 0.1
    assert body.fileno() == -1


def test_a_body_that_would_end_with_the_connection_is_no_whole_one_when_aborted(provider, send):
    provider.will(framed("close"), say("x", finish=None), never)
    body = send()
    read_some(body)
    body.abort()
    with pytest.raises(ProviderError) as caught:
        body.read()
    assert caught.value.kind is FailureKind.CUT and not body.ended


def test_fetch_returns_the_whole_and_repeats_a_stale_connection_once(provider, transport):
    url = f"{provider.url}/v1/models"
    status_, headers, data = transport.fetch("GET", url, headers={})
    assert status_ == 200 and headers["content-type"] == "application/json" and json.loads(data)["data"]
    provider.on("/models", hang_up)
    with pytest.raises(ProviderError) as caught:
        transport.fetch("GET", url, headers={})
    assert caught.value.code in ("closed", "econnreset")
    assert len(provider.requests) == 3


def test_fetch_has_one_limit_for_everything(provider, transport):
    provider.on("/models", flush, drip(0.02), framed("chunked"), raw(b"x" * 1000))
    start = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        transport.fetch("GET", f"{provider.url}/models", headers={}, timeout=0.15)
    assert caught.value.kind is FailureKind.TIMEOUT
    assert time.monotonic() - start < 0.5
    assert provider.wait_until(lambda: not provider.open_connections)


def test_a_large_request_goes_whole(provider, send):
    body = send(b'"' + b"x" * 5_000_000 + b'"')
    read_all(body, limit=10)
    assert len(provider.requests[0].body) == 5_000_002


def test_a_request_in_pieces_goes_whole(provider, send):
    pieces = written({"a": Verbatim("data:;base64,", "QUJD" * 1_000_000), "b": 1})
    read_all(send(pieces), limit=10)
    assert provider.requests[0].body == b'{"a":"data:;base64,' + b"QUJD" * 1_000_000 + b'","b":1}'


def test_head_requests_end_with_their_head(provider, send):
    body = send(b"", "/v1/models", "HEAD")
    read_some(body)
    assert body.ended


def test_bodies_show_nothing_in_their_repr(provider, send):
    body = send()
    assert "secret" not in repr(body) and "open" in repr(body)
    body.abort()
    assert "closed" in repr(body)
