"""One worker's gateway, put together: database, health, catalog, providers, router and the jobs beside them."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine

from wallas import demo, grace
from wallas.catalog.findings import OTHER
from wallas.content.fetch import Fetcher
from wallas.content.library import Library
from wallas.health import Health, Place
from wallas.jobs import LEASE_SECONDS, RENEW_SECONDS, Job, Jobs
from wallas.journal import DatabaseJournal, answering_database
from wallas.media.store import Limits as MediaLimits
from wallas.media.store import MediaStore
from wallas.providers.base import Provider
from wallas.providers.daemon import Daemon
from wallas.providers.registry import provider_rows, providers
from wallas.quota.authority import DatabaseAuthority, worker_name
from wallas.quota.clocks import ZONES
from wallas.quota.ledger import Ledger
from wallas.quota.spool import Spool
from wallas.refresh import Upkeep, state_shown
from wallas.refresh_public import LOOK_SECONDS, PublicCatalogue
from wallas.routing.desk import Desk
from wallas.routing.enrich import Memory
from wallas.routing.router import Router
from wallas.service_files import hooks
from wallas.settings import Settings
from wallas.sharing import SELDOM_SECONDS, HealthSharing
from wallas.sharing_quota import ROUTES_SECONDS, QuotaSharing, ask_routes
from wallas.sharing_sessions import SessionSharing
from wallas.storage import migrate
from wallas.storage.circuits import load_circuits
from wallas.storage.ear import Ear, listens
from wallas.storage.engine import open_database
from wallas.storage.file import StorageError, check_database, is_sqlite
from wallas.storage.leader import Lease
from wallas.storage.prune import prune
from wallas.storage.responses import delete_response
from wallas.storage.usage import load_usage
from wallas.storage.writer import Writer
from wallas.transport import Transport
from wallas.videos import Pace as VideoPace
from wallas.videos import Videos

if TYPE_CHECKING:
    from wallas.integrations.search.engine import SearchEngine

log = logging.getLogger(__name__)

PRUNE_SECONDS = 3600.0
ADOPT_SECONDS = 15.0
FILM_SECONDS = 300.0
PROBES_SECONDS = 3600.0
"""How often it is looked who has not been heard of for a day."""
LATE_SECONDS = 1.0
"""A commit that takes longer is worth a word in ``/health``: another program holds a lock, or the disk is slow."""
CHECK_EVERY = 24 * 3600.0


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
    catalogue_delay: float = 30.0
    probes_delay: float = 900.0
    lists: float = SELDOM_SECONDS
    lease: float = LEASE_SECONDS
    renew: float = RENEW_SECONDS
    videos: VideoPace = VideoPace()
    adopt: float = ADOPT_SECONDS


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
        self.name = worker_name()
        """How other workers know this one."""
        self.damage: str | None = None
        """What a look through the whole database found."""
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
        reads = settings.catalog and self.fleet is None
        public = PublicCatalogue(settings.catalog_url, self.engine, self.transport) if reads else None
        self.upkeep = Upkeep(settings, self.engine, self.writer, self.providers, local=self.local, public=public)
        self.upkeep.findings.back = lambda provider, model: self.health.returned(Place(provider, model))
        self.sessions: SessionSharing | None = None  # the first tick may come before there are any
        self.sharing = HealthSharing(
            self.health,
            self.engine,
            self.writer,
            ear=Ear(self.engine, me=self.name),
            beside=self._share,
            seldom=self.upkeep.take_in_lists,
            seldom_seconds=pace.lists,
        )
        ear = Ear(self.engine, me=self.name)
        self.quota = QuotaSharing(self._ledger(ear, self.health.never_rest), seconds=lambda: listens(ear))
        self.library = Library(fetcher=Fetcher(allowed=settings.fetch_hosts, cafile=settings.ssl_cert_file))
        self.router = Router(
            settings,
            catalog=self.upkeep.catalog(),
            providers=self.providers,
            desk=Desk(
                health=self.health,
                ledger=self.quota.ledger,
                journal=self.journal,
                findings=self.upkeep.findings,
                ending=grace.seconds_left,
            ),
            memory=Memory(conversation=self.journal.conversation, seals=self.journal.seals),
            discover=self.upkeep.discover,
            library=self.library,
            search=lambda: self.search,
        )
        self.library.hooks = hooks(self.router, self.media)
        self.upkeep.take = self.router.reload
        self.sessions = SessionSharing(self.router.desk.sessions, self.engine, self.writer)
        self.films = Fetcher(
            allowed=settings.fetch_hosts,
            cafile=settings.ssl_cert_file,
            seconds=FILM_SECONDS,
            most=settings.file_megabytes * 1024 * 1024,
        )
        self.videos = Videos(
            self.engine, media=self.media, router=lambda: self.router, fetch=self.films.fetch, pace=pace.videos
        )
        self.jobs = Jobs(Lease(self.engine, "jobs", seconds=pace.lease), self._jobs(), renew=pace.renew)
        self.jobs.start()

    def _share(self, heard: bool) -> None:
        """Share what is shared beside health, at every tick; others are only read where they were ``heard``."""
        self.upkeep.share(heard=heard)
        if self.sessions is not None:
            self.sessions.step(heard=heard)

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

    def _ledger(self, ear: Ear, never_rest: Iterable[str]) -> Ledger:
        spool = Spool(self.settings.instance / "quota", self.name)
        authority = DatabaseAuthority(self.engine, worker=self.name, spool=spool, ear=ear)
        return Ledger(authority, spool=spool, never_rest=never_rest)

    @cached_property
    def search(self) -> "SearchEngine":
        """Return what searches the web, made when it is first needed."""
        from wallas.integrations.search.engine import SearchEngine

        return SearchEngine(self.settings, transport=self.transport, health=self.health, ledger=self.quota.ledger)

    def quota_rows(self) -> Mapping[str, Any]:
        """Return how the windows of all usable providers stand, as all workers together know it."""
        from wallas.quota.rows import merged, rows

        ledger = self.quota.ledger
        for model in self.router.catalog.models:
            for key in self.providers[model.provider].keys if model.provider in self.providers else ():
                ledger.seat(model, key)
        ledger.tick()
        named = [*self.providers, *(self.search.providers() if "search" in self.__dict__ else ())]
        return {"data": rows(ledger, named), "merged": merged(ledger)}

    def _jobs(self) -> list[Job]:
        if self.fleet is not None:
            return []
        refresh = Job(
            "refresh", self.upkeep.refresh, self.settings.model_refresh_seconds, delay=self.pace.refresh_delay
        )
        quota = Job("quota", self.ask_quota, ROUTES_SECONDS, delay=self.pace.refresh_delay)
        public = Job("catalogue", self.upkeep.refresh_public, LOOK_SECONDS, delay=self.pace.catalogue_delay)
        jobs = [refresh, quota, public, Job("prune", self.prune, PRUNE_SECONDS, delay=60.0)]
        jobs.append(Job("database", self.check_whole, CHECK_EVERY, delay=120.0))
        if self.settings.probes:
            jobs.append(Job("probes", self.probe, PROBES_SECONDS, delay=self.pace.probes_delay))
        return jobs

    def probe(self) -> None:
        """Ask for one token whoever has not been heard of for a day."""
        from wallas.refresh_probes import Probes

        upkeep = self.upkeep
        Probes(
            self.engine, self.providers, self.router.desk, catalog=lambda: upkeep.base, findings=upkeep.findings
        ).run()

    def ask_quota(self) -> None:
        """Ask the providers that tell it what is left of their keys' quota."""
        ask_routes(self.providers, self.router.catalog.models, self.quota.ledger)

    def prune(self) -> None:
        """Delete what has had its time, rows first, then the bytes that no row has any more."""
        prune(self.engine)
        self.media.sweep()

    def check_whole(self) -> None:
        """Look through all of the database, of which a start looks at what a fifth of a second shows."""
        try:
            check_database(self.settings.database_url, seconds=math.inf)
            self.damage = None
        except StorageError as error:
            self.damage = str(error)
            log.error("%s", error)

    def trouble(self) -> dict[str, object]:
        """Return what does not work at the moment and what it has cost so far; nothing while all is well."""
        writer, told = self.writer, dict[str, object]()
        cause = writer.trouble or self.sharing.trouble or self.damage
        late = writer.late()
        if cause is None and late > LATE_SECONDS:
            cause = f"no row was taken for {late:.0f} s"
        if cause is not None:
            told |= {"trouble": f"database: {cause}", "rows_waiting": writer.waiting()}
        lost = writer.dropped + writer.refused
        return told | ({"rows_dropped": lost} if lost else {})

    def provider_rows(self) -> Sequence[dict[str, Any]]:
        """Return what is known of every provider, configured or not."""
        rows, evidence = provider_rows(self.settings, self.providers), self.upkeep.evidence()
        return [row | state_shown(row, evidence.get(row["id"], [])) for row in rows]

    def answered_as(self) -> Mapping[str, Mapping[str, Any]]:
        """Return by `provider/model` in whose name another model lately answered, and how often that was seen."""
        found = (finding for findings in self.upkeep.evidence().values() for finding in findings)
        return {
            f"{one.provider}/{one.model}": {"answered_as": one.said, "answered_as_times": one.times}
            for one in found
            if one.kind == OTHER
        }

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
        self.videos.close()
        self.films.close()
        self.sharing.close()
        self.quota.close()
        self.writer.close()
        self.library.close()
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
