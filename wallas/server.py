"""Gunicorn's worker of our own: one thread waits for all clients and providers, a bounded pool runs what may block.

It reads requests until they are whole, lends a thread for the WSGI call, and
parks an answer that waits for its provider, without a thread. Beside the app,
it knows nothing of it but ``types/flow.py``. Why and how: docs/decisions/0004.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.errors import ConfigError
from gunicorn.http.wsgi import base_environ
from gunicorn.workers.base import Worker as Base

from wallas.server_client import BUSY, CLOSED, FLUSHING, LEAVING, PARKED, UNSENT_BYTES, WAITING, Client
from wallas.server_clocks import Clocks
from wallas.server_door import Door
from wallas.server_exchange import Exchange, shut
from wallas.server_intake import BUFFER_BYTES, Limits, Raw
from wallas.server_pool import PATIENCE, Pool
from wallas.server_request import talk_freely
from wallas.types.flow import Inlet
from wallas.waits import anywhere, never_here

EVENTS = 256
READS = 16
"""Reads of one connection in a row, before the others have their turn."""
BODIES_BYTES = 16 * BUFFER_BYTES
"""Bodies under way in all; who comes beyond that waits until others are whole."""
QUICK, QUICK_BYTES = 16, 16 * 1024
"""Requests between two waits that the loop answers itself, where the app can do so at once, and their bodies' most."""
SLOW = 8
"""So many requests of a connection go to a thread behind one that had to: a client mostly asks alike."""
FEW_THREADS = 1
"""Threads of the app that compute at once; those that wait for something do not count."""
DIALS = 128
"""Threads for steps that may block, beside those of the app."""

LOST = select.EPOLLHUP | select.EPOLLERR


