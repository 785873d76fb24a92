"""Rules that know the truth: what each call would bring, before it is made. What can be reached, to compare with."""

from bench.routing.clock import Life
from bench.routing.jobs import Job
from bench.routing.results import Result
from bench.routing.rivals import Option, Rule
from bench.routing.world import Fate, World
from wallas.routing.difficulty import LEVELS

WAIT = {True: 10.0, False: 5.0}
"""How long a stream, and a plain request, may be held."""


class Oracle(Rule):
    """Takes the lowest true cost: seconds to the first token and what quality lacks, at ``auto``'s price of a point.

    It sees every spell, failure, quota and cache as they are, and whether a request is hard.
    """

    easy, hard = LEVELS[0], LEVELS[-1]

    def __init__(self, world: World, seed: int) -> None:
        """Know everything."""
        super().__init__(world, seed)

    def cost(self, one: Option, job: Job, fate: Fate) -> float:
        """Return what a call that succeeds costs the caller."""
        weight = self.hard if job.hard else self.easy
        return fate.first + weight * (100.0 - one.brain.quality)

    def best(self, job: Job) -> tuple[Option | None, float]:
        """Return who serves a job best now, or in how many seconds somebody may."""
        found: tuple[float, Option] | None = None
        soonest = float("inf")
        for one in self.options:
            wait = self.world.wait(job, one.brain, one.account)
            if wait > 0:
                soonest = min(soonest, wait)
                continue
            fate = self.world.fate(job, one.brain, one.secret, one.account)
            if fate.how != "ok":
                continue
            cost = self.cost(one, job, fate)
            if found is None or cost < found[0]:
                found = (cost, one)
        return (found[1], 0.0) if found else (None, soonest)

    def _life(self, job: Job, result: Result) -> Life:
        left = WAIT[job.stream]
        while True:
            one, wait = self.best(job)
            if one is not None:
                break
            if wait > left:
                result.outcome = "nobody"
                result.finished()
                return
            left -= wait
            yield wait + 0.001
        fate = self.world.call(job, one.brain, one.secret, one.account)
        yield fate.first
        result.first = self.clock.now - result.began if job.stream else None
        yield fate.last - fate.first
        result.served, result.brain, result.cached, result.outcome = True, one.brain, fate.cached, "ok"
        result.attempts, result.ended = 1, self.clock.now
        result.finished()


class Fastest(Oracle):
    """Takes the soonest first token, whatever the quality."""

    easy = hard = 0.0


class Finest(Oracle):
    """Takes the best model that has quota, whatever the time."""

    easy = hard = 1000.0


ORACLES: dict[str, type[Oracle]] = {"oracle": Oracle, "oracle, fastest": Fastest, "oracle, best quality": Finest}
