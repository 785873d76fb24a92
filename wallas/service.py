"""One worker's gateway, put together: database, health, catalog, providers, router and the jobs beside them."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from wallas import demo, grace
from wallas.catalog.build import build
from wallas.catalog.listing import Listing
from wallas.catalog.snapshot import Catalog
from wallas.health import Health
from wallas.jobs import LEASE_SECONDS, RENEW_SECONDS, Job, Jobs
from wallas.journal import DatabaseJournal, answering_database
from wallas.media.store import Limits as MediaLimits
from wallas.media.store import MediaStore
from wallas.providers.base import Provider
from wallas.providers.daemon import Daemon
from wallas.providers.registry import provider_rows, provider_terms, providers
from wallas.quota.authority import DatabaseAuthority, worker_name
from wallas.quota.clocks import ZONES
from wallas.quota.ledger import Ledger
from wallas.quota.spool import Spool
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory
from wallas.routing.router import Router
from wallas.settings import Settings
from wallas.sharing import SELDOM_SECONDS, HealthSharing
from wallas.sharing_quota import ROUTES_SECONDS, QuotaSharing, ask_routes
from wallas.storage import migrate
from wallas.storage.circuits import load_circuits
from wallas.storage.engine import open_database
from wallas.storage.file import StorageError, check_database, is_sqlite
from wallas.storage.leader import Lease
from wallas.storage.model_lists import StoredModels, load_models, save_models
from wallas.storage.prune import prune
from wallas.storage.responses import delete_response
from wallas.storage.usage import load_usage
from wallas.storage.writer import Writer
from wallas.transport import Transport

log = logging.getLogger(__name__)

PRUNE_SECONDS = 3600.0
ASK_SECONDS = 60.0
LATE_SECONDS = 1.0
"""A commit that takes longer is worth a word in ``/health``: another program holds a lock, or the disk is slow."""

STAMP_SECONDS = 60.0
"""How late a list may be committed after it was stamped, and still be taken up by the other workers."""


def siblings(providers: Mapping[str, Provider]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the keys that are of one account with each key, by (provider, key)."""
    return {
        (name, key.id): tuple(other.id for other in provider.keys if other.account == key.account)
        for name, provider in providers.items()
        for key in provider.keys
    }


class Pace(NamedTuple):
    """How often a worker does what nobody waits for, in seconds; tests are quicker."""

    refresh_delay: float = 2.0
    lists: float = SELDOM_SECONDS
    lease: float = LEASE_SECONDS
    renew: float = RENEW_SECONDS


