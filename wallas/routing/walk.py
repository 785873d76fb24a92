"""One request's way down ranked lists: from the top, with its own terms, until no later model can win."""

import math
from bisect import insort
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from wallas.quota.windows import Window
from wallas.routing.candidates import Candidate, Excluded, Selection
from wallas.routing.front import FRONT_SECONDS, Found, Front
from wallas.routing.moment import Moment, Until
from wallas.routing.needs import MARGIN, Needs
from wallas.routing.ranking import Out, Row, Stand, View
from wallas.routing.strategies import Parts

if TYPE_CHECKING:
    from wallas.routing.selector import Group, Sort

ENOUGH = 6
"""Candidates after which a walk may stop: more than the attempts that one request usually makes; when all of them
failed, the request looks for others."""
EXPLORE_IDLE = 300.0
EXPLORE_SECONDS = 1.0
EXPLORE_ROWS = 16
"""Models beyond the first that a request looks at to find one that nobody has asked for long."""
COST = itemgetter(0)


class Walk:
    """One request's way: ``chosen`` in order, ``excluded`` with their reasons."""

    __slots__ = (
        "best",
        "chosen",
        "excluded",
        "exploring",
        "found",
        "learned",
        "moment",
        "needs",
        "now",
        "own",
        "seen",
        "selector",
        "session",
        "short_of",
        "size",
        "sort",
        "sure",
        "turns",
        "way",
    )

    def __init__(self, moment: Moment, sort: "Sort", *, exploring: bool = False) -> None:
        """Start with nobody; ``exploring``: this request may find out how models do that nobody asked for long."""
        self.moment = moment
        self.selector = selector = moment.selector
        self.needs = moment.needs
        self.session = moment.session
        self.sure, self.now, self.turns = moment.sure, moment.now, moment.turns
        self.sort = sort
        self.exploring = exploring
        self.own = exploring or moment.session is not None
        """Whether this request knows something of its own of what models cost."""
        self.learned = selector.windows or selector.inabilities.found
        self.chosen: list[Candidate] = []
        self.excluded = moment.excluded
        self.seen: set[str] = set()
        self.found: list[Found] = []
        self.way: list[tuple[View, list[Found], Sequence[Excluded]]] = []
        """The first candidates of each group, and who was excluded on the way to them."""
        self.size = 0.0
        """The tokens that the group's models shall hold at the most."""
        self.short_of = 0.0
        """The longest window of those that this request was too large for."""
        self.best: list[float] = []
        """What each of the group's candidates costs, the least first."""

    def again(self, front: Front) -> Selection | None:
        """Return what was found a moment ago with the first, and whom the conversation met, looked at again.

        None where the first may not be the first any more, or nobody knows where the one it met belongs.
        """
        group, session = self.sort.groups[0], self.session
        met = front.view.by_key.get(session.model) if session is not None and group.moves else None
        if session is not None and met is None and len(self.sort.groups) > 1:
            return None
        self.size = self.needs.tokens * MARGIN * group.roomy + self.needs.output
        self._take(front.first, group, front.view)
        if not self.best or self.best[0] > front.second:
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

    def down(self, *, full: bool) -> None:
        """Walk down the list of each group; keep what was found for those who come next."""
        for group in self.sort.groups:
            self._through(group, full=full)
        if not self.own and self.way[0][1]:
            self.sort.front = self._front()

    def _through(self, group: "Group", *, full: bool) -> None:
        """Add a group's candidates, best first; what the session met last is looked at first.

        Who was out a moment ago is looked at only if nobody else is there, or
        everybody is to be told of.
        """
        self.size = self.needs.tokens * MARGIN * group.roomy + self.needs.output
        view, before = self.view(group), len(self.excluded)
        found = self._down(group, view)
        self.way.append((view, found, self.excluded[before:]))
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
        met = view.by_key.get(self.session.model) if self.session is not None and group.moves else None
        if met is not None and met.key not in self.seen:
            self._take(met, group, view)
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
        view, found, _ = self.way[0]
        first = view.by_key[found[0][2].model.key]
        others = [one for one in found if one[2].model is not first.stand.model]
        later = [one[2] for _, each, _ in self.way[1:] for one in each]
        candidates = [*(one[2] for one in found), *later]
        return Front(
            until=self.now + FRONT_SECONDS,
            turns=self.turns,
            costs=self.moment.costs,
            tokens=(1 << self.needs.tokens.bit_length()) >> 1,
            short_of=self.short_of,
            shortest=min(one.model.context or math.inf for one in candidates),
            pairs=frozenset((one.model.provider, one.model.id) for one in candidates),
            view=view,
            first=first,
            alone=len(first.stand.keys) == 1,
            others=others,
            second=others[0][0] if others and groups[0].moves else math.inf,
            later=later,
            selection=Selection(candidates, [row for _, _, rows in self.way for row in rows]),
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

    def _along(self, group: "Group", view: View) -> None:
        """Take rows as they come, until no later one can be among the first."""
        best, slack, further = self.best, EXPLORE_SECONDS - self.moment.least(group.sparing), EXPLORE_ROWS
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
        least, bound = self.moment.least(group.sparing), math.inf
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
        scarce = self.moment.standing(stand, turn)
        if scarce is None:
            return self.moment.out
        key = stand.keys[turn]
        if parts is not own:
            if self.session is not None and self.moment.met(stand) and self.session.key not in ("", key.id):
                parts = own
            total = row.total if parts is own else sum(parts)
        scarce *= group.sparing
        total += scarce
        found = Candidate(stand.model, stand.provider, key, stand.places[turn], parts, scarce)
        self.found.append((total, len(self.best), found))
        insort(self.best, total)
        return None

    def _turns(self, count: int) -> Sequence[int]:
        """Return the order of a model's keys, a different one first each time."""
        turn = self.selector.served % count
        return [*range(turn, count), *range(turn)]

    def _own(self, stand: Stand, parts: Parts, group: "Group") -> Parts:
        """Return a model's cost with what this request alone knows of it."""
        if self.session is not None and self.session.model == stand.key:
            parts = parts._replace(session=-self.session.seconds * group.sticky)
        if self.exploring and self.moment.health.idle(*stand.pair) > EXPLORE_IDLE:
            parts = parts._replace(exploration=-EXPLORE_SECONDS)
        return parts


def _short(until: Sequence[Until | None]) -> list[tuple[Window, float]]:
    return [one[1] for one in until if one is not None and one[1] is not None]
