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

from gunicorn.errors import ConfigError
from gunicorn.http.wsgi import base_environ
from gunicorn.workers.base import Worker as Base

from wallas.server_client import BUSY, CLOSED, PARKED, UNSENT_BYTES, Client
from wallas.server_clocks import Clocks
from wallas.server_door import Door
from wallas.server_exchange import Exchange
from wallas.server_intake import Limits
from wallas.server_pool import PATIENCE, Pool
from wallas.server_reception import QUICK, Reception
from wallas.types.flow import Inlet
from wallas.waits import anywhere, never_here

EVENTS = 256
FEW_THREADS = 1
"""Threads of the app that compute at once; those that wait for something do not count."""
DIALS = 128
"""Threads for steps that may block, beside those of the app."""


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
        """When the last wait ended, and first when the loop began; for its own thread."""
        self.stamp = ""
        """The lines of an answer's head that all have in common, for about a second."""
        self.reception, self.door, self.clocks = Reception(self), Door(self), Clocks(self)
        self.thread = threading.get_ident()
        self.pool = Pool(self.cfg.threads, name="wallas-app", few=FEW_THREADS)
        self.dials = Pool(DIALS, name="wallas-dial")
        self.blocking = threading.Semaphore(max(self.cfg.threads // 2, 1))
        """Leaves half of the app's threads free of steps that may block."""
        self.limits = Limits(
            self.cfg.limit_request_line or 1 << 20, self.cfg.limit_request_fields, self.cfg.limit_request_field_size
        )
        self.base = base_environ(self.cfg) | {"wsgi.multithread": True, "SCRIPT_NAME": ""}
        self.keeping = self.cfg.keepalive > 0
        """Whether connections are kept open behind an answer, as long as the worker is alive."""
        hooks = [getattr(self.cfg, name) for name in self.hooks]
        self.telling = self.log.access_log_enabled or any(hook.__module__ != "gunicorn.config" for hook in hooks)
        self.careful = self.telling or "SCRIPT_NAME" in os.environ or self.cfg.http_parser == "python"
        super().init_process()

    def counted(self) -> None:
        """Count a request, and stop behind ``max_requests``; from any thread."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
            self.ring()

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
        self.reception.at_once = getattr(self.wsgi, "at_once", None)
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
        now, due = self.now, self.clocks.wakes
        waits = 0.0 if self.posted or self.again or due <= now else due - now
        if self.pool.calls:
            waits = min(waits, PATIENCE)
        inlets, clients, reception = self.inlets, self.clients, self.reception
        reception.quick = QUICK
        events = self.poll.poll(waits, EVENTS)
        now = self.now = time.monotonic()
        for descriptor, mask in events:
            if (inlet := inlets.get(descriptor)) is not None:
                if (exchange := inlet.reader) is None:
                    inlet.stirred()
                    continue
                try:
                    exchange.advance(now)
                except Exception:
                    self._broke(exchange.client)
            elif (client := clients.get(descriptor)) is not None:
                try:
                    reception.hear(client, mask)
                except Exception:
                    self._broke(client)
            elif (call := self.special.get(descriptor)) is not None:
                call()
        if self.posted or self.again:
            self._catch_up()
        if now >= self.clocks.wakes:
            self.clocks.keep(now)
        if self.pool.calls or self.door.knocked or self.doomed or not self.alive:
            self._come_and_go(now)

    def _come_and_go(self, now: float) -> None:
        """Look after calls that wait, take in who comes, close what is over, begin to stop where that was asked for."""
        if self.pool.calls:
            self.pool.press(now)
        if self.door.knocked:
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
            self.safely(client, self.reception.look, client)
        for _ in range(len(self.again)):
            one = self.again.popleft()
            if isinstance(one, Client):
                self.safely(one, self.reception.look, one)
            elif one.client.exchange is one and one.client.state == PARKED:
                self.safely(one.client, one.advance, self.now)

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
        elif client.out and len(client.out) > UNSENT_BYTES:
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
