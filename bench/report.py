"""The figures of a run as a table, with their ratios to the floor, and as a file."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
GOALS = {"plain": 150.0, "full": 120.0, "s50": 18.0, "s200": 18.0, "s1000": 18.0}
"""CPU microseconds aimed at for a plain request and for a streamed chunk; how far it is: docs/performance.md."""


OF = {
    "plain": "one client",
    "full": "32 clients",
    "s50": "50 streams",
    "s200": "200 streams",
    "s1000": "1000 streams",
}


def line(one: dict[str, Any]) -> str:
    """Return one measurement as a line."""
    unit = "token" if one["tokens"] else "request"
    told = [f"{one['ok']} ok", f"{one['failed'] + one['unfinished']} failed", f"{one['cpu']} us CPU/{unit}"]
    told.append(f"p50 {one['latency']['p50']:.0f} p99 {one['latency']['p99']:.0f} us")
    if one["tokens"]:
        told.append(f"first p50 {one['first']['p50']:.0f} us, delay p50 {one['delay']['p50']:.0f} us")
    return " | ".join([*told, f"others {one['others']}%", f"cal {one['calibration']} ms"])


def table(run: dict[str, Any]) -> str:
    """Return what counts of a run as a Markdown table; added times are differences from the direct call's."""
    figures = run["figures"]
    rows = [("", "floor", "gateway", "ratio", "goal")]
    for name, of in OF.items():
        if name in figures:
            unit = "chunk" if name.startswith("s") else "plain request"
            rows.append(_row(f"CPU us per {unit}, {of}", _each(figures[name], "cpu"), goal=GOALS[name]))
    for name, what, part in (
        ("plain", "added, one client", "latency"),
        ("steady", "added at 100/s", "latency"),
        ("first", "added to the first token", "first"),
    ):
        if name in figures:
            rows += [_row(f"{mark} {what}, us", _added(figures[name], part, mark)) for mark in ("p50", "p99")]
    for name, what in (("plain", "requests/s, one client"), ("full", "requests/s, 32 clients")):
        if name in figures:
            each = {server: one["ok"] / one["seconds"] for server, one in figures[name].items()}
            rows.append(_row(what, each))
    held = [name for name in ("s1000", "s200", "s50") if name in figures]
    if held:
        rows.append(_row("MB (PSS) at rest", _each(figures.get("plain", figures[held[0]]), "rest")))
        rows += [_row(f"MB (PSS) with {OF[name]}", _each(figures[name], "peak")) for name in held]
    rows.append(_row("seconds from start to ready", run["start"], digits=2))
    rows.append(
        _row("seconds of the very first start, which makes the database", {"gateway": run["start"]["first"]}, digits=2)
    )
    failed = sum(one["failed"] + one["unfinished"] for each in figures.values() for one in each.values())
    others = max(one["others"] for each in figures.values() for one in each.values())
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|---:|---:|---:|---:|")
    noise = f"{run['at']}, {run['machine']}; {failed} failures; others took up to {others}% of a core"
    return "\n".join([noise, "", *lines])


def _each(figures: dict[str, Any], what: str) -> dict[str, float]:
    return {server: one[what] for server, one in figures.items() if one[what] is not None}


def _added(figures: dict[str, Any], part: str, mark: str) -> dict[str, float]:
    direct = figures["mock"][part][mark]
    return {server: one[part][mark] - direct for server, one in figures.items() if server != "mock"}


def _row(what: str, each: dict[str, float], *, goal: float | None = None, digits: int = 0) -> tuple[str, ...]:
    floor, gateway = each.get("floor"), each.get("gateway")
    ratio = f"{gateway / floor:.2f}" if floor and gateway and floor > 0 else ""
    told = [f"{value:.{digits}f}" if value is not None else "" for value in (floor, gateway)]
    return (what, *told, ratio, f"< {goal:.0f}" if goal else "")


def keep(run: dict[str, Any]) -> Path:
    """Write a run as JSON and its table as Markdown, named by its date; return the table's file."""
    RESULTS.mkdir(exist_ok=True)
    name = run["at"].replace(" ", "-").replace(":", "")
    (RESULTS / f"{name}.json").write_text(json.dumps(run, indent=1) + "\n")
    path = RESULTS / f"{name}.md"
    path.write_text(table(run) + "\n")
    return path
