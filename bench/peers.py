"""Other programs that do the same work, each as its own documentation starts it; `bench/peers install` fetches them.

None of them is needed: whoever is absent is told and left out. They live in a cache folder outside of the repository.
"""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from servers import NotReady, Server, free_port

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wallas-bench"
MODEL = "openai/gpt-4o-mini"

NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    client_max_body_size 64m;
    tcp_nodelay on;
    keepalive_timeout 75;
    keepalive_requests 1000000;
    upstream model {{
        server 127.0.0.1:{upstream};
        keepalive 256;
        keepalive_requests 1000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""

LITELLM = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: {model}
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: sk-bench
litellm_settings:
  telemetry: false
  num_retries: 0
general_settings:
  master_key: sk-bench
"""


class Peer(NamedTuple):
    """A program to compare with: ``find`` returns what is run, None when it is not here; ``steps`` install it."""

    version: str
    find: Callable[[], Path | None]
    start: Callable[[Path, Path, Server], Server]
    steps: tuple[str, ...]
    needs: str


def _present(path: Path) -> Path | None:
    return path if path.exists() else None


def find_nginx() -> Path | None:
    """Return nginx: the unpacked one, else this system's."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return _present(CACHE / "nginx/usr/sbin/nginx") or (Path(found) if found else None)


def find_portkey() -> Path | None:
    """Return Portkey's program for node."""
    server = CACHE / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    return _present(server) if shutil.which("node") else None


def find_litellm() -> Path | None:
    """Return LiteLLM's proxy, in a virtual environment of its own."""
    return _present(CACHE / "litellm/bin/litellm")


def start_nginx(program: Path, folder: Path, upstream: Server) -> Server:
    """Start nginx with one worker as a plain reverse proxy: the job without understanding it."""
    port = free_port()
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # else root's nginx could not write to this folder
    config.write_text(NGINX.format(user=user, folder=folder, upstream=upstream.port, port=port))
    command = [program, "-p", folder, "-e", folder / "nginx-error.log", "-c", config]
    return Server("nginx", command, port=port, log=folder / "nginx.log", ends_by=signal.SIGTERM)


def start_portkey(program: Path, folder: Path, upstream: Server) -> Server:
    """Start Portkey; headers of each request tell it the provider."""
    port = free_port()
    node = shutil.which("node") or "node"
    headers = f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:{upstream.port}/v1"
    return Server(
        "portkey",
        [node, program, f"--port={port}", "--headless"],
        port=port,
        log=folder / "portkey.log",
        headers=f"Authorization: Bearer sk-bench\r\n{headers}",
        ends_by=signal.SIGTERM,
        NODE_ENV="production",
        HOME=str(folder),
    )


def start_litellm(program: Path, folder: Path, upstream: Server) -> Server:
    """Start LiteLLM's proxy with one worker, no database, no retries, and its logging at errors."""
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(LITELLM.format(model=MODEL, upstream=upstream.port))
    return Server(
        "litellm",
        [program, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"],
        port=port,
        log=folder / "litellm.log",
        health="/health/liveliness",
        ready=120.0,
        ends_by=signal.SIGTERM,
        LITELLM_LOG="ERROR",
        LITELLM_MODE="PRODUCTION",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        HOME=str(folder),
    )


PEERS = {
    "nginx": Peer(
        "of this system's packages",
        find_nginx,
        start_nginx,
        (  # unpacked, not installed: no service is started
            "mkdir -p nginx",
            "cd nginx && apt-get download nginx nginx-common && for file in *.deb; do dpkg -x $file .; done",
            "nginx/usr/sbin/nginx -v",
        ),
        "Debian or Ubuntu; elsewhere any nginx that is installed is found",
    ),
    "portkey": Peer(
        "1.15.2",
        find_portkey,
        start_portkey,
        (  # with a later @hono/node-server it answers every stream with a 500 (Portkey-AI/gateway, issue 1389)
            "mkdir -p portkey",
            """echo '{"private": true, "overrides": {"@hono/node-server": "1.14.1"}}' > portkey/package.json""",
            "npm install --no-audit --no-fund --prefix portkey @portkey-ai/gateway@1.15.2",
        ),
        "Node 18 or later with npm",
    ),
    "litellm": Peer(
        "1.106.2",
        find_litellm,
        start_litellm,
        ("{python} -m venv litellm", "litellm/bin/pip install --quiet 'litellm[proxy]==1.106.2'"),
        "some 800 MB",
    ),
}


def started(name: str, folder: Path, upstream: Server) -> Server:
    """Start a peer; raise NotReady where it is absent, with the command that installs it."""
    program = PEERS[name].find()
    if program is None:
        raise NotReady(f"{name} is not here and is left out; install it with: bench/peers install {name}")
    return PEERS[name].start(program, folder, upstream)