class Service:
    """Everything a worker holds for as long as it lives; make it after the fork, close it at the end."""

    def __init__(self, settings: Settings, *, pace: Pace | None = None) -> None:
        """Open the database, migrating it if nobody has, and take up what earlier runs knew."""
        self.pace = pace = pace or Pace()
        self.fleet = demo.Demo() if settings.demo else None
        if self.fleet is not None:
            settings = self.fleet.settings(settings)
        self.settings = settings
        self.pages: set[str] = set()
        self.engine = self._database()
        self.writer = Writer(self.engine)
        self.journal = DatabaseJournal(self.engine, self.writer)
        self.transport = Transport(
            connect=settings.timeouts.connect,
            tls=settings.timeouts.tls,
            cafile=settings.ssl_cert_file,
            proxy=settings.https_proxy,
            no_proxy=settings.no_proxy or "",
        )
        self.media = MediaStore(self.engine, settings.instance / "media", limits=media_limits(settings))
        self.local = Daemon(self.transport, settings.ollama_upstream)
        self.providers: dict[str, Provider] = providers(settings, self.transport, keyless=settings.keyless)
        self.health = Health(
            zones=ZONES,
            never_rest=[name for name, one in self.providers.items() if one.never_rest],
            siblings=siblings(self.providers),
        )
        self.sharing = HealthSharing(
            self.health, self.engine, self.writer, seldom=self.take_in_lists, seldom_seconds=pace.lists
        )
        self.quota = QuotaSharing(self._ledger(self.health.never_rest))
        self.stamps: dict[str, float] = {}
        self.unsaved: dict[str, Listing] = {}
        self.asked: dict[str, float] = {}
        self.asking = threading.Lock()
        self.router = Router(
            settings,
            catalog=self.catalog(),
            providers=self.providers,
            desk=Desk(health=self.health, ledger=self.quota.ledger, journal=self.journal, ending=grace.seconds_left),
            memory=Memory(conversation=self.journal.conversation, seals=self.journal.seals),
            discover=self.discover,
        )
        self.jobs = Jobs(Lease(self.engine, "jobs", seconds=pace.lease), self._jobs(), renew=pace.renew)
        self.jobs.start()

    def _database(self) -> Engine:
        self.settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        url = self.settings.database_url
        try:
            if not migrate.is_current(url):
                check_database(url)
                migrate.upgrade(url)
        except StorageError as error:
            if is_sqlite(url):
                raise
            log.error("this worker starts without its database: %s", error)  # the master has checked it at its start
        return open_database(url)

    def _ledger(self, never_rest: Iterable[str]) -> Ledger:
        worker = worker_name()
        spool = Spool(self.settings.instance / "quota", worker)
        authority = DatabaseAuthority(self.engine, worker=worker, spool=spool)
        return Ledger(authority, spool=spool, never_rest=never_rest)

    def quota_rows(self) -> Mapping[str, Any]:
        """Return how the windows of all usable providers stand, as all workers together know it."""
        from wallas.quota.rows import merged, rows

        ledger = self.quota.ledger
        for model in self.router.catalog.models:
            for key in self.providers[model.provider].keys if model.provider in self.providers else ():
                ledger.seat(model, key)
        ledger.tick()
        return {"data": rows(ledger, self.providers), "merged": merged(ledger)}

    def _jobs(self) -> list[Job]:
        if self.fleet is not None:
            return []
        refresh = Job("refresh", self.refresh, self.settings.model_refresh_seconds, delay=self.pace.refresh_delay)
        quota = Job("quota", self.ask_quota, ROUTES_SECONDS, delay=self.pace.refresh_delay)
        return [refresh, quota, Job("prune", self.prune, PRUNE_SECONDS, delay=60.0)]

    def ask_quota(self) -> None:
        """Ask the providers that tell it what is left of their keys' quota."""
        ask_routes(self.providers, self.router.catalog.models, self.quota.ledger)

    def prune(self) -> None:
        """Delete what has had its time, rows first, then the bytes that no row has any more."""
        prune(self.engine)
        self.media.sweep()

    def catalog(self) -> Catalog:
        """Return a snapshot of what is shipped, what the providers' lists last said, and what the user wrote."""
        rows = self._stored_lists()
        self.stamps = {row.provider: row.fetched_at for row in rows}
        listings = [Listing.parse(msgspec.json.decode(row.models)) for row in rows]
        listings = [self.unsaved.get(listing.provider, listing) for listing in listings]
        known = {listing.provider for listing in listings}
        listings += [listing for name, listing in self.unsaved.items() if name not in known]
        return build(
            providers=self.settings.providers, listings=listings, terms=provider_terms(self.settings, self.providers)
        )

    def _stored_lists(self) -> list[StoredModels]:
        try:
            return load_models(self.engine)
        except SQLAlchemyError as error:
            log.warning("no stored model lists, the database does not answer: %s", type(error).__name__)
            return []

    def refresh(self) -> None:
        """Ask every provider that can be used for its list; keep the old one of whoever does not answer."""
        self._fetch_lists(self.providers)

    def _fetch_lists(self, providers: Mapping[str, Provider]) -> None:
        from wallas.catalog.refresh import refresh

        before = {row.provider: row.models for row in self._stored_lists()}

        def store(provider: str, listing: Listing) -> None:
            old = before.get(provider)
            if old is not None and not providers[provider].row.local:
                listing = listing.after(Listing.parse(msgspec.json.decode(old)))
            try:
                save_models(self.engine, provider, msgspec.json.encode(listing.plain()))
                self.unsaved.pop(provider, None)
            except SQLAlchemyError as error:
                log.warning("the model list of %s is kept in memory only: %s", provider, type(error).__name__)
                self.unsaved[provider] = listing

        refresh(providers, store)
        self.router.reload(self.catalog())

    def discover(self, name: str) -> bool:
        """Look for a model that nobody here knows at the one provider that may have it; return whether to read again.

        A list asked for less than a minute ago is not asked for anew.
        """
        provider = "ollama" if self.local.has(name) else name.partition("/")[0].partition(":")[0]
        with self.asking:
            now = time.monotonic()
            if provider not in self.providers or now - self.asked.get(provider, -ASK_SECONDS) < ASK_SECONDS:
                return False
            self.asked[provider] = now
            try:
                self._fetch_lists({provider: self.providers[provider]})
            except SQLAlchemyError as error:
                log.warning("no look at the models of %s: %s", provider, type(error).__name__)
                return False
            return True

    def take_in_lists(self) -> None:
        """Take up the lists that another worker has fetched meanwhile."""
        newest = max(self.stamps.values(), default=0.0)
        rows = load_models(self.engine, since=newest - STAMP_SECONDS)
        if any(self.stamps.get(row.provider) != row.fetched_at for row in rows):
            self.router.reload(self.catalog())

    def trouble(self) -> dict[str, object]:
        """Return what does not work at the moment and what it has cost so far; nothing while all is well."""
        writer, told = self.writer, dict[str, object]()
        cause = writer.trouble or self.sharing.trouble
        late = writer.late()
        if cause is None and late > LATE_SECONDS:
            cause = f"no row was taken for {late:.0f} s"
        if cause is not None:
            told |= {"trouble": f"database: {cause}", "rows_waiting": writer.waiting()}
        lost = writer.dropped + writer.refused
        return told | ({"rows_dropped": lost} if lost else {})

    def provider_rows(self) -> Sequence[dict[str, Any]]:
        """Return what is known of every provider, configured or not."""
        return provider_rows(self.settings, self.providers)

    def load_circuits(self) -> Sequence[Any]:
        """Return the circuits of all workers."""
        with answering_database():
            return load_circuits(self.engine)

    def load_usage(self, since: float) -> Sequence[Any]:
        """Return what all workers used since an instant."""
        with answering_database():
            return load_usage(self.engine, since=since)

    def delete_response(self, id: str) -> bool:
        """Forget a stored response; return whether there was one."""
        with answering_database():
            return delete_response(self.engine, id)

    def close(self) -> None:
        """Stop what runs beside the requests, and commit what is still queued."""
        self.jobs.close()
        self.sharing.close()
        self.quota.close()
        self.writer.close()
        self.transport.close()
        if self.fleet is not None:
            self.fleet.close()
        self.engine.dispose()


def media_limits(settings: Settings) -> MediaLimits:
    """Return how much is kept of files and made media, as the user wants it."""
    megabyte = 1024 * 1024
    return MediaLimits(
        file=settings.file_megabytes * megabyte,
        owner=settings.files_megabytes * megabyte,
        seconds=settings.media_hours * 3600.0,
    )
