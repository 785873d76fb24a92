"""What can go wrong, who is to blame, and what follows from it: the exception tree and the table of verdicts."""

from enum import Enum, auto
from typing import Any, NamedTuple


class Scope(Enum):
    """What rests after a failure, from the narrowest to the widest."""

    NOTHING = auto()
    KEY_MODEL = auto()
    MODEL = auto()
    KEY_PAID = auto()
    KEY = auto()
    ACCOUNT = auto()
    PROVIDER = auto()


class FailureKind(Enum):
    """What a failed attempt says about the provider, the key, the model and the request."""

    CONNECT = auto()  # refused, DNS, TLS, reset before an answer
    TIMEOUT = auto()  # no first token in time
    STALLED = auto()  # a gap without content
    CUT = auto()  # the body ended without its end mark
    MALFORMED = auto()  # not what the wire allows: HTML, bad JSON, empty body
    EMPTY = auto()  # a whole answer without content
    UNUSABLE = auto()  # a tool call or JSON answer that cannot be used
    SERVER = auto()  # 5xx
    OVERLOADED = auto()  # 503 and 529 and their words
    TRANSIENT = auto()  # 408, 409, 425
    RATE_LIMIT = auto()  # a minute's window, or no word of which
    DAY_LIMIT = auto()  # a day's or a month's window
    NO_QUOTA = auto()  # this model has no quota at all on this plan (a limit of 0)
    MONEY = auto()  # 402, credits, spend limit
    CREDENTIAL = auto()  # 401, bad key
    FORBIDDEN_MODEL = auto()  # 403: this key may not use this model
    REGION = auto()  # 403: nobody here may use this provider
    MODEL_GONE = auto()  # 404, 410, decommissioned
    CONTEXT_LENGTH = auto()  # the request is longer than the model's window
    TOO_LARGE = auto()  # 413, or more than a window of tokens ever holds
    MAX_TOKENS = auto()  # the asked output is longer than the model's
    UNSUPPORTED = auto()  # a parameter, part or schema that this model refuses
    SEAL = auto()  # a seal was refused
    PREFILL = auto()  # a trailing assistant turn was refused
    NO_ANCHOR = auto()  # a continuation did not begin where the text broke off
    CONTENT_FILTER = auto()  # the provider's policy refused the request
    CALLER_FAULT = auto()  # any other 4xx: the request itself is wrong
    GATEWAY = auto()  # our own fault: descriptors, memory, resolver


class Verdict(NamedTuple):
    """What the router does after a failure of some kind."""

    next_candidate: bool
    rest: float  # seconds, where the provider names no other (routing.md 2 and faults.md 2.1)
    scope: Scope  # what rests
    status: int  # what the client sees if every attempt ended so
    strike: bool = False  # counts towards the circuit breaker of (provider, model)


HOUR = 3600.0

VERDICTS: dict[FailureKind, Verdict] = {
    FailureKind.CONNECT: Verdict(True, 0, Scope.MODEL, 503, strike=True),
    FailureKind.TIMEOUT: Verdict(True, 0, Scope.MODEL, 504, strike=True),
    FailureKind.STALLED: Verdict(True, 0, Scope.MODEL, 504, strike=True),
    FailureKind.CUT: Verdict(True, 0, Scope.MODEL, 502, strike=True),
    FailureKind.MALFORMED: Verdict(True, 0, Scope.MODEL, 502, strike=True),
    FailureKind.EMPTY: Verdict(True, 0, Scope.NOTHING, 502),
    FailureKind.UNUSABLE: Verdict(True, 0, Scope.NOTHING, 502),
    FailureKind.SERVER: Verdict(True, 0, Scope.MODEL, 503, strike=True),
    FailureKind.OVERLOADED: Verdict(True, 0, Scope.MODEL, 503, strike=True),
    FailureKind.TRANSIENT: Verdict(True, 0, Scope.NOTHING, 503),
    FailureKind.RATE_LIMIT: Verdict(True, 2, Scope.KEY_MODEL, 429),
    FailureKind.DAY_LIMIT: Verdict(True, HOUR, Scope.KEY_MODEL, 429),
    FailureKind.NO_QUOTA: Verdict(True, 24 * HOUR, Scope.KEY_MODEL, 429),
    FailureKind.MONEY: Verdict(True, HOUR, Scope.KEY_PAID, 503),
    FailureKind.CREDENTIAL: Verdict(True, 600, Scope.KEY, 503),
    FailureKind.FORBIDDEN_MODEL: Verdict(True, 24 * HOUR, Scope.KEY_MODEL, 503),
    FailureKind.REGION: Verdict(True, 24 * HOUR, Scope.PROVIDER, 503),
    FailureKind.MODEL_GONE: Verdict(True, 6 * HOUR, Scope.MODEL, 503),
    FailureKind.CONTEXT_LENGTH: Verdict(True, 0, Scope.NOTHING, 400),
    FailureKind.TOO_LARGE: Verdict(True, 0, Scope.NOTHING, 413),
    FailureKind.MAX_TOKENS: Verdict(True, 0, Scope.NOTHING, 400),
    FailureKind.UNSUPPORTED: Verdict(True, 0, Scope.NOTHING, 400),
    FailureKind.SEAL: Verdict(True, 0, Scope.NOTHING, 400),
    FailureKind.PREFILL: Verdict(True, 0, Scope.NOTHING, 502),
    FailureKind.NO_ANCHOR: Verdict(True, 0, Scope.NOTHING, 502),
    FailureKind.CONTENT_FILTER: Verdict(False, 0, Scope.NOTHING, 400),
    FailureKind.CALLER_FAULT: Verdict(False, 0, Scope.NOTHING, 400),
    FailureKind.GATEWAY: Verdict(False, 0, Scope.NOTHING, 503),
}
"""A breaker's own rests (5 in a row, or half of 10 in 60 s) are ``health.py``'s; ``rest`` here holds from the first."""


