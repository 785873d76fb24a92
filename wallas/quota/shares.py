"""How a window is divided among workers: a pure function from what is stored and what one worker tells and asks.

The authority keeps what was used, in buckets, and each worker's share. A share
is counted as gone until it is given back, so that no two workers can spend the
same request. Workers tell running totals, never differences: to tell the same
twice, or not to hear the answer, does no harm.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from wallas.quota.clocks import DAY, HOUR, Clock, Rolling
from wallas.quota.windows import KINDS, SLOTS, UNLIMITED, USD, Limit, WindowKey, effective, is_long

CANARIES = (900.0, 3600.0, 14400.0)
"""When a window that is said to be used up is tried again, in seconds after that was said first."""
MOST_REFUSALS = 5
"""Calls a day that a used-up window may cost, the one that found out included."""
DOUBTFUL = frozenset({"catalog", "proved"})
"""Sources of limits that nobody has confirmed: a window that only they call used up is tried again as well."""
BEYOND = 1.5
BURN_SECONDS = HOUR
SPREAD = 24
FORGOTTEN = 32
"""Shares of dead workers that are remembered, so that one that only slept is not counted twice."""
DEAD_SECONDS = 60.0
"""What a dead worker is taken to have spent unseen in a long window, as seconds of the usual use."""


class Share(msgspec.Struct, array_like=True):
    """One worker's totals: what it was ever granted, ever spent and ever gave ``back``; ``slot`` is for its spool."""

    granted: float
    spent: float
    slot: int
    back: float = 0.0


class State(msgspec.Struct, omit_defaults=True):
    """What is stored of a window beside its limit. Instants are epoch seconds."""

    uses: list[tuple[float, float]] = []
    """(bucket, amount), oldest first."""
    shares: dict[str, Share] = {}
    rate: float = 0.0
    """Amount a second, as an average that forgets within the hour, at ``rated``."""
    rated: float = 0.0
    shut: float = 0.0
    """Before this instant nothing is granted: the provider said so."""
    since: float = 0.0
    """When it was first said, or first counted, to be used up."""
    canaries: int = 0
    refusals: int = 0


class Ask(NamedTuple):
    """What one worker tells of a window, and how much more it needs at once."""

    key: WindowKey
    clock: Clock
    declared: Limit | None
    learned: Limit | None
    granted: float
    spent: float
    need: float
    """Below 0: the worker leaves, and wants nothing."""
    slot: int
    back: float = 0.0
    """What was spent and then given back in all: reserved, and not used."""
    observed: float = -1.0
    """What the provider says is used in all; below 0: nothing."""
    shut: float = 0.0
    refused: int = 0
    """Times that the provider said "used up" since the last exchange."""
    reopen: bool = False
    """A canary came back alive."""
    canary: bool = False
    """May be answered with a canary."""
    stubborn: bool = False
    """Nothing that was learned holds: only what was declared."""


class Grant(NamedTuple):
    """What the authority answers: the worker's new total, and how the whole window stands."""

    granted: float
    used: float
    free: float
    held: float
    releases: list[tuple[float, float]]
    learned: Limit | None
    rate: float
    rated: float
    shut: float
    canary_at: float
    canary: bool


def exchange(
    state: State,
    ask: Ask,
    *,
    worker: str,
    live: frozenset[str],
    now: float,
    spooled: Callable[[str, int], float | None],
) -> Grant:
    """Book what ``worker`` tells, reclaim the shares of the dead, and grant what may be granted; changes ``state``.

    ``spooled`` tells what a dead worker really spent, None where nobody knows.
    """
    if ask.stubborn:
        state.shut = 0.0
    _prune(state, ask, now)
    _reclaim(state, ask, worker, live, now, spooled)
    share = state.shares.get(worker) or Share(ask.spent, ask.spent, ask.slot, ask.back)
    slots = KINDS[ask.key.kind].unit == SLOTS
    back = max(ask.back - share.back, 0.0)
    if not slots:  # one by one: what an old call gives back must not hide what was spent just now
        _book(state, ask.clock, ask.spent - share.spent, now)
        _book(state, ask.clock, -back, now)
    held = _held(state, worker, slots)
    if ask.observed >= 0 and not slots:
        foreign = ask.observed - _used(state) - held
        if foreign > 0:
            _spread(state, ask.clock, foreign, now)
    learned = _reopened(state, ask, now) if ask.reopen else ask.learned
    _shut(state, ask, now)
    limit = effective(ask.declared, learned, now)
    most = _most(limit, ask, now)
    used = 0.0 if slots else _used(state)
    room = max(most - used - held, 0.0)
    mine = max(min(ask.granted, share.granted + back) - ask.spent, 0.0)
    canary = False
    if ask.need < 0:
        target = 0.0
    elif now < state.shut:
        target = 0.0
        canary = ask.canary and ask.need > 0 and _take_canary(state, now)
    else:
        if slots:
            room = max(room - ask.spent, 0.0)
        target = _target(room, mine, ask, len(live | {worker}))
        doubtful = limit is not None and limit.source in DOUBTFUL and limit.value > 0
        if ask.need > target and ask.canary and doubtful and is_long(ask.key.kind):
            state.since = state.since or now
            canary = _take_canary(state, now)
    state.shares[worker] = Share(ask.spent + target, ask.spent, ask.slot, ask.back)
    return Grant(
        granted=ask.spent + target,
        used=used,
        free=max(room - target, 0.0) if now >= state.shut else 0.0,
        held=held,
        releases=[(ask.clock.leaves(bucket), amount) for bucket, amount in state.uses],
        learned=learned,
        rate=state.rate,
        rated=state.rated,
        shut=state.shut,
        canary_at=_canary_at(state, now),
        canary=canary,
    )


