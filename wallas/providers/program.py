"""A program of this machine as a provider: what it does is a task of a guarded child (``content/guarded.py``)."""

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

from wallas.errors import FailureKind, ProviderError
from wallas.providers.base import Line, Setup
from wallas.providers.row import Row
from wallas.settings import Key, Timeouts

if TYPE_CHECKING:
    from wallas.catalog.entries import Model

PYTHON = "python:"


def lacking(row: Row) -> list[str]:
    """Return what of a program's parts is not installed; costs no import."""
    return [need for need in row.needs if not _found(need)]


def _found(need: str) -> bool:
    if need.startswith(PYTHON):
        return find_spec(need.removeprefix(PYTHON)) is not None
    return shutil.which(need) is not None


class Program:
    """A provider without a network: it never rests, for its failures are those of the file it was given."""

    def __init__(self, setup: Setup) -> None:
        """Be what the row says."""
        self.name = setup.row.name
        self.row = setup.row
        self.keys: tuple[Key, ...] = setup.keys
        self.wire = setup.row.wire
        self.timeouts: Timeouts = setup.timeouts
        self.never_rest = True
        self.discover = False

    def operate(self, request: Any, *, key: Key, line: Line) -> Any:
        """Do what the program is for; see ``Provider.operate``."""
        from wallas.providers.operations import operate

        return operate(self, request, key=key, line=line)

    def list_models(self, key: Key) -> "list[Model]":
        """Return nothing: the catalog knows what the program does."""
        return []

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return a fault of no meaning: there are no answers with a status here."""
        return ProviderError(FailureKind.MALFORMED, f"{self.row.label} gave no answer", status=status)

    def chat(self, request: Any, *, key: Key, dropped: list[str] | None = None) -> NoReturn:
        """Raise UNSUPPORTED: it does not talk."""
        raise self._unable("chat")

    def decoder(self, request: Any) -> NoReturn:
        """Raise UNSUPPORTED."""
        raise self._unable("chat")

    def embed(self, request: Any, *, key: Key) -> NoReturn:
        """Raise UNSUPPORTED."""
        raise self._unable("embeddings")

    def decode_embeddings(self, request: Any, data: bytes) -> NoReturn:
        """Raise UNSUPPORTED."""
        raise self._unable("embeddings")

    def _unable(self, operation: str) -> ProviderError:
        return ProviderError(FailureKind.UNSUPPORTED, f"{self.row.label} has no {operation}", param="model")
