"""Takes into the ledger what providers say of their windows, and guesses where they refuse without a word."""

from collections.abc import Iterable, Mapping

from wallas.errors import FailureKind, ProviderError, Scope
from wallas.quota import headers as header_table
from wallas.quota.clocks import HOUR, ZONES, Calendar, Rolling, Stated
from wallas.quota.ledger import Ledger, Reservation
from wallas.quota.seats import Seat, window_key
from wallas.quota.windows import KINDS, SOFT, USD, Limit, Said, Window, is_long

LEARNED_PART = 0.8
"""Of the last minute's rate, where a 429 names no limit."""
LEAST_CALLS = 2
"""Calls within the last minute, beside the refused one, below which nothing is guessed."""
FAILURES_COUNT = frozenset({"openrouter"})
"""Providers that count attempts which fail (routing.md 2)."""
LEAST_USD = 1e-6
SLACK_SECONDS = 600.0
UNSEEN = frozenset({FailureKind.CONNECT, FailureKind.GATEWAY, FailureKind.CREDENTIAL})
"""Failures of which the provider counted nothing: it saw no request, or nobody's."""
LIMITED = frozenset({FailureKind.RATE_LIMIT, FailureKind.DAY_LIMIT, FailureKind.NO_QUOTA})


def counts(provider: str, error: ProviderError) -> bool:
    """Return whether a failed call used up quota: a refusal does not, except where failures are counted too."""
    if error.kind in UNSEEN:
        return False
    if provider in FAILURES_COUNT:
        return True
    return error.status is None or error.status < 400 or error.status >= 500


def settle_failure(ledger: Ledger, reservation: Reservation | None, error: ProviderError) -> None:
    """Book a failed call as its provider counts it."""
    if reservation is not None:
        ledger.settle(reservation, counted=counts(reservation.seat.provider, error))


def listen(ledger: Ledger, seat: Seat, headers: Mapping[str, str]) -> None:
    """Learn from the headers of any answer, as soon as they are here; costs next to nothing where they say nothing."""
    if header_table.silent(seat.provider, headers):
        return
    said = header_table.heard(seat.provider, headers, now=ledger.now.wall())
    if said:
        take(ledger, seat, said, refusal=False)


def learn_refusal(
    ledger: Ledger, seat: Seat, error: ProviderError, headers: Mapping[str, str], body: bytes = b""
) -> bool:
    """Learn from a refusal; return whether the ledger keeps this seat out for the rest of a long window.

    Then nothing else needs to rest: the ledger knows until when, and sends canaries.
    """
    from wallas.quota import refusals  # nobody has been refused yet at a start

    said = refusals.refused(
        seat.provider, error.status or 0, headers, body, message=error.message, now=ledger.now.wall()
    )
    if error.kind is FailureKind.DAY_LIMIT and not any(is_long(one.kind) for one in said):
        said = [Said(kind="rpd", limit=error.limit, remaining=0.0, resets_in=error.retry_after, source="body")]
    if error.kind is FailureKind.NO_QUOTA and not any(one.limit == 0 for one in said):
        said = [Said(kind="rpd", limit=0.0, source="body")]
    held = take(ledger, seat, said, refusal=True)
    if error.kind in LIMITED:
        if not said and error.kind is FailureKind.RATE_LIMIT and error.scope is not Scope.MODEL:
            _observe(ledger, seat, error.retry_after)
        _meet(ledger, seat, error, said)
    return held and error.kind is FailureKind.DAY_LIMIT


def take(ledger: Ledger, seat: Seat, said: Iterable[Said], *, refusal: bool) -> bool:
    """Take in statements about the windows that a seat is in; return whether a long window is now known to be empty."""
    long = False
    if seat.provider in ledger.never_rest:
        return long
    for one in said:
        key = window_key(seat, one.kind, one.scope)
        with ledger.lock:
            now = ledger.now()
            window = ledger.window(key)
            if one.limit is not None:
                window.learn(Limit(one.limit, one.source, now), now)
            _reclock(window, one, now)
            _foreign(window, one)
            until = _empty_until(window, one, now, refusal=refusal)
            if until > now:
                window.close(until, refused=refusal and is_long(one.kind))
                long = long or (refusal and is_long(one.kind))
    return long


def _reclock(window: Window, said: Said, now: float) -> None:
    """Take a day that is over long before midnight for a rolling one, where nobody has said when days begin."""
    clock, seconds = window.clock, KINDS[said.kind].seconds
    if not isinstance(clock, Calendar) or seconds is None or window.declared is not None or said.resets_in is None:
        return
    if window.key.provider not in ZONES and now + said.resets_in < clock.ends(now) - SLACK_SECONDS:
        window.clock = Rolling(seconds)


def _foreign(window: Window, said: Said) -> None:
    """Note what the provider has counted beyond what this gateway knows of: somebody else uses the same key."""
    most = said.limit if said.limit is not None else None
    used = said.used
    if used is None and most is not None and said.remaining is not None:
        used = most - said.remaining
    if used is None or used <= 0:
        return
    if said.remaining is not None:
        window.withdraw(said.remaining)
    if used > window.used + max(window.spent - window.told, 0.0):
        window.observed = used
        window.news = True


def _empty_until(window: Window, said: Said, now: float, *, refusal: bool) -> float:
    """Return until when an empty window stays so: as a calendar has it, as was said, or as long as one unit takes."""
    least = LEAST_USD if window.unit == USD else 1.0
    if said.limit == 0 or said.remaining is None or said.remaining >= least:
        return 0.0
    clock = window.clock
    if isinstance(clock, Calendar):
        return clock.ends(now) if said.resets_in is None else now + said.resets_in
    if isinstance(clock, Stated) or said.resets_in is None:
        return now + HOUR if refusal and is_long(said.kind) and said.resets_in is None else 0.0
    seconds = KINDS[said.kind].seconds or HOUR
    if not refusal and seconds <= HOUR and said.limit and window.used + window.spent - window.told >= said.limit:
        return 0.0  # our own uses explain it: each of them is free again in its time, not all at the end
    wait = min(said.resets_in, seconds)
    if not refusal and seconds > HOUR and said.limit:
        wait /= said.limit  # a bucket that fills up steadily: the header says when it is full
    return now + wait


def _observe(ledger: Ledger, seat: Seat, wait: float | None) -> None:
    """Guess a rate of requests where a 429 named none: four fifths of the last minute's, by all workers.

    All of it, where the first of them leaves a minute's window just when the refusal says that there is room.
    One call that was answered tells no rate: such a refusal says that the provider is busy.
    """
    if seat.provider in ledger.never_rest or any(
        window.key.kind == "rpm" and window.learned is not None and window.learned.source == "header"
        for window, _ in seat.charges
    ):
        return
    with ledger.lock:
        now = ledger.now()
        rate = seat.rate(now)
        if rate < LEAST_CALLS:
            return
        window = ledger.window(window_key(seat, "rpm", "model"))
        part = 1.0 if seat.explains(wait, now) else LEARNED_PART
        window.learn(Limit(max(rate * max(ledger.workers, 1) * part, 1.0), SOFT, now), now)
        window.observed = max(window.observed, float(rate))
        ledger.guesses = True


def _meet(ledger: Ledger, seat: Seat, error: ProviderError, said: list[Said]) -> None:
    """Note who was refused when: keys that always are together share their quota."""
    signature = ",".join(sorted(f"{one.kind}={one.limit:g}" for one in said if one.limit is not None))
    other = ledger.twins.refused(seat.provider, seat.model, seat.account, signature or error.kind.name)
    if other is not None:
        ledger.merge(seat.provider, seat.account, other)
