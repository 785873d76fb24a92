"""What came of a run, as figures beside the targets."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bench.fleet.client import Got
from bench.fleet.members import Fleet
from bench.fleet.oracle import Plan
from bench.fleet.world import World


def share(values: list[float], part: float) -> float:
    """Return a percentile."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0


def mean(values: list[float]) -> float:
    """Return the mean, 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def qualities(true: World) -> dict[tuple[str, str], float]:
    """Return each model's true quality."""
    return {(house.name, kind.id): kind.quality for house, kind in true.models()}


def served_by(got: Got) -> tuple[str, str]:
    """Return who answered, as the gateway tells."""
    provider = got.told.get("provider") or got.headers.get("x-wallas-provider", "")
    model = got.told.get("model") or got.headers.get("x-wallas-model", "")
    return str(provider), str(model)


def figures(fleet: Fleet, got: list[Got], plans: dict[str, Plan]) -> dict[str, Any]:
    """Return every figure of a run."""
    calls = fleet.books.calls
    asked = max(len(got), 1)
    known = qualities(fleet.true)
    good = [one for one in got if one.verdict == "exact"]
    worth = [(one, known[served_by(one)]) for one in good if served_by(one) in known]
    streamed = [one.first for one in good if one.first is not None and one.stream]
    agents = [call for call in calls if call.again and call.how == "ok"]
    dead = fleet.books.dead()
    if fleet.corpses():
        dead["dead provider (connections)"] = fleet.corpses()
    finest = mean(plans["finest"].quality)
    return {
        "requests": len(got),
        "exact %": round(100 * len(good) / asked, 2),
        "silently wrong": sum(one.verdict == "wrong" for one in got),
        "failed": sum(one.verdict == "failed" for one in got),
        "paid calls": sum(call.house == "oro" for call in calls),
        "first token p50": round(share(streamed, 0.5), 2),
        "first token p95": round(share(streamed, 0.95), 2),
        "first token p99": round(share(streamed, 0.99), 2),
        "plain p95": round(share([one.whole or 0.0 for one in good if not one.stream], 0.95), 2),
        "429s a request": round(fleet.books.count("429") / asked, 3),
        "calls to the dead": dict(dead),
        "cache hits on agent turns %": round(100 * mean([float(call.cached) for call in agents]), 1),
        "agent turns that could hit": len(agents),
        "mean quality": round(mean([value for _, value in worth]), 1),
        "mean quality, hard": round(mean([value for one, value in worth if one.hard]), 1),
        "mean quality, easy": round(mean([value for one, value in worth if not one.hard]), 1),
        "attempts a request": round(len(calls) / asked, 3),
        "how calls ended": dict(Counter(call.how for call in calls)),
        "oracle": {
            name: {
                "served %": round(100 * plan.served / max(plan.asked, 1), 1),
                "first token p50/p95": (round(share(plan.first, 0.5), 2), round(share(plan.first, 0.95), 2)),
                "quality": round(mean(plan.quality), 1),
            }
            for name, plan in plans.items()
        },
        "quality below the best plan": round(finest - mean([value for _, value in worth]), 1),
    }


def targets(told: dict[str, Any]) -> list[str]:
    """Return the targets that were missed."""
    quick = told["oracle"]["quickest"]["first token p50/p95"][1]
    rules = {
        "exact >= 99.5 %": told["exact %"] >= 99.5,
        "none silently wrong": told["silently wrong"] == 0,
        "no paid call": told["paid calls"] == 0,
        f"first token p95 <= 2 x the oracle's {max(quick, 2.4)}": told["first token p95"] <= 2 * max(quick, 2.4),
        "<= 0.1 429s a request": told["429s a request"] <= 0.1,
        "<= 3 calls to anything dead": max(told["calls to the dead"].values(), default=0) <= 3,
        "cache hits on >= 30 % of agent turns": told["cache hits on agent turns %"] >= 30,
        "mean quality within 3 points": told["quality below the best plan"] <= 3,
    }
    return [rule for rule, kept in rules.items() if not kept]


def keep(folder: Path, fleet: Fleet, got: list[Got]) -> None:
    """Write every call and every answer that was not exact, to be read by who wants to know why."""
    rows = [
        {
            "at": round(one.at, 2),
            "kind": one.kind,
            "errand": one.errand,
            "turn": one.turn,
            "hard": one.hard,
            "stream": one.stream,
            "spec": str(one.spec),
            "verdict": one.verdict,
            "why": one.why,
            "status": one.status,
            "first": one.first,
            "whole": one.whole,
            "trail": one.trail,
            "by": served_by(one),
            "calls": [
                (round(call.at, 2), call.house, call.model, call.how)
                for call in fleet.books.calls
                if call.spec == str(one.spec)
            ],
        }
        for one in got
    ]
    (folder / "answers.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "calls.jsonl").write_text("\n".join(json.dumps(vars(call)) for call in fleet.books.calls))
