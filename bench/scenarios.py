"""What is measured: how many clients ask what, how often, and what is read off."""

import json
import statistics
import subprocess
import threading
from pathlib import Path
from typing import Any, NamedTuple

import machine
from servers import Server

MODEL = "openai/gpt-4o-mini"
"""An exact id: nobody but the upstream may answer."""
WORDS = (
    "Since the update last night our shop answers slowly: the start page takes about four seconds where it took "
    "less than one before. The load of the machine is low, half of the memory is free and the database's log shows "
    "no slow query. All that I see are a few lines in the error log of the proxy, which say that an upstream was "
    "disabled for a while. There are two application servers behind the proxy, and both answer fast when I call "
    "them directly. What should I look at first, and how do I find out which of the two the proxy avoids? "
)
WARM_SECONDS = 1.5


class Scenario(NamedTuple):
    """One load: ``rate`` as load.c has it (0: closed loop, negative: one request a connection, spread over seconds)."""

    what: str
    connections: int
    seconds: float
    rate: float = 0
    tokens: int = 0
    gap: int = 0
    first: int = 0
    compares: bool = False
    """Whether the direct call is measured too: what is added to its times is the gateway's."""
    warm: bool = False
    floor: bool = True
    """Whether the floor is measured too."""


SCENARIOS = {
    "plain": Scenario("plain requests, one client after the other", 1, 4, compares=True, warm=True),
    "steady": Scenario("plain requests, 100 a second over 8 connections", 8, 5, rate=100, compares=True),
    "full": Scenario("plain requests, 32 clients as fast as they can", 32, 4),
    "first": Scenario("streams of 5 tokens, one after the other", 1, 4, tokens=5, gap=2000, first=2000, compares=True),
    "s50": Scenario(
        "50 streams at once, 20 tokens a second each", 50, 9, rate=-0.5, tokens=100, gap=50_000, first=50_000
    ),
    "s200": Scenario("200 streams at once", 200, 12, rate=-1.5, tokens=100, gap=50_000, first=50_000),
    "s1000": Scenario(
        "1000 streams at once, 8 tokens a second each, which is more than the floor has threads for",
        1000,
        22,
        rate=-5,
        tokens=100,
        gap=120_000,
        first=100_000,
        floor=False,
    ),
}


def request_body(scenario: Scenario) -> bytes:
    """Return a chat request of about 1 kB; its last words tell the upstream how to answer."""
    told = f"tokens={scenario.tokens} gap={scenario.gap} first={scenario.first}"
    messages = [
        {"role": "system", "content": "You are a patient engineer. Answer in five sentences at most. " + WORDS[:200]},
        {"role": "user", "content": WORDS + told},
    ]
    more = {"stream": True} if scenario.tokens else {}
    return json.dumps({"model": MODEL, "messages": messages, "temperature": 0.7, "max_tokens": 1024} | more).encode()


class Peak(threading.Thread):
    """Watches how much memory a server takes while it is loaded."""

    def __init__(self, pid: int) -> None:
        """Begin with what it takes now."""
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, machine.memory(pid), threading.Event()

    def run(self) -> None:
        """Look twice a second."""
        while not self.over.wait(0.5):
            self.most = max(self.most, machine.memory(self.pid))


def measured(scenario: Scenario, server: Server, *, load: Path, folder: Path, upstream: Server) -> dict[str, Any]:
    """Return one scenario's figures at one server; microseconds, MB, percent of one core."""
    body = folder / "body.json"
    body.write_bytes(request_body(scenario))
    if scenario.warm and server is not upstream:
        loaded(load, server, body, scenario._replace(seconds=WARM_SECONDS, connections=8))
    calibration = machine.calibration()
    rest, peak = machine.memory(server.pid), Peak(server.pid)
    if scenario.tokens:
        peak.start()
    cpu, threads = machine.Cpu(server.pid), machine.Neighbours([server.pid, upstream.pid])
    told, own = loaded(load, server, body, scenario)
    used, others = cpu.seconds() * 1e6, threads.share(less=own)
    peak.over.set()
    units = told["tokens"] if scenario.tokens else told["ok"]
    return {
        **told,
        "cpu": round(used / units, 1) if units else None,
        "others": round(others),
        "calibration": round(statistics.mean((calibration, machine.calibration())), 2),
        "rest": round(rest, 1),
        "peak": round(peak.most, 1),
    }


def loaded(load: Path, server: Server, body: Path, scenario: Scenario) -> tuple[dict[str, Any], float]:
    """Return what the load generator tells, and the CPU seconds that it took itself."""
    words = ["/v1/chat/completions", body, "Authorization: Bearer sk-bench"]
    how = [scenario.connections, scenario.seconds, scenario.rate, scenario.tokens]
    command = [str(word) for word in (load, server.port, *words, *how)]
    before = machine.children_cpu()
    done = subprocess.run(command, capture_output=True, text=True, timeout=scenario.seconds + 20, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told, machine.children_cpu() - before
