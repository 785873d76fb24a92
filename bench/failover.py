"""What it costs that the first provider fails: a refused connection, and a 500; in milliseconds added.

A provider that fails is soon asked no more, so those here are told never to rest. Retries are bounded to some a
second: between two requests that fail over there are some that do not, and they are what the time is compared with.
"""

import http.client
import json
import statistics
import time
from typing import Any

import servers
from bodies import chat
from rig import Rig

TIMES, BETWEEN = 50, 5
KINDS = {"refused": "a refused connection", "broken": "a 500"}
GOOD = "good/gpt-4o-mini"


def run(rig: Rig) -> dict[str, Any]:
    """Return for each kind of failure how many requests failed over and the p50 and p99 of the time added."""
    upstream = f"http://127.0.0.1:{rig.upstream.port}"
    urls = {"good": f"{upstream}/v1", "broken": f"{upstream}/500/v1"}
    urls["refused"] = f"http://127.0.0.1:{servers.free_port()}/v1"
    config = "\n".join(
        servers.table(name, url=url, models=("gpt-4o-mini",), wire="openai", free=True, never_rest=name != "good")
        for name, url in urls.items()
    )
    with rig.gateway("failover", config=config) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for _ in range(50):
            asked(connection, [GOOD])
        told = {kind: _added(connection, kind) for kind in KINDS}
        connection.close()
    return told


def _added(connection: http.client.HTTPConnection, kind: str) -> dict[str, Any]:
    straight, over, other = [], [], 0
    for _ in range(TIMES):
        straight += [asked(connection, [GOOD])[0] for _ in range(BETWEEN)]
        ms, attempts = asked(connection, [f"{kind}/gpt-4o-mini", GOOD])
        if attempts == 2:
            over.append(ms)
        else:
            other += 1
        time.sleep(0.02)
    over.sort()
    usual = sorted(straight)
    return {
        "failed_over": len(over),
        "asked_once": other,
        "straight_ms": round(statistics.median(straight), 3),
        "p50": round(over[len(over) // 2] - usual[len(usual) // 2], 3) if over else None,
        "p99": round(over[len(over) * 99 // 100] - usual[len(usual) * 99 // 100], 3) if over else None,
    }


def asked(connection: http.client.HTTPConnection, models: list[str]) -> tuple[float, int]:
    """Ask for one of ``models`` in this order; return the milliseconds and how many providers were asked."""
    body = json.dumps(chat("tokens=1", model=models[0], models=models)).encode()
    started = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    ms = (time.perf_counter() - started) * 1000
    if answer.status != 200:
        raise servers.NotReady(f"the gateway did not fail over: {answer.status} {text[:300]!r}")
    return ms, int(answer.headers["X-Wallas-Attempts"])


def lines(told: dict[str, Any]) -> list[str]:
    """Return the figures in words."""
    rows = [
        "| the first provider gives | p50 added, ms | p99 added, ms | straight, ms | times |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, what in KINDS.items():
        one = told[kind]
        rows.append(f"| {what} | {one['p50']} | {one['p99']} | {one['straight_ms']} | {one['failed_over']} |")
    return rows
