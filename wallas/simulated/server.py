"""A scripted provider: a listener, a thread a connection, and the running exchange that steps act on."""

import json
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

from wallas.simulated import wires
from wallas.simulated.script import ANY, NEVER, Call, Framing, Over, Request, Step, hang_up, marked_anchor, reset, say

STACK_BYTES = 512 * 1024
"""Hundreds of threads each hold a few frames."""

_stack_lock = threading.Lock()
_REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
}


class Exchange:
    """One request being answered; every step works on it."""

    def __init__(self, provider: "Provider", sock: socket.socket, request: Request) -> None:
        """Start before the first byte of the answer."""
        self.provider = provider
        self.sock = sock
        self.request = request
        self.writer = wires.writer(request)
        self.framing: Framing = provider.framing or ("chunked" if request.stream else "length")
        self.extra: dict[str, str] = {}
        self.opened = False
        self.over = False
        self.slice = 0
        self.gap = 0.0
        self.budget: int | None = None
        self.then: Step = hang_up
        self.line_end = b""
        self.prefix = b""
        self.compressor: Any = None
        self._held: list[bytes] = []

    def put(self, frames: Iterable[bytes]) -> None:
        """Send a stream's frames, one packet each; for a plain answer the writer has kept what they say."""
        if self.request.stream:
            for frame in frames:
                self.emit(frame)

    def new_call(self, name: str, id: str | None, index: int | None) -> Call:
        """Return a tool call with what was not given made up."""
        calls = len(self.writer.calls)
        return Call(name, self.provider.next_id() if id == ANY else id, calls if index == -1 else index)

    def finish(self, reason: str, *, done: bool = True) -> None:
        """Send what ends an answer, and end the body."""
        if self.request.stream:
            frames = self.writer.finish(reason)
            self.put(frames if done else frames[:-1])
        else:
            self.emit(self.writer.plain(reason))
        self.end_body()

    def anchor(self) -> str | None:
        """Return what the request asks to repeat, as the provider's extractor finds it in its last user message."""
        return self.provider.anchor(wires.last_user_text(self.request))

    def content_type(self) -> str:
        """Return the type of this answer."""
        return self.writer.stream_type if self.request.stream else "application/json"

    def emit(self, data: bytes) -> None:
        """Send body bytes: line ends, compression, slices and framing applied."""
        if self.line_end:
            data = data.replace(b"\n", self.line_end)
        data, self.prefix = self.prefix + data, b""
        if self.compressor is not None:
            data = self.compressor.compress(data) + self.compressor.flush(2)  # Z_SYNC_FLUSH
        if self.framing == "length":
            self._held.append(data)
            return
        self.open_body()
        for piece in self._slices(data):
            self.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self.framing == "chunked" else piece)

    def open_body(self) -> None:
        """Send the head, once."""
        if not self.opened:
            self.opened = True
            chunked = {"Transfer-Encoding": "chunked"} if self.framing == "chunked" else {"Connection": "close"}
            self.send_head(200, {"Content-Type": self.content_type(), **chunked})

    def end_body(self) -> None:
        """End the body as its framing does."""
        if self.over:
            return
        if self.writer.begun and not (self.request.stream or self.opened or self._held):
            self.emit(self.writer.plain(None))
        self.over = True
        if self.compressor is not None:
            tail, self.compressor = self.compressor.flush(), None
            self.emit(tail)
        if self.framing == "length":
            body = b"".join(self._held)
            self.opened = True
            self.send_head(200, {"Content-Type": self.content_type(), "Content-Length": str(len(body))})
            for piece in self._slices(body):
                self.send(piece)
        else:
            self.open_body()
            if self.framing == "chunked":
                self.send(b"0\r\n\r\n")

    def whole(self, code: int, body: Any, fields: dict[str, str]) -> None:
        """Send a whole answer: a JSON value, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.opened = self.over = True
        kind = {} if "Content-Type" in fields else {"Content-Type": "application/json"}
        self.send_head(code, {**kind, **fields, "Content-Length": str(len(data))})
        for piece in self._slices(data):
            self.send(piece)

    def send_head(self, code: int, fields: dict[str, str]) -> None:
        """Send a status line and headers; they count against no budget."""
        lines = [f"HTTP/1.1 {code} {_REASONS.get(code, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in {**self.provider.headers, **fields, **self.extra}.items()]
        self._deliver("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send_half(self) -> None:
        """Before breaking off: send a plain answer's head and the first half of what it would say."""
        if self.opened or self.request.stream or not self.writer.begun:
            return
        self.opened = True
        body = self.writer.plain("stop")
        self.send_head(200, {"Content-Type": self.content_type(), "Content-Length": str(len(body))})
        self._deliver(body[: len(body) // 2])

    def send(self, data: bytes) -> None:
        """Put bytes on the wire, up to the budget that a script may have set."""
        if self.budget is None:
            self._deliver(data)
            return
        part, self.budget = data[: self.budget], self.budget - len(data)
        self._deliver(part)
        if self.budget <= 0:
            self.then(self)

    def sleep(self, seconds: float) -> None:
        """Wait; a client that leaves meanwhile ends the exchange."""
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        if poll.poll(1000 * min(seconds, NEVER)):
            self._left()

    def _slices(self, data: bytes) -> Iterator[bytes]:
        if not self.slice:
            yield from (data,) if data else ()
            return
        for start in range(0, len(data), self.slice):
            if self.gap:
                self.sleep(self.gap)
            yield data[start : start + self.slice]

    def _deliver(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            self._left()
        self.request.sent.append(time.monotonic())

    def _left(self) -> None:
        if not self.provider.closing:
            self.request.cancelled = time.monotonic()
        raise Over


class Provider:
    """A simulated provider on a port of its own; speaks every wire, by the path that is asked for.

    ``will`` queues one script a request; when none is left, ``otherwise`` gives
    the steps. Its requests are kept, with the moment their client left.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        models: Sequence[str] = ("model-a", "model-b"),
        anchor: Callable[[str], str | None] = marked_anchor,
        otherwise: Callable[[Request], Sequence[Step]] | None = None,
    ) -> None:
        """Prepare; ``start`` opens the port."""
        self.models = list(models)
        self.anchor = anchor
        self.otherwise = otherwise or (lambda request: (say("Hello from a simulated provider."),))
        self.framing: Framing | None = None
        self.headers: dict[str, str] = {}
        self.door: Literal["open", "slam", "mute"] = "open"
        """What happens to new connections: served, reset at once, or accepted and never read."""
        self.requests: list[Request] = []
        self.accepted = 0
        self.closing = False
        self.context_size = 8192
        self._scripts: deque[Sequence[Step]] = deque()
        self._routes: dict[str, Sequence[Step]] = {}
        self._tls = tls
        self._ids = 0
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((host, port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"

    def start(self) -> "Provider":
        """Serve, in threads of its own."""
        threading.Thread(target=self._accept, daemon=True, name=f"simulated-{self.port}").start()
        return self

    def close(self) -> None:
        """Close the port and cut every connection off."""
        self.closing = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_idle()
        self.wait_until(lambda: not self._open, 1.0)

    def __enter__(self) -> "Provider":
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def will(self, *steps: Step) -> None:
        """Answer one more of the coming requests by these steps."""
        self._scripts.append(steps)

    def on(self, path: str, *steps: Step) -> None:
        """Answer every request whose path ends so by these steps; without steps as usual again."""
        self._routes.pop(path, None)
        if steps:
            self._routes[path] = steps

    def forget(self) -> None:
        """Forget queued scripts, routes and requests."""
        self._scripts.clear()
        self._routes.clear()
        self.requests.clear()

    @property
    def cancelled(self) -> list[Request]:
        """The requests whose client left before the answer was over."""
        return [request for request in self.requests if request.cancelled is not None]

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        with self._changed:
            return len(self._open)

    @property
    def scripts_left(self) -> int:
        """How many queued scripts nobody has asked for."""
        return len(self._scripts)

    def close_idle(self) -> None:
        """Close every open connection from this side, as a server does with those that idled too long."""
        with self._changed:
            open_ = list(self._open)
        for sock in open_:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def wait_until(self, condition: Callable[[], Any], seconds: float = 2.0) -> bool:
        """Wait until something about this provider holds; return whether it does."""
        with self._changed:
            return bool(self._changed.wait_for(condition, seconds))

    def next_id(self) -> str:
        """Return a tool call's id that was not used before."""
        with self._changed:
            self._ids += 1
            return f"call_{self.port}_{self._ids}"

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self.closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                if self.closing:
                    return
                time.sleep(0.01)  # out of descriptors: those open will end
                continue
            self.accepted += 1
            if self.door == "slam":
                reset(sock)
                continue
            with self._changed:
                self._open.add(sock)
            with _small_stacks():
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.door == "mute":
                poll = select.poll()
                poll.register(sock, select.POLLRDHUP | select.POLLHUP)
                poll.poll(1000 * NEVER)
                return
            if self._tls is not None:
                sock = secured = self._secured(plain)
                secured.do_handshake()
            with sock.makefile("rb") as reader:
                while (request := wires.read_request(reader)) and self._answer(sock, request):
                    pass
        except (Over, OSError, ValueError):
            pass
        finally:
            sock.close()
            with self._changed:
                self._open.discard(plain)
                self._open.discard(sock)
                self._changed.notify_all()

    def _secured(self, plain: socket.socket) -> ssl.SSLSocket:
        """Return the connection with its TLS handshake still to do, so that ``close`` can cut it off in that too."""
        assert self._tls is not None
        with self._changed:
            wrapped = self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            self._open.discard(plain)
            self._open.add(wrapped)
        return wrapped

    def _answer(self, sock: socket.socket, request: Request) -> bool:
        """Answer one request; return whether the connection can take another."""
        self.requests.append(request)
        self._tell()
        exchange = Exchange(self, sock, request)
        try:
            for step in self._steps(request):
                step(exchange)
            exchange.end_body()
            request.done = True
        finally:
            self._tell()
        closes = exchange.framing == "close" or request.headers.get("connection", "").lower() == "close"
        return not closes

    def _steps(self, request: Request) -> Sequence[Step]:
        for path, steps in self._routes.items():
            if request.path.endswith(path):
                return steps
        if request.wire == "side":
            code, body = wires.side(request, self.models, self.context_size)
            return (lambda exchange: exchange.whole(code, body, {}),)
        try:
            return self._scripts.popleft()
        except IndexError:
            return self.otherwise(request)


@contextmanager
def _small_stacks() -> Iterator[None]:
    """Give the threads begun inside small stacks."""
    with _stack_lock:
        before = threading.stack_size(STACK_BYTES)
        try:
            yield
        finally:
            threading.stack_size(before)
