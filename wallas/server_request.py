"""A request as gunicorn's parser and the app see it: its bytes given again, and a box for what is written back."""

import io
import select
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.http.errors import NoMoreData
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader
from gunicorn.http.wsgi import create

from wallas.server_client import CONTINUE, Client
from wallas.server_intake import Raw
from wallas.types.flow import Heading

if TYPE_CHECKING:
    from wallas.server import Worker

SILENCE = 10.0
"""Seconds that a body which the app reads itself may pause."""
PIECE_BYTES = 65536
"""gunicorn's readers copy what they hold for every chunk, so they get little at once."""


class Asked:
    """What gunicorn's ``Response`` and log want to know of a request that its parser did not read."""

    __slots__ = ("body", "closes", "headers", "method", "query", "uri", "version")

    def __init__(self, heading: Heading, environ: dict[str, Any]) -> None:
        """Know a request by its head, and by the environ that was made of it."""
        self.method = heading.method
        self.uri: str = environ["RAW_URI"]
        self.query: str = environ["QUERY_STRING"]
        self.version = heading.version
        self.headers: list[tuple[str, str]] = []
        self.body: Any = environ["wsgi.input"]
        self.closes = heading.closes

    def should_close(self) -> bool:
        """Return whether the client wants the connection closed behind the answer."""
        return self.closes


def environ_of(raw: Raw, heading: Heading, base: dict[str, Any]) -> dict[str, Any]:
    """Return the environ of a request that gunicorn's parser need not see; ``base`` is what all have in common."""
    environ = heading.environ | base
    if heading.measured:
        environ["CONTENT_LENGTH"] = str(len(raw.body))
    query = environ["QUERY_STRING"]
    environ["RAW_URI"] = environ["PATH_INFO"] + (f"?{query}" if query else "")
    environ["wsgi.input"] = io.BytesIO(raw.body)
    return environ


class Feed(Unreader):  # type: ignore[misc]
    """Gives gunicorn's parser a request that was read already, and what the socket has beyond where that is wanted."""

    def __init__(self, raw: Raw, client: Client) -> None:
        """Begin with the head."""
        super().__init__()
        self.left = memoryview(raw.body)
        self.head = raw.head
        self.raw = raw
        self.client = client
        self.asks = raw.end == "more" and not raw.body and b"100-continue" in raw.head.lower()

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes, b"" at the end; raise TimeoutError when they do not come."""
        if self.head:
            head, self.head = self.head, b""
            return head
        if self.left:
            piece, self.left = self.left[:PIECE_BYTES], self.left[PIECE_BYTES:]
            return bytes(piece)
        if self.raw.end == "late":
            raise TimeoutError("the body stopped")
        return self._received() if self.raw.end == "more" else b""

    def _received(self) -> bytes:
        sock = self.client.sock
        if self.asks:
            self.asks = False
            self.client.write_patiently(CONTINUE)
        while True:
            try:
                return sock.recv(65536)
            except BlockingIOError:
                poll = select.poll()
                poll.register(sock, select.POLLIN)
                if not poll.poll(1000 * SILENCE):
                    raise TimeoutError("the body stopped") from None


class Outbox:
    """Stands for the client's socket where gunicorn writes to it: what is written together is sent together."""

    def __init__(self, client: Client) -> None:
        """Write to a client."""
        self.client = client
        self.pieces: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        """Keep bytes until ``flush``."""
        self.pieces.append(data)

    def send(self, data: bytes) -> int:
        """Take gunicorn's ``100 Continue``, which was sent where it was needed."""
        return len(data)

    def gettimeout(self) -> float:
        """Say that it never blocks, so that nobody wants to change that."""
        return 0.0

    def flush(self) -> None:
        """Send what was kept; raise OSError for a client that left."""
        if self.pieces:
            data = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
            self.pieces.clear()
            self.client.write_patiently(data)


def talk_freely(worker: "Worker", client: Client, raw: Raw) -> None:
    """Let the app have the connection itself: a WebSocket, in a thread of its own with a blocking socket."""
    sock = client.sock
    sock.setblocking(True)
    try:
        feed = Feed(raw, client)
        asked = Request(worker.cfg, feed, client.address, 1)
        worker.cfg.pre_request(worker, asked)
        response, environ = create(asked, sock, client.address, client.server, worker.cfg)
        environ["wsgi.multithread"] = True
        response.force_close()
        answer = worker.wsgi(environ, response.start_response)
        try:
            for piece in answer:
                response.write(piece)
            response.close()
        finally:
            if hasattr(answer, "close"):
                answer.close()
    except (StopIteration, OSError, NoMoreData):
        pass
    except Exception as error:
        worker.handle_error(None, sock, client.address, error)
    finally:
        util.close_graceful(sock)
        worker.reception.freed(client)
