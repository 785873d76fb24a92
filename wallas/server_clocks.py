"""When a worker looks at what: alarms of streams whose deadlines are near, and a sweep over everybody once a second."""

import heapq
import itertools
import os
from typing import TYPE_CHECKING

from gunicorn import SERVER, util

from wallas.server_client import PARKED, WAITING, Client

if TYPE_CHECKING:
    from wallas.server import Worker
    from wallas.server_exchange import Exchange

SWEEP_SECONDS = 1.0
GRACE_SECONDS = 5.0
"""How much later than a deadline what keeps coming is still read: it may become what was waited for."""
GRACE_STEP = 0.003


class Clocks:
    """What is due, and when; for the loop's thread but for ``set``."""

    def __init__(self, worker: "Worker") -> None:
        """Keep a worker's time, with nothing due but a sweep."""
        self.worker = worker
        self.alarms: list[tuple[float, int, Exchange]] = []
        self.count = itertools.count()
        self.swept = 0.0
        """When all were looked at last."""
        self.wakes = 0.0
        """When something is due next."""

    def keep(self, now: float) -> None:
        """Do what is due by now, and note when the next is."""
        self._ring(now)
        if now >= self.swept + SWEEP_SECONDS:
            self._sweep(now)
        self.wakes = self.swept + SWEEP_SECONDS
        if self.alarms:  # looked at after the line above: who sets another one compares it with that
            self.wakes = min(self.wakes, self.alarms[0][0])

    def set(self, exchange: "Exchange", due: float) -> None:
        """Note when to look at a stream's clocks, unless the next sweep comes first, which looks at all of them.

        From any thread that owns the exchange.
        """
        if due < self.swept + 2 * SWEEP_SECONDS:
            exchange.shortcut = None  # its clocks are looked at behind every step
        if due < self.swept + SWEEP_SECONDS and (due < exchange.due or not exchange.due):
            exchange.due = due
            heapq.heappush(self.alarms, (due, next(self.count), exchange))
            if due < self.wakes:
                self.wakes = due
                self.worker.wake()

    def _ring(self, now: float) -> None:
        """Let the streams keep their deadlines whose time has come."""
        alarms, late = self.alarms, []
        while alarms and alarms[0][0] <= now:
            late.append(heapq.heappop(alarms))
        for due, _, exchange in late:
            if exchange.due != due or exchange.client.exchange is not exchange:
                continue
            exchange.due = 0.0
            client = exchange.client
            if client.state != PARKED or exchange.stream is None:
                continue
            later = exchange.stream.alarm()
            if later > now:
                self.set(exchange, later)
            elif exchange.paused:
                self.set(exchange, now + SWEEP_SECONDS / 2)
            elif exchange.moved and now < later + GRACE_SECONDS:
                exchange.moved = False
                self.set(exchange, now + GRACE_STEP)
            else:
                self.worker.safely(client, exchange.tick, now)

    def _sweep(self, now: float) -> None:
        """Once a second: the heartbeat, and who has taken too long."""
        worker, self.swept = self.worker, now
        worker.notify()
        worker.pool.press(now)
        if worker.ppid != os.getppid():
            worker.log.info("Parent changed, shutting down: %s", worker)
            worker.alive = False
        worker.stamp = f"Server: {SERVER}\r\nDate: {util.http_date()}\r\n"
        worker.reception.bodies = 0
        for client in list(worker.clients.values()):
            if client.intake.raw is not None:
                worker.reception.bodies += client.intake.received
            if client.late(now, keepalive=worker.cfg.keepalive):
                worker.safely(client, self._expire, client)
            elif client.state == WAITING and client.readable:
                worker.again.append(client)
            elif client.state == PARKED and client.exchange is not None and client.exchange.stream is not None:
                if worker.door.stopping:
                    worker.safely(client, client.exchange.tick, now)
                else:
                    self.set(client.exchange, client.exchange.stream.alarm())
        if worker.door.full:
            worker.door.open()

    def _expire(self, client: Client) -> None:
        raw = client.intake.give_up("late") if client.state == WAITING else None
        if raw is not None:
            self.worker.reception.serve(client, raw)
        elif client.state == PARKED and client.exchange is not None:
            client.gone = True
            client.exchange.leave()
        else:
            self.worker.close(client)
