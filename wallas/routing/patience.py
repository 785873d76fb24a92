"""How long an attempt may keep a request waiting while somebody else could answer it, by what is usual there."""

from typing import TYPE_CHECKING

from wallas.health_speed import PREFILL_SPEED
from wallas.routing.candidates import Candidate
from wallas.routing.seam import Mode

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

FIRST_LEAST = 5.0
FIRST_LEAST_REASONING = 20.0
FIRST_TIMES = 4.0
"""A first token is waited for so many seconds and so many times as long as expected."""
WHOLE_LEAST = 15.0
WHOLE_TIMES = 6.0
"""The same for a whole answer, of which nothing is seen before its end."""
SPOKEN_TIMES = 2.0
"""How many times longer than at its usual speed a model may take for all the tokens that were asked for."""


def patience(attempts: "Attempts", candidate: Candidate, *, mode: Mode, expected: float) -> float | None:
    """Return the seconds after which somebody else is asked; None: the provider's own limits alone hold.

    ``expected`` are the seconds to the first token of a short prompt. How long a
    model thinks is known once it was heard. A plain answer is given up once a
    request at most: it may just be long.
    """
    if mode is not Mode.FRESH or not _stands_by(attempts, candidate):
        return None
    model, needs = candidate.model, attempts.plan.needs
    reading = 2 * needs.tokens / PREFILL_SPEED
    health = attempts.desk.health
    if not attempts.plain:
        least = FIRST_LEAST
        if "reasoning" in model.capabilities:
            pace = health.speeds.paces.get((model.provider, model.id))
            if pace is None or pace.usual is None:
                return None
            least = FIRST_LEAST_REASONING
        return max(least, FIRST_TIMES * expected) + reading
    circuit = health.circuits.get(candidate.place)
    if circuit is None or circuit.latency is None or attempts.failures:
        return None
    speaking = needs.output / max(health.generation_speed(model.provider, model.id, 20.0), 1.0)
    return max(WHOLE_LEAST, WHOLE_TIMES * circuit.latency, SPOKEN_TIMES * speaking) + reading


def _stands_by(attempts: "Attempts", candidate: Candidate) -> bool:
    """Return whether another provider could answer in this one's place.

    An engine of this machine may be loading its model, and who was asked for by
    name is not left for another model.
    """
    row = candidate.provider.row
    if row.local and row.source != "wallas.toml":
        return False
    others = (one for one in attempts.queue.waiting if one.model.provider != candidate.model.provider)
    if attempts.plan.profile is None:
        others = (one for one in others if one.model.name == candidate.model.name)
    return any(True for _ in others)
