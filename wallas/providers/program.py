"""What providers share that are programs or libraries of this machine: no chat, no list, no key."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wallas.errors import FailureKind, ProviderError
from wallas.providers.base import Setup
from wallas.providers.row import Row
from wallas.settings import Key, Timeouts

if TYPE_CHECKING:
    from wallas.catalog.entries import Model
    from wallas.codecs import StreamDecoder
    from wallas.providers.base import Line
    from wallas.transport_body import Body
    from wallas.types.chat import ChatRequest
    from wallas.types.media import EmbedRequest, EmbedResponse


class Program:
    """A provider that is asked without HTTP. Subclasses say what ``operate`` does."""

    def __init__(self, setup: Setup) -> None:
        """Make the provider that ``setup`` describes."""
        self.row: Row = setup.row
        self.name: str = setup.row.name
        self.wire: str = setup.row.wire
        self.keys: tuple[Key, ...] = setup.keys
        self.base_url: str = setup.base_url
        self.timeouts: Timeouts = setup.timeouts
        self.never_rest: bool = setup.never_rest
        self.discover = False

    def operate(self, request: Any, *, key: Key, line: "Line") -> Any:
        """Do what is asked; see ``Provider.operate``."""
        raise self._unable()

    def chat(self, request: "ChatRequest", *, key: Key, dropped: list[str] | None = None) -> "Body":
        """Refuse."""
        raise self._unable()

    def decoder(self, request: "ChatRequest") -> "StreamDecoder":
        """Refuse."""
        raise self._unable()

    def embed(self, request: "EmbedRequest", *, key: Key) -> "Body":
        """Refuse."""
        raise self._unable()

    def decode_embeddings(self, request: "EmbedRequest", data: bytes) -> "EmbedResponse":
        """Refuse."""
        raise self._unable()

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return a failure without meaning: a program has no statuses."""
        return ProviderError(FailureKind.SERVER, f"status {status}", status=status)

    def list_models(self, key: Key) -> "list[Model]":
        """Return nothing: what a program can do is in the catalog."""
        return []

    def _unable(self) -> ProviderError:
        return ProviderError(FailureKind.UNSUPPORTED, f"{self.row.label} cannot do that", param="model")
