"""Keeps the catalog fresh: what is stored and fetched, what the user wrote, and what answers have shown since."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from wallas.catalog.build import build
from wallas.catalog.findings import MONEY, Finding, Findings, judged
from wallas.catalog.listing import Listing, listed
from wallas.catalog.public import Public
from wallas.catalog.snapshot import Catalog
from wallas.providers.base import Provider
from wallas.providers.daemon import Daemon
from wallas.providers.registry import BY_NAME, provider_terms
from wallas.providers.row import PROGRAM
from wallas.refresh_public import PublicCatalogue
from wallas.settings import Settings
from wallas.storage.findings import FindingChange, load_findings, save_findings
from wallas.storage.model_lists import StoredModels, load_models, save_models
from wallas.storage.writer import Writer

log = logging.getLogger(__name__)

ASK_SECONDS = 60.0
"""A list asked for less than this ago is not asked for anew."""
STAMP_SECONDS = 60.0
"""How late a list may be committed after it was stamped, and still be taken up by the other workers."""
OVERLAP_SECONDS = 10.0
"""How late a worker's findings may be committed and still be found."""


class Upkeep:
    """One worker's catalog: ``catalog`` makes the snapshot, and whoever changes it hands a new one to ``take``."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        writer: Writer,
        providers: Mapping[str, Provider],
        *,
        local: Daemon,
        public: PublicCatalogue | None = None,
        findings: Findings | None = None,
    ) -> None:
        """Take up what earlier runs stored and found; nothing is fetched yet."""
        self.settings = settings
        self.engine = engine
        self.writer = writer
        self.providers = providers
        self.local = local
        self.public = public
        self.public_at = 0.0
        self.findings = findings or findings_of(providers)
        self.findings.gone = self.reread
        self.take: Callable[[Catalog], object] = lambda catalog: None
        self.stamps: dict[str, float] = {}
        self.unsaved: dict[str, Listing] = dict(programs(providers))
        self.asked: dict[str, float] = {}
        self.asking = threading.Lock()
        self.rereading = False
        self.since = 0.0
        self.applied: list[Finding] = []
        self.base = Catalog()
        self._quietly(self._take_in_findings)

    def catalog(self) -> Catalog:
        """Return a snapshot of what is shipped, what lists last said, what the user wrote, and what was found."""
        rows = self._stored_lists()
        self.stamps = {row.provider: row.fetched_at for row in rows}
        listings = [Listing.parse(msgspec.json.decode(row.models)) for row in rows]
        listings = [self.unsaved.get(listing.provider, listing) for listing in listings]
        known = {listing.provider for listing in listings}
        listings += [listing for name, listing in self.unsaved.items() if name not in known]
        self.base = build(
            providers=self.settings.providers,
            listings=listings,
            terms=provider_terms(self.settings, self.providers),
            public=self._public(),
        )
        self.applied = self.findings.current()
        return self._judged(self.applied)

    def refresh(self) -> None:
        """Ask every provider that can be used for its list; keep the old one of whoever does not answer."""
        self._fetch_lists(self.providers)

    def refresh_public(self) -> None:
        """Read the public catalogue if a day has passed since it was read."""
        if self.public is not None and self.public.refresh(BY_NAME.keys()):
            self.take(self.catalog())

    def discover(self, name: str) -> bool:
        """Look for a model that nobody here knows at the one provider that may have it; return whether to read again.

        A list asked for less than a minute ago is not asked for anew.
        """
        return self._ask("ollama" if self.local.has(name) else name.partition("/")[0].partition(":")[0])

    def reread(self, provider: str) -> None:
        """Begin to read a provider's list again, for it refused a model; return at once."""
        if time.monotonic() - self.asked.get(provider, -ASK_SECONDS) >= ASK_SECONDS and not self.rereading:
            self.rereading = True
            threading.Thread(target=self._reread, args=(provider,), name="wallas-list", daemon=True).start()

    def take_in_lists(self) -> None:
        """Take up the lists that another worker has fetched meanwhile."""
        newest = max(self.stamps.values(), default=0.0)
        rows = load_models(self.engine, since=newest - STAMP_SECONDS)
        told = self.public is not None and self.public.stamp() != self.public_at
        if told or any(self.stamps.get(row.provider) != row.fetched_at for row in rows):
            self.take(self.catalog())

    def share(self, *, heard: bool = True) -> None:
        """Tell what was found here, take in what others ``heard`` of may have found, and let the catalog follow."""
        now = time.time()
        for finding in self.findings.drain():
            self.writer.put(save_findings, FindingChange(*finding, updated_at=now))
        if heard:
            self._take_in_findings()
        current = self.findings.current()
        if current != self.applied:
            self.applied = current
            self.take(self._judged(current))

    def evidence(self) -> dict[str, list[Finding]]:
        """Return what speaks against a provider's models now, the newest first."""
        found: dict[str, list[Finding]] = {}
        for finding in sorted(self.findings.current(), key=lambda finding: -finding.seen_at):
            found.setdefault(finding.provider, []).append(finding)
        return found

    def _reread(self, provider: str) -> None:
        try:
            self._ask(provider)
        finally:
            self.rereading = False

    def _ask(self, provider: str) -> bool:
        with self.asking:
            now = time.monotonic()
            if provider not in self.providers or now - self.asked.get(provider, -ASK_SECONDS) < ASK_SECONDS:
                return False
            self.asked[provider] = now
            return self._quietly(lambda: self._fetch_lists({provider: self.providers[provider]}))

    def _fetch_lists(self, providers: Mapping[str, Provider]) -> None:
        from wallas.catalog.refresh import refresh

        before = {row.provider: row.models for row in self._stored_lists()}

        def store(provider: str, listing: Listing) -> None:
            ids = {model.id for model in listing.models}
            old = Listing.parse(msgspec.json.decode(before[provider])) if provider in before else None
            if old is not None:
                self.findings.listed(provider, ids, back=ids - old.named)
                if not providers[provider].row.local:
                    listing = listing.after(old)
            try:
                save_models(self.engine, provider, msgspec.json.encode(listing.plain()))
                self.unsaved.pop(provider, None)
            except SQLAlchemyError as error:
                log.warning("the model list of %s is kept in memory only: %s", provider, type(error).__name__)
                self.unsaved[provider] = listing

        refresh(providers, store)
        self.take(self.catalog())

    def _stored_lists(self) -> list[StoredModels]:
        try:
            return load_models(self.engine)
        except SQLAlchemyError as error:
            log.warning("no stored model lists, the database does not answer: %s", type(error).__name__)
            return []

    def _public(self) -> Public | None:
        if self.public is None:
            return None
        self.public_at = self.public.stamp()
        return self.public.load(self.providers) if self.public_at else None

    def _take_in_findings(self) -> None:
        now = time.time()
        self.findings.take_in(Finding(*row[:-1]) for row in load_findings(self.engine, since=self.since))
        self.since = now - OVERLAP_SECONDS

    def _judged(self, findings: Iterable[Finding]) -> Catalog:
        """Return the catalog as findings make it; what the user says of a model's state stands."""
        by_model: dict[str, list[Finding]] = {}
        for finding in findings:
            by_model.setdefault(f"{finding.provider}/{finding.model}", []).append(finding)
        changed = {
            key: judged(model, found, self._keys(model.provider))
            for key, found in by_model.items()
            if (model := self.base.by_key.get(key)) is not None and "status" not in model.fixed
        }
        return self.base.changed(changed) if changed else self.base

    def _keys(self, provider: str) -> frozenset[str]:
        known = self.providers.get(provider)
        return frozenset(key.id for key in known.keys) if known is not None else frozenset()

    def _quietly(self, step: Callable[[], Any]) -> bool:
        """Take a step that needs the database; return whether it answered."""
        try:
            step()
        except SQLAlchemyError as error:
            log.warning("the catalog could not be looked after, the database does not answer: %s", type(error).__name__)
            return False
        return True


def programs(providers: Mapping[str, Provider]) -> Iterator[tuple[str, Listing]]:
    """Yield the lists of this machine's programs: they take no time, and the first request may need them."""
    for name, provider in providers.items():
        if provider.wire == PROGRAM and (models := listed(name, provider)):
            yield name, Listing(provider=name, date=time.strftime("%Y-%m-%d", time.gmtime()), models=models)


def findings_of(providers: Mapping[str, Provider]) -> Findings:
    """Return findings that know where the usable providers are, and which of them are known engines of the user's."""
    own = [name for name, one in providers.items() if one.row.free == "local"]
    return Findings({name: str(getattr(one, "base_url", "")) for name, one in providers.items()}, own=own)


def state_shown(row: Mapping[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """Return a provider's state as `/v1/providers` shows it: what the table says, corrected by what was found.

    Money that is asked of a provider that was free makes it a paid one; a name
    that is not the asked one's changes nothing but what is expected.
    """
    found = list(findings)
    status = row["status"]
    if status in ("working", "trial", "unverified") and any(finding.kind == MONEY for finding in found):
        status = "paid"
    return {"status": status, "table_status": row["status"], "evidence": [finding.row() for finding in found]}
