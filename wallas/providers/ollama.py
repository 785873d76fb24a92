"""Providers of Ollama's native wire: the daemon on this machine, and Ollama Cloud."""

from wallas.catalog.entries import Model
from wallas.codecs.framing import decode_body
from wallas.errors import FailureKind, ProviderError
from wallas.providers.http import HttpProvider
from wallas.providers.lists import parse_list
from wallas.settings import Key

LOCAL_SECONDS = 0.3
"""How long a daemon on this machine may take to tell its tags: a missing one must not delay anything."""


class Ollama(HttpProvider):
    """A provider of the Ollama wire. What this machine's daemon has is asked for here and sent nowhere else."""

    def list_models(self, key: Key) -> list[Model]:
        """Ask for the tags; a daemon on this machine that is not there has none."""
        if not self.row.local:
            return super().list_models(key)
        if not self.discover:
            return []
        try:
            status, _, data = self.transport.fetch(
                "GET", f"{self.base_url}{self.row.models_path}", headers=self.headers(key), timeout=LOCAL_SECONDS
            )
        except ProviderError as error:
            if error.kind in (FailureKind.CONNECT, FailureKind.TIMEOUT, FailureKind.CUT):
                return []
            raise
        return parse_list(self.row, decode_body(data)) if status == 200 else []
