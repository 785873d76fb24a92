"""Two scripted providers that speak every wire, as twelve providers of a wallas.toml, and a gateway in front of them.

``one-anthropic`` is the first provider on Anthropic's wire, ``two-gemini`` the
second on Gemini's; the profile ``anthropic-gemini`` tries them in that order.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.fakes import FakeProvider
from tests.live import Live, children, environment
from tests.postgres import free_port
from wallas.settings import ROOT

WIRES = ("openai", "responses", "anthropic", "gemini", "ollama", "cohere")
"""As wallas.toml names them."""
BASES = {"openai": "/v1", "responses": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "ollama": "", "cohere": ""}
MODELS = {"anthropic": "claude-haiku-4-5", "gemini": "gemini-3-flash"}
"""Ids that decide how a provider is asked; elsewhere the id means nothing."""
NOBODY = {f"{name}_BASE_URL": "http://127.0.0.1:1/v1" for name in ("KILO", "OVHCLOUD", "LLM7")}
"""Providers that serve anybody are moved to where nobody listens: no test leaves this machine."""
ABILITIES = ["chat", "tools", "parallel_tools", "vision", "audio", "pdf", "json_object", "json_schema", "reasoning"]


class Fleet:
    """Both providers, and a daemon of this machine; ``reset`` forgets what a test did."""

    def __init__(self) -> None:
        """Start them."""
        self.one = FakeProvider(models=["m"]).start()
        self.two = FakeProvider(models=["m"]).start()
        self.daemon = FakeProvider(models=["local:latest"]).start()
        self.all = (self.one, self.two, self.daemon)

    def reset(self) -> None:
        """Forget scripts and requests."""
        for provider in self.all:
            provider.forget()

    def close(self) -> None:
        """Stop them."""
        for provider in self.all:
            provider.close()

    def toml(self) -> str:
        """Return the gateway's configuration."""
        tables = [table(f"{name}-{wire}", wire, url) for name, url in self.named() for wire in WIRES]
        return "\n".join([*tables, *(profile(first, second) for first in WIRES for second in WIRES)])

    def named(self) -> tuple[tuple[str, str], ...]:
        """Return both providers' names and addresses."""
        return (("one", self.one.url), ("two", self.two.url))


def model(wire: str) -> str:
    """Return the id of a wire's model."""
    return MODELS.get(wire, "m")


def table(name: str, wire: str, url: str) -> str:
    """Return a provider's table: one chat model, and one for vectors."""
    return f"""
[providers.{name}]
wire = "{wire}"
base_url = "{url}{BASES[wire]}"
api_key = "sk-{name}"
free = true
discover = false
never_rest = true
[[providers.{name}.models]]
id = "{model(wire)}"
context = 400000
max_output = 200000
capabilities = {ABILITIES}
[[providers.{name}.models]]
id = "vectors"
kind = "embedding"
capabilities = ["embeddings"]
"""


def profile(first: str, second: str) -> str:
    """Return a profile that tries a provider of each wire, in this order."""
    order = [f"one-{first}/{model(first)}", f"two-{second}/{model(second)}"]
    return f'[profiles.{first}-{second}]\nmodels = {order}\nstrategy = "order"\n'


@contextlib.contextmanager
def gateway(folder: Path, fleet: Fleet, **more: str) -> Iterator[Live]:
    """Serve the gateway itself, with the project's own configuration of gunicorn; end it afterwards."""
    (folder / "wallas.toml").write_text(fleet.toml())
    port, log = free_port(), folder / "log"
    own = {"WALLAS_CONFIG": str(folder / "wallas.toml"), "OLLAMA_UPSTREAM": fleet.daemon.url, **NOBODY, **more}
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder, port, own),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    server = Live(process, port, log)
    try:
        server.wait()
        yield server
    finally:
        workers = children(process.pid) if process.poll() is None else set()
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
