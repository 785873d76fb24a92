"""Prints the decision for a request without making the call, as a table."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from wallas.cli.http import call
from wallas.settings import Settings

EXCLUSIONS = 20
"""Exclusions that are printed; ``--all`` prints the rest too."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print who would be asked in what order and why, and who would not; nothing is called and nothing is spent."""
    text = " ".join(options.text) or sys.stdin.read()
    body = {"model": options.model, "messages": [{"role": "user", "content": text}]}
    try:
        with call(settings, "/v1/route/explain", body=body, timeout=30) as answer:
            told = json.load(answer)
    except OSError as error:
        print(f"wallas: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(told, everything=options.all)))
    return 0 if told["candidates"] else 1


def lines(told: dict[str, Any], *, everything: bool = False) -> Iterable[str]:
    """Yield an explanation as lines: what is asked, the candidates, the exclusions."""
    needs = told["needs"]
    yield f"model      {told['model']}" + (f" (profile {told['profile']})" if told["profile"] else "")
    yield f"needs      {', '.join(needs['capabilities'])}; about {needs['input_tokens']} tokens"
    if difficulty := needs.get("difficulty"):
        why = ", ".join(f"{name} {points:g}" for name, points in difficulty["points"].items())
        yield f"difficulty {difficulty['level']}: a point of quality is worth {difficulty['seconds_per_point']:g} s" + (
            f" ({why})" if why else ""
        )
    if told["class"] != "ordinary":
        yield f"class      {told['class']}"
    yield f"decision   {told['decision'] or 'nobody can answer now'}"
    if told["candidates"]:
        yield ""
        yield from table(("#", "candidate", "score s", "expected s", "USD", "why"), map(candidate, told["candidates"]))
    excluded = told["excluded"]
    shown = excluded if everything else excluded[:EXCLUSIONS]
    if shown:
        yield ""
        yield from table(("excluded", "reason", "for s"), map(exclusion, shown))
    if len(shown) < len(excluded):
        yield f"... and {len(excluded) - len(shown)} more (--all)"


def candidate(row: dict[str, Any]) -> Sequence[str]:
    """Return the cells of a candidate: its score is the sum of the parts behind it, in seconds."""
    cost = row["expected_cost"]
    why = ", ".join(f"{name.replace('_', ' ')} {seconds:+.2f}" for name, seconds in row["parts"].items())
    if row.get("dropped"):
        why += f"; drops {', '.join(row['dropped'])}"
    return (
        str(row["rank"]),
        row["id"],
        f"{row['score']:.2f}",
        f"{row['expected_seconds']:.1f}",
        "free" if row["free"] else "?" if cost is None else f"{cost:.6f}",
        why,
    )


def exclusion(row: dict[str, Any]) -> Sequence[str]:
    """Return the cells of an exclusion."""
    seconds = row.get("retry_after_seconds")
    who = row["id"] + (f" [{row['key']}]" if row.get("key") else "")
    return who, row["reason"], "" if seconds is None else f"{seconds:.0f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Yield a table's lines, its columns as wide as they need to be."""
    cells = [heads, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
