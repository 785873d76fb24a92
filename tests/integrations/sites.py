"""One server that speaks the wire of every search service, from what a test lets each of them know."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Page = tuple[str, str, str]
"""Title, address and text."""


def brave(pages: list[Page]) -> Any:
    return {"type": "search", "web": {"results": [{"title": t, "url": u, "description": d} for t, u, d in pages]}}


def tavily(pages: list[Page]) -> Any:
    return {"query": "q", "results": [{"title": t, "url": u, "content": d, "score": 0.9} for t, u, d in pages]}


def serpapi(pages: list[Page]) -> Any:
    if not pages:
        return {"error": "Google hasn't returned any results for this query."}
    rows = [{"position": n, "title": t, "link": u, "snippet": d} for n, (t, u, d) in enumerate(pages, 1)]
    return {"search_metadata": {"status": "Success"}, "organic_results": rows}


def google(pages: list[Page]) -> Any:
    items = {"items": [{"title": t, "link": u, "snippet": d} for t, u, d in pages]} if pages else {}
    return {"kind": "customsearch#search"} | items


def searxng(pages: list[Page]) -> Any:
    return {
        "query": "q",
        "results": [{"title": t, "url": u, "content": d} for t, u, d in pages],
        "unresponsive_engines": [],
    }


def wikipedia(pages: list[Page]) -> Any:
    rows = [{"index": n, "title": t, "fullurl": u, "extract": d} for n, (t, u, d) in enumerate(pages, 1)]
    return {"batchcomplete": True} | ({"query": {"pages": rows[::-1]}} if rows else {})


WIRES = {
    "brave": brave,
    "tavily": tavily,
    "serpapi": serpapi,
    "google_cse": google,
    "searxng": searxng,
    "wikipedia": wikipedia,
}


class Sites:
    """Listens on loopback; each service is at ``url/<name>``. ``knows`` has its pages, ``says`` a status instead."""

    def __init__(self) -> None:
        self.knows: dict[str, list[Page]] = {}
        self.says: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, Any], dict[str, str]]] = []
        sites = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sites._answer(self, {})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                sites._answer(self, json.loads(self.rfile.read(length)))

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()

    def _answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        parts = urlsplit(handler.path)
        name = parts.path.split("/")[1]
        query = {key: values[0] for key, values in parse_qs(parts.query).items()} | body
        headers = {key.lower(): value for key, value in handler.headers.items()}
        self.asked.append((name, parts.path.removeprefix(f"/{name}"), query, headers))
        status, said = self.says.get(name, (200, None))
        data = json.dumps(WIRES[name](self.knows.get(name, [])) if said is None else said).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def names(self) -> list[str]:
        return [name for name, *_ in self.asked]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
