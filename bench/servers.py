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
STREAMS_MOST = 1100
"""Streams at once, each of which holds a thread of gthread."""
READY_SECONDS = 60.0
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
        self,
        name: str,
        command: list[str | Path],
        *,
        port: int,
        log: Path,
        health: str = "/",
        headers: str = "Authorization: Bearer sk-bench",
        ready: float = READY_SECONDS,
        ends_by: signal.Signals = signal.SIGQUIT,
        **environ: str,
    ) -> None:
        """Start it and wait until it answers; nothing of this machine's own settings reaches it.

        ``headers`` are sent with each request, divided by CR LF.
        """
        self.name, self.port, self.log, self.headers, self.ends_by = name, port, log, headers, ends_by
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH") if key in os.environ}
        started = time.monotonic()
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=kept | environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        try:
            self._wait(health, started + ready)
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
            self.process.send_signal(self.ends_by)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def mock(folder: Path, program: Path) -> Server:
    """Start the upstream."""
    port = free_port()
    return Server("direct", [program, str(port)], port=port, log=folder / "mock.log", ends_by=signal.SIGTERM)


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


def gateway(folder: Path, upstream: Server, *, name: str = "gateway", config: str = "", workers: int = 1) -> Server:
    """Start the gateway as ``start.sh`` would, with one provider: the upstream, or with those of ``config``."""
    port = free_port()
    return Server(
        name,
        [*GUNICORN, "-c", "gunicorn.conf.py", "wsgi:app"],
        port=port,
        log=folder / f"{name}.log",
        health="/health",
        **settings(folder, upstream, port=port, config=config),
        WALLAS_WORKERS=str(workers),
    )


def settings(folder: Path, upstream: Server, *, port: int, config: str = "") -> dict[str, str]:
    """Return the environment in which the gateway knows the upstream and nobody else; ``folder`` holds its files."""
    file = folder / "wallas.toml"
    file.write_text(config or table("openai", url=f"http://127.0.0.1:{upstream.port}/v1"))
    kind = os.environ.get("WALLAS_WORKER_CLASS", "")
    return {
        "HOME": str(folder),
        "WALLAS_PORT": str(port),
        "WALLAS_CONFIG": str(file),
        "WALLAS_DATABASE_URL": f"sqlite:///{folder / 'wallas.sqlite'}",
        "WALLAS_WORKER_CLASS": kind,
        **({"WALLAS_THREADS": str(STREAMS_MOST)} if kind == "gthread" else {}),
        "WALLAS_KEYLESS": "off",
        "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
    }


def table(name: str, *, url: str, models: tuple[str, ...] = (), context: int = 131_072, **more: object) -> str:
    """Return a provider's table of `wallas.toml`; its ``models`` cost nothing and take tools."""
    values = {"base_url": url, "api_key": "sk-bench", "discover": False} | more
    lines = [f"[providers.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    for model in models:
        lines += [f"[[providers.{name}.models]]", f'id = "{model}"', f"context = {context}", "free = true"]
        lines += ['capabilities = ["chat", "tools", "json_object"]', ""]
    return "\n".join(lines) + "\n"
