"""What google-genai makes of bytes: its client against a server of ours on the loopback."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from google import genai
from google.genai import types

Answer = Callable[[str, dict[str, Any]], tuple[int, str, bytes]]
"""From path and body to status, content type and bytes."""


@contextmanager
def client(answer: Answer) -> Iterator[genai.Client]:
    """Yield a client whose server answers each request with what ``answer`` returns."""

    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, kind, data = answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        options = types.HttpOptions(
            base_url=f"http://127.0.0.1:{server.server_port}", retry_options=types.HttpRetryOptions(attempts=1)
        )
        with genai.Client(api_key="k", http_options=options) as sdk:
            yield sdk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Official:
    """Google's client, reading whatever it is handed."""

    def __init__(self, sdk: genai.Client, bodies: list[bytes]) -> None:
        """Read through a client whose server answers with ``bodies``, the first first."""
        self.sdk = sdk
        self.bodies = bodies

    def read(self, chunks: list[Any], *, stream: bool) -> dict[int, dict[str, Any]]:
        """Return, by candidate, what it finds in the chunks of an answer."""
        if stream:
            return self.heard(b"".join(b"data: %b\r\n\r\n" % json.dumps(chunk).encode() for chunk in chunks))
        self.bodies.append(json.dumps(chunks[0]).encode())
        return gathered([self.sdk.models.generate_content(model="m", contents="hi")])

    def heard(self, data: bytes) -> dict[int, dict[str, Any]]:
        """Return, by candidate, what it finds in a stream of server-sent events."""
        self.bodies.append(data)
        return gathered(self.sdk.models.generate_content_stream(model="m", contents="hi"))


@contextmanager
def official() -> Iterator[Official]:
    """Yield Google's client with a server of its own."""
    bodies: list[bytes] = []

    def answer(path: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
        return 200, "text/event-stream" if "stream" in path else "application/json", bodies.pop(0)

    with client(answer) as sdk:
        yield Official(sdk, bodies)


def gathered(answers: Iterable[types.GenerateContentResponse]) -> dict[int, dict[str, Any]]:
    """Return, by candidate, everything that a client's answers say."""
    found: dict[int, dict[str, Any]] = {}
    for answer in answers:
        for place, candidate in enumerate(answer.candidates or []):
            number = place if candidate.index is None else candidate.index
            one = found.setdefault(number, {"text": "", "thoughts": "", "calls": [], "finish": None, "files": 0})
            for part in (candidate.content.parts if candidate.content else None) or []:
                one["thoughts" if part.thought else "text"] += part.text or ""
                one["files"] += bool(part.inline_data)
                if part.function_call and part.function_call.name:
                    one["calls"].append((part.function_call.name, part.function_call.args or {}))
            if candidate.finish_reason:
                one["finish"] = candidate.finish_reason.value
    return found
