"""How the cost of a plain request grows: with the candidates it may go to, with the rows on record, with its body."""

import time
from pathlib import Path
from typing import Any

import servers
from rig import Rig
from scenarios import Scenario
from servers import Server

from wallas.storage.library import sqlite_module

PROVIDERS = 15
MANY = {"models": 2000, "rows": 1_000_000}
CASES: tuple[tuple[int, int], ...] = ((1, 0), (50, 0), (600, 0), (2000, 0), (600, 100_000), (2000, 1_000_000))
"""(models, rows in the table of requests)."""
AUTO = Scenario("plain requests for `auto`, 32 clients", 32, 2.5, model="auto")
ALONE = Scenario("plain requests for `auto`, one client", 1, 1.5, model="auto", warm=True)
BODIES = {"chat": "1 kB", "10kB": "10 kB", "100kB": "100 kB", "1000kB": "1 MB"}
DAYS_S = 29 * 86400


def fleet(upstream: Server, models: int) -> str:
    """Return settings with so many models at 15 providers, each of which is the upstream."""
    url = f"http://127.0.0.1:{upstream.port}/v1"
    shared = [tuple(f"m{number:04}" for number in range(house, models, PROVIDERS)) for house in range(PROVIDERS)]
    tables = (
        servers.table(f"p{house:02}", url=url, models=some, wire="openai", free=True)
        for house, some in enumerate(shared)
        if some
    )
    return "\n".join(tables)


def fill(database: Path, rows: int) -> None:
    """Put so many requests and as many attempts on record, spread over the 29 days before now."""
    same = "'m' || printf('%04d', n % 2000), 'k1', 170, 40, 0, 0, 0, 0.0"
    step = f"SELECT 'bench-' || n AS id, {time.time()} - {DAYS_S} * (1 - n / {rows}.0) AS at, n FROM numbers"
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})"
    used = "provider, model, key_id, input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, cost"
    connection = sqlite_module().connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "INSERT INTO requests (request_id, started_at, ms, wire, operation, stream, asked_model, outcome, status, "
        f"attempts, {used}) {numbers} SELECT id, at, 900.0, 'openai_chat', 'chat', 0, 'auto', 'ok', 200, 1, "
        f"'p' || printf('%02d', n % {PROVIDERS}), {same} FROM ({step})"
    )
    connection.execute(
        f"INSERT INTO attempts (request_id, number, started_at, ms, outcome, status, {used}) {numbers} "
        f"SELECT id, 1, at, 900.0, 'ok', 200, 'p' || printf('%02d', n % {PROVIDERS}), {same} FROM ({step})"
    )
    connection.execute("COMMIT")
    connection.close()


def candidates(rig: Rig) -> dict[str, Any]:
    """Return start, memory and cost of gateways with more and more models and rows, none of them named."""
    told = {}
    for models, rows in CASES:
        name = f"fleet-{models}-{rows}"
        config = fleet(rig.upstream, models)
        if rows:
            with rig.gateway(name, config=config):
                pass
            fill(rig.own_folder(name) / "wallas.sqlite", rows)
        with rig.gateway(name, config=config) as server:
            alone, many = rig.measure(ALONE, server), rig.measure(AUTO, server)
        told[f"{models} models, {rows} rows"] = {
            "models": models,
            "rows": rows,
            "start": round(server.seconds, 2),
            "rest": alone["rest"],
            "alone": alone,
            "many": many,
        }
    return told


def bodies(rig: Rig) -> dict[str, Any]:
    """Return what requests of 1 kB to 1 MB cost."""
    url = f"http://127.0.0.1:{rig.upstream.port}/v1"
    config = servers.table("openai", url=url, models=("gpt-4o-mini",), context=2_000_000)
    with rig.gateway("bodies", config=config) as server:
        rig.measure(Scenario("", 4, 1), server)
        return {name: rig.measure(Scenario("", 4, 2, body=name), server) for name in BODIES}


def candidate_lines(told: dict[str, Any]) -> list[str]:
    """Return the figures of ``candidates`` as a table."""
    rows = ["| models | rows on record | start, s | MB at rest | CPU us, one client | CPU us, 32 clients |"]
    rows.append("|---:|---:|---:|---:|---:|---:|")
    for one in told.values():
        at = f"{one['start']:.2f} | {one['rest']:.0f} | {one['alone']['cpu']:.0f} | {one['many']['cpu']:.0f}"
        rows.append(f"| {one['models']} | {one['rows']} | {at} |")
    return rows


def body_lines(told: dict[str, Any]) -> list[str]:
    """Return the figures of ``bodies`` as a table."""
    rows = ["| body | CPU us a request | p50, us |", "|---:|---:|---:|"]
    for name, one in told.items():
        rows.append(f"| {BODIES[name]} | {one['cpu']:.0f} | {one['latency']['p50']:.0f} |")
    return rows
