"""What keeps somebody out at the moment of a request, and what a quota adds to what he costs."""

import math
from typing import TYPE_CHECKING, TypeAlias

from wallas.catalog.entries import Model
from wallas.health import Rest
from wallas.health_doubt import Doubted
from wallas.quota.windows import Window
from wallas.routing.candidates import Excluded
from wallas.routing.needs import Needs
from wallas.routing.ranking import Stand
from wallas.settings import Key

if TYPE_CHECKING:
    from wallas.routing.selector import Room, Selector, Session

SCARCITY_SECONDS, LEAST_HEADROOM = 0.05, 0.005
KEPT_TIMES = 2.0
"""How many times scarcer a quota is for each conversation that will be back for it at once."""
OUT_SECONDS = 5.0
"""For how long it is believed at most that somebody is out whose rest or whose window of requests says so."""
LOOK_SECONDS = 0.25
"""The same for what else keeps somebody out: tokens, which another request takes fewer of, doubts and guesses."""
PRICED_SECONDS = 0.5
"""For how long it is believed how dear a quota is of whoever does not come into the first candidates."""

Until: TypeAlias = tuple[float, tuple[Window, float] | None]
"""Until when somebody is out, and the window that has less left than a call takes, if that is why."""


class Moment:
    """Rests, quotas and doubts as one request finds them; ``excluded`` are those that it found out, with reasons."""

    __slots__ = (
        "costs",
        "doubting",
        "excluded",
        "health",
        "needs",
        "now",
        "out",
        "room",
        "selector",
        "session",
        "sure",
        "turns",
    )

    def __init__(
        self, selector: "Selector", needs: Needs, *, session: "Session | None", sure: bool, now: float
    ) -> None:
        """Look as of ``now``; ``session`` is whom the conversation met last. See ``Selector.select`` for ``sure``."""
        self.selector = selector
        self.needs = needs
        self.session = session
        self.sure = sure
        self.now = now
        self.health = health = selector.health
        self.turns, self.costs = health.turns, selector.costs.count
        """How often rests began or ended, and costs changed, by now."""
        self.doubting = health.doubts.doubts or health.speeds.places
        quota = selector.quota
        self.room = None if quota is None else quota.rooms(tokens=needs.tokens, output=needs.output, sure=sure)
        self.excluded: list[Excluded] = []
        self.out: Until = (0.0, None)
        """Of the last that was out."""

    def standing(self, stand: Stand, turn: int) -> float | None:
        """Return the seconds that the quota of a model's key adds to its cost; None where it is out, noted as such."""
        health, key = self.health, stand.keys[turn]
        if (health.rests or health.finding) and (rest := self._rest(stand, turn)) is not None:
            left = rest.until - health.clock()
            self.excluded.append(Excluded(stand.model, key, f"resting: {rest.reason}", left, rest.breaker))
            self.out = self.now + min(left, OUT_SECONDS), None
            return None
        scarce = 0.0
        if self.room is not None:
            room = self.room(stand.places[turn], stand.model, key)
            if room.seconds > 0:
                self.excluded.append(_no_room(stand.model, key, room))
                believed = LOOK_SECONDS if room.short is None else OUT_SECONDS
                self.out = self.now + min(room.seconds, believed), room.short
                return None
            headroom = room.headroom
            scarce = SCARCITY_SECONDS / (headroom if headroom > LEAST_HEADROOM else LEAST_HEADROOM)
            if headroom < 1.0 and (expected := self.selector.expected(stand.key)) and not self.met(stand):
                scarce *= 1.0 + expected * KEPT_TIMES  # what is left is kept for conversations that will be back
            if scarce < stand.scarcity or self.now >= stand.priced_until:
                stand.scarcity, stand.priced_until = scarce, self.now + PRICED_SECONDS
        if self.doubting and (doubt := health.doubted(*stand.pair)) is not None:
            self.excluded.append(Excluded(stand.model, key, why_doubted(doubt), doubt.seconds, breaker=True))
            self.out = self.now + min(doubt.seconds, LOOK_SECONDS), None
            return None
        return scarce

    def least(self, sparing: float) -> float:
        """Return the seconds that every quota adds at the least where quotas are spared so much."""
        return 0.0 if self.room is None else SCARCITY_SECONDS * sparing

    def met(self, stand: Stand) -> bool:
        """Return whether the conversation met this model last."""
        return self.session is not None and self.session.model == stand.key

    def _rest(self, stand: Stand, turn: int) -> Rest | None:
        """Return the rest that keeps a key of a model out; most have none since rests began or ended last."""
        health = self.health
        rests = stand.rests if stand.turns == self.turns else stand.resting(health)
        if rests[turn] or health.finding:
            return health.resting(stand.places[turn], free=stand.model.free)
        return None


def _no_room(model: Model, key: Key, room: "Room") -> Excluded:
    seconds = room.seconds if math.isfinite(room.seconds) else None
    return Excluded(model, key, f"quota: {room.reason}", seconds, room.guess, room.guess)


def why_doubted(doubt: Doubted) -> str:
    """Return the reason for passing over who failed so often in a row."""
    return f"doubtful: failed {doubt.run} times in a row"
