"""One response's run through the ordinary attempt loop, in a thread of its own that can be cut off at any moment."""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from wallas.codecs import Codec, openai_responses
from wallas.errors import GatewayError
from wallas.ids import fresh
from wallas.realtime.response import Response
from wallas.routing.attempts import Attempts
from wallas.routing.branch import Listening
from wallas.routing.router import Options, Router
from wallas.routing.stream import Stream
from wallas.types.chat import ChatRequest
from wallas.types.events import Event, Finished, Ping

log = logging.getLogger(__name__)


class Told(Listening):
    """What stands in a client stream's place: events go to the response, no bytes come out."""

    content_type = "application/json"

    def __init__(self, response: Response) -> None:
        """Tell this response."""
        self.response = response
        super().__init__()
        self.attempts: Attempts | None = None

    def encode(self, event: Event) -> bytes:
        """Pass an event on."""
        if isinstance(event, Finished) and self.attempts is not None and self.attempts.record.hops:
            hop = self.attempts.record.hops[-1]
            self.response.origin = {"provider": hop.provider, "model": hop.model}
        if not isinstance(event, Ping):
            self.response.hear(event)
        return b""


class Asked(NamedTuple):
    """What a turn answers: the request's maker, which may wait for what was said, and its options."""

    request: Callable[[], ChatRequest]
    options: Options


class Turn:
    """A response being made. ``start`` it; ``cut`` is for any thread."""

    def __init__(self, router: Router, asked: Asked, response: Response) -> None:
        """Answer ``asked`` into ``response``."""
        self.router = router
        self.asked = asked
        self.response = response
        self.near, self.far = socket.socketpair()
        self.stream: Stream | None = None
        self.is_cut = False
        self.thread = threading.Thread(target=self._run, name="wallas-turn", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def cut(self) -> None:
        """Shut the provider's connection down at once; its thread wakes and ends. Nobody is blamed."""
        self.is_cut = True
        if self.stream is not None:
            self.stream.cancelled = True
        self.far.close()

    def _run(self) -> None:
        response, told = self.response, Told(self.response)
        try:
            self._answer(told)
            if told.fault is not None:
                raise told.fault
            response.complete()
        except GatewayError as error:
            self._fail(error)
        except Exception:
            log.exception("a turn broke")
            self._fail(GatewayError("the gateway failed; see its log", code="internal_error"))
        finally:
            self.near.close()
            self.far.close()

    def _answer(self, told: Told) -> None:
        request = self.asked.request()
        if self.is_cut:
            return
        stream = self.router.chat(
            request, self.asked.options, codec=cast(Codec, openai_responses), out=told, request_id=fresh()
        )
        told.attempts = cast(Attempts, stream.attempts)
        told.attempts.closing.open()  # from here on an error comes to ``told`` as a value
        self.stream = stream.bind(_nobody, self.near)
        self.stream.cancelled = self.is_cut
        for _ in self.stream:
            pass

    def _fail(self, error: GatewayError) -> None:
        with self.response.line.lock:
            self.response.fail(error)


def _nobody(*head: Any) -> None:
    """Take the status that no client waits for."""
