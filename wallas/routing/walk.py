"""One request's way down ranked lists: from the top, with its own terms, until no later model can win."""

import math
from bisect import insort
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from wallas.catalog.entries import Model
from wallas.health import Rest
from wallas.health_doubt import Doubted
from wallas.quota.windows import Window
from wallas.routing.candidates import Candidate, Excluded, Terms
from wallas.routing.needs import MARGIN, Needs
from wallas.routing.ranking import Front, Out, Row, Stand, View
from wallas.routing.strategies import Parts
from wallas.settings import Key

if TYPE_CHECKING:
    from wallas.routing.selector import Group, Room, Selector, Session

ENOUGH = 6
"""Candidates after which a walk may stop: more than the attempts that one request usually makes; when all of them
failed, the request looks for others."""
SCARCITY_SECONDS, LEAST_HEADROOM = 0.05, 0.005
KEPT_TIMES = 2.0
"""How many times scarcer a quota is for each conversation that will be back for it at once."""
EXPLORE_IDLE = 300.0
EXPLORE_SECONDS = 1.0
EXPLORE_ROWS = 16
"""Models beyond the first that a request looks at to find one that nobody has asked for long."""
OUT_SECONDS = 5.0
"""For how long it is believed at most that somebody is out whose rest or whose window of requests says so."""
LOOK_SECONDS = 0.25
"""The same for what else keeps somebody out: tokens, which another request takes fewer of, doubts and guesses."""
FRONT_SECONDS = 0.25
"""For how long the first candidates are not looked for again, but for the first of them."""
PRICED_SECONDS = 0.5
"""For how long it is believed how dear a quota is of whoever does not come into the first candidates."""

Until: TypeAlias = tuple[float, tuple[Window, float] | None]
"""Until when somebody is out, and the window that has less left than a call takes, if that is why."""
Found: TypeAlias = tuple[float, int, Candidate]
"""What a candidate costs, when it was found, and itself."""


