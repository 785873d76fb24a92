"""One request's way down ranked lists: from the top, with its own terms, until no later model can win."""

import math
from bisect import insort
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from wallas.catalog.entries import Model
from wallas.health import Rest
from wallas.health_doubt import Doubted
from wallas.quota.windows import Window
from wallas.routing.candidates import Candidate, Excluded, Selection
from wallas.routing.needs import MARGIN, Needs
from wallas.routing.ranking import Out, Row, Stand, View
from wallas.routing.strategies import Parts
from wallas.settings import Key

if TYPE_CHECKING:
    from wallas.routing.selector import Group, Room, Selector, Session, Sort

ENOUGH = 6
"""Candidates after which a walk may stop: more than the attempts that one request usually makes; when all of them
failed, the request looks for others."""
SCARCITY_SECONDS, LEAST_HEADROOM = 0.05, 0.005
KEPT_TIMES = 2.0
"""How many times scarcer a quota is for each conversation that will be back for it at once."""
EXPLORE_EVERY = 50
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
COST = itemgetter(0)


class Front(NamedTuple):
    """Whom a sort of requests found a moment ago: good ``until`` then, while nothing of the rest has changed.

    Whoever comes then looks again only at the ``first``, and at whom its conversation met.
    """

    until: float
    turns: int
    """Of ``Health``: when a rest began or ended."""
    costs: int
    """Of ``Costs``: when anybody is ranked anew."""
    tokens: int
    """The fewest for which nobody fits who did not fit then by what the catalog says."""
    short_of: float
    """The longest window of those for which the request was too large: a smaller one may find them fit."""
    shortest: float
    """The shortest window of those that were found."""
    pairs: frozenset[tuple[str, str]]
    """Who was found, by provider and id."""
    view: View
    """Of the first group, in which the first is."""
    first: Row
    others: Sequence[Found]
    """Whom the first group has beside the first."""
    second: float
    """What the first may cost at the most to be the first still."""
    later: Sequence[Candidate]
    """Who was found in the other groups."""
    selection: Selection


