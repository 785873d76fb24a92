"""The steps of an answer that wait: search and a look at files before anyone is chosen, conversion before a call."""

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from wallas.content.guarded import Unreadable
from wallas.content.works import Job, Works
from wallas.errors import BadRequest, GatewayError
from wallas.routing.candidates import Candidate, Excluded
from wallas.routing.fitting import Fitting, ready
from wallas.routing.queue import Queue
from wallas.routing.tally import Tally
from wallas.types.flow import READ, Want

if TYPE_CHECKING:
    from wallas.routing.attempts import Attempts

Waiting = Generator[bytes | Want, None, None]


def looked(attempts: "Attempts") -> Waiting:
    """Search the web and look at the request's files where that takes time, and decide only then who may answer."""
    look, contents, online = attempts.plan.look, attempts.plan.contents, attempts.plan.online
    if look is None:
        return
    if online is not None:
        yield from _waited(attempts, online.run, online.works)
    if contents is not None and not contents.glance():
        yield from _waited(attempts, contents.look, contents.works)
    plan = attempts.plan = msgspec.structs.replace(look(), previous_id=attempts.plan.previous_id)
    attempts.request = plan.request
    attempts.queue, attempts.excluded = Queue(plan.candidates), list(plan.excluded)
    attempts.tally, attempts.record.profile = Tally(plan.needs), plan.profile
    attempts.whole_turn = attempts.plain or plan.hold == "turn"


def readied(attempts: "Attempts", candidate: Candidate) -> Generator[bytes | Want, None, bool]:
    """Have the files made what this candidate can take; return whether that was possible."""
    contents = attempts.plan.contents
    if contents is None:
        return True
    fitting = Fitting(contents, model=candidate.model, wire=candidate.provider.wire)
    missing = fitting.missing(attempts.request)
    try:
        while missing:  # what was fetched now may turn out to be what has to be converted
            yield from _waited(attempts, partial(ready, contents, missing), contents.works)
            missing = fitting.missing(attempts.request)
    except Unreadable as error:
        item = next((item for item, form in missing if item.failed.get(form) is error), missing[0][0])
        title = f"{item.where} ({item.name})" if item.name else item.where
        told = f"{title} cannot be read: {error.message}"
        attempts.unreadable = BadRequest(told, param=item.where, code="unreadable_file")
        reason = f"cannot take {item.title}, which cannot be converted: {error.message}"
        attempts.excluded.append(Excluded(candidate.model, candidate.key, reason))
        attempts.tried |= {candidate.place}
        attempts.desk.health.release(candidate.place)
        return False
    return True


def _waited(attempts: "Attempts", action: Callable[[Job], object], works: Works) -> Waiting:
    """Wait for something that content's own threads do; raise what it raises."""
    job = attempts.body = works.start(action)
    attempts.deadlines.unbound()
    try:
        while not job.done and job.failed is None:
            yield READ
    finally:
        job.abort()
        attempts.body, attempts.asked_at = None, attempts.deadlines.clock()
    if job.error is not None:
        raise job.error
    if job.failed is not None:
        raise GatewayError("the request ran out of time while its files were read", status=504, code="timeout")
