"""What every provider offers, and what one is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from wallas.errors import ProviderError
from wallas.providers.row import Row
from wallas.settings import Key, Timeouts

if TYPE_CHECKING:
    from wallas.catalog.entries import Model
    from wallas.codecs import StreamDecoder
    from wallas.transport import Body, Transport
    from wallas.types.chat import ChatRequest
    from wallas.types.media import EmbedRequest, EmbedResponse


class Provider(Protocol):
    """A service that answers. Its methods may block on the network and are called from many threads."""

    name: str
    row: Row
    keys: tuple[Key, ...]
    """At least one; a keyless provider has one with an empty secret."""
    wire: str
    timeouts: Timeouts
    never_rest: bool

    def chat(self, request: "ChatRequest", *, key: Key, dropped: list[str] | None = None) -> "Body":
        """Send a request whose ``model`` is the provider's own id; return its answer, of which nothing may be here.

        ``dropped`` collects the names of what the provider does not take. Raises
        ProviderError when it cannot be sent (CONNECT, TIMEOUT, GATEWAY), or is known to be refused (UNSUPPORTED).
        """

    def decoder(self, request: "ChatRequest") -> "StreamDecoder":
        """Return a fresh decoder of the answer to this request, streamed or plain."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return what a refusal means."""

    def list_models(self, key: Key) -> "list[Model]":
        """Ask for the provider's own list; only what it says is filled in. Off the request path."""

    def embed(self, request: "EmbedRequest", *, key: Key) -> "Body":
        """Send texts to be embedded; raise UNSUPPORTED where the provider has no such call."""

    def decode_embeddings(self, request: "EmbedRequest", data: bytes) -> "EmbedResponse":
        """Return the vectors; raise MALFORMED for another count than asked, or for what is no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A row of the table as the user's settings make it; what a provider is made from."""

    row: Row
    base_url: str
    keys: tuple[Key, ...]
    transport: "Transport"
    timeouts: Timeouts = field(default_factory=Timeouts)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The user's own, already checked."""
    never_rest: bool = False
    discover: bool = True
