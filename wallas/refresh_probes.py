"""Finds out, with one token a day, whether what nobody has used still works; only where quota is ample and free.

A probe is a call like any other: it is reserved and settled in the ledger, it
rests what it finds resting, and what it shows is evidence. That it is about to
be made is committed first, so that no restart and no other worker makes it again.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from sqlalchemy import Engine

from wallas.catalog.entries import Limits, Model
from wallas.catalog.findings import GONE, MONEY, PROBE, Finding, Findings
from wallas.catalog.snapshot import Catalog
from wallas.errors import FailureKind, ProviderError
from wallas.health import Place
from wallas.providers.base import Provider
from wallas.providers.row import PROGRAM
from wallas.quota.learning import listen
from wallas.routing.admission import Held, book_refusal, held, reserve
from wallas.routing.candidates import is_shared
from wallas.routing.desk import Desk
from wallas.routing.line import Line
from wallas.routing.needs import Needs
from wallas.settings import Key
from wallas.storage.findings import FindingChange, load_findings, save_findings
from wallas.storage.plain import Writing
from wallas.storage.requests import answered_since
from wallas.types.chat import ChatRequest, Message, Text

log = logging.getLogger(__name__)

DAY = 86400.0
SUSPECT_SECONDS = 6 * 3600.0
"""How long a model that was refused is left alone before it is asked again: as long as it rests."""
ROOMY = 0.5
LEAST_A_DAY, LEAST_A_MONTH = 100, 1000
"""Quotas below these, or with less than half of any window left, are for the user's own requests."""
PROBE_SECONDS = 30.0
NEEDS = Needs(frozenset({"chat"}), 8, 1)


class Probes:
    """The probes of the elected worker."""

    def __init__(
        self,
        engine: Engine,
        providers: Mapping[str, Provider],
        desk: Desk,
        *,
        catalog: Callable[[], Catalog],
        findings: Findings,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Ask ``providers`` for models of ``catalog``, which is told without what was found since."""
        self.engine = engine
        self.providers = providers
        self.desk = desk
        self.catalog = catalog
        self.findings = findings
        self.wall = wall

    def run(self) -> int:
        """Probe whoever is due, one after the other; return how many were asked."""
        since = self.wall() - DAY
        done = {(row.provider, row.key_id) for row in load_findings(self.engine) if _recent(row, since)}
        answered = answered_since(self.engine, since)
        asked = 0
        for name, provider in self.providers.items():
            if provider.row.free == "local" or provider.wire == PROGRAM or is_shared(provider):
                continue
            for key in provider.keys:
                if (name, key.id) in done:
                    continue
                model = next(self.due(provider, key, used=(name, key.id) in answered), None)
                if model is not None:
                    self._probe(provider, model, key)
                    asked += 1
        return asked

    def due(self, provider: Provider, key: Key, *, used: bool) -> Iterator[Model]:
        """Yield the models to ask with a key, the first first: those that were refused; unless it was ``used``, others.

        Of the others the least: its answer says as much of the key, and its quota is missed least.
        """
        models = {model.id: model for model in self.catalog().of(provider.name)}
        found = [one for one in self.findings.current() if one.provider == provider.name]
        found = [one for one in found if one.kind == GONE or (one.kind == MONEY and one.key_id == key.id)]
        suspects = {one.model for one in found}
        ripe = (one for one in found if self.wall() - one.seen_at >= SUSPECT_SECONDS)
        wanted = [models[one.model] for one in ripe if one.model in models]
        if not used:
            others = (model for model in models.values() if model.id not in suspects)
            wanted += sorted(others, key=lambda model: (model.quality, model.id))
        for model in wanted:
            if self.allowed(model, key):
                yield model

    def allowed(self, model: Model, key: Key) -> bool:
        """Return whether a call to a model costs nothing, is not kept out, and takes from ample quota only."""
        if model.kind != "chat" or not model.free or model.status == "retired" or model.missing_since:
            return False
        ledger = self.desk.ledger
        if not is_ample(model.limits) or ledger.headroom(ledger.seat(model, key)) < ROOMY:
            return False
        return held(self.desk.health, ledger, model, key, NEEDS) is None

    def _probe(self, provider: Provider, model: Model, key: Key) -> None:
        began = self.wall()
        reservation = reserve(self.desk.ledger, model, key, NEEDS)
        if isinstance(reservation, Held):
            return
        place = (provider.name, model.id, key.id)
        self._commit(self.findings.probed(*place, "asked", began_at=began, status=None))
        until = time.monotonic() + PROBE_SECONDS
        heard = partial(listen, self.desk.ledger, reservation.seat)
        line = Line(provider, until=until, seconds=PROBE_SECONDS, heard=heard)
        try:
            line.reply(lambda: provider.chat(question(model), key=key))
        except ProviderError as error:
            error.hide(key.secret.reveal())
            said = line.refusal
            book_refusal(self.desk.ledger, reservation, error, said.headers if said else {}, said.data if said else b"")
            if error.kind not in (FailureKind.UNSUPPORTED, FailureKind.MAX_TOKENS, FailureKind.CALLER_FAULT):
                self.desk.health.failed(Place(*place), error)
            self.findings.refused(*place, error, began_at=began)
            told, status = f"{error.kind.name.lower()}: {error.message}", error.status
        else:
            self.desk.ledger.settle(reservation, alive=True)
            self.findings.answered(model, key.id, model.id, began_at=began)
            told, status = "answered", 200
        finally:
            self.desk.ledger.settle(reservation)
        self._commit(self.findings.probed(*place, told, began_at=began, status=status))
        log.info("probe of %s/%s with key %s: %s", *place, told[:100])

    def _commit(self, finding: Finding) -> None:
        with Writing(self.engine) as to:
            save_findings(to, [FindingChange(*finding, updated_at=self.wall())])


def is_ample(limits: Limits | None) -> bool:
    """Return whether known limits let a call of ours go unnoticed; where none are known, they do."""
    if limits is None:
        return True
    day, month = limits.rpd, limits.rpmonth
    return (day is None or day >= LEAST_A_DAY) and (month is None or month >= LEAST_A_MONTH)


def question(model: Model) -> ChatRequest:
    """Return the request of one token."""
    return ChatRequest(model=model.id, messages=(Message(role="user", parts=(Text(text="Hi"),)),), max_tokens=1)


def _recent(row: FindingChange, since: float) -> bool:
    return row.kind == PROBE and row.seen_at > since
