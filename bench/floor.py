"""The least that a gateway on gunicorn's gthread costs: reads the JSON, asks with urllib3, passes the answer on.

No routing, no keys, no failover, no other wire: what Wallas costs above this is Wallas.
"""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import urllib3

UPSTREAM = os.environ.get("BENCH_UPSTREAM", "http://127.0.0.1:9200")
POOL = urllib3.PoolManager(maxsize=1200, retries=False)
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer sk-bench"}


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request as the upstream does; GET answers at once, for whoever asks whether this is up."""
    if environ["REQUEST_METHOD"] != "POST":
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]
    body = json.loads(environ["wsgi.input"].read())
    stream = body.get("stream") is True
    answer = POOL.request(
        "POST", UPSTREAM + environ["PATH_INFO"], body=json.dumps(body), headers=HEADERS, preload_content=not stream
    )
    headers = [("Content-Type", answer.headers["Content-Type"])]
    if stream:
        start_response("200 OK", headers)
        return relayed(answer)
    start_response("200 OK", [*headers, ("Content-Length", str(len(answer.data)))])
    return [answer.data]


def relayed(answer: Any) -> Iterator[bytes]:
    """Yield a stream's chunks as they come, then let its connection be used again."""
    yield from answer.stream()
    answer.release_conn()
