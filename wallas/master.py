"""The gunicorn master: what it checks before it serves, what it tells, and how it reloads and stops.

gunicorn's own reload keeps the master deaf until the last old worker has
ended, and kills streams that outlast `graceful_timeout`. Here old workers may
take as long as a request may, the master stays awake, and a stop is
bounded all the same. Why: docs/decisions/0002-reload-and-stop.md.
"""

import errno
import gc
import logging
import os
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wallas import grace, pages, welcome
from wallas.errors import WallasError
from wallas.master_check import check_tables
from wallas.pidfile import remove_pid, write_pid
from wallas.settings import ROOT, Settings, SettingsError, check_bind, load_settings
from wallas.storage.file import HEAD, StorageError, check_database, is_sqlite, sqlite_path, sqlite_revision

STOP_SECONDS = 30
"""Streams that are open at a stop have this long; systemd's TimeoutStopSec is longer."""

CONNECTIONS = 2048
"""Clients of one worker of our own at once."""

EXIT_CONFIG = 78
"""sysexits.h EX_CONFIG: starting again would not help, so systemd does not try."""

_current: Settings | None = None


def current_settings() -> Settings:
    """Return the settings that the master runs with; a worker inherits them, so all workers agree."""
    global _current
    if _current is None:
        _current = load_settings()
    return _current


def configure() -> Settings:
    """Read and check the settings for `gunicorn.conf.py`; print what is wrong and exit with 78 if they cannot work."""
    global _current
    try:
        settings = load_settings()
        check_bind(settings)
    except SettingsError as error:
        print(f"wallas: {error}", file=sys.stderr, flush=True)
        raise SystemExit(EXIT_CONFIG) from None
    _current = settings
    return settings


