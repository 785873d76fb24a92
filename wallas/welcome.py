"""What a start says: which providers can answer now, and how to have more."""

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from wallas.settings import Settings

OLLAMA_SECONDS = 0.3


def greeting(settings: Settings, *, keyed: Sequence[str] = (), keyless: Sequence[str] = ()) -> list[str]:
    """Return the lines to print at start.

    ``keyed`` are the names of providers that the user set up, ``keyless`` of those
    that need no key. With nothing set up it is three lines: what works now, what
    can be tried without network, and how to add the first key.
    """
    address = f"http://{_host(settings)}:{settings.port}"
    if settings.demo:
        return [f"Wallas demo on {address}: every answer comes from simulated providers that fail on cue."]
    local = ollama_answers(settings.ollama_upstream)
    names = [*keyed, *keyless, *(["your Ollama"] if local else [])]
    if keyed:
        return [f"Wallas on {address} answers with {', '.join(names)}."]
    now = f"{', '.join(names)} (no key needed)" if names else "nothing yet"
    return [
        f"Wallas on {address}. No provider key is set; what works now: {now}.",
        "Try everything without keys or network: `.venv/bin/wallas demo` (simulated providers that fail on cue).",
        f"Add a first key: put GROQ_API_KEY=... into {settings.instance / '.env'}, then `.venv/bin/wallas reload`.",
    ]


def ollama_answers(upstream: str) -> bool:
    """Return whether something accepts connections where Ollama should be, within 300 ms."""
    parts = urlsplit(upstream)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "localhost", port), timeout=OLLAMA_SECONDS):
            return True
    except OSError:
        return False


def _host(settings: Settings) -> str:
    host = settings.host.strip("[]")
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
