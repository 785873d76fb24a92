"""The processes of a run: the upstream, the floor, the gateway; started, waited for, and ended one by one."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STREAMS_MOST = 240
READY_SECONDS = 20.0
GUNICORN = [sys.executable, "-m", "gunicorn"]


class NotReady(Exception):
    """A server did not come up; the message holds what it said."""


def compiled(folder: Path) -> dict[str, Path]:
    """Return the C programs, made anew in ``folder``; needs a C compiler."""
    cc = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if cc is None:
        raise NotReady("no C compiler: apt-get install gcc libc6-dev")
    for name in ("mock", "load"):
        subprocess.run([cc, "-O2", "-o", folder / name, HERE / f"{name}.c"], check=True)
    return {name: folder / name for name in ("mock", "load")}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Server:
    """A server process; ``seconds`` is how long it took from its start to its first answer."""

    def __init__(
        self, name: str, command: list[str | Path], *, port: int, log: Path, health: str = "/", **environ: str
    ) -> None:
        """Start it and wait until it answers; nothing of this machine's own settings reaches it."""
        self.name, self.port, self.log = name, port, log
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH") if key in os.environ}
        started = time.monotonic()
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=kept | environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        try:
            self._wait(health, started + READY_SECONDS)
        except NotReady:
            self.end()
            raise
        self.seconds = time.monotonic() - started

    @property
    def pid(self) -> int:
        """Return the process's number."""
        return self.process.pid

    def _wait(self, path: str, until: float) -> None:
        while time.monotonic() < until and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
            finally:
                connection.close()
        raise NotReady(f"{self.name} did not come up: {self.log.read_text()[-2000:]}")

    def end(self) -> None:
        """End this process, and those it started, which end with it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT if self.name != "mock" else signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def mock(folder: Path, program: Path) -> Server:
    """Start the upstream."""
    port = free_port()
    return Server("mock", [program, str(port)], port=port, log=folder / "mock.log")


def floor(folder: Path, upstream: Server) -> Server:
    """Start the bare proxy on gthread."""
    port = free_port()
    options = ["-k", "gthread", "--threads", str(STREAMS_MOST), "--worker-connections", str(STREAMS_MOST + 8)]
    options += ["-b", f"127.0.0.1:{port}", "--keep-alive", "75", "--log-level", "warning", "--no-control-socket"]
    return Server(
        "floor",
        [*GUNICORN, *options, "--chdir", str(HERE), "floor:app"],
        port=port,
        log=folder / "floor.log",
        BENCH_UPSTREAM=f"http://127.0.0.1:{upstream.port}",
    )


def gateway(folder: Path, upstream: Server) -> Server:
    """Start the gateway as ``start.sh`` would, with one provider: the upstream."""
    port = free_port()
    return Server(
        "gateway",
        [*GUNICORN, "-c", "gunicorn.conf.py", "wsgi:app"],
        port=port,
        log=folder / "gateway.log",
        health="/health",
        **settings(folder, upstream, port=port),
    )


def settings(folder: Path, upstream: Server, *, port: int) -> dict[str, str]:
    """Return the environment in which the gateway knows the upstream and nobody else."""
    config = folder / "wallas.toml"
    provider = {"base_url": f"http://127.0.0.1:{upstream.port}/v1", "api_key": "sk-bench", "discover": False}
    lines = [f"{name} = {json.dumps(value)}" for name, value in provider.items()]
    config.write_text("\n".join(["[providers.openai]", *lines, ""]))
    return {
        "HOME": str(folder),
        "WALLAS_PORT": str(port),
        "WALLAS_CONFIG": str(config),
        "WALLAS_DATABASE_URL": f"sqlite:///{folder / 'wallas.sqlite'}",
        "WALLAS_THREADS": str(STREAMS_MOST),
        "WALLAS_WORKER_CLASS": os.environ.get("WALLAS_WORKER_CLASS", ""),
        "WALLAS_KEYLESS": "off",
        "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
    }
