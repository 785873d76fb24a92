"""How clients come in and how a worker ends: who is accepted, when nobody is, and what a stop still waits for.

Everything here is for the loop's thread.
"""

import contextlib
import errno
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from wallas.server_client import PARKED, WAITING, Client
from wallas.server_intake import Intake

if TYPE_CHECKING:
    from wallas.server import Worker

STOP_LINGER = 2.0
"""What a stopping worker waits for on idle connections: a request may be on its way already."""
ACCEPTS = 64
CLIENT_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Door:
    """A worker's listening sockets, open or shut."""

    def __init__(self, worker: "Worker") -> None:
        """Stand at this worker's sockets, shut."""
        self.worker = worker
        self.listening: dict[int, socket.socket] = {}
        """By descriptor, what the loop waits for new connections on; empty while nobody is accepted."""
        self.knocked = False
        """Whether somebody has come since."""
        self.full = False
        """Whether it is shut because there was no room, and opens again when there is."""
        self.stopping = False
        self.stopped = self.ending = float("inf")

    def open(self) -> None:
        """Accept connections from now on, unless the worker stops."""
        if self.listening or self.stopping:
            return
        self.full = False
        for listener in self.worker.sockets:
            with contextlib.suppress(OSError, ValueError):
                self.listening[listener.fileno()] = listener
                self.worker.special[listener.fileno()] = self.knock
                self.worker.poll.register(listener, select.EPOLLIN)

    def shut(self) -> None:
        """Accept nobody; who comes meanwhile waits in the kernel."""
        for descriptor, listener in self.listening.items():
            del self.worker.special[descriptor]
            with contextlib.suppress(OSError, ValueError):
                self.worker.poll.unregister(listener)
        self.listening.clear()

    def knock(self) -> None:
        """Note that somebody has come."""
        self.knocked = True

    def accept(self, now: float) -> None:
        """Take in who has come, as far as there is room."""
        worker, self.knocked = self.worker, False
        most = ACCEPTS if worker.cfg.workers < 2 else 1
        for listener in list(self.listening.values()):
            server = listener.getsockname()
            for _ in range(most):
                if len(worker.clients) >= worker.cfg.worker_connections and not self._make_room():
                    self.shut()
                    self.full = True
                    return
                try:
                    sock, address = listener.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    break
                except OSError as error:
                    self.shut()
                    self.full = error.errno in _FULL
                    return
                self._welcome(sock, address, server, now)

    def _welcome(self, sock: socket.socket, address: Any, server: Any, now: float) -> None:
        worker = self.worker
        sock.setblocking(False)
        known = isinstance(address, tuple) and isinstance(server, tuple)
        place = (str(server[0]), str(server[1])) if known else ("", "")
        intake = Intake(worker.limits, server=place, client=address, careful=worker.careful or not known)
        client = Client(sock, address, server, intake, now=now)
        client.readable = True
        try:
            worker.poll.register(sock, CLIENT_EVENTS)
        except OSError:
            sock.close()
            return
        worker.clients[client.descriptor] = client
        worker.safely(client, worker.reception.look, client)

    def _make_room(self) -> bool:
        """Close the connection that has been idle for longest; return False when none is."""
        idle = [one for one in self.worker.clients.values() if one.state == WAITING and not one.intake.begun]
        if not idle:
            return False
        self.worker.close(min(idle, key=lambda one: one.since))
        return True

    def stop(self, now: float) -> None:
        """Take no more connections, and let those that are open end."""
        self.stopping = True
        self.stopped, self.ending = now, now + self.worker.cfg.graceful_timeout
        self.shut()
        for listener in self.worker.sockets:
            listener.close()

    def over(self) -> bool:
        """Return whether a stopping worker may end: nothing is open, or its time is up."""
        worker, now = self.worker, time.monotonic()
        if now > self.ending:
            for client in list(worker.clients.values()):
                if client.state == PARKED and client.exchange is not None:
                    worker.safely(client, client.exchange.leave)
            return True
        for client in list(worker.clients.values()):
            idle = client.state == WAITING and not client.intake.begun
            if idle and now > max(client.since, self.stopped) + STOP_LINGER:
                worker.close(client)
        return not worker.clients and not worker.reception.free
