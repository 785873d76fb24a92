"""Threads that are lent for what may block: few while calls only compute, as many as needed while some are stuck."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

PATIENCE = 0.003
"""A call that waits so long while no other is taken wants a thread more."""
STUCK_SECONDS = 0.05
"""A call that runs for so long waits for something, and is no reason against another thread."""


class Pool:
    """Runs calls in threads of its own, the one that slept last first: its caches are warm.

    More than a few threads that compute only take the interpreter's lock from each other.
    """

    def __init__(self, most: int, *, name: str, few: int | None = None) -> None:
        """Have at most so many threads; beyond ``few`` that compute, ``press`` must ask for more."""
        self.most = most
        self.few = most if few is None else min(few, most)
        self.name = name
        self.threads = 0
        self.calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.taken = 0.0
        """When a call was taken last."""
        self.running: dict[int, float] = {}
        """By thread, since when it has had its call."""
        self.awake = 0
        self.stuck = 0
        self.sleepers: list[threading.Lock] = []
        self.lock = threading.Lock()

    def submit(self, call: Callable[..., object], *given: Any) -> None:
        """Run ``call`` soon, in the order of submission."""
        with self.lock:
            self.calls.append((call, given))
            if self.awake - self.stuck >= self.few:
                return
        self._one_more()

    def press(self, now: float) -> None:
        """Look after calls that wait: threads that are stuck are no reason to let them."""
        self.stuck = sum(now - since > STUCK_SECONDS for since in list(self.running.values()))
        if self.calls and (self.awake - self.stuck < self.few or now - self.taken > PATIENCE):
            self._one_more()

    def _one_more(self) -> None:
        """Wake or start a thread, where there may be one more."""
        with self.lock:
            if self.sleepers:
                self.awake += 1
                self.sleepers.pop().release()
                return
            if self.threads >= self.most:
                return
            self.threads += 1
            self.awake += 1
            number = self.threads
        try:
            threading.Thread(target=self._work, name=f"{self.name}-{number}", daemon=True).start()
        except RuntimeError:
            with self.lock:
                self.threads -= 1
                self.awake -= 1
            if not self.threads:
                raise

    def _work(self) -> None:
        bed, me = threading.Lock(), threading.get_ident()
        bed.acquire()
        while True:
            with self.lock:
                if not self.calls:
                    self.awake -= 1
                    self.running.pop(me, None)
                    self.sleepers.append(bed)
                    taken = None
                else:
                    taken = self.calls.popleft()
                    self.taken = self.running[me] = time.monotonic()
            if taken is None:
                bed.acquire()
                continue
            call, given = taken
            try:
                call(*given)
            except Exception:
                log.exception("a call in a pool thread broke")
            del call, given, taken
