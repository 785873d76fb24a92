"""The way of a client's connection: requests are read and given to whoever answers, answers flushed.

The loop's thread does all of it, but for ``finished`` and ``freed``.
"""

import select
import threading
import time
from typing import TYPE_CHECKING

from wallas.server_client import BUSY, CLOSED, CONTINUE, FLUSHING, LEAVING, PARKED, WAITING, Client
from wallas.server_exchange import Exchange, shut
from wallas.server_intake import BUFFER_BYTES, Raw
from wallas.server_request import talk_freely
from wallas.types.flow import AtOnce

if TYPE_CHECKING:
    from wallas.server import Worker

READS = 16
"""Reads of one connection in a row, before the others have their turn."""
BODIES_BYTES = 16 * BUFFER_BYTES
"""Bodies under way in all; who comes beyond that waits until others are whole."""
QUICK, QUICK_BYTES = 16, 16 * 1024
"""Requests between two waits that the loop answers itself, where the app can do so at once, and their bodies' most."""
SLOW = 8
"""So many requests of a connection go to a thread behind one that had to: a client mostly asks alike."""
LOST = select.EPOLLHUP | select.EPOLLERR


class Reception:
    """Receives the clients of one worker."""

    def __init__(self, worker: "Worker") -> None:
        """Receive nobody yet."""
        self.worker = worker
        self.at_once: AtOnce | None = None
        """The app's own, where it has one."""
        self.quick = QUICK
        """How many more requests are answered so before the others have their turn."""
        self.bodies = 0
        self.free: set[Client] = set()
        """Connections that an app has for itself."""

    def hear(self, client: Client, mask: int) -> None:
        """Take in what epoll tells of a client."""
        if mask & LOST:
            client.gone = True
        if mask & select.EPOLLRDHUP:
            client.parting = True
        if mask & select.EPOLLIN:
            client.readable = True
        if client.state == WAITING and not client.gone:
            self._read(client)
        elif client.state != BUSY:
            self.look(client)
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
                self.worker.close(client)
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
            self.worker.watch(exchange)

    def _read(self, client: Client) -> None:
        """Read a client's request, as far as it has come."""
        intake = client.intake
        raw = intake.feed() if intake.buffer and intake.raw is None else None
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
            client.heard = self.worker.now
            if not intake.buffer and intake.raw is None:
                client.since = client.heard
            raw = intake.feed(data)
            if raw is None and intake.expects:
                intake.expects = False
                client.write(CONTINUE)
        if raw is not None:
            self.serve(client, raw)
        elif client.parting and not client.readable:
            self._ended(client)
        elif client.readable:
            self.worker.again.append(client)

    def _ended(self, client: Client) -> None:
        """Take in that a client sends no more: half a body is an error that it may still want to hear of."""
        raw = None if client.gone else client.intake.give_up("cut")
        if raw is None:
            self.worker.close(client)
        else:
            self.serve(client, raw)

    def serve(self, client: Client, raw: Raw) -> None:
        """Answer a request at once, or lend a thread for it."""
        client.state = BUSY
        if raw.upgrade:
            self._set_free(client, raw)
            return
        exchange = client.exchange = Exchange(self.worker, client, raw)
        if self.at_once is not None and raw.heading is not None and len(raw.body) <= QUICK_BYTES and self.quick:
            if client.slow:
                client.slow -= 1
            else:
                self.quick -= 1
                if exchange.at_once(self.at_once):
                    return
                client.slow = SLOW
        self.worker.pool.submit(exchange.run)

    def _set_free(self, client: Client, raw: Raw) -> None:
        """Give a connection away, to the app alone."""
        worker = self.worker
        if len(self.free) >= worker.cfg.threads:
            client.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self._depart(client)
            return
        worker.poll.unregister(client.descriptor)
        del worker.clients[client.descriptor]
        self.free.add(client)
        threading.Thread(target=talk_freely, args=(worker, client, raw), name="wallas-socket", daemon=True).start()

    def freed(self, client: Client) -> None:
        """Take in that an app is done with its own connection; from any thread."""
        client.state = CLOSED
        self.free.discard(client)
        self.worker.ring()

    def finished(self, exchange: Exchange) -> None:
        """Take a connection back behind an answer; from any thread."""
        worker, client = self.worker, exchange.client
        if worker.telling:
            if threading.get_ident() == worker.thread:
                worker.pool.submit(exchange.told)
            else:
                exchange.told()
        elif exchange.call is not None:
            exchange.call.forget()
        client.state = FLUSHING
        if client.out or client.gone or not exchange.keep:
            worker.post(client)
            return
        client.exchange = None
        client.since = time.monotonic()
        client.state = WAITING
        if client.readable or client.parting or client.gone or client.intake.buffer:
            worker.post(client)

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
            self.worker.close(client)
        elif client.readable:
            self.worker.again.append(client)
