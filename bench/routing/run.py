"""Runs rules through scenarios: one world each, the same events for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.routing.clock import Clock
from bench.routing.fleet import Plan, fleet
from bench.routing.gateway import Gateway, simulated
from bench.routing.jobs import WORKLOADS, Job
from bench.routing.oracle import ORACLES
from bench.routing.results import Figures, Result
from bench.routing.rivals import RIVALS
from bench.routing.world import World


@dataclass(frozen=True)
class Scenario:
    """A workload on a kind of fleet."""

    workload: str
    plan: Plan
    about: str


SCENARIOS: dict[str, Scenario] = {
    "chat": Scenario("chat", Plan(900), "conversations; the catalogue is right"),
    "agents": Scenario("agents", Plan(900), "agents with tools; the catalogue is right"),
    "batch": Scenario("batch", Plan(900), "batches and chats; the catalogue is right"),
    "mixed": Scenario("mixed", Plan(300, deaths=True, known=0.6, lies=0.1), "1150 requests in 300 s; it lies; deaths"),
    "day": Scenario("day", Plan(86400, exhausted=True), "24 hours; a Gemini model that is used up all day"),
    "lying day": Scenario("day", Plan(86400, deaths=True, known=0.6, lies=0.1), "24 hours; it lies; deaths"),
}


class Strategy(Protocol):
    """Whatever takes requests in."""

    def start(self, job: Job, result: Result) -> None:
        """Take a request in; ``result.finished`` is called at its end."""


def gateway(world: World, seed: int) -> Strategy:
    """Return Wallas."""
    return Gateway(world, seed=seed)


STRATEGIES: dict[str, Callable[[World, int], Strategy]] = {"wallas": gateway, **RIVALS, **ORACLES}


def run(scenario: Scenario, seed: int, strategy: str, figures: Figures) -> list[Result]:
    """Let one rule serve one seed's requests; add what it made of them to ``figures``."""
    clock = Clock()
    world = World(fleet(seed, scenario.plan), clock, seed)
    jobs = WORKLOADS[scenario.workload](seed)
    results: list[Result] = []
    with simulated(clock):
        made = STRATEGIES[strategy](world, seed)
        _Course(clock, made, jobs, results).begin()
        clock.run()
    figures.add(results, world.counts)
    return results


class _Course:
    """Starts each job when its time has come and the turn before is over."""

    def __init__(self, clock: Clock, strategy: Strategy, jobs: Sequence[Job], results: list[Result]) -> None:
        self.clock = clock
        self.strategy = strategy
        self.results = results
        self.began = clock.now
        self.first = [job for job in jobs if job.after is None]
        self.next: dict[int, list[Job]] = {}
        for job in jobs:
            if job.after is not None:
                self.next.setdefault(job.after.id, []).append(job)

    def begin(self) -> None:
        for job in self.first:
            self._plan(job, job.at)

    def _plan(self, job: Job, at: float) -> None:
        self.clock.at(self.began + at, lambda: self._start(job))

    def _start(self, job: Job) -> None:
        result = Result(job, self.clock.now, finished=lambda: self._over(job))
        self.results.append(result)
        self.strategy.start(job, result)

    def _over(self, job: Job) -> None:
        for one in self.next.get(job.id, ()):
            self._plan(one, max(one.at, self.clock.now - self.began + 0.3))