class Walk:
    """One request's way: ``chosen`` in order, ``excluded`` with their reasons."""

    __slots__ = (
        "best",
        "chosen",
        "costs",
        "doubting",
        "excluded",
        "exploring",
        "found",
        "fronts",
        "health",
        "learned",
        "look",
        "needs",
        "now",
        "out",
        "own",
        "seen",
        "selector",
        "session",
        "short_of",
        "size",
        "sort",
        "sure",
        "turns",
    )

    def __init__(
        self,
        selector: "Selector",
        sort: "Sort",
        needs: Needs,
        *,
        session: "Session | None" = None,
        sure: bool = False,
        now: float,
    ) -> None:
        """Start with nobody; ``session`` is whom the conversation met last.

        ``sure``: everybody on the way is looked at as of ``now``, whatever was found a moment ago.
        """
        self.selector = selector
        self.sort = sort
        self.needs = needs
        self.session = session
        self.sure = sure
        self.now = now
        self.health = health = selector.health
        self.turns, self.costs = health.turns, selector.costs.count
        self.exploring = selector.served % EXPLORE_EVERY == EXPLORE_EVERY - 1
        """Whether this request may find out how models do that nobody has asked for long."""
        self.own = session is not None or self.exploring
        """Whether this request knows something of its own of what models cost."""
        self.learned = selector.windows or selector.inabilities.found
        self.doubting = health.doubts.doubts or health.speeds.places
        quota = selector.quota
        self.look = quota.rooms(tokens=needs.tokens, output=needs.output, sure=sure) if quota is not None else None
        self.chosen: list[Candidate] = []
        self.excluded: list[Excluded] = []
        self.seen: set[str] = set()
        self.found: list[Found] = []
        self.fronts: list[tuple[View, list[Found], Sequence[Excluded]]] = []
        """The first candidates of each group, and who was excluded on the way to them."""
        self.out: Until = (0.0, None)
        """Of the last that was looked at and is out."""
        self.size = 0.0
        """The tokens that the group's models shall hold at the most."""
        self.short_of = 0.0
        """The longest window of those that this request was too large for."""
        self.best: list[float] = []
        """What each of the group's candidates costs, the least first."""

    def again(self) -> Selection | None:
        """Return what was found a moment ago if the best of it still is the best; that one is looked at again."""
        front, group = self.sort.front, self.sort.groups[0]
        if front is None or self.sure or self.exploring or not self._lasts(front, group):
            return None
        if self.session is None and len(front.first.stand.keys) == 1:
            scarce = self._standing(front.first.stand, 0)
            if scarce is not None and front.first.total + scarce * group.sparing <= front.second:
                return front.selection
            self.excluded.clear()
            return None
        return self._merged(front, group)

    def _lasts(self, front: Front, group: "Group") -> bool:
        """Return whether what was found may still be so, and would be found for a request of this size."""
        selector, tokens = self.selector, self.needs.tokens
        if front.turns != self.turns or front.costs != self.costs:
            return False
        if not front.until - FRONT_SECONDS <= self.now < front.until:
            return False
        size = tokens * MARGIN * group.roomy + self.needs.output
        if tokens < front.tokens or not front.short_of < size <= front.shortest:
            return False
        self.size = size
        if not self.learned:
            return True
        return front.pairs.isdisjoint(selector.windows) and front.pairs.isdisjoint(selector.inabilities.found)

    def _merged(self, front: Front, group: "Group") -> Selection | None:
        """Return what was found with the first, and whom the conversation met, looked at again."""
        met = front.view.by_key.get(self.session.model) if self.session is not None else None
        if self.session is not None and met is None and len(self.sort.groups) > 1:
            return None
        self._take(front.first, group, front.view)
        if not self.best or self.best[0] > front.second:
            self._forget()
            return None
        others, later = front.others, front.later
        if met is not None and met.stand is not front.first.stand:
            self._take(met, group, front.view)
            others = [one for one in others if one[2].model is not met.stand.model]
            later = [one for one in later if one.model is not met.stand.model]
        found = [*self.found, *others]
        if group.moves:
            found.sort(key=COST)
        return Selection([*[one[2] for one in found], *later], [*self.excluded, *front.selection.excluded])

    def _forget(self) -> None:
        """Start again with nobody."""
        self.found, self.best = [], []
        self.seen.clear()
        self.excluded.clear()

    def through(self, *, full: bool) -> None:
        """Add the candidates of each group, best first; what the session met last is looked at first."""
        for group in self.sort.groups:
            self._through(group, full=full)
        if not self.own and self.fronts[0][1]:
            self.sort.front = self._front()

    def _through(self, group: "Group", *, full: bool) -> None:
        """Add a group's candidates.

        Who was out a moment ago is looked at only if nobody else is there, or
        everybody is to be told of.
        """
        self.size = self.needs.tokens * MARGIN * group.roomy + self.needs.output
        view, before = self.view(group), len(self.excluded)
        found = self._down(group, view)
        self.fronts.append((view, found, self.excluded[before:]))
        if full or not (found or self.chosen):
            later = self.found = found[ENOUGH:]
            for row in group.ranking.rows:
                if row.key not in self.seen:
                    self._take(row, group, None)
            found = [*found[:ENOUGH], *(sorted(later) if group.moves else later)]
        self.chosen.extend([one[2] for one in found])

    def _down(self, group: "Group", view: View) -> list[Found]:
        """Walk down a group's list; return its candidates, best first."""
        found = self.found = list[Found]()
        self.best = []
        if group.moves and self.session is not None and (known := view.by_key.get(self.session.model)):
            self._take(known, group, view)
        if self.exploring or not group.moves:
            self._along(group, view)
        else:
            self._nearest(group, view)
        if group.moves:
            found.sort()
        return found

    def _front(self) -> Front | None:
        """Return what was found, for those who come next; None where groups want windows of different lengths."""
        groups = self.sort.groups
        if any(group.roomy != groups[0].roomy for group in groups):
            return None
        view, found, _ = self.fronts[0]
        first = view.by_key[found[0][2].model.key]
        others = [one for one in found if one[2].model is not first.stand.model]
        later = [one[2] for _, each, _ in self.fronts[1:] for one in each]
        candidates = [*(one[2] for one in found), *later]
        return Front(
            until=self.now + FRONT_SECONDS,
            turns=self.turns,
            costs=self.costs,
            tokens=(1 << self.needs.tokens.bit_length()) >> 1,
            short_of=self.short_of,
            shortest=min(one.model.context or math.inf for one in candidates),
            pairs=frozenset((one.model.provider, one.model.id) for one in candidates),
            view=view,
            first=first,
            others=others,
            second=others[0][0] if others and groups[0].moves else math.inf,
            later=later,
            selection=Selection(candidates, [row for _, _, rows in self.fronts for row in rows]),
        )

    def view(self, group: "Group") -> View:
        """Return the rows that this sort of request could do with: by terms, by abilities, and by size at the least."""
        needs, terms, roomy = self.needs, self.sort.terms, group.roomy
        bits = needs.tokens.bit_length()
        least = Needs(needs.capabilities, (1 << bits) >> 1, 0)
        never = self.selector.never
        return group.ranking.view(
            (terms, needs.capabilities, bits, roomy), lambda stand: never(stand.model, least, terms, roomy) is None
        )

    def least(self, group: "Group") -> float:
        """Return the seconds that every quota adds at the least."""
        return 0.0 if self.look is None else SCARCITY_SECONDS * group.sparing

    def _along(self, group: "Group", view: View) -> None:
        """Take rows as they come, until no later one can be among the first."""
        best, slack, further = self.best, EXPLORE_SECONDS - self.least(group), EXPLORE_ROWS
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
        least, bound = self.least(group), math.inf
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
        reason = self.selector.reason(stand.model, self.needs, self.sort.terms, group.roomy)
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
        scarce = self._standing(stand, turn)
        if scarce is None:
            return self.out
        key = stand.keys[turn]
        if parts is not own:
            if self.session is not None and self._met(stand) and self.session.key not in ("", key.id):
                parts = own
            total = row.total if parts is own else sum(parts)
        scarce *= group.sparing
        total += scarce
        self.found.append((total, len(self.best), Candidate(stand.model, stand.provider, key, parts, scarce)))
        insort(self.best, total)
        return None

    def _standing(self, stand: Stand, turn: int) -> float | None:
        """Return the seconds that a key's quota adds to what a model costs; None where it is out, as is noted then."""
        health, key = self.health, stand.keys[turn]
        if (health.rests or health.finding) and (rest := self._rest(stand, turn)) is not None:
            left = rest.until - health.clock()
            self.excluded.append(Excluded(stand.model, key, f"resting: {rest.reason}", left, rest.breaker))
            self.out = self.now + min(left, OUT_SECONDS), None
            return None
        scarce = 0.0
        if self.look is not None:
            room = self.look(stand.places[turn], stand.model, key)
            if room.seconds > 0:
                self.excluded.append(_no_room(stand.model, key, room))
                believed = LOOK_SECONDS if room.short is None else OUT_SECONDS
                self.out = self.now + min(room.seconds, believed), room.short
                return None
            scarce = self._scarcity(stand, room.headroom)
        if self.doubting and (doubt := health.doubted(*stand.pair)) is not None:
            self.excluded.append(Excluded(stand.model, key, why_doubted(doubt), doubt.seconds, breaker=True))
            self.out = self.now + min(doubt.seconds, LOOK_SECONDS), None
            return None
        return scarce

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
        health = self.health
        rests = stand.rests if stand.turns == self.turns else stand.resting(health)
        if rests[turn] or health.finding:
            return health.resting(stand.places[turn], free=stand.model.free)
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


def _short(until: Sequence[Until | None]) -> list[tuple[Window, float]]:
    return [one[1] for one in until if one is not None and one[1] is not None]


def _no_room(model: Model, key: Key, room: "Room") -> Excluded:
    seconds = room.seconds if math.isfinite(room.seconds) else None
    return Excluded(model, key, f"quota: {room.reason}", seconds, room.guess, room.guess)


def why_doubted(doubt: Doubted) -> str:
    """Return the reason for passing over who failed so often in a row."""
    return f"doubtful: failed {doubt.run} times in a row"
