"""Asks one service after the other until there is enough; remembers answers, rests, and what each one may be asked."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

from wallas.catalog.entries import Limits
from wallas.codecs.framing import decode_body, encode
from wallas.errors import AllAttemptsFailed, BadRequest, FailureKind, ProviderError
from wallas.health import Health, Place
from wallas.integrations.search import duck
from wallas.integrations.search.backends import BACKENDS, DDGS, Ask, Backend
from wallas.integrations.search.results import Result, merged
from wallas.quota.ledger import Ledger, Refusal
from wallas.settings import Key, Secret, Settings
from wallas.transport import Transport

MODEL = "web-search"
SECONDS = 8.0
"""For one service; a search as a whole takes at most three times that."""
KEPT_SECONDS = 600.0
KEPT_MOST = 256
MOST_RESULTS = 20
ENOUGH = 3
"""Results below which another service is asked too."""


class Tried(NamedTuple):
    """A service that was asked, or was not: how it ended, how long it took, and what it said."""

    backend: str
    outcome: str
    ms: int
    message: str = ""


class Found(NamedTuple):
    """Results in order, who was asked, and whether all of it was still remembered."""

    results: list[Result]
    tried: list[Tried]
    cached: bool = False


class _Seat(NamedTuple):
    """A service as the ledger knows models."""

    provider: str
    id: str
    free: bool
    limits: Limits | None


class SearchEngine:
    """Web search of one worker; safe to use from many threads."""

    def __init__(self, settings: Settings, *, transport: Transport, health: Health, ledger: Ledger) -> None:
        """Search by whatever is configured."""
        self.settings = settings
        self.transport = transport
        self.health = health
        self.ledger = ledger
        self.kept: OrderedDict[tuple[str, int, str, str], tuple[float, Found]] = OrderedDict()
        self.lock = threading.Lock()

    def backends(self) -> list[str]:
        """Return the names of the services that can be asked, in the order in which they are."""
        names = [one.name for one in BACKENDS if self._base(one) and (not one.keys or self._keys(one))]
        if self.settings.keyless and not self.settings.demo and duck.installed():
            names.insert(int("searxng" in names), DDGS)
        return names

    def search(self, query: str, *, most: int = 5, backend: str | None = None, language: str = "en") -> Found:
        """Return what the web has for a query, an empty list where there is nothing; raise GatewayError. Blocks."""
        names = self.backends()
        if backend is not None:
            if backend not in names:
                raise BadRequest(self._absent(backend, names), param="backend")
            names = [backend]
        place = (" ".join(query.split()).lower(), most, backend or "", language)
        known = self._known(place)
        if known is not None:
            return known
        found = self._search(query, names, most=most, language=language)
        if found.results:
            self._keep(place, found)
        return found

    def _search(self, query: str, names: list[str], *, most: int, language: str) -> Found:
        until = time.monotonic() + 3 * SECONDS
        lists: list[list[Result]] = []
        tried: list[Tried] = []
        answered = False
        for name in names:
            left = until - time.monotonic()
            if left <= 0.5:
                break
            started = time.monotonic()
            try:
                lists.append(self._ask(name, query, most=most, language=language, timeout=min(left, SECONDS)))
                outcome, message, answered = "ok" if lists[-1] else "no results", "", True
            except ProviderError as error:
                outcome, message = error.kind.name.lower(), error.message
            tried.append(Tried(name, outcome, round((time.monotonic() - started) * 1000), message))
            if len(merged(lists, most)) >= min(ENOUGH, most):
                break
        if not answered:
            raise self._nobody(tried)
        return Found(merged(lists, most), tried)

    def _ask(self, name: str, query: str, *, most: int, language: str, timeout: float) -> list[Result]:
        """Return what one service finds, booked with health and quota; raise ProviderError."""
        row = next((one for one in BACKENDS if one.name == name), None)
        error: ProviderError | None = None
        for key in self._keys(row) if row is not None and row.keys else [_no_key(name)]:
            try:
                return self._booked(name, row, key, query, most=most, language=language, timeout=timeout)
            except ProviderError as failed:
                error = failed
                if failed.kind not in (FailureKind.RATE_LIMIT, FailureKind.CREDENTIAL, FailureKind.MONEY):
                    break
        assert error is not None
        raise error

    def _booked(self, name: str, row: Backend | None, key: Key, query: str, **how: Any) -> list[Result]:
        place = Place(f"search:{name}", MODEL, key.id)
        rest = self.health.resting(place, free=True)
        if rest is not None:
            raise ProviderError(FailureKind.RATE_LIMIT, f"{name} rests after a failure ({rest.reason})")
        seat = self.ledger.seat(_Seat(place.provider, MODEL, True, row.limits if row else None), key)
        taken = self.ledger.reserve(seat)
        if isinstance(taken, Refusal):
            raise ProviderError(FailureKind.RATE_LIMIT, f"the quota of {name} is used up ({taken.window.kind})")
        started = time.monotonic()
        try:
            found = self._found(name, row, key, query, **how)
        except ProviderError as error:
            self.ledger.settle(taken)
            self.health.failed(place, error)
            raise
        self.ledger.settle(taken, alive=True)
        self.health.succeeded(place, latency=time.monotonic() - started)
        return found

    def _found(
        self, name: str, row: Backend | None, key: Key, query: str, *, most: int, language: str, timeout: float
    ) -> list[Result]:
        base = self._base(row) if row is not None else ""
        ask = Ask(query, most, language, key.secret.reveal(), base, self.settings.google_cse_id or "")
        if row is None:
            return duck.search(ask, timeout=timeout, proxy=self.settings.https_proxy)
        call = row.call(ask)
        body = encode(call.body) if call.body is not None else b""
        status, headers, data = self.transport.fetch(
            call.method, call.url, headers=call.headers, body=body, timeout=timeout
        )
        if status != 200:
            raise refusal(row.label, status, headers, key)
        said = decode_body(data)
        if not isinstance(said, dict):
            raise ProviderError(FailureKind.MALFORMED, f"{row.label} gave no object")
        return [one for one in row.read(said) if one is not None]

    def _keys(self, row: Backend) -> tuple[Key, ...]:
        if row.name == "google_cse" and not self.settings.google_cse_id:
            return ()
        return self.settings.keys_for(row.keys)

    def _base(self, row: Backend) -> str:
        moved = self.settings.base_url_for(row.name) or (self.settings.searxng_url if row.name == "searxng" else None)
        if not moved and (self.settings.demo or not (row.keys or self.settings.keyless)):
            return ""
        return (moved or row.base_url).rstrip("/")

    def _absent(self, name: str, names: list[str]) -> str:
        row = next((one for one in BACKENDS if one.name == name), None)
        have = f"there are: {', '.join(names) or 'none'}"
        if name == DDGS:
            return f"backend: ddgs is not installed (pip install 'wallas[search]'); {have}"
        if row is None:
            return f"backend: {name[:40]!r} is no search service that is known here; {have}"
        return f"backend: {row.label} is not configured: set {row.keys[0] if row.keys else 'SEARXNG_URL'}; {have}"

    def _nobody(self, tried: list[Tried]) -> AllAttemptsFailed:
        if not tried:
            text = "no search service is configured: pip install 'wallas[search]', or set SEARXNG_URL or BRAVE_API_KEY"
            return AllAttemptsFailed(text, status=503, code="no_provider_configured")
        said = "; ".join(f"{one.backend}: {one.message or one.outcome}" for one in tried)
        limited = all(one.outcome == "rate_limit" for one in tried)
        return AllAttemptsFailed(
            f"no search service could answer ({said})",
            status=429 if limited else 502,
            retry_after=60.0 if limited else None,
            details=[one._asdict() for one in tried],
        )

    def _known(self, place: tuple[str, int, str, str]) -> Found | None:
        with self.lock:
            known = self.kept.get(place)
            if known is None or time.monotonic() - known[0] > KEPT_SECONDS:
                return None
            self.kept.move_to_end(place)
            return known[1]._replace(cached=True, tried=[])

    def _keep(self, place: tuple[str, int, str, str], found: Found) -> None:
        with self.lock:
            self.kept[place] = (time.monotonic(), found)
            while len(self.kept) > KEPT_MOST:
                self.kept.popitem(last=False)

    def providers(self) -> Iterator[str]:
        """Yield the names under which the ledger counts."""
        return (f"search:{name}" for name in self.backends())


STATUSES = {
    401: FailureKind.CREDENTIAL,
    402: FailureKind.MONEY,
    403: FailureKind.CREDENTIAL,
    408: FailureKind.TIMEOUT,
    422: FailureKind.CALLER_FAULT,
    400: FailureKind.CALLER_FAULT,
    429: FailureKind.RATE_LIMIT,
    432: FailureKind.MONEY,
    433: FailureKind.MONEY,
}
"""432 and 433 are Tavily's: the plan's and the key's limit."""


def refusal(label: str, status: int, headers: Any, key: Key) -> ProviderError:
    """Return what a status means; nothing of the body is repeated, for some put the key into it."""
    said = headers.get("retry-after", "")
    wait = float(said) if said.isdecimal() else None
    kind = STATUSES.get(status, FailureKind.SERVER if status >= 500 else FailureKind.MALFORMED)
    return ProviderError(kind, f"{label} answered with status {status}", status=status, retry_after=wait)


def _no_key(name: str) -> Key:
    return Key(secret=Secret(""), account=name, id="keyless")
