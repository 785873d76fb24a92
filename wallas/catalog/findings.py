"""What answers and refusals have shown of providers and models: who said what, when, how often.

A list says what should work; a finding says what did not. The first 404 makes
a model unverified, the second, of a call that began after the first was known,
retires it; a 402 to a model that should be free makes it a paid one; an answer
in another model's name lowers what is expected of it. Each worker keeps its
findings in memory, tells new ones to whoever shares them, and takes in others'.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from msgspec.structs import replace

from wallas.catalog.entries import Model, Status
from wallas.catalog.families import traits
from wallas.catalog.names import ROUTERS, normal_name
from wallas.errors import FailureKind, ProviderError

GONE, MONEY, OTHER, PROBE = "gone", "money", "other_model", "probe"
KINDS = {FailureKind.MODEL_GONE: GONE, FailureKind.MONEY: MONEY}
RETIRING = 2
"""How many calls in a row a provider answers with "no such model" before it is believed."""

DAY = 86400.0
LASTING = {GONE: 3650 * DAY, MONEY: DAY, OTHER: 7 * DAY, PROBE: DAY}
"""Seconds for which a finding says something: money comes back, and a reseller may mend its ways."""
SECOND_CHANCE = DAY
"""Seconds after which a list that goes on naming a model is believed once more."""
TELL_AGAIN = 600.0
"""Seconds within which the same substitution is no news."""
SAID_MOST = 200
KNOWN_MOST = 2000
ANY = "*"


class Finding(NamedTuple):
    """One thing that was seen; instants are seconds since 1970. ``times`` 0: it is over.

    ``address`` marks where the provider was, for a finding of another place says nothing of this one;
    ``began_at`` is when the call began that showed it.
    """

    provider: str
    model: str
    key_id: str
    kind: str
    address: str
    status: int | None
    said: str
    began_at: float
    seen_at: float
    times: int = 1

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Return what there is one finding of."""
        return self[:4]

    def row(self) -> dict[str, object]:
        """Return this as `/v1/providers` shows it."""
        told: dict[str, object] = {"model": self.model, "what": self.kind, "said": self.said, "count": self.times}
        if self.key_id != ANY:
            told["key"] = self.key_id
        if self.status is not None:
            told["status"] = self.status
        return told | {"at": instant(self.seen_at)}


def after(old: Finding | None, new: Finding) -> Finding:
    """Return what two findings of one thing amount to; calls that were under way together count once."""
    if old is None or not old.times or not new.times or old.address != new.address:
        return new
    together = new.began_at <= old.seen_at
    return new._replace(times=old.times + (0 if together else new.times), seen_at=max(old.seen_at, new.seen_at))