def bind(settings: Settings) -> list[str]:
    """Return gunicorn's `bind`."""
    host = settings.host.strip("[]")
    if host.startswith("unix:"):
        return [host]
    return [f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"]


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; return what holds then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            pass
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def worker_class(settings: Settings) -> str:
    """Return gunicorn's `worker_class`: our own where this system has epoll, unless the settings want gthread."""
    if settings.worker_class == "gthread" or not (hasattr(select, "epoll") and find_spec("gunicorn_h1c")):
        return "gthread"
    return "wallas.server.Worker"


def connections(settings: Settings, *, files: int) -> int:
    """Return how many client connections a worker takes: each may need two more sockets towards providers.

    On gthread a stream holds a thread, so more connections would wait unseen.
    """
    most = settings.threads + 8 if worker_class(settings) == "gthread" else CONNECTIONS
    return max(settings.threads + 1, min(most, (files - 256) // 3))


def temporary_folder() -> str | None:
    """Return a folder in memory for gunicorn's heartbeat files, None for its default: a slow disk would delay them."""
    shm = Path("/dev/shm")
    return str(shm) if shm.is_dir() and os.access(shm, os.W_OK) else None


def prepare(server: Any) -> None:
    """Check the database, migrate it, and take over reload and stop; gunicorn calls it before it listens."""
    settings = current_settings()
    for warning in settings.warnings:
        server.log.warning("%s", warning)
    try:
        if settings.workers > 1:
            share_code()
        if settings.config_file is None:
            prepare_database(settings)
        else:
            check_tables(settings, meanwhile=lambda: prepare_database(settings))
    except (SettingsError, StorageError) as error:
        print(f"wallas: {error}", file=sys.stderr, flush=True)
        raise SystemExit(EXIT_CONFIG) from None
    _Reload(server).install()


def share_code() -> None:
    """Load the program's code once, for several workers: what they inherit is in memory only once.

    One worker alone loads it itself: then the master stays small. What lies about now is no garbage, and a collector
    that looks for some would write to every page and so make copies of all.
    """
    from wallas.app import BLUEPRINTS

    for name in BLUEPRINTS:
        import_module(f"wallas.blueprints.{name}")
    gc.collect()
    gc.freeze()


def prepare_database(settings: Settings) -> None:
    """Make sure that there is a healthy database with this version's schema; raise StorageError if that fails.

    The migration runs in a process of its own: SQLAlchemy and Alembic would stay in the master's memory for as
    long as it lives.
    """
    settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_database(settings.database_url)
    if is_sqlite(settings.database_url) and sqlite_revision(sqlite_path(settings.database_url)) == HEAD:
        return
    command = [sys.executable, "-m", "wallas.storage.migrate"]
    environ = {**os.environ, "WALLAS_DATABASE_URL": settings.database_url}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StorageError(done.stderr.strip() or "the database could not be migrated")


def announce(server: Any) -> None:
    """Tell the user what works now; gunicorn calls it once it listens."""
    settings = current_settings()
    write_pid(settings)
    if os.fork() == 0:  # the table of providers would stay in the master's memory, and Ollama may take its time
        try:
            print("\n".join(greeting(settings)), flush=True)
        finally:
            os._exit(0)


def greeting(settings: Settings) -> list[str]:
    """Return the lines to greet with, from the table of providers and the user's own."""
    from wallas.providers.registry import ROWS
    from wallas.providers.row import OWN

    with_key = [row.label for row in ROWS if row.retired_on is None and row.wire != OWN and settings.keys_for(row.keys)]
    without = [row.label for row in ROWS if row.keyless and not (row.local or row.opt_in) and row.status == "working"]
    without = without if settings.keyless else []
    own = [name for name in settings.providers if name not in {row.name for row in ROWS}]
    return welcome.greeting(settings, keyed=[*own, *with_key], keyless=without)


def finish(server: Any) -> None:
    """Take the pid file away; gunicorn calls it in the master at its end."""
    remove_pid(current_settings())


def forked(server: Any, worker: Any) -> None:
    """Let this worker's streams go on for as long as a request may take, once it is told to end.

    While it starts it makes what stays: a collector that looks for garbage there takes a sixth of the start.
    """
    gc.disable()
    worker.cfg.set("graceful_timeout", int(current_settings().request_timeout) + 5)


YOUNG = (2000, 10, 10)
"""After how many more objects the collector looks at the youngest, and how often at the older ones."""


def initialised(worker: Any) -> None:
    """Prepare a worker for its end: its listeners may be closed by the master, its jobs go to another worker.

    What it has made so far stays for as long as it does: the garbage collector need not look at that again. Requests
    leave nothing to it (tests/test_performance.py), but those that fail do.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)
    gc.enable()
    if worker.cfg.workers == 1:
        pages.gather_soon()
    accept = getattr(worker, "accept", None)
    if accept is not None:
        worker.accept = _accept_until_closed(accept)
    service = app_service(worker)
    if service is not None:
        service.jobs.leaving = lambda: not worker.alive


def _accept_until_closed(accept: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return gthread's ``accept`` without its fault at a listener that the master has shut down: EINVAL."""

    def accept_or_leave(listener: Any) -> None:
        try:
            accept(listener)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    return accept_or_leave


def app_service(worker: Any) -> Any:
    """Return the service of a worker's app; None for an app that has none."""
    extensions = getattr(getattr(worker, "wsgi", None), "extensions", {})
    return extensions.get("wallas")


def close_app(server: Any, worker: Any) -> None:
    """Close what the app has open (writer, jobs, connections) when its worker ends, however that comes."""
    service = app_service(worker)
    if service is not None:
        service.close()


class _Reload:
    """What this program does otherwise than gunicorn's Arbiter, on one instance of it."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.gunicorn_reload = server.reload
        self.gunicorn_stop = server.stop
        self.leaving: set[int] = set()

    def install(self) -> None:
        grace.take_back()
        self.server.reload = self.reload
        self.server.stop = self.stop
        self.server.wallas = self

    def reload(self) -> None:
        """Start workers with new settings and let the old ones finish; keep all as it is if the settings are wrong."""
        try:
            settings = load_settings()
            check_bind(settings)
            check_tables(settings)
        except WallasError as error:
            self.server.log.error("Not reloaded, the old settings stay: %s", error)
            return
        self.leaving |= set(self.server.WORKERS)
        try:
            self.gunicorn_reload()
        finally:
            self.server.cfg.set("graceful_timeout", STOP_SECONDS)

    def reloading(self) -> None:
        """Keep gunicorn's reload from waiting for the old workers: signals would wait as long."""
        self.server.cfg.set("graceful_timeout", 0)

    def stop(self, graceful: bool = True) -> None:
        """Tell all workers when they must have ended, refuse new connections, then stop as gunicorn does."""
        grace.announce_end(STOP_SECONDS if graceful else 0)
        self._refuse()
        self.gunicorn_stop(graceful)

    def _refuse(self) -> None:
        """Shut the listeners down for all workers at once: while streams end, none of them would accept any more.

        Not those that another program serves on: systemd's, or a new master's after USR2.
        """
        server = self.server
        if server.systemd or server.reexec_pid or server.master_pid:
            return
        for listener in server.LISTENERS:
            with suppress(OSError):
                listener.sock.shutdown(socket.SHUT_RDWR)

    def ended(self, pid: int) -> None:
        """Replace a new worker that died while old ones still finish: gunicorn counts those as enough."""
        self.leaving.discard(pid)
        self.leaving &= set(self.server.WORKERS)
        serving = [number for number in self.server.WORKERS if number not in self.leaving]
        if self.leaving and self.server.LISTENERS and len(serving) < self.server.num_workers:
            self.server.spawn_worker()


def reloading(server: Any) -> None:
    """Gunicorn's `on_reload`."""
    server.wallas.reloading()
    logging.getLogger(__name__).info("settings read again")


def child_ended(server: Any, worker: Any) -> None:
    """Gunicorn's `child_exit`: in the master, after a worker has ended."""
    server.wallas.ended(worker.pid)
