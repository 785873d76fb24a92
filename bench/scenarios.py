"""What is measured at every server: how many clients ask what, how often, and what is read off."""

import json
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import machine
from bodies import BODIES
from servers import Server

PATH = "/v1/chat/completions"
WARM_SECONDS = 1.5
EVERYBODY = ("nginx", "floor", "portkey", "litellm")


class Scenario(NamedTuple):
    """One load: ``rate`` as load.c has it (0: closed loop, negative: one request a connection, spread over seconds)."""

    what: str
    connections: int
    seconds: float
    rate: float = 0
    tokens: int = 0
    gap: int = 0
    first: int = 0
    body: str = "chat"
    """What is sent, by its name in bodies.py."""
    path: str = PATH
    model: str = ""
    """The model that is asked for, where it is not the body's own."""
    held: bool = False
    """Whether 200 streams are held meanwhile."""
    direct: bool = False
    """Whether the direct call is measured too: what is added to its times is the server's."""
    warm: bool = False
    beside: tuple[str, ...] = EVERYBODY
    """Who is measured beside the gateway."""


SCENARIOS = {
    "plain": Scenario("plain requests, one client after the other", 1, 4, direct=True, warm=True),
    "steady": Scenario("plain requests, 100 a second over 8 connections", 8, 6, rate=100, direct=True),
    "full": Scenario("plain requests, 32 clients as fast as they can", 32, 4),
    "first": Scenario("streams of 5 tokens, one after the other", 1, 4, tokens=5, gap=2000, first=2000, direct=True),
    "held": Scenario(
        "the same while 200 streams are held", 1, 5, tokens=5, gap=2000, first=2000, held=True, direct=True
    ),
    "s50": Scenario(
        "50 streams at once, 20 tokens a second each",
        50,
        9,
        rate=-0.5,
        tokens=100,
        gap=50_000,
        first=50_000,
        beside=("nginx", "floor", "portkey"),
    ),
    "s200": Scenario("200 streams at once", 200, 12, rate=-1.5, tokens=100, gap=50_000, first=50_000),
    "s1000": Scenario(
        "1000 streams at once, 8 tokens a second each", 1000, 22, rate=-5, tokens=100, gap=120_000, first=100_000
    ),
    "agent": Scenario("an agent's requests of 100 kB with 80 tools, 8 clients", 8, 4, body="agent"),
    "images": Scenario("requests with 5 MB of pictures in base64, one client", 1, 4, body="pictures"),
}
HELD = Scenario("200 streams", 200, 11, rate=-1.5, tokens=150, gap=50_000, first=50_000)
RAMP_SECONDS = 2.0
"""When all of them are under way."""


def request_body(scenario: Scenario) -> bytes:
    """Return what a scenario sends; its last words tell the upstream how to answer."""
    told = f"tokens={scenario.tokens} gap={scenario.gap} first={scenario.first}"
    body = BODIES[scenario.body](told) | ({"model": scenario.model} if scenario.model else {})
    return json.dumps(body | ({"stream": True} if scenario.tokens else {})).encode()


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
    with machine.HighWater(server.pid) as high, held(scenario, server, load=load, folder=folder) as holder:
        cpu, threads = machine.Cpu(server.pid), machine.Neighbours([server.pid, upstream.pid, *holder])
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
        "bodies": round(high.rise * 2**20 / body.stat().st_size, 2),
    }


@contextmanager
def held(scenario: Scenario, server: Server, *, load: Path, folder: Path) -> Iterator[list[int]]:
    """Hold 200 streams meanwhile, if the scenario wants them; yield the number of the process that does."""
    if not scenario.held:
        yield []
        return
    body = folder / "held.json"
    body.write_bytes(request_body(HELD))
    with subprocess.Popen(command(load, server, body, HELD), stdout=subprocess.DEVNULL) as holder:
        time.sleep(RAMP_SECONDS)
        yield [holder.pid]
        holder.wait(HELD.seconds + 20)


def loaded(load: Path, server: Server, body: Path, scenario: Scenario) -> tuple[dict[str, Any], float]:
    """Return what the load generator tells, and the CPU seconds that it took itself."""
    before = machine.children_cpu()
    done = subprocess.run(
        command(load, server, body, scenario),
        capture_output=True,
        text=True,
        timeout=scenario.seconds + 20,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told, machine.children_cpu() - before


def command(load: Path, server: Server, body: Path, scenario: Scenario) -> list[str]:
    """Return how the load generator is called."""
    how = [scenario.connections, scenario.seconds, scenario.rate, scenario.tokens]
    return [str(word) for word in (load, server.port, scenario.path, body, server.headers, *how)]
