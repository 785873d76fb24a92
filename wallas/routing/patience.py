"""How long an attempt may keep a request waiting while somebody else could answer it, by what is usual there."""

import math
from typing import TYPE_CHECKING

import msgspec

from wallas.health_speed import PREFILL_SPEED
from wallas.routing.admission import doubtful
from wallas.routing.candidates import Candidate
from wallas.routing.strategies import SPEED, USUAL_OUTPUT, USUAL_SPEED

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

FIRST_LEAST = 2.5
FIRST_LEAST_UNKNOWN = 5.0
FIRST_LEAST_REASONING = 20.0
FIRST_TIMES = 2.5
"""A first token is waited for so many seconds and so many times as long as is usual in good times."""
WHOLE_LEAST = 15.0
WHOLE_TIMES = 6.0
"""The same for a whole answer, of which nothing is seen before its end."""
SPOKEN_TIMES = 2.0
"""How many times longer than at its usual speed a model may take for all the tokens that were asked for."""
LOOK_PART = 0.5
"""After this part of its time it is seen whether its provider answers anybody."""
LOOK_AGAIN = 0.5
GIVE_UPS = 2
"""Attempts of one request that are given up for being slow; each next one is waited for twice as long."""


class Limits(msgspec.Struct, frozen=True):
    """Seconds: when an attempt is first looked at, how long it may take while others could answer (infinity: no limit).

    ``writing`` is what passes before anything can be heard, beside the first
    token; before ``least`` it is not called late.
    """

    look: float
    most: float
    writing: float = 0.0
    least: float = 0.0


def patience(attempts: "Attempts", candidate: Candidate, *, expected: float) -> Limits:
    """Return how long to wait for an attempt; ``expected`` are the seconds to the first token of a short prompt.

    How long a model thinks is known once it was heard.
    """
    limits = _whole(attempts, candidate, expected) if attempts.plain else _first(attempts, candidate, expected)
    given_up = len(attempts.failures)
    times = math.inf if given_up >= GIVE_UPS else 2.0**given_up
    reading = 2 * attempts.plan.needs.tokens / PREFILL_SPEED
    return Limits(limits.look + reading, limits.most * times + reading, limits.writing, limits.least)


def further(attempts: "Attempts", candidate: Candidate, *, until: float) -> float:
    """Return how many seconds to wait on for an attempt before it is looked at again; 0: somebody else is asked."""
    if not _ready(attempts, candidate):
        return LOOK_AGAIN
    health = attempts.desk.health
    over = attempts.desk.clock() >= until or health.doubted(candidate.model.provider, candidate.model.id) is not None
    return 0.0 if over else LOOK_AGAIN


def stands_by(attempts: "Attempts", candidate: Candidate) -> bool:
    """Return whether another provider could answer in this one's place.

    An engine of this machine may be loading its model, and who was asked for by
    name is not left for another model.
    """
    row = candidate.provider.row
    if row.local and row.source != "wallas.toml":
        return False
    return bool(_instead(attempts, candidate))


def _instead(attempts: "Attempts", candidate: Candidate) -> list[Candidate]:
    """Return whoever is left that could answer in this one's place, at another provider."""
    house, name = candidate.model.provider, candidate.model.name
    others = [other for other in attempts.queue.waiting if other.model.provider != house]
    return others if attempts.plan.profile is not None else [other for other in others if other.model.name == name]


def _ready(attempts: "Attempts", candidate: Candidate) -> bool:
    """Return whether somebody else may be asked at this moment."""
    health, others = attempts.desk.health, _instead(attempts, candidate)
    return any(attempts.kept_out(other) is None and doubtful(health, other.model) is None for other in others)


def _first(attempts: "Attempts", candidate: Candidate, expected: float) -> Limits:
    """Return the limits for the first token of a stream."""
    model = candidate.model
    pace = attempts.desk.health.speeds.paces.get((model.provider, model.id))
    calm = pace.calm if pace is not None else None
    if "reasoning" in model.capabilities:
        most = math.inf if calm is None else max(FIRST_LEAST_REASONING, FIRST_TIMES * calm)
        return Limits(FIRST_LEAST_REASONING * LOOK_PART, most, least=FIRST_LEAST_REASONING)
    least, usual = (FIRST_LEAST_UNKNOWN, expected) if calm is None else (FIRST_LEAST, calm)
    most = max(least, FIRST_TIMES * usual)
    return Limits(most * LOOK_PART, most)


def _whole(attempts: "Attempts", candidate: Candidate, expected: float) -> Limits:
    """Return the limits for an answer that comes whole."""
    model, output = candidate.model, attempts.plan.needs.output
    health = attempts.desk.health
    speed = max(health.generation_speed(model.provider, model.id, SPEED.get(model.provider, USUAL_SPEED)), 1.0)
    circuit = health.circuits.get(candidate.place)
    latency = circuit.latency if circuit is not None else None
    if latency is None and "reasoning" in model.capabilities:
        return Limits(FIRST_LEAST_REASONING, math.inf, writing=USUAL_OUTPUT / speed, least=FIRST_LEAST_REASONING)
    whole = latency or expected + USUAL_OUTPUT / speed
    most = max(WHOLE_LEAST, WHOLE_TIMES * whole, SPOKEN_TIMES * output / speed)
    return Limits(most * LOOK_PART, most, writing=max(whole - expected, 0.0))
