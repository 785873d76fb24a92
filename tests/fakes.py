"""Scripted providers for tests, under the names that tests use.

``with FakeProvider() as provider: provider.will(say("Hi"))``; base URLs are
``provider.url`` plus the wire's own prefix, such as ``/v1``.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from wallas.simulated.script import (
    Request,
    Step,
    anchored,
    bad_chunk_header,
    bad_json,
    call,
    close,
    close_after,
    comment,
    compressed,
    drip,
    empty,
    end_mark,
    error_event,
    finish,
    flush,
    framed,
    garbage,
    gzip_bomb,
    half_chunk,
    hang_up,
    hang_up_after,
    headers,
    html,
    html200,
    interim,
    line_ends,
    lying_length,
    marked_anchor,
    missing_end,
    never,
    not_http,
    pause,
    raw,
    redirect,
    repeat_anchor,
    say,
    sealed,
    sliced,
    status,
    think,
    usage,
)
from wallas.simulated.server import Provider as FakeProvider

__all__ = [
    "FakeProvider",
    "Request",
    "Step",
    "anchored",
    "ask",
    "bad_chunk_header",
    "bad_json",
    "call",
    "close",
    "close_after",
    "comment",
    "compressed",
    "drip",
    "empty",
    "end_mark",
    "error_event",
    "fake_providers",
    "finish",
    "flush",
    "framed",
    "garbage",
    "gzip_bomb",
    "half_chunk",
    "hang_up",
    "hang_up_after",
    "headers",
    "html",
    "html200",
    "interim",
    "line_ends",
    "lying_length",
    "marked_anchor",
    "missing_end",
    "never",
    "not_http",
    "pause",
    "raw",
    "redirect",
    "repeat_anchor",
    "say",
    "sealed",
    "sliced",
    "status",
    "think",
    "usage",
]


@contextmanager
def fake_providers(count: int) -> Iterator[list[FakeProvider]]:
    """Run several providers; all are closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(FakeProvider()) for _ in range(count)]


def ask(
    provider: FakeProvider, path: str = "/v1/chat/completions", body: Any = None, *, keep: bool = False
) -> tuple[bytes, str]:
    """Return what a bare socket gets for one request, and how it ended: closed, reset, or 0.2 s of silence."""
    data = json.dumps({"model": "m", "stream": True, "messages": []} if body is None else body).encode()
    with socket.create_connection(("127.0.0.1", provider.port)) as sock:
        fields = f"Content-Length: {len(data)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        sock.settimeout(0.2)
        got = b""
        try:
            sock.sendall(f"POST {path} HTTP/1.1\r\n{fields}".encode() + data)
            while piece := sock.recv(65536):
                got += piece
        except BrokenPipeError:
            return got, "ConnectionResetError"
        except (TimeoutError, ConnectionResetError) as error:
            return got, type(error).__name__
        return got, "closed"
