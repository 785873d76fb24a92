"""Threads and a memory of their own for what files take: nobody else's answer waits for a conversion.

A ``Job`` looks to a stream like a provider's body: there is a descriptor to wait for, so that no thread waits.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from wallas.content.guarded import Unreadable
from wallas.errors import GatewayError
from wallas.types.flow import Inlet

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

THREADS = 16
WAITING = 64
CACHE_BYTES = 64 * 1024 * 1024


class Job:
    """Something done on another thread; ``fileno`` becomes readable when it is over."""

    ended = False

    def __init__(self, action: "Callable[[Job], object]") -> None:
        """Do the action later; it gets this job, to tell its progress and to see whether it is still wanted."""
        self.action = action
        self.failed: Exception | None = None
        self.error: Exception | None = None
        self.done = False
        self.gone = False
        self.progress: dict[str, Any] = {}
        self.lock = threading.Lock()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.inlet = Inlet(self.descriptor)

    def fileno(self) -> int:
        """Return the descriptor; -1 once closed."""
        return self.descriptor

    def pending(self) -> int:
        """Return 1 when it is over."""
        return int(self.done)

    def tell(self, progress: dict[str, Any]) -> None:
        """Note how far it is; raise Unreadable once nobody waits for it, so that whoever works on it stops."""
        if self.gone:
            raise Unreadable("nobody wants it any more", code="cancelled")
        self.progress = self.progress | progress

    def wanted(self) -> bool:
        """Return whether anyone still waits for it."""
        return not self.gone

    def run(self) -> None:
        """Do it, whatever comes of it."""
        try:
            if not self.gone:
                self.action(self)
        except Exception as error:
            self.error = error
        with self.lock:
            self.done = True
            if self.descriptor >= 0:
                os.eventfd_write(self.descriptor, 1)

    def abort(self) -> None:
        """Want it no longer."""
        self.gone = True
        with self.lock:
            if self.descriptor >= 0:
                self.inlet.end()
                os.close(self.descriptor)
                self.descriptor = -1


class Works:
    """The threads of one process, made when first needed, and what they made lately."""

    def __init__(self, *, threads: int = THREADS, most: int = CACHE_BYTES) -> None:
        """Start with nothing."""
        self.threads = threads
        self.pool: ThreadPoolExecutor | None = None
        self.lock = threading.Lock()
        self.waiting = 0
        self.children = threading.Semaphore(max(2, os.cpu_count() or 1))
        """Two at least, so that one slow file holds up nobody else's; they give way to answers."""
        self.made: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.most = most
        self.bytes = 0

    def start(self, action: Callable[[Job], object]) -> Job:
        """Return a job that will do the action; raise a 503 when too many wait already."""
        with self.lock:
            if self.waiting >= WAITING:
                raise GatewayError("too many files are being read", status=503, code="overloaded", retry_after=2.0)
            self.waiting += 1
            if self.pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="wallas-content")
        job = Job(action)
        self.pool.submit(self._run, job)
        return job

    def _run(self, job: Job) -> None:
        try:
            job.run()
        finally:
            with self.lock:
                self.waiting -= 1

    def known(self, key: Hashable) -> Any:
        """Return what was made under this key, None when it is not known any more."""
        with self.lock:
            found = self.made.get(key)
            if found is None:
                return None
            self.made.move_to_end(key)
            return found[0]

    def keep(self, key: Hashable, value: Any, *, size: int) -> None:
        """Remember what was made, and forget the oldest things that there is no more room for."""
        with self.lock:
            old = self.made.pop(key, None)
            self.bytes += size - (old[1] if old else 0)
            self.made[key] = value, size
            while self.bytes > self.most and self.made:
                _, (_, freed) = self.made.popitem(last=False)
                self.bytes -= freed

    def close(self) -> None:
        """Take no more jobs."""
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
