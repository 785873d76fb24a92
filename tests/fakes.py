"""Scripted providers for tests, under the names that tests use.

``with FakeProvider() as provider: provider.will(say("Hi"))``; base URLs are
``provider.url`` plus the wire's own prefix, such as ``/v1``.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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
