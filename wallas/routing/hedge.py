"""Asks a second provider, where the caller opts in, when the first one's first word is later than it usually is.

The first of the two that says something answers; the other is shut down, and what its call was expected to take stays
booked. It spends quota and gained nothing in the simulation (routing.md 1), so nobody gets it who does not ask for it.
"""

import select
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from wallas.errors import FailureKind, ProviderError
from wallas.routing.attempt import Attempt
from wallas.routing.candidates import Candidate, Excluded
from wallas.routing.reading import Reading
from wallas.routing.seam import Mode
from wallas.routing.strategies import expected_first
from wallas.types.chat import Media, ToolCall
from wallas.types.events import Finished, PartDelta, PartStarted
from wallas.types.flow import BLOCK, READ, Inlet, Want

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

LATE_TIMES = 2.5
LATE_LEAST = 1.0
"""Seconds, and times the usual first token, after which a second one is asked."""
ROOMY = 0.5
"""Share of its tightest window that must be free at whoever is asked second."""


class Side(NamedTuple):
    """One of those who race."""

    candidate: Candidate
    attempt: Attempt
    reading: Reading
    body: Any


class Race:
    """The bodies of those who race, as one body that is waited for."""

    ended = False

    def __init__(self, first: Side) -> None:
        """Wait for the first."""
        self.failed: Exception | None = None
        self.sides: list[Side] = []
        self.poll = select.epoll()
        self.inlet = Inlet(self.poll.fileno())
        self.add(first)

    def add(self, side: Side) -> None:
        """Wait for one more."""
        self.sides.append(side)
        if side.body.fileno() >= 0:
            self.poll.register(side.body.fileno(), select.EPOLLIN)

    def leave(self, side: Side) -> None:
        """Wait for it no longer."""
        self.sides.remove(side)
        side.body.abort()

    def fileno(self) -> int:
        """Return a descriptor that is readable when one of them is."""
        return -1 if self.poll.closed else self.poll.fileno()

    def pending(self) -> int:
        """Return 1 when one of them has something that no poll would tell of."""
        return int(any(not side.reading.waits for side in self.sides))

    def abort(self) -> None:
        """Cut all of them off."""
        for side in self.sides:
            side.body.abort()
        self.close()

    def close(self) -> None:
        """Wait no longer; who is left goes on by itself."""
        if not self.poll.closed:
            self.inlet.end()
            self.poll.close()


def race(
    attempts: "Attempts", attempt: Attempt, reading: Reading, candidate: Candidate
) -> Generator[bytes | Want, None, Side]:
    """Return who answers: the first one, or a second that was asked because the first was late; raise ProviderError."""
    first = Side(candidate, attempt, reading, attempts.body)
    hedges = attempts.desk.hedges
    hedges.asked += 1
    if attempts.plain or attempts.others is not None or attempt.mode is not Mode.FRESH or attempts.shown.started:
        return first
    deadlines, usual = attempts.deadlines, attempts.deadlines.due
    late_in = max(LATE_TIMES * expected_first(candidate.model, attempts.desk.health), LATE_LEAST)
    if deadlines.clock() + late_in >= deadlines.given_up_at:
        return first  # it is given up before it would be hedged
    deadlines.wake(late_in)
    running = attempts.body = Race(first)
    second = False
    winner: Side | None = None
    try:
        while winner is None:
            if not running.pending():
                yield READ
            if running.failed is not None:
                late, running.failed = running.failed, None
                if second or deadlines.overdue:
                    raise _given_up(attempts, running, late)
                second = True
                deadlines.due = usual
                yield from _second(attempts, running)
            winner = _heard(attempts, running)
    finally:
        for side in list(running.sides):
            if side is not winner and side.attempt is not attempts.attempt:
                side.attempt.cancelled()
                running.leave(side)
        if winner is not None:
            running.close()
            if not second:
                deadlines.due = usual
    attempts.body = winner.body
    return winner


def _second(attempts: "Attempts", running: Race) -> Generator[bytes | Want, None, None]:
    """Ask the next candidate too, if that is another provider with room enough."""
    desk = attempts.desk
    waiting = attempts.queue.waiting
    first = running.sides[0]
    if not waiting or waiting[0].model.provider == first.candidate.model.provider or not desk.hedges.may():
        return
    if desk.ledger.headroom(desk.ledger.seat(waiting[0].model, waiting[0].key)) < ROOMY:
        return
    candidate = attempts.next()
    if candidate is None:
        return
    attempt = Attempt(attempts, candidate, Mode.FRESH)
    yield BLOCK
    if (kept := attempt.reserve()) is not None:
        attempts.excluded.append(Excluded(candidate.model, candidate.key, kept.reason, kept.seconds))
        return
    desk.hedges.made += 1
    attempts.tried |= {first.candidate.place, candidate.place}
    try:
        reading = attempt.send()
    except ProviderError as error:
        _booked(attempts, Side(candidate, attempt, first.reading, None), error)
    else:
        running.add(Side(candidate, attempt, reading, attempts.body))
    attempts.body = running


def _heard(attempts: "Attempts", running: Race) -> Side | None:
    """Return whoever says something first; raise the fault of the last one that is left."""
    ready = {descriptor for descriptor, _ in running.poll.poll(0)}
    for side in list(running.sides):
        if side.reading.waits and side.body.fileno() not in ready:
            continue
        try:
            heard = side.reading.look()
        except ProviderError as error:
            if len(running.sides) == 1:
                _settle(attempts, side)
                raise
            _booked(attempts, side, error)
            running.leave(side)
            continue
        if side.reading.done or any(map(_says, heard)):
            for loser in [other for other in running.sides if other is not side]:
                loser.attempt.cancelled()
                loser.attempt.hop.outcome = "hedged"
                running.leave(loser)
            _settle(attempts, side)
            return side
    return None


def _given_up(attempts: "Attempts", running: Race, late: Exception) -> Exception:
    """Return the fault of the last one that is left; all are late, and the others are booked so."""
    *others, last = list(running.sides)
    for side in others:
        _booked(attempts, side, ProviderError(FailureKind.TIMEOUT, str(late)))
        running.leave(side)
    _settle(attempts, last)
    return late


def _settle(attempts: "Attempts", side: Side) -> None:
    """Make one side the attempt that goes on."""
    attempts.attempt = side.attempt
    if not attempts.shown.started:
        attempts.shown.model = side.candidate.model.id


def _booked(attempts: "Attempts", side: Side, error: ProviderError) -> None:
    """Book the failure of one of two: the other goes on."""
    error.hide(side.candidate.key.secret.reveal())
    side.attempt.failed(error)
    attempts.failures.append(error)
    if attempts.attempt is side.attempt:
        attempts.attempt = None


def _says(event: object) -> bool:
    """Return whether an event is a first word."""
    match event:
        case PartDelta():
            return bool(event.text.strip() or event.data or event.summary.strip())
        case PartStarted(part=part):
            return isinstance(part, ToolCall | Media)
        case _:
            return isinstance(event, Finished)
