"""Passes one call on to a local daemon byte for byte, in the shape that a ``Stream`` drives."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from wallas.codecs import Codec, StreamEncoder
from wallas.errors import AllAttemptsFailed, GatewayError, ProviderError
from wallas.routing.closing import REASONS
from wallas.routing.deadlines import Deadlines
from wallas.settings import Timeouts
from wallas.types.flow import BLOCK, READ, Want

PASSED_HEADERS = ("content-type",)
LOCAL = Timeouts(first_token=600.0, gap=600.0)
"""A local daemon may load a model for minutes; the request's own limit ends it."""


class Relay:
    """A daemon's answer, unread: its status, its content type and its bytes."""

    brief = False

    def __init__(
        self,
        send: Callable[[], Any],
        *,
        codec: Codec,
        out: StreamEncoder,
        clock: Callable[[], float],
        total: float,
        request_id: str,
        provider: str,
    ) -> None:
        """Relay what ``send`` (which may block) answers."""
        self.send = send
        self.codec = codec
        self.out = out
        self.request_id = request_id
        self.provider = provider
        self.deadlines = Deadlines(clock=clock, total=total, stream=False)
        self.deadlines.attempt(LOCAL, reasoning=True)
        self.deadlines.late_at = self.deadlines.end
        self.body: Any = None
        self.opened: tuple[str, list[tuple[str, str]]] | None = None

    @property
    def head(self) -> tuple[str, list[tuple[str, str]]] | None:
        """Return status and headers, once the daemon's are known."""
        return self.opened

    def moves(self) -> Iterator[bytes | Want]:
        """Yield the daemon's bytes, or an error in the wire's form."""
        try:
            yield BLOCK
            self.body = body = self.send()
            while not body.ended:
                if not body.pending():
                    yield READ
                data = body.read()
                if self.head is None and body.status is not None:
                    self._open(body)
                if data:
                    yield data
            body.release()
            self.body = None
        except ProviderError as error:
            told = f"{self.provider} does not answer: {error.message}"
            yield self._error(AllAttemptsFailed(told, status=error.verdict.status))
        finally:
            self.abandon()

    def ping(self) -> bytes:
        """Return nothing: the daemon's bytes are not added to."""
        return b""

    def abandon(self) -> None:
        """Cut the daemon off; it stops generating when its caller is gone."""
        if self.body is not None:
            self.body.abort()
            self.body = None

    def _open(self, body: Any) -> None:
        headers = [(name.title(), body.headers[name]) for name in PASSED_HEADERS if name in body.headers]
        if "content-length" in body.headers:
            headers.append(("Content-Length", body.headers["content-length"]))
        headers += [("X-Request-Id", self.request_id), ("X-Wallas-Provider", self.provider)]
        self.opened = (f"{body.status} {REASONS.get(body.status, 'Answer')}", headers)

    def _error(self, error: GatewayError) -> bytes:
        if self.head is not None:
            return self.out.error(error)
        data = msgspec.json.encode(self.codec.encode_error(error))
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        self.opened = (f"{error.status} {REASONS.get(error.status, 'Error')}", headers)
        return data