class Worker(Base):  # type: ignore[misc]
    """The loop; everything in it is for the loop's thread, but what says otherwise."""

    alive: bool
    hooks: ClassVar[tuple[str, ...]] = ("pre_request", "post_request")

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse what only gthread can do."""
        if cfg.is_ssl or cfg.proxy_protocol != "off":
            raise ConfigError("this worker speaks no TLS and no PROXY protocol to clients: WALLAS_WORKER_CLASS=gthread")

    def init_process(self) -> None:
        """Make what belongs to this process, then serve."""
        self.poll = select.epoll()
        self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.clients: dict[int, Client] = {}
        self.inlets: dict[int, Inlet] = {}
        """By descriptor, what the loop waits for beside clients: providers, also those that are idle now."""
        self.posted: deque[Client] = deque()
        """Connections that a thread gives back for the loop to look at."""
        self.again: deque[Exchange | Client] = deque()
        """What has more to do at once."""
        self.doomed: list[socket.socket] = []
        """Sockets to close when a batch of events is over: their numbers must not have a new owner before."""
        self.special: dict[int, Callable[[], None]] = {}
        self.now = 0.0
        """When the last turn ended, and first when it began."""
        self.bodies = 0
        self.at_once: Callable[..., Any] | None = None
        """The app's own way to answer in a thread that must not wait, where it has one."""
        self.quick = 0
        """How many more requests are answered so before the others have their turn."""
        self.free: set[Client] = set()
        """Connections that an app has for itself."""
        self.clock_text = (0, "")
        self.door, self.clocks = Door(self), Clocks(self)
        self.thread = threading.get_ident()
        self.pool = Pool(self.cfg.threads, name="wallas-app", few=FEW_THREADS)
        self.dials = Pool(DIALS, name="wallas-dial")
        self.blocking = threading.Semaphore(max(self.cfg.threads // 2, 1))
        """Leaves half of the app's threads free of steps that may block."""
        self.limits = Limits(
            self.cfg.limit_request_line or 1 << 20, self.cfg.limit_request_fields, self.cfg.limit_request_field_size
        )
        self.base = base_environ(self.cfg) | {"wsgi.multithread": True, "SCRIPT_NAME": ""}
        hooks = [getattr(self.cfg, name) for name in self.hooks]
        self.telling = self.log.access_log_enabled or any(hook.__module__ != "gunicorn.config" for hook in hooks)
        self.careful = self.telling or "SCRIPT_NAME" in os.environ or self.cfg.http_parser == "python"
        super().init_process()

    @property
    def keeps(self) -> bool:
        """Return whether connections are kept open behind an answer; from any thread."""
        return self.alive and self.cfg.keepalive > 0

    def counted(self) -> None:
        """Count a request, and stop behind ``max_requests``; from any thread."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
            self.ring()

    def date(self) -> str:
        """Return the time as HTTP has it; from any thread."""
        now, (second, text) = int(time.time()), self.clock_text
        if now != second:
            text = util.http_date(now)
            self.clock_text = (now, text)
        return text

    def ring(self) -> None:
        """Wake the loop; from any thread."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.eventfd_write(self.bell, 1)

    def post(self, client: Client) -> None:
        """Let the loop look at a connection; from any thread."""
        self.posted.append(client)
        self.wake()

    def lend(self, exchange: Exchange) -> None:
        """Make a stream's next step in a thread that may block; from any thread."""
        exchange.client.state = BUSY
        self.dials.submit(exchange.block)

    def run(self) -> None:
        """Serve until told to stop and all is over."""
        self.begin()
        try:
            while not (self.door.stopping and self.door.over()):
                self._turn()
        finally:
            anywhere()
        for listener in self.sockets:
            listener.close()

    def begin(self) -> None:
        """Begin to listen; from here on this is the thread that nothing may keep waiting."""
        self.at_once = getattr(self.wsgi, "at_once", None)
        never_here()
        self.special = {self.bell: self._quiet, self.PIPE[0]: self._signalled}
        for descriptor in self.special:
            self.poll.register(descriptor, select.EPOLLIN)
        for listener in self.sockets:
            listener.setblocking(False)
        self.door.open()
        self.now = time.monotonic()
        self.clocks.keep(self.now)

    def _turn(self) -> None:
        """Wait for events and deal with them."""
        waits = 0.0 if self.posted or self.again else max(self.clocks.wakes - self.now, 0.0)
        if self.pool.calls:
            waits = min(waits, PATIENCE)
        inlets, clients, accepts, self.quick = self.inlets, self.clients, False, QUICK
        for descriptor, mask in self.poll.poll(waits, EVENTS):
            if (inlet := inlets.get(descriptor)) is not None:
                if (exchange := inlet.reader) is None:
                    inlet.stirred()
                    continue
                try:
                    exchange.advance()
                except Exception:
                    self._broke(exchange.client)
            elif (client := clients.get(descriptor)) is not None:
                self._heard(client, mask)
            elif (call := self.special.get(descriptor)) is not None:
                call()
            else:
                accepts = accepts or descriptor in self.door.listening
        if self.posted or self.again:
            self._catch_up()
        now = self.now = time.monotonic()
        if now >= self.clocks.wakes:
            self.clocks.keep(now)
        if self.pool.calls:
            self.pool.press(now)
        if accepts or self.doomed or not self.alive:
            self._come_and_go(now, accepts=accepts)

    def _come_and_go(self, now: float, *, accepts: bool) -> None:
        """Take in who comes, close what is over, begin to stop where that was asked for."""
        if accepts:
            self.door.accept(now)
        if not self.alive and not self.door.stopping:
            self.door.stop(now)
        for sock in self.doomed:
            sock.close()
        self.doomed.clear()

    def _catch_up(self) -> None:
        """Look at what threads gave back, and at what has more to do, once."""
        for _ in range(len(self.posted)):
            client = self.posted.popleft()
            self.safely(client, self.look, client)
        for _ in range(len(self.again)):
            one = self.again.popleft()
            if isinstance(one, Client):
                self.safely(one, self.look, one)
            elif one.client.exchange is one and one.client.state == PARKED:
                self.safely(one.client, one.advance)

    def safely(self, client: Client, call: Callable[..., object], *given: Any) -> None:
        """Make a call that concerns one connection; what breaks, breaks that one only."""
        try:
            call(*given)
        except Exception:
            self._broke(client)

    def _broke(self, client: Client) -> None:
        self.log.exception("a connection broke")
        client.gone = True
        with contextlib.suppress(Exception):
            if client.state == PARKED and client.exchange is not None:
                client.exchange.leave()
                return
        self.close(client)

    def _heard(self, client: Client, mask: int) -> None:
        """Take in what epoll tells of a client."""
        if mask & LOST:
            client.gone = True
        if mask & select.EPOLLRDHUP:
            client.parting = True
        if mask & select.EPOLLIN:
            client.readable = True
        if client.state != BUSY:
            self.safely(client, self.look, client)
        elif client.gone and client.exchange is not None and client.exchange.stream is not None:
            client.exchange.stream.cancelled = True

    def look(self, client: Client) -> None:
        """Do what can be done on a connection that the loop owns."""
        if client.out and client.state in (PARKED, FLUSHING):
            client.flush()
        if client.state == PARKED:
            self._look_at_parked(client)
        elif client.gone:
            if client.state != BUSY:
                self.close(client)
        elif client.state == WAITING:
            self._read(client)
        elif client.state == FLUSHING:
            if not client.out:
                self._answered(client)
        elif client.state == LEAVING:
            self._discard(client)

    def _look_at_parked(self, client: Client) -> None:
        exchange = client.exchange
        assert exchange is not None
        if client.gone:
            exchange.leave()
            return
        if client.parting and not client.half_closed:
            client.half_closed = True
            exchange.probe()
        if exchange.paused and not client.out:
            exchange.paused = False
            self.watch(exchange)

    def _read(self, client: Client) -> None:
        """Read a client's request, as far as it has come."""
        intake = client.intake
        raw = intake.next() if intake.raw is None else None
        for _ in range(READS):
            if raw is not None or not client.readable:
                break
            if self.bodies > BODIES_BYTES and intake.raw is None:
                return
            data = client.receive()
            if data is None:
                break
            if not data:
                self._ended(client)
                return
            client.heard = time.monotonic()
            if not intake.begun:
                client.since = client.heard
            raw = intake.feed(data)
            if raw is None and intake.expects:
                intake.expects = False
                client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if raw is not None:
            self.serve(client, raw)
        elif client.parting and not client.readable:
            self._ended(client)
        elif client.readable:
            self.again.append(client)

    def _ended(self, client: Client) -> None:
        """Take in that a client sends no more: half a body is an error that it may still want to hear of."""
        raw = None if client.gone else client.intake.give_up("cut")
        if raw is None:
            self.close(client)
        else:
            self.serve(client, raw)

    def serve(self, client: Client, raw: Raw) -> None:
        """Lend a thread for a request."""
        client.state = BUSY
        if raw.upgrade:
            self._set_free(client, raw)
            return
        exchange = client.exchange = Exchange(self, client, raw)
        if self.at_once is not None and raw.environ is not None and len(raw.body) <= QUICK_BYTES and self.quick:
            if client.slow:
                client.slow -= 1
            else:
                self.quick -= 1
                if exchange.at_once(self.at_once):
                    return
                client.slow = SLOW
        self.pool.submit(exchange.run)

    def _set_free(self, client: Client, raw: Raw) -> None:
        """Give a connection away, to the app alone."""
        if len(self.free) >= self.cfg.threads:
            client.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self._depart(client)
            return
        self.poll.unregister(client.descriptor)
        del self.clients[client.descriptor]
        self.free.add(client)
        threading.Thread(target=talk_freely, args=(self, client, raw), name="wallas-socket", daemon=True).start()

    def freed(self, client: Client) -> None:
        """Take in that an app is done with its own connection; from any thread."""
        client.state = CLOSED
        self.free.discard(client)
        self.ring()

    def finished(self, exchange: Exchange) -> None:
        """Take a connection back behind an answer; from any thread."""
        if self.telling:
            if threading.get_ident() == self.thread:
                self.pool.submit(exchange.told)
            else:
                exchange.told()
        else:
            exchange.forget()
        client = exchange.client
        client.state = FLUSHING
        if client.out or client.gone or not exchange.keep:
            self.post(client)
            return
        client.exchange = None
        client.since = time.monotonic()
        client.state = WAITING
        if client.readable or client.parting or client.gone or client.intake.begun:
            self.post(client)

    def _answered(self, client: Client) -> None:
        """Go on with a connection whose answer has left: another request, or the end."""
        exchange, client.exchange = client.exchange, None
        if exchange is None or not exchange.keep:
            self._depart(client)
            return
        client.since = time.monotonic()
        client.state = WAITING
        self._read(client)

    def _depart(self, client: Client) -> None:
        """Say that this was all, and wait a moment for the client to have read it (RFC 9112, 9.6)."""
        client.state = LEAVING
        client.since = time.monotonic()
        shut(client.sock)
        self._discard(client)

    def _discard(self, client: Client) -> None:
        for _ in range(READS):
            if not client.readable:
                break
            if client.receive() == b"":
                client.parting = True
        if client.gone or (client.parting and not client.readable):
            self.close(client)
        elif client.readable:
            self.again.append(client)

    def close(self, client: Client) -> None:
        """Close a connection, unless it is."""
        if self.clients.get(client.descriptor) is not client:
            return
        del self.clients[client.descriptor]
        client.state, client.exchange = CLOSED, None
        self.doomed.append(client.sock)
        if self.door.full:
            self.door.open()

    def watch(self, exchange: Exchange) -> None:
        """Park an answer until its provider has something to say; from any thread that owns it.

        The loop may go on with it as soon as the provider is registered, so that is the last thing done to it.
        """
        stream, client = exchange.stream, exchange.client
        assert stream is not None
        body = stream.body
        inlet = None if body is None else body.inlet
        self.clocks.set(exchange, stream.alarm())
        if body is None or inlet is None or inlet.number < 0 or body.pending():
            client.state = PARKED
            self.again.append(exchange)
            self.wake()
        elif len(client.out) > UNSENT_BYTES:
            self.unwatch(exchange)
            exchange.paused = True
            client.state = PARKED
            self.post(client)
        elif exchange.watched is not inlet:
            if exchange.watched is not None:
                self.unwatch(exchange)
            exchange.watched = inlet
            client.state = PARKED
            inlet.reader = exchange
            if inlet.watcher is None:
                inlet.watcher = self
                self.inlets[inlet.number] = inlet
                self.poll.register(inlet.number, select.EPOLLIN)
            if client.gone or client.out or (client.parting and not client.half_closed):
                self.post(client)

    def wake(self) -> None:
        """Wake the loop, unless this is its thread."""
        if threading.get_ident() != self.thread:
            self.ring()

    def unwatch(self, exchange: Exchange) -> None:
        """Wait for a provider no more; from any thread that owns the answer."""
        inlet, exchange.watched = exchange.watched, None
        if inlet is not None and inlet.reader is exchange:
            inlet.leave()

    def forget(self, inlet: Inlet) -> None:
        """Take a descriptor out of the poll; from any thread that owns it."""
        inlet.reader = inlet.watcher = None
        if self.inlets.get(inlet.number) is inlet:
            del self.inlets[inlet.number]
            with contextlib.suppress(OSError, ValueError):
                self.poll.unregister(inlet.number)

    def _quiet(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.bell)

    def _signalled(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.PIPE[0], 4096)
