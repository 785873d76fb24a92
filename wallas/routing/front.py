"""Whom a sort of requests found a moment ago: while nothing has changed, only the best of them is looked at again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from wallas.routing.candidates import Candidate, Selection
from wallas.routing.moment import Moment
from wallas.routing.needs import MARGIN
from wallas.routing.ranking import Row, View

if TYPE_CHECKING:
    from wallas.routing.selector import Group

FRONT_SECONDS = 0.25
"""For how long the first candidates are not looked for again, but for the first of them."""

Found: TypeAlias = tuple[float, int, Candidate]
"""What a candidate costs, when it was found, and itself."""


class Front(NamedTuple):
    """What a walk found: good ``until`` then, while no rest began or ended and nobody is ranked anew."""

    until: float
    turns: int
    """How often rests had begun or ended; ``costs``: how often a cost had changed."""
    costs: int
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
    alone: bool
    """Whether the first has one key."""
    others: Sequence[Found]
    """Whom the first group has beside the first."""
    second: float
    """What the first may cost at the most to be the first still."""
    later: Sequence[Candidate]
    """Who was found in the other groups."""
    selection: Selection

    def lasts(self, moment: Moment, roomy: float) -> bool:
        """Return whether this may still be so, and would be found for a request of this size."""
        if self.turns != moment.turns or self.costs != moment.costs:
            return False
        if not self.until - FRONT_SECONDS <= moment.now < self.until:
            return False
        needs, selector = moment.needs, moment.selector
        size = needs.tokens * MARGIN * roomy + needs.output
        if needs.tokens < self.tokens or not self.short_of < size <= self.shortest:
            return False
        if not (selector.windows or selector.inabilities.found):
            return True
        return self.pairs.isdisjoint(selector.windows) and self.pairs.isdisjoint(selector.inabilities.found)

    def again(self, moment: Moment, group: "Group") -> Selection | None:
        """Return what was found if the first, who is ``alone``, still is the first."""
        scarce = moment.standing(self.first.stand, 0)
        if scarce is not None and self.first.total + scarce * group.sparing <= self.second:
            return self.selection
        return None
