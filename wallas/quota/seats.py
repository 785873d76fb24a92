"""Which windows a call falls into: one seat for each (provider, model, key), with everything it is counted in."""

import math
from collections import deque
from typing import Any, NamedTuple, Protocol

import msgspec

from wallas.quota.clocks import MINUTE, ZONES
from wallas.quota.windows import ANY, FREE, KINDS, REQUESTS, SLOTS, TOKENS, USD, Window, WindowKey
from wallas.settings import LIMIT_WORDS

SPLIT = frozenset({"openrouter"})
"""Providers whose account limits hold for the free models only (providers.md 4)."""

OWN_MODEL = frozenset({("cohere", "rpm"), ("cohere", "tpm")})
"""Account limits that are each model's own all the same (providers.md 10: 20 a minute a model, 1000 a month)."""

SCOPES = {
    "gemini": "model",
    "groq": "model",
    "cerebras": "model",
    "sambanova": "model",
    "mistral": "model",
    "cohere": "account",
    "openrouter": "account",
    "nvidia": "account",
    "openai": "model",
    "anthropic": "model",
    "kilo": "provider",
    "ovhcloud": "model",
    "huggingface": "account",
    "ollama-cloud": "account",
}
"""Who shares a limit that a provider names without saying so; others: the model of an account."""

AMOUNTS = {REQUESTS: 0, SLOTS: 0, TOKENS: 1, USD: 2}
"""Where in (1, tokens, USD) a unit finds what a call takes of it."""

COUNTED = {"ollama-cloud": ("5h", "7d")}
"""Windows that a provider is known to have and that nobody knows the size of: they are counted all the same."""

FIELDS = {kind: kind for kind in KINDS} | {word: name for name, word in LIMIT_WORDS.items()}
"""Which field of limits holds the limit of a kind of window."""

OUTPUT_GUESS = 400.0
SMOOTH = 0.2
LEAST_RATIO, MOST_RATIO = 0.2, 5.0
"""How far an estimate of tokens is believed to be off."""
MOST_USES = 600
"""Uses of the last minute that are remembered, to learn a rate from a 429 that says nothing."""
EXPLAINED_SECONDS = 3.0
"""How far a stated wait may be from a minute's window that explains it: `Retry-After` counts whole seconds."""


class LimitsLike(Protocol):
    """What the catalog or the user says may be used; the fields are named like the kinds of windows."""

    @property
    def scope(self) -> str:
        """Return who shares it."""

    @property
    def reset(self) -> str:
        """Return when a day begins: ``rolling``, ``utc`` or a time zone."""

    @property
    def source(self) -> str:
        """Return who says so; ``wallas.toml`` is the user."""


class ModelLike(Protocol):
    """A model at a provider, as far as its quota goes."""

    @property
    def provider(self) -> str:
        """Return the provider's name."""

    @property
    def id(self) -> str:
        """Return the provider's own id."""

    @property
    def free(self) -> bool:
        """Return whether it costs nothing."""

    @property
    def limits(self) -> Any:
        """Return its ``LimitsLike``, None where nothing is known."""


class KeyLike(Protocol):
    """A credential, as far as its quota goes."""

    @property
    def id(self) -> str:
        """Return its public name."""

    @property
    def account(self) -> str:
        """Return which keys share with it."""


class Charge(NamedTuple):
    """One window of a seat, and which of a call's amounts (``AMOUNTS``) counts in it."""

    window: Window
    amount: int


class Tokens:
    """How many tokens a model really takes, learned from its answers: estimates are bytes, and outputs unknown."""

    __slots__ = ("output", "ratio")

    def __init__(self) -> None:
        """Believe the estimate, and guess at the output."""
        self.ratio = 1.0
        self.output = OUTPUT_GUESS

    def guess(self, estimate: int, most: int = 0) -> float:
        """Return the tokens of a call whose input is estimated; ``most`` is its output's limit, 0 for none."""
        return int(estimate * self.ratio + (most if 0 < most < self.output else self.output))

    def learn(self, estimate: int, real: int, output: int) -> None:
        """Take in what a call really took."""
        if estimate > 0 and real > 0:
            seen = real / estimate
            seen = LEAST_RATIO if seen < LEAST_RATIO else MOST_RATIO if seen > MOST_RATIO else seen
            self.ratio += SMOOTH * (seen - self.ratio)
        if output > 0:
            self.output += SMOOTH * (output - self.output)


