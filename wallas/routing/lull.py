"""Waits for somebody who may be called again soon, and between two calls of the same one."""

import math
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from wallas.health import BLAMELESS, Place
from wallas.routing.queue import Queue, spent
from wallas.routing.seam import Mode
from wallas.routing.waiting import Pause
from wallas.types.flow import READ, Want

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

LEAST_WAIT = 0.05


def until_back(attempts: "Attempts") -> Generator[bytes | Want, None, bool]:
    """Wait until somebody may be called again, if that is soon; return whether to go on."""
    again, room = attempts.plan.again, attempts.desk.room
    if again is None or not _may_wait(attempts):
        return False
    selection, over = again(), _over(attempts)
    back = [one for one in selection.candidates if one.place not in over]
    while not back:
        times = (row.seconds for row in selection.excluded if row.seconds is not None and not row.breaker)
        soonest = max(min(times, default=math.inf), LEAST_WAIT)
        left = attempts.plan.wait - attempts.waited
        came, line = attempts.deadlines.started, attempts.plan.client
        turn = None if soonest > left else room.enter(line, came=came)
        if turn is None:
            selection = again(patient=False)
            back = [one for one in selection.candidates if one.place not in over]
            break
        try:
            yield from paused(attempts, soonest + turn)
        finally:
            attempts.waited += soonest + turn
            room.leave(line, came=came)
        selection = again()
        back = [
            one
            for one in selection.candidates
            if one.place not in over or (over is attempts.tried and not one.provider.never_rest)
        ]
    attempts.queue, attempts.excluded = Queue(back), list(selection.excluded)
    return bool(back)


def paused(attempts: "Attempts", seconds: float) -> Iterator[bytes | Want]:
    """Wait for so many seconds."""
    pause = attempts.body = Pause()
    try:
        attempts.deadlines.wake(seconds)
        while pause.failed is None:
            yield READ
    finally:
        pause.abort()
        attempts.body = None


def _over(attempts: "Attempts") -> frozenset[Place]:
    """Return who had a chance: whoever was tried, and where it was the request's fault, whoever it was as well for.

    What one of them cannot take, those that the queue has left out since cannot either, however long it waits.
    """
    kinds = [error.kind for error in attempts.failures]
    if not kinds or not BLAMELESS.issuperset(kinds):
        return attempts.tried
    return attempts.tried | {one.place for one in attempts.plan.candidates}


def _may_wait(attempts: "Attempts") -> bool:
    """Return whether waiting could help: somebody else may be asked, and what was shown can be continued."""
    hops = attempts.record.hops
    if attempts.shown.mode(attempts.request) is Mode.LOST or attempts.queue.waiting or spent(hops):
        return False
    if attempts.empty_twice:
        return False
    return (attempts.plan.fallback or not hops) and all(error.verdict.next_candidate for error in attempts.failures)
