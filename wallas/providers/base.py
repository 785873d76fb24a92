"""What every provider offers, and what one is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wallas.errors import ProviderError
from wallas.providers.row import Row
from wallas.settings import Key, Timeouts

if TYPE_CHECKING:
    from wallas.catalog.entries import Model
    from wallas.codecs import StreamDecoder
    from wallas.transport import Transport
    from wallas.transport_body import Body
    from wallas.types.chat import ChatRequest
    from wallas.types.media import EmbedRequest, EmbedResponse


class Reply(NamedTuple):
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Line(Protocol):
    """What an attempt lends a provider for an operation: its deadline, and how calls are made and booked."""

    def left(self) -> float:
        """Return the seconds that are left."""

    def wanted(self) -> bool:
        """Return whether whoever asked still waits."""

    def check(self) -> None:
        """Raise ClientLeft once nobody waits."""

    def reply(self, send: "Callable[[], Any]") -> Reply:
        """Return the whole answer (2xx) to what ``send`` sends: it returns a ``Body``, and may be called twice.

        Raises what a refusal means, TIMEOUT for a late answer, MALFORMED for one without end. A connection that
        had gone stale is nobody's fault, and is tried anew once.
        """

    def pause(self, seconds: float) -> None:
        """Wait between two looks at a job; raise TIMEOUT where the time is over before."""


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

    def operate(self, request: Any, *, key: Key, line: Line) -> Any:
        """Do what is no chat: a picture, a voice, a page (``types/media.py``); ``request.model`` is the own id.

        Several calls over the ``line`` may be needed. Raises ProviderError, UNSUPPORTED for what is not offered here.
        """


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
