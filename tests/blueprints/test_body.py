"""Bodies as gunicorn hands them over: in chunks, too long, broken, stopped, cut."""

import socket
import types
from typing import Any

import pytest
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.unreader import SocketUnreader
from werkzeug.wrappers import Request

from wallas.blueprints.body import guarded_body, nested_deeper, raw_body
from wallas.errors import BadRequest, GatewayError


def received(data: bytes, *, most: int = 100, end: bool = True, **environ: Any) -> bytes:
    """Return what is read of a body in chunks that a client sent, perhaps without an end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        if end:
            theirs.shutdown(socket.SHUT_WR)
        reader = ChunkedReader(types.SimpleNamespace(), SocketUnreader(ours))
        said = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": Body(reader), "gunicorn.socket": ours}
        return raw_body(Request(said | environ, populate_request=False), most=most, silence=0.05)


def test_chunks_are_put_together():
    assert received(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == b"abcde"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"65\r\n", 413),
        (b"64\r\n" + b"x" * 100 + b"\r\n1\r\nx\r\n0\r\n\r\n", 413),
        (b"f" * 64 + b"\r\n", 400),
        (b"zz\r\n", 400),
        (b"3\r\nabcXX", 400),
        (b"3\r\nab", 400),
    ],
    ids=["chunk", "sum", "overflow", "size", "terminator", "cut"],
)
def test_chunks_that_are_too_long_or_broken_are_refused(data, status):
    with pytest.raises(GatewayError) as caught:
        received(data)
    assert caught.value.status == status


def test_chunks_that_stop_are_given_up():
    with pytest.raises(GatewayError) as caught:
        received(b"5\r\nab", end=False)
    assert (caught.value.status, caught.value.code) == (408, "invalid_body")


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity", "chunked, chunked", "xchunked"])
def test_another_coding_than_chunks_is_refused(coding):
    with pytest.raises(GatewayError) as caught:
        received(b"0\r\n\r\n", HTTP_TRANSFER_ENCODING=coding)
    assert (caught.value.status, caught.value.param) == (400, "Transfer-Encoding")


class Broken:
    """An input that cannot be read."""

    def __init__(self, error: Exception) -> None:
        """Fail with ``error``."""
        self.error = error

    def read(self, size: int) -> bytes:
        """Fail."""
        raise self.error


def test_a_client_that_is_gone_is_a_400_and_a_fault_of_our_own_is_none():
    environ = {"CONTENT_LENGTH": "5", "wsgi.input": Broken(ConnectionResetError())}
    with pytest.raises(GatewayError) as caught:
        raw_body(Request(environ, populate_request=False))
    assert caught.value.status == 400
    environ["wsgi.input"] = Broken(ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        raw_body(Request(environ, populate_request=False))


def test_a_body_that_is_given_is_not_read_again():
    assert guarded_body(Request({}, populate_request=False), data=b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(("value", "deep"), [([], 1), ({"a": []}, 2), ({"a": {"b": [1, "x", {}]}}, 4), ([[], [[]]], 3)])
def test_depth_is_counted_in_lists_and_objects_alike(value, deep):
    assert not nested_deeper(value, deep)
    assert nested_deeper(value, deep - 1)


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_a_large_body_that_is_nested_too_deeply_is_refused_and_one_of_files_and_brackets_in_words_is_not(bracket):
    files = '"file": "' + "A" * 100_000 + '"'
    left, right = bracket
    nest = (left + '"a":' if left == "{" else left) * 70 + '"x"' + right * 70
    with pytest.raises(BadRequest, match="nested deeper"):
        guarded_body(Request({}, populate_request=False), data=f'{{{files}, "deep": {nest}}}'.encode())
    words = f'{{{files}, "words": "{left * 70}"}}'.encode()
    assert guarded_body(Request({}, populate_request=False), data=words)["words"] == left * 70