class Walk:
    """One request's way: ``chosen`` in order, ``excluded`` with their reasons."""

    def __init__(
        self, selector: "Selector", needs: Needs, terms: Terms, *, session: "Session | None", sure: bool = False
    ) -> None:
        """Start with nobody; ``session`` is whom the conversation met last.

        ``sure``: everybody on the way is looked at as of now, whatever was found a moment ago.
        """
        self.sure = sure
        self.selector = selector
        self.health = health = selector.health
        quota = selector.quota
        self.look = quota.rooms(tokens=needs.tokens, output=needs.output, sure=sure) if quota is not None else None
        self.least = 0.0 if quota is None else SCARCITY_SECONDS
        """What every quota adds at the least."""
        self.needs = needs
        self.terms = terms
        self.session = session
        self.exploring = selector.exploring
        self.own = session is not None or self.exploring
        """Whether this request knows something of its own of what models cost."""
        self.learned = bool(selector.windows or selector.inabilities.found)
        self.finding, self.doubting = bool(health.finding), bool(health.doubts.doubts or health.speeds.places)
        self.benched = self.finding or bool(health.rests)
        self.now, self.turns = selector.clock(), health.turns
        self.chosen: list[Candidate] = []
        self.excluded: list[Excluded] = []
        self.seen: set[str] = set()
        self.found: list[Found] = []
        self.size = 0.0
        """The tokens that the group's models shall hold at the most."""
        self.short_of = 0.0
        """The longest window of those that this request was too large for."""
        self.best: list[float] = []
        """What each of the group's candidates costs, the least first."""

    def through(self, group: "Group", *, full: bool) -> None:
        """Add a group's candidates, best first; what the session met last is looked at first.

        Who was out a moment ago is looked at only if nobody else is there, or
        everybody is to be told of.
        """
        self.size = self.needs.tokens * MARGIN * group.roomy + self.needs.output
        view = self.view(group)
        found = self._front(group, view) or self._down(group, view)
        if full or not (found or self.chosen):
            later = self.found = found[ENOUGH:]
            for row in group.ranking.rows:
                if row.key not in self.seen:
                    self._take(row, group, None)
            found = [*found[:ENOUGH], *(sorted(later) if group.moves else later)]
        self.chosen.extend([one[2] for one in found])

    def _down(self, group: "Group", view: View) -> list[Found]:
        """Walk down a group's list; return its candidates, best first, and keep them for a moment."""
        found, fresh = list[Found](), not self.seen and not self.own
        self.found, self.best = found, []
        if group.moves and self.session is not None and (known := view.by_key.get(self.session.model)):
            self._take(known, group, view)
        if self.exploring or not group.moves:
            self._along(group, view)
        else:
            self._nearest(group, view)
        if group.moves:
            found.sort()
        if fresh and group.moves and found:
            rows = [view.by_key[key] for key in dict.fromkeys(one[2].model.key for one in found)]
            until = self.now + FRONT_SECONDS
            view.front = Front(until, self.turns, view.count, group.sparing, self.short_of, found, rows)
        return found

    def _front(self, group: "Group", view: View) -> list[Found] | None:
        """Return the first candidates of a moment ago if the best of them still is; that one is looked at again."""
        front = view.front
        if front is None or self.sure or self.own or self.seen or not self._lasts(front, group, view):
            return None
        first = front.rows[0]
        self.found, self.best = [], []
        self._take(first, group, view)
        others = [one for one in front.found if one[2].model is not first.stand.model]
        if not self.best or (others and self.best[0] > others[0][0]):
            self.seen.clear()
            self.excluded.clear()
            return None
        self.seen.update([row.key for row in front.rows])
        return sorted([*self.found, *others], key=_cost)

    def _lasts(self, front: Front, group: "Group", view: View) -> bool:
        """Return whether first candidates may still be so, and all of them take a request of this size."""
        if front.turns != self.turns or front.costs != view.count or front.sparing != group.sparing:
            return False
        if not front.until - FRONT_SECONDS <= self.now < front.until:
            return False
        windows, found = self.selector.windows, self.selector.inabilities.found
        size = self.size
        if size <= front.short_of:
            return False
        for row in front.rows:
            stand = row.stand
            if size > stand.window or (self.learned and (stand.pair in windows or stand.pair in found)):
                return False
        return True

    def view(self, group: "Group") -> View:
        """Return the rows that this sort of request could do with: by terms, by abilities, and by size at the least."""
        needs, terms, roomy = self.needs, self.terms, group.roomy
        bits = needs.tokens.bit_length()
        least = Needs(needs.capabilities, (1 << bits) >> 1, 0)
        never = self.selector.never
        return group.ranking.view(
            (terms, needs.capabilities, bits, roomy), lambda stand: never(stand.model, least, terms, roomy) is None
        )

    def _along(self, group: "Group", view: View) -> None:
        """Take rows as they come, until no later one can be among the first."""
        best, slack, further = self.best, EXPLORE_SECONDS - self.least * group.sparing, EXPLORE_ROWS
        for row in view.rows:
            if len(best) >= ENOUGH:
                if not group.moves or row.total - slack > best[ENOUGH - 1] or not further:
                    break
                further -= 1
            if not self._passed(row.key, view):
                self._take(row, group, view)

    def _nearest(self, group: "Group", view: View) -> None:
        """Take rows by what they will cost with their quotas, until no other can be among the first.

        Whoever's quotas were looked at a moment ago costs what they did then, everybody else as little as can be.
        """
        best, now, sparing, passed = self.best, self.now, group.sparing, self._passed
        near: list[tuple[float, int, Row]] = []
        costs: list[float] = []
        least, bound = self.least * sparing, math.inf
        for row in view.rows:
            total, key, stand, _ = row
            if total + least > bound:
                self._take_all(near, group, view)
                near, costs = [], best.copy()
                bound = costs[ENOUGH - 1] if len(costs) >= ENOUGH else math.inf
                if total + least > bound:
                    return
            cost = total + (stand.scarcity * sparing if now < stand.priced_until else least)
            if cost <= bound and not passed(key, view):
                near.append((cost, len(near), row))
                insort(costs, cost)
                if len(costs) >= ENOUGH:
                    bound = costs[ENOUGH - 1]
        self._take_all(near, group, view)

    def _take_all(self, near: list[tuple[float, int, Row]], group: "Group", view: View) -> None:
        best = self.best
        for cost, _, row in sorted(near):
            if len(best) >= ENOUGH and cost > best[ENOUGH - 1]:
                break
            self._take(row, group, view)

    def _passed(self, key: str, view: View) -> bool:
        """Return whether a model was looked at already, or was out a moment ago and nothing has changed since."""
        if key in self.seen:
            return True
        return not self.sure and key in view.out and view.out[key].lasts(self.now, self.turns)

    def _take(self, row: Row, group: "Group", view: View | None) -> None:
        """Look at one model: add its candidates, or the reason why there is none.

        Without a ``view`` nothing is known of it yet; with one, it fits as far as the catalog goes.
        """
        _, key, stand, parts = row
        self.seen.add(key)
        if (view is None or self.size > stand.window or self.learned) and not self._fits(stand, group):
            return
        if self.own and group.moves:
            parts = self._own(stand, parts, group)
        before, count = len(self.found), len(stand.keys)
        if count == 1:
            until = [self._key(row, 0, parts, group)]
        else:
            until = [self._key(row, turn, parts, group) for turn in self._turns(count)]
        if view is None:
            return
        if len(self.found) > before:
            view.out.pop(key, None)
        else:
            view.out[key] = Out(min((one[0] for one in until if one), default=self.now), self.turns, _short(until))

    def _fits(self, stand: Stand, group: "Group") -> bool:
        """Return whether a model may answer, whatever its keys; note it with the reason if it may not."""
        reason = self.selector.reason(stand.model, self.needs, self.terms, group.roomy)
        if reason is None:
            return True
        self.excluded.append(Excluded(stand.model, None, reason))
        window = self.selector.windows.get(stand.pair, stand.window)
        if self.size > window:
            self.short_of = max(self.short_of, window)
        return False

    def _key(self, row: Row, turn: int, parts: Parts, group: "Group") -> Until | None:
        """Add the candidate that a model makes with one of its keys; else return until when it is out, and why."""
        total, _, stand, own = row
        key = stand.keys[turn]
        if (
            self.benched
            and (stand.turns != self.turns or stand.rests[turn] or self.finding)
            and (rest := self._rest(stand, turn)) is not None
        ):
            left = rest.until - self.health.clock()
            self.excluded.append(Excluded(stand.model, key, f"resting: {rest.reason}", left, rest.breaker))
            return self.now + min(left, OUT_SECONDS), None
        scarce = 0.0
        if self.look is not None:
            room = self.look(stand.places[turn], stand.model, key)
            if room.seconds > 0:
                self.excluded.append(_no_room(stand.model, key, room))
                return self.now + min(room.seconds, LOOK_SECONDS if room.short is None else OUT_SECONDS), room.short
            scarce = self._scarcity(stand, room.headroom)
        if self.doubting and (doubt := self.health.doubted(*stand.pair)) is not None:
            self.excluded.append(Excluded(stand.model, key, why_doubted(doubt), doubt.seconds, breaker=True))
            return self.now + min(doubt.seconds, LOOK_SECONDS), None
        if parts is not own:
            if self.session is not None and self._met(stand) and self.session.key not in ("", key.id):
                parts = own
            total = row.total if parts is own else sum(parts)
        scarce *= group.sparing
        total += scarce
        self.found.append((total, len(self.best), Candidate(stand.model, stand.provider, key, parts, scarce)))
        insort(self.best, total)
        return None

    def _scarcity(self, stand: Stand, headroom: float) -> float:
        """Return the seconds that a quota adds; what is left of one is kept for conversations that will be back."""
        scarce = SCARCITY_SECONDS / max(headroom, LEAST_HEADROOM)
        if headroom < 1.0 and (expected := self.selector.expected(stand.key)) and not self._met(stand):
            scarce *= 1.0 + expected * KEPT_TIMES
        if scarce < stand.scarcity or self.now >= stand.priced_until:
            stand.scarcity, stand.priced_until = scarce, self.now + PRICED_SECONDS
        return scarce

    def _rest(self, stand: Stand, turn: int) -> Rest | None:
        """Return the rest that keeps a key of a model out; most have none since rests began or ended last."""
        if stand.resting(self.health)[turn] or self.finding:
            return self.health.resting(stand.places[turn], free=stand.model.free)
        return None

    def _met(self, stand: Stand) -> bool:
        """Return whether the conversation met this model last."""
        return self.session is not None and self.session.model == stand.key

    def _turns(self, count: int) -> Sequence[int]:
        """Return the order of a model's keys, a different one first each time."""
        turn = self.selector.served % count
        return [*range(turn, count), *range(turn)]

    def _own(self, stand: Stand, parts: Parts, group: "Group") -> Parts:
        """Return a model's cost with what this request alone knows of it."""
        if self.session is not None and self.session.model == stand.key:
            parts = parts._replace(session=-self.session.seconds * group.sticky)
        if self.exploring and self.health.idle(*stand.pair) > EXPLORE_IDLE:
            parts = parts._replace(exploration=-EXPLORE_SECONDS)
        return parts


def _cost(found: Found) -> float:
    return found[0]


def _short(until: Sequence[Until | None]) -> list[tuple[Window, float]]:
    return [one[1] for one in until if one is not None and one[1] is not None]


def _no_room(model: Model, key: Key, room: "Room") -> Excluded:
    seconds = room.seconds if math.isfinite(room.seconds) else None
    return Excluded(model, key, f"quota: {room.reason}", seconds, room.guess, room.guess)


def why_doubted(doubt: Doubted) -> str:
    """Return the reason for passing over who failed so often in a row."""
    return f"doubtful: failed {doubt.run} times in a row"
