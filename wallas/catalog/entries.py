"""One model at one provider, as data: what it can do, what it costs, what it may use, and who said so when."""

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

import msgspec

from wallas.catalog.names import exact_name, normal_name
from wallas.catalog.quantization import level_in
from wallas.settings import LIMIT_WORDS

Kind: TypeAlias = Literal[
    "chat", "embedding", "image", "video", "speech", "transcription", "ocr", "rerank", "moderation"
]
Status: TypeAlias = Literal["working", "trial", "paid", "retired", "unverified"]
Confidence: TypeAlias = Literal["high", "medium", "low"]
"""How far a fact is believed: said by the provider itself or the user; read in dated sources; a guess or hearsay."""
Scope: TypeAlias = Literal["key", "account", "model", "provider", "ip"]

KINDS: frozenset[str] = frozenset(get_args(Kind))

KIND_CAPABILITY: dict[str, str] = {
    "chat": "chat",
    "embedding": "embeddings",
    "image": "image_generation",
    "video": "video_generation",
    "speech": "speech",
    "transcription": "transcription",
    "ocr": "ocr",
    "rerank": "rerank",
    "moderation": "moderation",
}
"""What a model of a kind can do in any case."""

UNKNOWN_QUALITY = 40.0


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what the data files hold: immutable, written as compact JSON."""


class Price(Entry, frozen=True, kw_only=True):
    """USD per million tokens; None is unknown, never zero. ``unit`` is USD per ``per`` (image, second, page, ...)."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    unit: float | None = None
    per: str | None = None

    @property
    def zero(self) -> bool:
        """Return whether the provider itself lists it at nothing."""
        return self.input == 0 and self.output == 0 and not self.unit


class Limits(Entry, frozen=True, kw_only=True, rename=LIMIT_WORDS):
    """What may be used: requests (r) and tokens (t) per minute, hour, day, week, month; USD a month.

    None is not known, 0 is nothing. ``h5`` and ``d7`` are requests in any five hours and seven days, `5h` and `7d` in
    the data, in ``wallas.toml`` and in ``/v1/models``.

    ``scope`` says what shares it: one key, all keys of an account, each model
    of an account, the whole provider, or this machine's address. ``reset`` is
    when a day begins anew: ``utc``, a time zone, or ``rolling``.
    """

    rpm: int | None = None
    rph: int | None = None
    rpd: int | None = None
    rpw: int | None = None
    rpmonth: int | None = None
    h5: int | None = None
    d7: int | None = None
    tpm: int | None = None
    tph: int | None = None
    tpd: int | None = None
    tpw: int | None = None
    tpmonth: int | None = None
    usd_month: float | None = None
    concurrent: int | None = None
    scope: Scope = "account"
    reset: str = "rolling"
    source: str = ""
    date: str = ""
    confidence: Confidence = "medium"


class Origin(Entry, frozen=True):
    """Who says something, when (``YYYY-MM-DD``, or less of it), and how far that is believed."""

    source: str
    date: str = ""
    confidence: Confidence = "medium"


FACTS = (
    "status",
    "free",
    "price",
    "limits",
    "capabilities",
    "context",
    "max_output",
    "quality",
    "retires_on",
    "trains_on_data",
    "released",
    "knowledge",
    "quantization",
)
"""Fields of a model of which is told who says so."""


class Model(Entry, frozen=True, kw_only=True):
    """A model at a provider. ``id`` is the provider's own; None is "not known".

    ``guessed`` names the fields that nobody said: they follow from the
    family that the id looks like, or from the same model elsewhere.
    ``missing_since`` is the day on which the provider's own list no longer
    had it; it is kept, for lists lag. ``source``, ``date`` and ``confidence``
    hold for every fact that ``origins`` does not name.
    """

    provider: str
    id: str
    kind: Kind = "chat"
    context: int | None = None
    max_output: int | None = None
    capabilities: frozenset[str] = frozenset()
    price: Price | None = None
    free: bool = False
    status: Status = "working"
    retires_on: str | None = None
    missing_since: str | None = None
    quality: float = UNKNOWN_QUALITY
    coding: float = UNKNOWN_QUALITY
    limits: Limits | None = None
    trains_on_data: bool | None = None
    aliases: tuple[str, ...] = ()
    dimensions: int | None = None
    released: str | None = None
    knowledge: str | None = None
    quantization: str | None = None
    """How finely its weights are stored (a word of ``quantization.LEVELS``), where somebody said so."""
    guessed: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    """Fields that the user wrote down: nothing that is found later changes them."""
    source: str = ""
    date: str = ""
    confidence: Confidence = "medium"
    origins: tuple[tuple[str, Origin], ...] = ()
    note: str = ""

    def origin(self, fact: str) -> Origin:
        """Return who says a fact of this model."""
        if fact == "limits" and self.limits is not None:
            return Origin(source=self.limits.source, date=self.limits.date, confidence=self.limits.confidence)
        return dict(self.origins).get(fact) or Origin(source=self.source, date=self.date, confidence=self.confidence)

    def facts(self) -> dict[str, Origin]:
        """Return who says each thing that is known of this model."""
        empty: tuple[object, ...] = (None, frozenset())
        said = dict(self.origins)
        own = Origin(source=self.source, date=self.date, confidence=self.confidence)
        if self.limits is not None:
            said["limits"] = self.origin("limits")
        return {fact: said.get(fact) or own for fact in FACTS if getattr(self, fact) not in empty}

    def origins_with(self, facts: Iterable[str], origin: Origin) -> tuple[tuple[str, Origin], ...]:
        """Return ``origins`` as they are once somebody says these facts too."""
        return tuple((dict(self.origins) | dict.fromkeys(facts, origin)).items())

    @property
    def key(self) -> str:
        """Return ``provider/id``, which no other entry has."""
        return f"{self.provider}/{self.id}"

    @property
    def name(self) -> str:
        """Return the normal name: equal for the same model at several providers.

        All but chat models keep every word of their id: embeddings of a dated
        release and of the next one cannot be compared.
        """
        return normal_name(self.id) if self.kind == "chat" else exact_name(self.id)

    @property
    def precision(self) -> str | None:
        """Return how finely its weights are stored, as was said or as its id tells; None is not known."""
        return self.quantization or level_in(self.id)

    @property
    def paid(self) -> bool:
        """Return whether a call may cost money: the price is unknown or above zero, and no free tier covers it."""
        return not self.free
