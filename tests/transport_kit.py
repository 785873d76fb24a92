"""Reading a transport's answers in tests, never longer than a moment."""

import time

from wallas.errors import ProviderError
from wallas.transport_body import Body


def read_some(body: Body, *, limit: float = 2.0) -> bytes:
    """Return the first bytes that come, or b"" once the head is here."""
    until = time.monotonic() + limit
    while body.wait(until - time.monotonic()):
        if (data := body.read()) or body.status is not None:
            return data
    raise AssertionError("nothing came in time")


def read_all(body: Body, *, limit: float = 2.0) -> bytes:
    """Return the whole body; raise what it raises; fail after ``limit`` seconds."""
    data, until = b"", time.monotonic() + limit
    while not body.ended:
        assert body.wait(until - time.monotonic()), "no end in time"
        data += body.read()
    return data


def failure(body: Body) -> tuple[bytes, ProviderError]:
    """Return (bytes before it, the failure) of a body that breaks off."""
    data, until = b"", time.monotonic() + 2
    while True:
        assert body.wait(until - time.monotonic())
        try:
            data += body.read()
        except ProviderError as error:
            assert "secret-key" not in f"{error!s}{error!r}{error.__cause__!r}"
            return data, error
        assert not body.ended