class Findings:
    """The findings of one worker and what it heard of the others'; safe to use from many threads."""

    def __init__(
        self,
        addresses: Mapping[str, str] | None = None,
        *,
        own: Iterable[str] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Know nothing yet; ``addresses`` are the usable providers' base addresses.

        Engines of the user's ``own`` answer in whatever name they like, and what they lack is known by their list.
        """
        self.own = frozenset(own)
        self.addresses = {name: mark(url) for name, url in (addresses or {}).items()}
        self.wall = wall
        self.known: dict[tuple[str, str, str, str], Finding] = {}
        self.told: list[Finding] = []
        self.gone: Callable[[str], object] = lambda provider: None
        """Called with the provider whose list should be read again; must not wait."""
        self.back: Callable[[str, str], object] = lambda provider, model: None
        """Called with what was believed gone and is there again; must not wait."""
        self.lock = threading.Lock()

    def refused(self, provider: str, model: str, key: str, error: ProviderError, *, began_at: float) -> None:
        """Note a refusal that says something of the model or of the key's money; others say nothing here."""
        kind = KINDS.get(error.kind)
        if kind is None:
            return
        if kind == GONE:
            self.gone(provider)
            if provider in self.own:
                return
        said = shown(error.message, model)
        whose = key if kind == MONEY else ANY
        self._note(provider, model, whose, kind, status=error.status, said=said, began_at=began_at)

    def answered(self, model: Model, key: str, said_model: str, *, began_at: float) -> bool:
        """Note an answer: what was found missing is there. Return whether another model than the asked one gave it."""
        if self.known:
            self._over(model.provider, model.id, ANY, GONE)
            self._over(model.provider, model.id, key, MONEY)
        if said_model == model.id or model.provider in self.own or not is_other(model, said_model):
            return False
        old = self.known.get((model.provider, model.id, ANY, OTHER))
        said = shown(said_model, said_model)
        if old is None or not old.times or old.said != said or self.wall() - old.seen_at > TELL_AGAIN:
            self._note(model.provider, model.id, ANY, OTHER, status=None, said=said, began_at=began_at)
        return True

    def probed(self, provider: str, model: str, key: str, said: str, *, began_at: float, status: int | None) -> Finding:
        """Note that a model was asked for its own sake, and what came of it; return that."""
        self._note(provider, model, key, PROBE, status=status, said=shown(said, model), began_at=began_at)
        return self.known[provider, model, key, PROBE]

    def listed(self, provider: str, ids: Iterable[str], *, back: Iterable[str]) -> None:
        """Take in a provider's list: a model that had been missing is ``back``; any other is believed again later.

        A list that names a dead model and goes on naming it is no news, and costs a call a day.
        """
        returned, named = frozenset(back), frozenset(ids)
        for finding in list(self.known.values()):
            if finding.provider != provider or finding.kind != GONE or finding.model not in named:
                continue
            if finding.model in returned or self.wall() - finding.seen_at > SECOND_CHANCE:
                self._over(provider, finding.model, ANY, GONE)
                self.back(provider, finding.model)

    def take_in(self, findings: Iterable[Finding]) -> None:
        """Learn what is stored: it is what all workers together know."""
        back = []
        with self.lock:
            for finding in findings:
                known = self.known.get(finding.place)
                if known is None or (finding.seen_at, finding.times) > (known.seen_at, known.times):
                    self._keep(finding)
                    if known is not None and known.times and not finding.times and finding.kind == GONE:
                        back.append(finding)
        for finding in back:
            self.back(finding.provider, finding.model)

    def drain(self) -> list[Finding]:
        """Return what is new since the last call, each as a change: ``times`` is how often more."""
        with self.lock:
            told, self.told = self.told, []
            return told

    def current(self) -> list[Finding]:
        """Return the findings that say something now."""
        now = self.wall()
        return [
            finding
            for finding in list(self.known.values())
            if finding.times
            and finding.kind in LASTING
            and now - finding.seen_at < LASTING[finding.kind]
            and self.addresses.get(finding.provider) == finding.address
        ]

    def _note(
        self, provider: str, model: str, key: str, kind: str, *, status: int | None, said: str, began_at: float
    ) -> None:
        address = self.addresses.get(provider, "")
        self._put(Finding(provider, model, key, kind, address, status, said, began_at, self.wall()))

    def _over(self, provider: str, model: str, key: str, kind: str) -> None:
        known = self.known.get((provider, model, key, kind))
        if known is not None and known.times:
            self._put(known._replace(times=0, seen_at=self.wall()))

    def _put(self, finding: Finding) -> None:
        with self.lock:
            self.told = [*self.told[-KNOWN_MOST:], finding]
            self._keep(after(self.known.get(finding.place), finding))

    def _keep(self, finding: Finding) -> None:
        if self.known.get(finding.place) == finding:
            return
        if finding.place not in self.known and len(self.known) >= KNOWN_MOST:
            del self.known[min(self.known, key=lambda place: self.known[place].seen_at)]
        self.known[finding.place] = finding


def judged(model: Model, findings: Iterable[Finding], keys: frozenset[str]) -> Model:
    """Return a model as the findings about it make it; ``keys`` are those of its provider."""
    poor: set[str] = set()
    for finding in findings:
        what = f"{finding.status or finding.kind} on {instant(finding.seen_at)[:10]}: {finding.said}"
        match finding.kind:
            case "gone":
                state: Status = "retired" if finding.times >= RETIRING else "unverified"
                model = replace(model, status=state, note=what)
            case "money":
                poor.add(finding.key_id)
                if model.free and keys and poor >= keys and model.status != "retired":
                    model = replace(model, status="paid", free=False, note=what)
            case "other_model":
                other = traits(finding.said)
                said = f"answers in the name of {finding.said}"
                quality, coding = min(model.quality, other.quality), min(model.coding, other.coding)
                known = other.known and model.kind == "chat" and "quality" not in model.fixed
                model = replace(model, note=said, **({"quality": quality, "coding": coding} if known else {}))
    return model


def is_other(model: Model, said: str) -> bool:
    """Return whether an answer in this name came from another model than was asked."""
    if not said or said in model.aliases or model.id.lower().rpartition("/")[2] in ROUTERS:
        return False
    name = normal_name(said)
    return name not in (model.name, normal_name(model.id)) and name not in map(normal_name, model.aliases)


SECRET = re.compile(r"[A-Za-z0-9_\-+/=.]{16,}")
MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


def shown(said: str, model: str) -> str:
    """Return a provider's words as one short line, without what may be a key, an account or an address."""
    line = said[:2000]
    if not line.isprintable():
        line = "".join(letter if letter.isprintable() else " " for letter in line)
    line = MAIL.sub("***", " ".join(line.split()))
    return SECRET.sub(lambda found: found[0] if _plain(found[0], model) else "***", line)[:SAID_MOST]


def _plain(word: str, model: str) -> bool:
    """Return whether a long word is the model's own name, or surely no secret: without digits."""
    return word.strip("./-") in model or model in word or not any(letter.isdigit() for letter in word)


def mark(url: str) -> str:
    """Return what stands for an address, which may be private."""
    return sha256(url.encode()).hexdigest()[:16]


def instant(at: float) -> str:
    """Return an instant as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
