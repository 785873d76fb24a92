"""A PostgreSQL server of the tests' own: Debian's programs, a folder of its own, gone when the tests end."""

import contextlib
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

ACCOUNT = "postgres"
names = itertools.count(1)


class Server:
    """A running server; ``new`` makes an empty database on it, ``stop`` and ``begin`` interrupt it."""

    def __init__(self, folder: Path, port: int) -> None:
        """Know where it listens."""
        self.folder = folder
        self.port = port
        self.stop: Callable[[], None] = lambda: None
        self.begin: Callable[[], None] = lambda: None

    def url(self, name: str) -> str:
        """Return the address of a database, as WALLAS_DATABASE_URL takes it."""
        return f"postgresql://{ACCOUNT}@127.0.0.1:{self.port}/{name}"

    def new(self) -> str:
        """Create an empty database and return its address."""
        name = f"wallas_{os.getpid()}_{next(names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


def programs() -> Path:
    """Return the folder of PostgreSQL's programs; raise if there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    path = str(found[0]) if found else shutil.which("postgres")
    if path is None:
        raise RuntimeError("PostgreSQL is not installed, and the tests need it: apt-get install postgresql")
    return Path(path).resolve().parent


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server, yield it, stop it. It refuses to run as root, so there its own account runs it."""
    folder = Path(tempfile.mkdtemp(prefix="wallas-pg-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data, log, port = folder / "data", folder / "log", free_port()
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}

    def run(*command: str) -> None:
        done = subprocess.run(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, **as_user
        )  # type: ignore[call-overload]
        if done.returncode:
            said = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}{said}")

    tools = programs()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200"
    try:
        run(str(tools / "initdb"), "-D", str(data), "-U", ACCOUNT, "-A", "trust", "--no-sync", "-E", "UTF8")
        server = Server(folder, port)
        server.begin = lambda: run(
            str(tools / "pg_ctl"), "-D", str(data), "-l", str(log), "-w", "-t", "60", "-o", options, "start"
        )
        server.stop = lambda: run(str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        server.begin()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
