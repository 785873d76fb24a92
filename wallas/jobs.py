"""Work that no request waits for, by the clock: in one elected worker of all."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from wallas.storage.leader import Lease

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0
FIRST_SECONDS = 0.5
"""The scheduler's code is loaded once a worker serves, not while it starts."""


class Job(NamedTuple):
    """Something to do every ``seconds``, for the first time ``delay`` seconds after this worker was elected."""

    name: str
    run: Callable[[], object]
    seconds: float
    delay: float = 1.0


class Jobs:
    """The scheduler of one worker. It stands for the office; only while it holds it do its jobs run.

    Make it after the fork. Nothing is imported or started before ``start``,
    which returns at once: the request path never waits for it.
    """

    def __init__(self, lease: Lease, jobs: Sequence[Job], *, renew: float = RENEW_SECONDS) -> None:
        """Know the jobs; ``renew`` is how often the office is claimed or kept, well within the lease's length."""
        self.lease = lease
        self.jobs = {job.name: job for job in jobs}
        self.renew = renew
        self.elected = False
        self.leaving: Callable[[], bool] = lambda: False
        """Whether this worker only finishes what it has begun: then the office is another's, with newer settings."""
        self._scheduler: Any = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wallas-jobs", daemon=True)

    def start(self) -> None:
        """Begin to stand for the office, in a thread of its own."""
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Stop the jobs and leave the office to the next worker at once; a job that runs is not waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def run_now(self, name: str) -> None:
        """Run one job here and now, elected or not; for a user who asks for it."""
        self._guarded(self.jobs[name], elected=True)

    def _run(self) -> None:
        try:
            if self._stopping.wait(min(FIRST_SECONDS, self.renew)):
                return
            while True:
                self._stand()
                if self._stopping.wait(self.renew):
                    return
        finally:
            self._leave()

    def _stand(self) -> None:
        """Claim or keep the office; begin or suspend the jobs accordingly."""
        if self.leaving():
            self._leave()
            return
        try:
            elected = self.lease.claim()
        except SQLAlchemyError as error:
            log.warning("no election, the database does not answer: %s", type(error).__name__)
            elected = False
        if elected and not self.elected:
            log.info("elected: this worker runs the jobs")
            self._begin()
        if self.elected and not elected:
            log.info("no longer elected: another worker runs the jobs")
            self._end()
        self.elected = elected

    def _begin(self) -> None:
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            daemon=True,
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for job in self.jobs.values():
            first = datetime.fromtimestamp(time.time() + job.delay, UTC)
            self._scheduler.add_job(
                self._guarded, "interval", (job,), id=job.name, seconds=job.seconds, next_run_time=first
            )
        self._scheduler.start()

    def _end(self) -> None:
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    def _leave(self) -> None:
        self._end()
        if self.elected:
            self.elected = False
            try:
                self.lease.release()
            except SQLAlchemyError as error:
                log.warning("the office could not be given up, it expires: %s", type(error).__name__)

    def _guarded(self, job: Job, *, elected: bool | None = None) -> None:
        """Run ``job`` if this worker still holds the office; a fault of it is logged and ends nothing else."""
        if not (self.elected if elected is None else elected) or self._stopping.is_set():
            return
        started = time.monotonic()
        try:
            job.run()
        except Exception:
            log.exception("job %s failed", job.name)
        else:
            log.info("job %s done in %.0f ms", job.name, (time.monotonic() - started) * 1000)