class WallasError(Exception):
    """Base of everything raised on purpose."""


class Cancelled(WallasError):
    """The client has left. Nobody is to blame and nobody is tried next."""


class ProviderError(WallasError):
    """An attempt at one candidate failed.

    ``message`` is the provider's own (for the log and for CALLER_FAULT, never
    a key or a prompt); ``retry_after`` is seconds, None when not said;
    ``param`` names the refused field where the provider named it; ``limit``
    is the number of a learned limit (a day's requests, a window in tokens).
    ``scope`` overrides the verdict's where the provider said how far it reaches.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str = "",
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        limit: int | None = None,
        scope: Scope | None = None,
    ) -> None:
        """Keep what is known of the failure."""
        super().__init__(message or kind.name.lower())
        self.kind = kind
        self.message = message or kind.name.lower().replace("_", " ")
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.limit = limit
        self.scope = scope

    @property
    def verdict(self) -> Verdict:
        """Return what follows from this kind of failure."""
        return VERDICTS[self.kind]

    def hide(self, secret: str) -> None:
        """Take a key out of what the provider said: some repeat what they were sent."""
        if not secret:
            return
        self.message = self.message.replace(secret, "***")
        self.code = self.code and str(self.code).replace(secret, "***")
        self.param = self.param and self.param.replace(secret, "***")
        self.args = (self.message,)


class GatewayError(WallasError):
    """What a client is told, whatever its protocol; each codec's ``encode_error`` gives it that protocol's form.

    ``param`` names the field at fault (``messages[2].content[0].type``),
    ``code`` is OpenAI's machine word, ``details`` rows that help (one an attempt).
    ``request_id`` is set by whoever knows which request has ended so, for wires that tell it in the body.
    """

    status = 500
    type = "server_error"
    code: str | None = None
    request_id: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        details: list[dict[str, Any]] | None = None,
    ) -> None:
        """Keep what the client shall be told."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.details = details or []
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class BadRequest(GatewayError):
    """The request cannot be understood or served as it stands."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class Unauthorized(GatewayError):
    """The client's own key is missing or wrong."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(GatewayError):
    """The caller may not do this, whatever its key."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class NotFound(GatewayError):
    """No such model, response or route."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class MethodNotAllowed(GatewayError):
    """The route exists, with another method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class TooLarge(GatewayError):
    """The body is larger than the gateway, or any provider, takes."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class Misdirected(GatewayError):
    """The Host header names a machine that this gateway does not answer for."""

    status = 421
    type = "invalid_request_error"
    code = "misdirected_request"


class ClientLeft(GatewayError):
    """Whoever asked waits no longer: what is being done for them is left off."""

    status = 499
    code = "cancelled"


class AllAttemptsFailed(GatewayError):
    """Nobody answered. ``details`` lists each attempt and each exclusion with its reason and its end."""

    status = 503
    code = "no_provider_available"

    def __init__(self, message: str, **facts: Any) -> None:
        """Keep what the client shall be told; a 429 has OpenAI's word for limits."""
        super().__init__(message, **facts)
        if self.status == 429:
            self.type = "rate_limit_error"


class StreamInterrupted(GatewayError):
    """A stream that already showed text broke off and nobody could continue it."""

    status = 502
    code = "stream_interrupted"