def fair(room: float, workers: int, *, whole: bool) -> float:
    """Return a worker's part of what is left: all of it when it is alone, else a half of an equal part."""
    part = room if workers <= 1 else room / (2 * workers)
    return math.floor(part) if whole else part


def _target(room: float, mine: float, ask: Ask, workers: int) -> float:
    part = fair(room, workers, whole=KINDS[ask.key.kind].unit != USD)
    return min(max(part, mine, ask.need if ask.need <= room else 0.0), room)


def _most(limit: Limit | None, ask: Ask, now: float) -> float:
    if limit is None:
        return UNLIMITED
    value = limit.now(now)
    return value if KINDS[ask.key.kind].unit == USD else max(math.floor(value), 1 if value > 0 else 0)


def _used(state: State) -> float:
    return sum(amount for _, amount in state.uses)


def _held(state: State, worker: str, slots: bool) -> float:
    """Return what the others may still spend, or for slots: what they may hold at once."""
    others = [share for name, share in state.shares.items() if name != worker]
    return sum(share.granted if slots else max(share.granted - share.spent, 0.0) for share in others)


def _prune(state: State, ask: Ask, now: float) -> None:
    state.uses = [use for use in state.uses if ask.clock.leaves(use[0]) > now and use[1] > 0]
    if state.shut and now >= state.shut:
        state.shut = state.since = 0.0
        state.canaries = state.refusals = 0
    if state.since and now - state.since >= DAY:
        state.since, state.canaries, state.refusals = 0.0, 0, 0


def _reclaim(
    state: State,
    ask: Ask,
    worker: str,
    live: frozenset[str],
    now: float,
    spooled: Callable[[str, int], float | None],
) -> None:
    """Take back what dead workers left of their shares, and book what they spent without having told."""
    kind = KINDS[ask.key.kind]
    dead = [name for name in state.shares if name != worker and name not in live]
    for name in dead:
        share = state.shares[name]
        if kind.unit == SLOTS:
            del state.shares[name]
            continue
        left = max(share.granted - share.spent, 0.0)
        real = spooled(name, share.slot)
        if real is None:
            short = kind.seconds is not None and kind.seconds <= HOUR
            unseen = left if short else min(left, math.ceil(_burn(state, now) * DEAD_SECONDS))
        else:
            unseen = real - share.spent
        _book(state, ask.clock, unseen, now)
        state.shares[name] = Share(share.spent + unseen, share.spent + unseen, share.slot, share.back)
    for name in dead[: max(len(dead) - FORGOTTEN, 0)]:
        state.shares.pop(name, None)


def _book(state: State, clock: Clock, amount: float, now: float, *, burn: bool = True) -> None:
    """Add what was used at ``now``; a negative amount takes back what was reserved too much.

    It is taken from the oldest bucket on: totals do not say when that was
    reserved, and what is taken as newer than it is can only be free too late.
    """
    if burn:
        state.rate = max(_burn(state, now) + amount / BURN_SECONDS, 0.0)
        state.rated = now
    if amount > 0:
        bucket = clock.bucket(now)
        if state.uses and state.uses[-1][0] >= bucket:
            bucket, known = state.uses.pop()
            amount += known
        state.uses.append((bucket, amount))
    while amount < 0 and state.uses:
        bucket, known = state.uses.pop(0)
        if known + amount > 0:
            state.uses.insert(0, (bucket, known + amount))
        amount = min(known + amount, 0.0)


def _spread(state: State, clock: Clock, amount: float, now: float) -> None:
    """Book what somebody else has used, nobody knows when: of a long rolling window, evenly over its time."""
    if not isinstance(clock, Rolling) or clock.seconds <= HOUR:
        _book(state, clock, amount, now, burn=False)
        return
    step = clock.seconds / SPREAD
    uses = [*state.uses, *((clock.bucket(now - step * part), amount / SPREAD) for part in range(SPREAD))]
    merged: dict[float, float] = {}
    for bucket, used in sorted(uses):
        merged[bucket] = merged.get(bucket, 0.0) + used
    state.uses = list(merged.items())


def _burn(state: State, now: float) -> float:
    return state.rate * math.exp(-max(now - state.rated, 0.0) / BURN_SECONDS)


def _shut(state: State, ask: Ask, now: float) -> None:
    if ask.shut > now and not ask.reopen:
        state.shut = max(state.shut, ask.shut)
        if ask.refused:
            state.since = state.since or now
            state.refusals += ask.refused


def _reopened(state: State, ask: Ask, now: float) -> Limit | None:
    """Return the learned limit behind a canary that came back alive.

    Where the provider had said "used up", its count has begun anew. Where only
    the catalog saw nothing left, that was too low.
    """
    if state.shut:
        state.shut = 0.0
        state.uses = []
        return ask.learned
    limit = effective(ask.declared, ask.learned, now)
    if limit is None or limit.source not in DOUBTFUL:
        return ask.learned
    return Limit(math.ceil(limit.value * BEYOND), "proved", now)


def _canary_at(state: State, now: float) -> float:
    if not state.since or state.canaries >= len(CANARIES) or state.refusals >= MOST_REFUSALS:
        return math.inf
    return state.since + CANARIES[state.canaries]


def _take_canary(state: State, now: float) -> bool:
    """Return whether a canary is due, and count it; those that nobody took in time are not made up for."""
    if now < _canary_at(state, now):
        return False
    state.canaries = sum(now - state.since >= after for after in CANARIES)
    return True
