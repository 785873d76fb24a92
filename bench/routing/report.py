"""The figures as tables, and whether the goals of the issue are reached."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from bench.routing.results import Figures
from bench.routing.run import SCENARIOS

Runs: TypeAlias = dict[tuple[str, str, int], Figures]
"""By scenario, rule and seed."""

RESULTS = Path(__file__).resolve().parents[1] / "results"
HEADS = ("served %", "first p50", "p95", "p99", "429s/request", "quality", "hard", "cache hits %", "dead", "exhausted")
NAMES = (
    "served %",
    "first p50",
    "first p95",
    "first p99",
    "429s/request",
    "quality",
    "hard quality",
    "cache hits %",
    "dead calls",
    "exhausted calls",
)


def together(runs: Runs, name: str, rule: str, seeds: Sequence[int]) -> Figures:
    """Return what a rule achieved on all seeds of a scenario."""
    whole = Figures()
    for seed in seeds:
        whole.take(runs[name, rule, seed])
    return whole


def tables(runs: Runs, names: Sequence[str], rules: Sequence[str], seeds: Sequence[int]) -> str:
    """Return a table a scenario, in Markdown, each with the goals below it."""
    blocks = [f"Seeds {', '.join(map(str, seeds))}. Seconds to the first token; quality in points."]
    for name in names:
        lines = [f"### {name}: {SCENARIOS[name].about}", "", f"| rule | {' | '.join(HEADS)} |", "|---" * 11 + "|"]
        for rule in rules:
            row = together(runs, name, rule, seeds).row()
            lines.append(f"| {rule} | {' | '.join(f'{row[word]:g}' for word in NAMES)} |")
        told = goals(runs, name, seeds)
        lines += ["", *(f"- {'reached' if good else 'MISSED'}: {text}" for text, good in told)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def goals(runs: Runs, name: str, seeds: Sequence[int]) -> list[tuple[str, bool]]:
    """Return each goal of the issue with its figure, and whether it is reached; none without Wallas and the oracle."""
    if (name, "wallas", seeds[0]) not in runs or (name, "oracle", seeds[0]) not in runs:
        return []
    ours, best = together(runs, name, "wallas", seeds), together(runs, name, "oracle", seeds)
    row, ideal = ours.row(), best.row()
    whole = [seed for seed in seeds if runs[name, "oracle", seed].row()["served %"] == 100.0]
    served = together(runs, name, "wallas", whole).row()["served %"]
    half, tail = row["first p50"] / ideal["first p50"], row["first p99"] / ideal["first p99"]
    lacks = ideal["hard quality"] - row["hard quality"]
    lying = SCENARIOS[name].plan.lies > 0
    most = 0.1 if lying else 0.002
    told = [
        (
            f"served {served:g} % where the oracle serves all, >= {99.5 if lying else 99.9}",
            served >= 99.9 - 0.4 * lying,
        ),
        (f"first token p50 {half:.2f} x the oracle's, <= 1.25", half <= 1.25),
        (f"first token p99 {tail:.2f} x the oracle's, <= 2.2", tail <= 2.2),
        (f"{row['429s/request']:g} 429s a request, <= {most}", row["429s/request"] <= most),
        (f"hard requests {lacks:.1f} points below the oracle's quality, <= 3", lacks <= 3.0),
        (f"{row['paid']:g} paid calls", row["paid"] == 0),
    ]
    if SCENARIOS[name].plan.exhausted:
        calls = row["exhausted calls"]
        told.append((f"{calls:g} calls a day to the Gemini model that is used up, <= 5", calls <= 5))
    return told


def reached(runs: Runs, names: Sequence[str], seeds: Sequence[int]) -> bool:
    """Return whether every goal is."""
    return all(good for name in names for _, good in goals(runs, name, seeds))


def keep(text: str) -> Path:
    """Write the tables down, named by the date; return the file."""
    path = RESULTS / time.strftime("routing-%Y-%m-%d-%H%M.md")
    path.write_text(text)
    return path
