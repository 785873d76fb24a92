"""The figures of a run: the table of the goals with everybody's figures, the other tables, and the files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from experiments import EXPERIMENTS
from growth import MANY

RESULTS = Path(__file__).resolve().parent / "results"
SERVERS = ("gateway", "nginx", "floor", "portkey", "litellm")
Each = dict[str, float | None]
Run = dict[str, Any]


class Row(NamedTuple):
    """One line of the table: ``read`` returns each server's figure from a run, {} when it was not measured."""

    what: str
    read: Callable[[Run], Each]
    goal: float | None = None
    stretch: float | None = None
    digits: int = 0
    more: bool = False
    """Whether more is better."""


def part(scenario: str, name: str) -> Callable[[Run], Each]:
    """Return how to read one figure of a scenario."""
    return lambda run: {server: one[name] for server, one in run["figures"].get(scenario, {}).items()}


def added(scenario: str, kind: str, mark: str) -> Callable[[Run], Each]:
    """Return how to read the milliseconds that a server adds to the direct call's ``mark`` (p50, p99)."""

    def read(run: Run) -> Each:
        figures = run["figures"].get(scenario, {})
        if "direct" not in figures:
            return {}
        direct = figures["direct"][kind][mark]
        return {
            server: (one[kind][mark] - direct) / 1000 if one[kind]["n"] else None
            for server, one in figures.items()
            if server != "direct"
        }

    return read


def own(experiment: str, *names: str) -> Callable[[Run], Each]:
    """Return how to read a figure of the gateway's alone, by the names that lead to it."""

    def read(run: Run) -> Each:
        at: Any = run["figures"].get(experiment, {})
        for name in names:
            at = at.get(name, {}) if isinstance(at, dict) else {}
        return {"gateway": at} if isinstance(at, int | float) else {}

    return read


def per_second(scenario: str) -> Callable[[Run], Each]:
    """Return how to read the answers a second."""
    return lambda run: {
        server: one["ok"] / one["seconds"]
        for server, one in run["figures"].get(scenario, {}).items()
        if server != "direct"
    }


def milliseconds(read: Callable[[Run], Each]) -> Callable[[Run], Each]:
    """Return how to read microseconds as milliseconds."""
    return lambda run: {server: one / 1000 if one is not None else None for server, one in read(run).items()}


FULLY = "600 models, 0 rows"
LARGE = f"{MANY['models']} models, {MANY['rows']} rows"
ROWS = (
    Row("CPU us per plain request, 32 clients", part("full", "cpu"), 120, 60),
    Row("the same, `auto` over 600 models", own("candidates", FULLY, "many", "cpu"), 120, 60),
    Row("CPU us per plain request, one client", part("plain", "cpu"), 150, 90),
    Row("the same, `auto` over 600 models", own("candidates", FULLY, "alone", "cpu"), 150, 90),
    Row("CPU us per chunk, 1000 streams", part("s1000", "cpu"), 18, 12),
    Row("the same, a provider of Anthropic's wire", own("wires", "anthropic to openai", "cpu"), 25, 16),
    Row("the same, a client of Anthropic's wire", own("wires", "openai to anthropic", "cpu"), 25, 16),
    Row("CPU us per chunk, 200 streams", part("s200", "cpu"), 18, 12),
    Row("CPU us per chunk, 50 streams", part("s50", "cpu")),
    Row("added ms at 100 requests/s, p50", added("steady", "latency", "p50"), 0.3, 0.15, 2),
    Row("added ms at 100 requests/s, p99", added("steady", "latency", "p99"), 1, 0.5, 2),
    Row("added ms to the first token, p50", added("first", "first", "p50"), 0.3, 0.1, 2),
    Row("added ms to the first token, p99", added("first", "first", "p99"), 1, 0.5, 2),
    Row("the same with 200 streams held, p50", added("held", "first", "p50"), 3, 1, 2),
    Row("the same with 200 streams held, p99", added("held", "first", "p99"), None, None, 2),
    Row("1000 streams held: finished", part("s1000", "ok"), 1000, 1000, more=True),
    Row("1000 streams held: MB (PSS)", part("s1000", "peak"), 120, 90),
    Row("at rest: MB (PSS)", lambda run: {name: mb for name, mb in run["rest"].items() if name != "direct"}, 90, 60),
    Row("start to ready, s", lambda run: {n: s for n, s in run["start"].items() if n != "first"}, 0.8, 0.5, 2),
    Row("the very first start, which makes the database, s", lambda run: _first(run), None, None, 2),
    Row("added ms by failing over after a refused connection, p50", own("failover", "refused", "p50"), 5, 1, 2),
    Row("added ms by failing over after a 500, p50", own("failover", "broken", "p50"), 10, 2, 2),
    Row("CPU us per agent's request of 100 kB", part("agent", "cpu"), 900, 600),
    Row("CPU ms per 5 MB of pictures", milliseconds(part("images", "cpu")), 15, 5, 1),
    Row("5 MB of pictures: memory that rises, in bodies", part("images", "bodies"), 2, 1, 1),
    Row("two workers: requests/s, times one's", own("workers", "ratio"), 1.8, 1.95, 2, more=True),
    Row("two workers: MB (PSS) of the second", own("workers", "extra"), 40, None),
    Row("2000 models, 10^6 rows: start to ready, s", own("candidates", LARGE, "start"), 0.8, 0.5, 2),
    Row("2000 models, 10^6 rows: CPU us, `auto`, 32 clients", own("candidates", LARGE, "many", "cpu"), 120, 60),
    Row("2000 models, 10^6 rows: CPU us, `auto`, one client", own("candidates", LARGE, "alone", "cpu"), 150, 90),
    Row("2000 models, 10^6 rows: MB (PSS) at rest", own("candidates", LARGE, "rest"), 90, 60),
    Row("requests/s, 32 clients", per_second("full"), more=True),
)
"""The table of issue 4, line by line, and some beside."""


