"""Threads that are lent for what may block: started when they are needed, never more than so many."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

log = logging.getLogger(__name__)


class Pool:
    """Runs calls in threads of its own. Lighter than ``ThreadPoolExecutor``: nobody waits for a result."""

    def __init__(self, most: int, *, name: str) -> None:
        """Have at most so many threads."""
        self.most = most
        self.name = name
        self.threads = 0
        self.starting = threading.Lock()
        self.calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()
        self.idle: deque[None] = deque()
        """One entry for each thread that waits and has no call coming; ``append`` and ``pop`` are atomic."""

    def submit(self, call: Callable[..., object], *given: Any) -> None:
        """Run ``call`` soon, in the order of submission."""
        self.calls.put((call, given))
        try:
            self.idle.pop()
        except IndexError:
            with self.starting:
                if self.threads < self.most:
                    self._start()

    @property
    def waiting(self) -> int:
        """Return how many calls no thread has taken yet."""
        return self.calls.qsize()

    def _start(self) -> None:
        self.threads += 1
        thread = threading.Thread(target=self._work, name=f"{self.name}-{self.threads}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self.threads -= 1
            if not self.threads:
                raise

    def _work(self) -> None:
        take, idle = self.calls.get, self.idle
        while True:
            call, given = take()
            try:
                call(*given)
            except Exception:
                log.exception("a call in a pool thread broke")
            del call, given
            idle.append(None)
