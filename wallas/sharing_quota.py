"""Keeps this worker's quota in step with the database: one thread that exchanges what was spent for new shares."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from wallas.catalog.entries import Model
from wallas.errors import WallasError
from wallas.providers.base import Provider
from wallas.quota.authority import DatabaseAuthority
from wallas.quota.ledger import Ledger
from wallas.storage.ear import TICK_SECONDS

log = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0
ROUTES_SECONDS = 600.0
"""How often the elected worker asks providers what is left of their keys' quota."""


def ask_routes(providers: Mapping[str, Provider], models: Iterable[Model], ledger: Ledger) -> None:
    """Ask those providers that tell what is left of a key's quota, key by key, and take it into the ledger.

    Costs none of that quota. Whoever does not answer is asked again next time.
    """
    from wallas.providers.http import HttpProvider
    from wallas.quota.learning import take
    from wallas.quota.routes import ROUTES

    free = {model.provider: model for model in models if model.free}
    for name, (path, read) in ROUTES.items():
        provider, model = providers.get(name), free.get(name)
        if model is None or not isinstance(provider, HttpProvider):
            continue
        for key in provider.keys:
            try:
                said = read(provider.fetch(provider.base(key) + path, key))
            except WallasError as error:
                log.info("quota of %s with key %s: %s", name, key.id, error)
                continue
            take(ledger, ledger.seat(model, key), said, refusal=False)
    ledger.tick()


class QuotaSharing:
    """One thread a worker; what it does not get done in one tick, the next one does."""

    def __init__(self, ledger: Ledger, *, seconds: Callable[[], float] = lambda: TICK_SECONDS) -> None:
        """Take in what earlier runs stored, and go on as often as ``seconds`` says each time."""
        self.ledger = ledger
        self.seconds = seconds
        self.stopping = threading.Event()
        self.swept = time.monotonic()
        self._tick()
        self.thread = threading.Thread(target=self._run, name="wallas-quota", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Give all shares back and stop."""
        self.stopping.set()
        self.thread.join(5)
        self.ledger.close()

    def _run(self) -> None:
        while not self.stopping.wait(self.seconds()):
            self._tick()

    def _tick(self) -> None:
        try:
            self.ledger.tick()
            authority = self.ledger.authority
            if isinstance(authority, DatabaseAuthority) and time.monotonic() - self.swept > SWEEP_SECONDS:
                self.swept = time.monotonic()
                authority.sweep(now=self.ledger.now())
        except Exception as error:
            log.warning("quota could not be shared: %s", error)
