"""The gateway under test: the real gunicorn with its own configuration, the fleet's addresses and its catalogue."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from bench.fleet.world import Claims, House, World

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
KEY_NAMES = {"ollama-cloud": "OLLAMA", "gemini": "GEMINI"}


class Gateway:
    """A gunicorn in a folder of its own."""

    def __init__(
        self, folder: Path, true: World, said: Claims, urls: dict[str, str], *, known: bool, workers: int
    ) -> None:
        """Prepare; with ``known``, those that the gateway knows get keys and addresses by variables."""
        self.folder = folder
        self.port = free_port()
        (folder / "wallas.toml").write_text(catalogue(true, said, urls, known=known))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "WALLAS_PORT": str(self.port),
            "WALLAS_WORKERS": str(workers),
            "WALLAS_DATABASE_URL": f"sqlite:///{folder / 'wallas.sqlite'}",
            "WALLAS_CONFIG": str(folder / "wallas.toml"),
            "WALLAS_KEYLESS": "off",
            "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
        }
        if known:
            for house in true.houses:
                if house.known:
                    name = house.known.upper().replace("-", "_")
                    self.environment[f"{name}_BASE_URL"] = urls[house.name]
                    self.environment[f"{KEY_NAMES.get(house.known, name)}_API_KEY"] = ",".join(keys(house))

    def __enter__(self) -> "Gateway":
        """Start, and wait until it is ready."""
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
        self.log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
            try:
                self.get("/health")
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the gateway is not ready: " + (self.folder / "log").read_text())

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def get(self, path: str) -> Any:
        """Return the JSON of a route."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.loads(answer.read())


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def keys(house: House) -> list[str]:
    """Return a provider's keys; each ends in its number."""
    return [f"sk-{house.name}-{number}" for number in range(house.keys)]


def address(house: House, root: str) -> str:
    """Return the base URL that a provider's wire wants."""
    return {"gemini": f"{root}/v1beta", "ollama": root, "cohere": root, "anthropic": f"{root}/v1"}.get(
        house.wire, f"{root}/v1"
    )


def catalogue(true: World, said: Claims, urls: dict[str, str], *, known: bool) -> str:
    """Return the ``wallas.toml`` that makes the claims."""
    lines: list[str] = []
    for house in true.houses:
        lines.append(f'[providers."{house.name}"]')
        if not (known and house.known):
            lines += [
                f'wire = "{house.wire}"',
                f'base_url = "{urls[house.name]}"',
                f"api_keys = {json.dumps(keys(house))}",
            ]
        lines.append(f"free = {str(house.free).lower()}")
        if house.limits and (house.name, "") in said.limits:
            lines.append(f"limits = {_limits(house.limits, 'account')}")
        for kind in house.models:
            claim = said.models[house.name, kind.id]
            lines += ["", f'[[providers."{house.name}".models]]', f'id = "{kind.id}"', f"context = {claim.context}"]
            lines += [f"capabilities = {json.dumps(sorted(claim.can))}", f"quality = {claim.quality}"]
            if not house.free:
                lines.append("price = { input = 3.0, output = 15.0 }")
            if kind.limits and (house.name, kind.id) in said.limits:
                lines.append(f"limits = {_limits(kind.limits, 'model')}")
        lines.append("")
    return "\n".join(lines)


def _limits(limits: dict[str, int], scope: str) -> str:
    return "{ " + ", ".join([*(f"{kind} = {n}" for kind, n in limits.items()), f'scope = "{scope}"']) + " }"
