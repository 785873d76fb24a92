"""Remembers what models turned out to be unable to do, whatever a catalog or a list claims of them."""

import re
import threading
import time
from collections.abc import Callable, Iterable

from wallas.errors import FailureKind, ProviderError

FIRST_SECONDS = 600.0
TIMES = 6.0
MOST_SECONDS = 86_400.0

DENIED = re.compile(
    r"\b(?:not|n't|un|no|cannot|without)\b.{0,40}\b(?:support\w*|available|allowed|enabled|implemented|accept\w*|able)"
    r"|\bunsupported\b|\bonly (?:supports?|accepts?|takes?|available)\b|\bno endpoints found that support\b"
    r"|\bcannot (?:process|handle|take|read|use)\b|\btext[- ]only\b",
    re.I,
)
ABILITIES: dict[str, re.Pattern[str]] = {
    "tools": re.compile(r"\btools?\b|\btool[ _-]?(?:use|calls?|calling|choice)\b|\bfunction[ _-]?call", re.I),
    "vision": re.compile(r"\bimages?\b|\bimage_url\b|\bimage[ _-]input|\bvision\b|\bmultimodal|\btext[- ]only\b", re.I),
    "audio": re.compile(r"\baudio\b|\binput_audio\b", re.I),
    "video": re.compile(r"\bvideos?\b|\bvideo_url\b", re.I),
    "pdf": re.compile(r"\bpdfs?\b|\bdocuments?\b|\bfile (?:input|parts?)\b", re.I),
}
PARTLY = re.compile(
    r"parallel|single|at once|tool_choice|schema|propert|mime type|response_format|stream|together|combin|\bonly \d|"
    r"too (?:many|large)|format|url|size|type '",
    re.I,
)
"""Words of refusals that are about how much or how, not about whether at all."""


def inability(error: ProviderError, wanted: Iterable[str]) -> str | None:
    """Return which of the wanted abilities a refusal denies the model altogether, None if it is about others."""
    if error.kind is not FailureKind.UNSUPPORTED or PARTLY.search(error.message):
        return None
    if not DENIED.search(error.message):
        return None
    said = f"{error.param or ''} {error.message}"
    denied = [word for word in sorted(wanted) if word in ABILITIES and ABILITIES[word].search(said)]
    return denied[0] if len(denied) == 1 else None


class Inabilities:
    """What each (provider, model) was found unable to do, and until when that is believed without another try."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing found."""
        self.clock = clock
        self.found: dict[tuple[str, str], dict[str, tuple[float, int]]] = {}
        self.lock = threading.Lock()

    def learn(self, place: tuple[str, str], ability: str) -> None:
        """Note a refusal: believed for ten minutes, then six times longer each time, at most for a day."""
        with self.lock:
            known = self.found.setdefault(place, {})
            until, times = known.get(ability, (0.0, 0))
            if until > self.clock():
                return
            seconds = min(FIRST_SECONDS * TIMES**times, MOST_SECONDS)
            known[ability] = (self.clock() + seconds, times + 1)

    def of(self, place: tuple[str, str], wanted: frozenset[str]) -> str | None:
        """Return one of the wanted abilities that a model was found to lack, None if there is none."""
        known = self.found.get(place)
        if known is None:
            return None
        now = self.clock()
        return next((word for word in wanted if word in known and known[word][0] > now), None)
