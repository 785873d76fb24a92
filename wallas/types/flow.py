"""What passes between the router and whoever drives its streams.

A stream says with ``want`` what its next step will do, so that a server can
wait without a thread (READ), lend a thread (BLOCK) or stop (END). A stock WSGI
server knows nothing of it and simply iterates.
"""

from typing import Any, Final, Literal, Protocol, TypeAlias

Want: TypeAlias = Literal["read", "block", "end"]

READ: Final = "read"
BLOCK: Final = "block"
END: Final = "end"


class Watcher(Protocol):
    """A server whose poll may know a descriptor for longer than one answer takes."""

    def forget(self, inlet: "Inlet") -> None:
        """Wait for it no more; from any thread."""


class Inlet:
    """A descriptor that a server waits for, as long as it is open: answers come and go, and it stays in the poll."""

    __slots__ = ("number", "reader", "watcher")

    def __init__(self, number: int) -> None:
        """Know an open descriptor, for which nobody waits yet."""
        self.number = number
        """-1 once it is closed."""
        self.reader: Any = None
        """Who goes on when something comes, as that server has it; None between answers."""
        self.watcher: Watcher | None = None
        """The server that has it in its poll."""

    def stirred(self) -> None:
        """Take in that something came while there was no reader."""

    def leave(self) -> None:
        """Get out of the server's poll: another thread reads from it."""
        watcher = self.watcher
        if watcher is not None:
            watcher.forget(self)

    def end(self) -> None:
        """Get out of the poll for good: to be called before the descriptor is closed, and may become another's."""
        self.leave()
        self.number = -1


class Heading:
    """The head of a request, as a server read it: a connection says mostly the same, but for the body's length.

    ``environ`` is WSGI's, without what belongs to one request; nobody changes it.
    """

    __slots__ = ("closes", "environ", "known", "measured", "method", "version")

    def __init__(self, environ: dict[str, Any]) -> None:
        """Take over what a parser made of a head."""
        self.measured = environ.pop("CONTENT_LENGTH", None) is not None
        """Whether it says how long the body is."""
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.version = (1, 1) if environ["SERVER_PROTOCOL"] == "HTTP/1.1" else (1, 0)
        said = environ.get("HTTP_CONNECTION")
        said = said.lower() if said is not None else ""
        self.closes = said == "close" or (said != "keep-alive" and self.version == (1, 0))
        """Whether the client wants the connection closed behind the answer."""
        self.known: Any = None
        """What the app has found out from it, and keeps with it; None before."""


class Readable(Protocol):
    """A provider's answer as a server sees it: something to wait for."""

    failed: Exception | None

    @property
    def inlet(self) -> Inlet | None:
        """Return what to wait on; None, or one without a number, once closed."""

    def fileno(self) -> int:
        """Return the socket's descriptor to wait on; -1 once closed."""

    def pending(self) -> int:
        """Return how many bytes are already here that no poll would tell of."""


class Short(Protocol):
    """The shorter way of steps that read, where most of them are alike; ``Steppable.step`` takes it too."""

    over: bool
    """Whether the next step is the whole way again."""

    def step(self, now: float) -> bytes:
        """Advance at this monotonic time; return what the client gets now. Never blocks."""


class AtOnce(Protocol):
    """An app's own way to answer a request that is whole, in a thread that must not wait (``waits.py``)."""

    def __call__(self, heading: Heading, body: bytes) -> "Steppable | None":
        """Return the stream that answers; None for what only the app's WSGI call can answer, in another thread."""


class Steppable(Protocol):
    """A WSGI iterable that can be parked between steps; one thread at a time advances it."""

    want: Want
    shortcut: Short | None
    """What may be called in place of ``step`` until it is over; good until ``step`` or ``tick`` is called."""
    brief: bool
    """Whether a step may be made where ``want`` is BLOCK in a thread that must not wait (``waits.py``): it stops."""
    body: Readable | None
    head: tuple[str, list[tuple[str, str]]] | None
    """Status line and headers: None until the first bytes are known."""
    nonblock: bool
    """Set by a server that parks: then no step blocks unless ``want`` is BLOCK."""
    cancelled: bool
    """Set when the client has left."""

    def step(self) -> bytes:
        """Advance; return what the client gets now, perhaps nothing."""

    def alarm(self) -> float:
        """Return the monotonic time by which ``tick`` wants to be called."""

    def tick(self, now: float) -> bytes:
        """Keep the deadlines: return a keep-alive that is due, or fail the body that is late."""

    def quiet(self) -> bytes:
        """Return what means nothing to a client whose head is out, to find out whether it is still there."""

    def close(self) -> None:
        """End the stream wherever it is; the provider's connection is cut off."""