class Settled(msgspec.Struct):
    """What a seat's calls have taken in all, as far as they are over."""

    calls: int = 0
    tokens: int = 0


class Seat:
    """One (provider, model, key) with the windows that its calls are counted in."""

    __slots__ = (
        "account",
        "charges",
        "due",
        "free",
        "headroom",
        "key",
        "left",
        "limits",
        "looked",
        "memo",
        "model",
        "plenty",
        "plenty_until",
        "priced",
        "provider",
        "settled",
        "soft",
        "tokens",
        "uses",
        "version",
    )

    def __init__(self, model: ModelLike, key: str, account: str, tokens: Tokens) -> None:
        """Start without windows."""
        self.provider = model.provider
        self.model = model.id
        self.free = model.free
        self.key = key
        self.account = account
        self.limits = model.limits
        self.charges: tuple[Charge, ...] = ()
        self.priced = False
        """Whether any of them counts money."""
        self.settled = Settled()
        self.soft = False
        """Whether one of its limits was only guessed at, when that was looked at."""
        self.headroom, self.looked = 1.0, -math.inf
        """How much of its tightest window is free to spend, and when that was looked at."""
        self.left, self.due = 0.0, -math.inf
        """What its windows had left then, and when it is looked at again though they still have."""
        self.plenty, self.plenty_until = 0.0, -math.inf
        """The tokens of a call that surely fits, and until when its windows hold what they held when looked at."""
        self.memo: Any = None
        """What was made of its headroom by whoever asked; forgotten when that is looked at again."""
        self.tokens = tokens
        self.uses: deque[float] = deque(maxlen=MOST_USES)
        self.version = -1

    def rate(self, now: float) -> int:
        """Return how many calls began here within the last minute."""
        return sum(1 for at in self.uses if now - at < MINUTE)

    def explains(self, wait: float | None, now: float) -> bool:
        """Return whether the first of the last minute's calls is a minute old when the wait of a refusal is over."""
        first = next((at for at in self.uses if now - at < MINUTE), None)
        return wait is not None and first is not None and abs(first + MINUTE - now - wait) <= EXPLAINED_SECONDS


def declared(limits: LimitsLike | None) -> dict[str, float]:
    """Return the limits that are said, by kind of window."""
    if limits is None:
        return {}
    said = {kind: getattr(limits, field, None) for kind, field in FIELDS.items()}
    return {kind: float(value) for kind, value in said.items() if value is not None}


def window_key(seat: Seat, kind: str, scope: str | None = None) -> WindowKey:
    """Return whose window a limit of this kind is, seen from a seat."""
    scope = scope or ("account" if KINDS[kind].unit == USD else SCOPES.get(seat.provider, "model"))
    match scope:
        case "provider" | "ip":
            return WindowKey(seat.provider, ANY, ANY, ANY, kind)
        case "key":
            return WindowKey(seat.provider, seat.account, seat.key[:32], ANY, kind)
        case "account" if (seat.provider, kind) in OWN_MODEL:
            return WindowKey(seat.provider, seat.account, ANY, seat.model[:200], kind)
        case "account":
            split = seat.provider in SPLIT and seat.free and KINDS[kind].unit != USD
            return WindowKey(seat.provider, seat.account, ANY, FREE if split else ANY, kind)
    return WindowKey(seat.provider, seat.account, ANY, seat.model[:200], kind)


def covers(key: WindowKey, seat: Seat) -> bool:
    """Return whether calls at a seat count in a window; what costs nothing counts in none of money."""
    if seat.free and KINDS[key.kind].unit == USD:
        return False
    model = key.model == ANY or key.model == seat.model[:200] or (key.model == FREE and seat.free)
    account = key.account in (ANY, seat.account)
    split = key.model != ANY or seat.provider not in SPLIT or seat.free or KINDS[key.kind].unit == USD
    return key.provider == seat.provider and account and key.key in (ANY, seat.key[:32]) and model and split


def day_of(provider: str, limits: LimitsLike | None = None) -> str:
    """Return when a provider's day begins: as its limits say, else as the table says, else at midnight UTC."""
    return limits.reset if limits is not None else ZONES.get(provider, "utc")


def charges(windows: list[Window]) -> tuple[Charge, ...]:
    """Return a seat's charges, those first that refuse most often."""
    return tuple(Charge(window, AMOUNTS[window.unit]) for window in sorted(windows, key=lambda one: one.key.kind))
