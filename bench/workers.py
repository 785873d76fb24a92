"""Two workers beside one: how much more they carry, how evenly, and what the second one takes of memory."""

import statistics
from typing import Any

import machine
from rig import Rig
from scenarios import Scenario

ROUNDS = 2
LOAD = Scenario("plain requests, 64 clients as fast as they can", 64, 3)
WARM = LOAD._replace(seconds=1.5)


def run(rig: Rig) -> dict[str, Any]:
    """Return requests a second, CPU and memory of one worker and of two; both are up and loaded in turn."""
    with rig.gateway("one") as one, rig.gateway("two", workers=2) as two:
        both = {"one": one, "two": two}
        rest = {name: machine.memory(server.pid) for name, server in both.items()}
        each: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
        for server in both.values():
            rig.measure(WARM, server)
        for _ in range(ROUNDS):
            for name, server in both.items():
                shares = [machine.Cpu(pid) for pid in machine.workers(server.pid)]
                told = rig.measure(LOAD, server)
                used = sorted(cpu.seconds() for cpu in shares)
                each[name].append(told | {"least": round(used[0] / sum(used), 2)})
        loaded = {name: machine.memory(server.pid) for name, server in both.items()}
    figures: dict[str, Any] = {name: _together(parts) for name, parts in each.items()}
    rates = {name: figures[name]["ok"] / figures[name]["seconds"] for name in both}
    return figures | {
        "ratio": round(rates["two"] / rates["one"], 2),
        "extra": round(rest["two"] - rest["one"], 1),
        "extra_loaded": round(loaded["two"] - loaded["one"], 1),
    }


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    summed = {name: round(sum(part[name] for part in parts), 3) for name in ("ok", "failed", "unfinished", "seconds")}
    mean = {name: round(statistics.mean(part[name] for part in parts), 2) for name in ("cpu", "least", "others")}
    return summed | mean


def lines(told: dict[str, Any]) -> list[str]:
    """Return the figures in words."""
    rows = ["| | requests/s | CPU us a request | least busy worker's share of the CPU |", "|---|---:|---:|---:|"]
    for name in ("one", "two"):
        one = told[name]
        rows.append(f"| {name} | {one['ok'] / one['seconds']:.0f} | {one['cpu']:.0f} | {one['least']:.2f} |")
    said = f"The second worker takes {told['extra']} MB (PSS) at rest, {told['extra_loaded']} MB after this load."
    return [*rows, "", f"{told['ratio']} times the requests. {said} The upstream and the clients share the cores."]
