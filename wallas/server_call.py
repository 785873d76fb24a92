"""One WSGI call, as any server makes it: the environ, gunicorn's ``Response`` for what is written, its log behind it.

For requests that a pool thread answers, and for their heads where gunicorn's own parser has to look at them.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from gunicorn import util
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response, create

from wallas.server_client import Client
from wallas.server_intake import Raw
from wallas.server_request import PIECE_BYTES, Asked, Feed, Outbox, environ_of
from wallas.types.flow import Steppable

if TYPE_CHECKING:
    from wallas.server import Worker


class Call:
    """The app's call for one request; in a pool thread."""

    __slots__ = ("asked", "client", "environ", "feed", "keep", "outbox", "raw", "response", "worker")

    def __init__(self, worker: "Worker", client: Client, raw: Raw) -> None:
        """Prepare to call the app for this request."""
        self.worker = worker
        self.client = client
        self.raw = raw
        self.outbox = Outbox(client)
        self.asked: Any = None
        self.environ: dict[str, Any] = {}
        self.response: Any = None
        self.feed: Feed | None = None
        self.keep = False
        """Whether the connection may go on behind the answer."""

    def read(self, wanted: Callable[[], bool]) -> None:
        """Make the environ; raise what gunicorn's parser finds wrong."""
        raw, client, worker = self.raw, self.client, self.worker
        client.number += 1
        if raw.heading is None:
            self.feed = Feed(raw, client)
            self.asked = self._parsed(self.feed)
            worker.cfg.pre_request(worker, self.asked)
            self.response, self.environ = create(self.asked, self.outbox, client.address, client.server, worker.cfg)
            self.environ["wsgi.multithread"] = True
            del self.environ["gunicorn.socket"]
        else:
            self.environ = environ_of(raw, raw.heading, worker.base)
            raw.body = b""  # the environ has it, and whoever reads it there may let go of it
            self.environ["wsgi.early_hints"] = self._early_hints
            self.asked = Asked(raw.heading, self.environ)
        self.environ["wallas.wanted"] = wanted
        self.keep = worker.keeping and worker.alive and raw.whole and not self.asked.should_close()

    def _parsed(self, feed: Feed) -> Any:
        """Return gunicorn's view of the request; raise its own word for what is wrong, or else the intake's."""
        fault = self.raw.fault
        try:
            asked = Request(self.worker.cfg, feed, self.client.address, self.client.number)
        except NoMoreData:
            if fault is None:
                raise
        if fault is not None:
            raise fault
        return asked

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Begin an ordinary answer, as PEP 3333 has it."""
        write = self._answer().start_response(status, headers, exc_info)

        def write_now(data: bytes) -> None:
            write(data)
            self.outbox.flush()

        return write_now

    def _answer(self) -> Any:
        if self.response is None:
            self.response = Response(self.asked, self.outbox, self.worker.cfg)
        if not self.keep:
            self.response.force_close()
        return self.response

    def write_out(self, answer: Iterable[bytes]) -> None:
        """Send an ordinary answer piece by piece; go on only where its end and the request's are known."""
        try:
            response = self._answer()
            for piece in answer:
                response.write(piece)
                self.outbox.flush()
            response.close()
            self.outbox.flush()
        finally:
            if hasattr(answer, "close"):
                answer.close()
        self.keep = self.keep and not response.should_close() and self.read_whole()

    def read_whole(self) -> bool:
        """Return whether the request ended for gunicorn's parser where it ended for the intake."""
        if self.feed is None:
            return True
        body = self.asked.body
        if body.failed:
            return False
        try:
            while body.read(PIECE_BYTES):
                pass
        except (ParseException, OSError):
            return False
        return not self.feed.take_buffered() and not self.feed.left

    def failed(self, error: Exception, *, begun: bool) -> None:
        """Answer a request that could not be read, or whose app broke, as gunicorn does, unless an answer is begun."""
        if begun or (self.response is not None and self.response.headers_sent):
            self.worker.log.exception("Error handling request")
            return
        self.worker.handle_error(self.asked, self.outbox, self.client.address, error)
        with contextlib.suppress(OSError):
            self.outbox.flush()

    def told(self, stream: Steppable | None, *, began: float, sent: int) -> None:
        """Tell gunicorn's hooks and access log of the answer, or of the stream that it was; may write to files."""
        worker, asked, response = self.worker, self.asked, self.response
        if asked is None or not self.environ:
            return
        if stream is not None:
            response = Response(asked, None, worker.cfg)
            if stream.head is not None:
                response.status, response.headers = cast(Any, stream.head)
                response.sent = sent
        worker.log.access(response, asked, self.environ, timedelta(seconds=time.monotonic() - began))
        try:
            worker.cfg.post_request(worker, asked, self.environ, response)
        except Exception:
            worker.log.exception("Exception in post_request hook")
        self.forget()

    def forget(self) -> None:
        """Let go of the request: its environ knows this call, a circle that waits for the collector."""
        self.raw.body, self.environ = b"", {}

    def _early_hints(self, headers: list[tuple[str, str]]) -> None:
        """Send ``103 Early Hints`` before the answer, as ``wsgi.early_hints`` of gunicorn does."""
        response, asked = self._answer(), self.asked
        if response.headers_sent or asked.version < (1, 1):
            return
        hints = Response(asked, self.outbox, self.worker.cfg)
        hints.process_headers(headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in hints.headers)
        util.write(self.outbox, f"HTTP/1.1 103 Early Hints\r\n{lines}\r\n".encode("latin-1"))
        self.outbox.flush()
