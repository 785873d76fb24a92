"""What a streamed chunk costs by the wires on both sides, and by how many streams are held at once."""

from itertools import product
from typing import Any

import servers
from rig import Rig
from scenarios import Scenario

CLIENTS = {"openai": ("chat", "/v1/chat/completions"), "anthropic": ("messages", "/v1/messages")}
"""What a client of each wire sends, and where."""
PROVIDERS = {"openai": "there/gpt-bench", "anthropic": "other/claude-bench"}
"""The model of the upstream that answers in each wire."""
HELD = (50, 200, 500, 1000, 2000)
GAP = 120_000
"""Microseconds between two tokens of a stream."""
TOKENS = 100


def scenario(streams: int, *, client: str = "openai", provider: str = "openai") -> Scenario:
    """Return so many streams at once, begun within some seconds, of 8 tokens a second each."""
    body, path = CLIENTS[client]
    ramp = max(1, streams // 200)
    seconds = ramp + TOKENS * GAP / 1e6 + 5
    load = Scenario("", streams, seconds, rate=-ramp, tokens=TOKENS, gap=GAP, first=100_000)
    return load._replace(body=body, path=path, model=PROVIDERS[provider])


def config(rig: Rig) -> str:
    """Return settings with the upstream as two providers, one of each wire."""
    url = f"http://127.0.0.1:{rig.upstream.port}/v1"
    pairs = ((name.split("/"), wire) for wire, name in PROVIDERS.items())
    return "\n".join(servers.table(who, url=url, models=(model,), wire=wire) for (who, model), wire in pairs)


def wires(rig: Rig) -> dict[str, Any]:
    """Return what 1000 streams cost for each pair of wires."""
    with rig.gateway("wires", config=config(rig)) as server:
        rig.measure(scenario(50), server)
        pairs = product(PROVIDERS, CLIENTS)
        return {f"{a} to {b}": rig.measure(scenario(1000, client=b, provider=a), server) for a, b in pairs}


def many(rig: Rig) -> dict[str, Any]:
    """Return what a chunk costs with more and more streams."""
    with rig.gateway("streams", config=config(rig)) as server:
        return {str(streams): rig.measure(scenario(streams), server) for streams in HELD}


def wire_lines(told: dict[str, Any]) -> list[str]:
    """Return the figures of ``wires`` as a table."""
    return _lines("provider to client", told)


def many_lines(told: dict[str, Any]) -> list[str]:
    """Return the figures of ``many`` as a table."""
    return _lines("streams", told)


def _lines(first: str, told: dict[str, Any]) -> list[str]:
    rows = [f"| {first} | finished | CPU us a chunk | delay of a chunk p50, us | MB |", "|---|---:|---:|---:|---:|"]
    for name, one in told.items():
        rows.append(f"| {name} | {one['ok']} | {one['cpu']:.1f} | {one['delay']['p50']:.0f} | {one['peak']:.0f} |")
    return rows
