"""Whether a window will last until it resets: what is told in ``/v1/quota``, and what makes it dear to spend."""

import math

from wallas.quota.shares import BURN_SECONDS
from wallas.quota.windows import SLOTS, Window, is_long


def forecast(window: Window, now: float) -> tuple[float, float, float, float | None]:
    """Return what is used, what remains, the use per hour, and when the window runs out (None: not before it resets).

    A rolling window frees as much as was used a whole window ago, so only a
    use that would not fit into it as a whole runs it out.
    """
    most = window.most(now)
    if window.unit == SLOTS:
        return float(window.open), max(most - window.open, 0.0), 0.0, None
    known = sum(amount for leaves, amount in window.releases if leaves > now) + max(window.spent - window.told, 0.0)
    used = max(known, window.observed)
    rate = window.rate * math.exp(-max(now - window.rated, 0.0) / BURN_SECONDS)
    remaining = 0.0 if now < window.shut else max(most - used, 0.0)
    if rate <= 0 or window.limit(now) is None:
        return used, remaining, rate * 3600, None
    out = now + remaining / rate
    resets = window.clock.ends(now)
    lasts = out >= resets if math.isfinite(resets) else rate * _seconds(window) <= most
    return used, remaining, rate * 3600, None if lasts else out


def roominess(window: Window, now: float) -> float:
    """Return how free a window is to be spent, 0 to 1.

    That is the share that is left. A window of hours or more that will
    outlast its reset at the rate of the last hour is free to spend: 1. One
    that will not is as dear as its share, or as its forecast where that is worse.
    """
    if now < window.shut:
        return 0.0
    if window.ends <= 0 and window.used <= 0:
        return 1.0
    most = max(window.size, 1e-9)
    left = min(max((window.free + window.left) / most, 0.0), 1.0)
    if not is_long(window.key.kind):
        return left
    rate = window.rate * math.exp(-max(now - window.rated, 0.0) / BURN_SECONDS)
    if rate <= 0:
        return 1.0 if left > 0 else 0.0
    resets = window.clock.ends(now)
    if math.isfinite(resets):
        lasts = left * most / (rate * max(resets - now, 1.0))
    else:
        lasts = most / (rate * _seconds(window)) if left > 0 else 0.0
    return 1.0 if lasts >= 1.0 else min(left, lasts)


def _seconds(window: Window) -> float:
    return window.clock.leaves(0.0)
