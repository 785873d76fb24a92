"""A gateway of its own process, as users start it, before one scripted provider."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.fakes import FakeProvider
from tests.live import chosen_worker
from tests.postgres import free_port
from wallas.settings import ROOT

TOML = """
[providers.acme]
wire = "openai"
base_url = "{url}/v1"
api_key = "sk-a"
free = true
discover = false
[[providers.acme.models]]
id = "blind"
context = 1000000
capabilities = ["chat", "tools"]
"""


@contextlib.contextmanager
def gateway(folder: Path, provider: FakeProvider, **more: str) -> Iterator[tuple[str, int]]:
    """Run the gateway as users do; yield its address and the number of its process."""
    port = free_port()
    (folder / "wallas.toml").write_text(TOML.format(url=provider.url))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "WALLAS_PORT": str(port),
        "WALLAS_CONFIG": str(folder / "wallas.toml"),
        "WALLAS_DATABASE_URL": f"sqlite:///{folder / 'w.sqlite'}",
        "WALLAS_KEYLESS": "off",
        "WALLAS_CATALOG": "off",
        "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
        **chosen_worker(),
        **more,
    }
    words = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, cwd=ROOT, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(300):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
                    break
                time.sleep(0.1)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(20)