def _first(run: Run) -> Each:
    return {"gateway": run["start"]["first"]} if "first" in run["start"] else {}


def line(one: dict[str, Any]) -> str:
    """Return one measurement as a line."""
    unit = "token" if one["tokens"] else "request"
    told = [f"{one['ok']} ok", f"{one['failed'] + one['unfinished']} failed", f"{one['cpu']} us CPU/{unit}"]
    told.append(f"p50 {one['latency']['p50']:.0f} p99 {one['latency']['p99']:.0f} us")
    if one["tokens"]:
        told.append(f"first p50 {one['first']['p50']:.0f} us, delay p50 {one['delay']['p50']:.0f} us")
    return " | ".join([*told, *([one["said"]] if one["said"] else []), f"others {one['others']}%"])


def told(run: Run) -> str:
    """Return a run as Markdown: the table of the goals, then each experiment's."""
    found = [(row, each) for row in ROWS if (each := row.read(run)).get("gateway") is not None]
    shown = [name for name in SERVERS if name == "gateway" or any(name in each for _, each in found)]
    names = ["goal", "stretch", *shown, "x nginx", "x floor", "reached"]
    lines = [noise(run), "", f"| | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    lines += [f"| {' | '.join(cells(row, each, shown))} |" for row, each in found]
    for name, experiment in EXPERIMENTS.items():
        if name in run["figures"]:
            lines += ["", f"## {experiment.what}", "", *experiment.lines(run["figures"][name])]
    return "\n".join(lines)


def noise(run: Run) -> str:
    """Return when and where a run was made, and how far it can be trusted."""
    every = list(measurements(run["figures"]))
    parts = [run["at"], run["machine"], f"{run['took']} s"]
    for name in SERVERS:
        failed = sum(each[name]["failed"] + each[name]["unfinished"] for each in _compared(run) if name in each)
        if failed:
            parts.append(f"{failed} failures at {name}")
    if every:
        busy = sorted(one["others"] for one in every)
        parts.append(f"others took {busy[len(busy) // 2]}% of a core, at most {busy[-1]}%")
    calibrations = [one["calibration"] for one in every if "calibration" in one]
    if calibrations:
        parts.append(f"cal {min(calibrations)} to {max(calibrations)} ms")
    return "; ".join(parts)


def _compared(run: Run) -> list[dict[str, Any]]:
    return [figures for name, figures in run["figures"].items() if name not in EXPERIMENTS]


def measurements(figures: Any) -> Iterator[dict[str, Any]]:
    """Yield every measurement, wherever it is."""
    if isinstance(figures, dict):
        if "others" in figures:
            yield figures
        for one in figures.values():
            yield from measurements(one)


def cells(row: Row, each: Each, shown: list[str]) -> list[str]:
    """Return a line's cells."""
    values = [_number(each.get(name), row.digits) for name in shown]
    gateway = each["gateway"] or 0.0
    ratios = [
        _number(gateway / other, 2) if (other := each.get(name)) and other > 0 else "" for name in ("nginx", "floor")
    ]
    aims = [_number(aim, 3).rstrip("0").rstrip(".") if aim is not None else "" for aim in (row.goal, row.stretch)]
    return [row.what, *aims, *values, *ratios, reached(row, gateway)]


def reached(row: Row, value: float) -> str:
    """Return which aim a figure reaches, or by what it misses the goal."""
    if row.goal is None:
        return ""
    for aim, word in ((row.stretch, "stretch"), (row.goal, "goal")):
        if aim is not None and (value >= aim if row.more else value <= aim):
            return word
    return f"missed, x {value / row.goal:.2f}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def keep(run: Run) -> Path:
    """Write a run as JSON and its tables as Markdown, named by its date; return the tables' file."""
    RESULTS.mkdir(exist_ok=True)
    name = run["at"].replace(" ", "-").replace(":", "")
    (RESULTS / f"{name}.json").write_text(json.dumps(run, indent=1) + "\n")
    path = RESULTS / f"{name}.md"
    path.write_text(told(run) + "\n")
    return path
