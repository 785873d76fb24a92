"""What goes over the wire, as bytes: heads written, answers read however they are cut."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallas.errors import FailureKind, ProviderError
from wallas.transport_http import INFLATE_STEP, Address, Answer, split_url

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
GZIPPED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"


def read(data, *, size=65536, method="POST", closed=False):
    """Return (body, answer) of bytes that arrive in pieces of ``size``."""
    answer, body = Answer(method), b""
    for start in range(0, len(data), size):
        body += answer.feed(data[start : start + size])
        while answer.pending:
            body += answer.more()
        if answer.fault:
            return body, answer
    if closed:
        answer.cut()
    return body, answer


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 16, 65536])
@pytest.mark.parametrize(
    ("data", "body", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", b"hello", True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", b"hello", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello", True),
        (CHUNKED + b"2;ext=1\r\nhe\r\n03 \r\nllo\r\n0\r\nTrailer: x\r\nMore: y\r\n\r\n", b"hello", True),
        (CHUNKED + b"5\nhello\r\n0\n\n", b"hello", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"hello",
            False,
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + CHUNKED + b"0\r\n\r\n", b"", True),
    ],
)
def test_an_answer_is_read_however_its_bytes_are_cut(data, body, keep, size):
    got, answer = read(data, size=size)
    assert (got, answer.ended, answer.keep_alive, answer.fault) == (body, True, keep, None)


@pytest.mark.parametrize("size", [1, 3, 65536])
def test_a_body_without_a_length_ends_with_the_connection(size):
    data = b"HTTP/1.1 200 OK\r\n\r\nhello"
    assert not read(data, size=size)[1].ended
    body, answer = read(data, size=size, closed=True)
    assert (body, answer.ended, answer.keep_alive) == (b"hello", True, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        CHUNKED,
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nTrailer: x\r\n",
    ],
)
def test_an_end_before_its_time_is_a_cut(data):
    answer = Answer("POST")
    answer.feed(data)
    assert answer.cut()
    assert not answer.ended


def test_bytes_behind_an_answer_spoil_the_connection():
    for data in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloX",
        CHUNKED + b"0\r\n\r\nX",
        b"HTTP/1.1 204 x\r\n\r\nX",
    ):
        _, answer = read(data)
        assert answer.ended and not answer.keep_alive


def test_an_answer_to_head_has_no_body():
    body, answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method="HEAD")
    assert (body, answer.ended, answer.keep_alive) == (b"", True, True)


def test_headers_have_lower_case_names_and_joined_values():
    _, answer = read(
        b"HTTP/1.1 429 No\r\nX-A:  one \r\nx-a: two\r\nFolded: a\r\n b\r\nLatin: \xe9\r\nContent-Length: 0\r\n\r\n"
    )
    assert answer.status == 429
    assert answer.headers == {"x-a": "one, two", "folded": "a b", "latin": "é", "content-length": "0"}


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"\x15\x03\x01\x00\x02\x02",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-5\r\nhello",
        CHUNKED + b"ffffffffffffffffff\r\nhello",
        CHUNKED + b"5\r\nhelloXX\r\n",
        CHUNKED + b"5\r\nhelloX",
        CHUNKED + b"5;" + b"x" * 5000,
        CHUNKED + b"0\r\n" + b"t" * 70_000,
    ],
)
def test_what_is_not_http_is_malformed(data):
    _, answer = read(data)
    assert answer.fault.kind is FailureKind.MALFORMED
    assert not answer.ended


def test_good_bytes_before_a_bad_chunk_come_first():
    body, answer = read(CHUNKED + b"5\r\nhello\r\nzz\r\n")
    assert body == b"hello"
    assert answer.fault.kind is FailureKind.MALFORMED


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"hello" * 100),
        zlib.compress(b"hello" * 100),
        zlib.compress(b"hello" * 100)[2:-4],
        gzip.compress(b"hello" * 60) + gzip.compress(b"hello" * 40),
        gzip.compress(b"hello" * 100) + b"\0\0\0",
    ],
    ids=["gzip", "deflate", "raw deflate", "two members", "padded"],
)
def test_a_compressed_body_is_unpacked_though_nobody_asked(packed, size):
    body, answer = read(GZIPPED % (len(packed), packed), size=size)
    assert (body, answer.ended, answer.fault) == (b"hello" * 100, True, None)
    assert "content-encoding" not in answer.headers


def test_an_empty_compressed_body_is_empty():
    body, answer = read(GZIPPED % (0, b""))
    assert (body, answer.ended, answer.fault) == (b"", True, None)


def test_a_compressed_body_without_its_end_is_a_cut():
    packed = gzip.compress(b"hello" * 100)[:-9]
    _, answer = read(GZIPPED % (len(packed), packed))
    assert answer.fault.kind is FailureKind.CUT


def test_a_compressed_body_of_noise_is_malformed():
    noise = gzip.compress(b"hello")[:10] + b"\x07" * 20
    _, answer = read(GZIPPED % (len(noise), noise))
    assert answer.fault.kind is FailureKind.MALFORMED


def test_a_bomb_is_refused_before_it_fills_the_memory():
    packed = gzip.compress(b" " * 50_000_000)
    body, answer = read(GZIPPED % (len(packed), packed))
    assert answer.fault.kind is FailureKind.MALFORMED
    assert len(body) <= 200 * len(packed)
    assert not answer.pending


def test_more_than_64_mb_unpacked_are_refused():
    piece = bytes(range(256)) * 4096
    packer = zlib.compressobj(1, wbits=31)
    packed = b"".join(packer.compress(piece) for _ in range(66)) + packer.flush()
    answer, most, total = Answer("GET"), 0, 0
    answer.feed(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
    for start in range(0, len(packed), 65536):
        data = answer.feed(packed[start : start + 65536])
        while data or answer.pending:
            most, total = max(most, len(data)), total + len(data)
            data = answer.more()
        if answer.fault:
            break
    assert answer.fault.kind is FailureKind.MALFORMED
    assert most <= INFLATE_STEP and total <= 64 * 1024 * 1024


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", CHUNKED, GZIPPED % (30, b""), b"HTTP/1.1 200 OK\r\n"]),
    st.integers(1, 40),
)
def test_no_bytes_whatever_raise(noise, start, size):
    body, answer = read(start + noise, size=size, closed=True)
    assert isinstance(body, bytes)
    assert answer.fault is None or isinstance(answer.fault, ProviderError)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.integers(1, 30))
def test_chunks_come_out_as_they_went_in(pieces, size):
    data = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    body, answer = read(data, size=size)
    assert (body, answer.ended, answer.keep_alive) == (b"".join(pieces), True, True)


def test_a_head_is_written_with_what_every_request_needs():
    head = Address.of("POST", "https://h.example/v1/chat?a=b#f", {"Authorization": "Bearer k"}).head(7)
    assert head == (
        b"POST /v1/chat?a=b HTTP/1.1\r\nHost: h.example\r\nAccept-Encoding: identity\r\n"
        b"Authorization: Bearer k\r\nContent-Length: 7\r\n\r\n"
    )
    assert b"Content-Length" not in Address.of("GET", "http://h/", {}).head(0)
    assert b"Content-Length: 0" in Address.of("POST", "http://h/", {}).head(0)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://h.example", ("https", "h.example", 443, "h.example", "/")),
        ("http://h:8080/a%20b?q=1", ("http", "h", 8080, "h:8080", "/a%20b?q=1")),
        ("http://[::1]:9/x", ("http", "::1", 9, "[::1]:9", "/x")),
    ],
)
def test_a_url_says_whom_to_dial(url, where):
    assert tuple(split_url(url)) == where


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "h/path",
        "http:///x",
        "http://user:pass@h/",
        "http://h:99999/",
        "http://h:x/",
        "http://h/a b",
        "http://h/a\r\nX: y",
        "http://h/\tx",
        "http://h/\0",
        "http://1.1.1.1\\@127.0.0.1/",
        "http://hö/",
        "http://h/ü",
        "http://h/" + "x" * 9000,
    ],
)
def test_a_url_that_two_readers_could_read_differently_is_refused(url):
    with pytest.raises(ProviderError) as caught:
        split_url(url)
    assert (caught.value.kind, caught.value.code) == (FailureKind.CONNECT, "unsendable")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"X-Key": "secret\r\nEvil: 1"}),
        ("POST", {"X-Key": "secret\nEvil: 1"}),
        ("POST", {"X-Key": "secret\0"}),
        ("POST", {"X-Key": "secret€"}),
        ("POST", {"X Key": "secret"}),
        ("POST", {"X-Key\r\n": "secret"}),
        ("POST", {"": "secret"}),
        ("PO ST", {}),
    ],
)
def test_headers_that_would_break_out_are_refused_without_showing_them(method, headers):
    with pytest.raises(ProviderError) as caught:
        Address.of(method, "http://h/", headers)
    assert caught.value.code == "unsendable"
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__cause__)


def test_an_address_that_is_shown_tells_no_key():
    address = Address.of("POST", "https://h.example/v1/chat", {"Authorization": "Bearer sk-secret"})
    assert repr(address) == "<Address POST h.example/v1/chat>"
    assert "sk-secret" not in f"{address} {[address]}"
