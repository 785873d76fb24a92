"""What an attempt lends a provider for calls that are no stream: whole answers under one deadline, refusals raised."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from wallas.errors import ClientLeft, FailureKind, ProviderError
from wallas.providers.base import Provider, Reply

STALE = "stale"
LOOK_SECONDS = 0.5
"""Between two looks whether whoever asked is still there."""
MOVED = frozenset({301, 302, 303, 307, 308})
MOST_BYTES = 256 * 1024 * 1024
"""Of one answer: a video in base64 is the largest that anybody sends."""


class Line:
    """One attempt's way to its provider; see ``providers.base.Line``."""

    def __init__(
        self,
        provider: Provider,
        *,
        until: float,
        seconds: float,
        heard: Callable[[Mapping[str, str]], object] = lambda headers: None,
        wanted: Callable[[], bool] | None = None,
    ) -> None:
        """Wait until ``until`` (monotonic) at most; ``seconds`` is that limit as it is told, ``heard`` gets headers.

        Once ``wanted`` turns false nobody waits for the answer any more: ClientLeft is raised.
        """
        self.provider = provider
        self.until = until
        self.seconds = seconds
        self.heard = heard
        self.wanted = wanted or _always
        self.refusal: Reply | None = None
        """The last answer that was no success: what it says of quotas is read by whoever books the attempt."""

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.until - time.monotonic()

    def reply(self, send: Callable[[], Any], *, moved: bool = False) -> Reply:
        """Return the whole answer to what ``send`` sends; see ``providers.base.Line.reply``.

        ``moved``: an answer that says where else to look is one too.
        """
        try:
            reply = self._whole(send())
        except ProviderError as error:
            if error.code != STALE:
                raise
            reply = self._whole(send())
        self.heard(reply.headers)
        if moved and reply.status in MOVED and "location" in reply.headers:
            return reply
        if not 200 <= reply.status < 300:
            self.refusal = reply
            raise self.provider.decode_error(reply.status, reply.headers, reply.data)
        return reply

    def pause(self, seconds: float) -> None:
        """Wait between two looks at a job; raise TIMEOUT where the time is over before."""
        if seconds >= self.left():
            raise self._late()
        while seconds > 0:
            time.sleep(min(seconds, LOOK_SECONDS))
            seconds -= LOOK_SECONDS
            self.check()

    def check(self) -> None:
        """Raise ClientLeft once nobody waits."""
        if not self.wanted():
            raise ClientLeft("whoever asked has left")

    def _whole(self, body: Any) -> Reply:
        data = bytearray()
        try:
            while not body.ended:
                left = self.left()
                if left <= 0:
                    raise self._late()
                if not body.wait(min(left, LOOK_SECONDS)):
                    self.check()
                    continue
                data += body.read()
                if len(data) > MOST_BYTES:
                    raise ProviderError(FailureKind.MALFORMED, f"an answer of more than {MOST_BYTES} bytes")
        finally:
            body.release()
        return Reply(body.status or 0, body.headers, bytes(data))

    def _late(self) -> ProviderError:
        return ProviderError(FailureKind.TIMEOUT, f"no answer within {self.seconds:g} s")


def _always() -> bool:
    return True
