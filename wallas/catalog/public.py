"""Reads a public catalogue (models.dev's ``api.json``): windows, prices, modalities and dates of thousands of models.

It is somebody else's page and may be anybody's: it is read once a day, in
bounds, fills only what nobody else has said, and decides neither what is free
nor who is called. Shape, as read in its repository and in programs that use it
(2025-06 to 2026-07): providers by id, each with ``models`` by id; a model has
``modalities {input, output}``, ``limit {context, output}``, ``cost {input,
output, cache_read, cache_write}`` in USD per million tokens, ``reasoning``,
``tool_call``, ``structured_output``, ``knowledge``, ``release_date``, ``status``.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date as Date
from statistics import median_low
from typing import Any

import msgspec

from wallas.catalog.entries import KIND_CAPABILITY, Entry, Kind, Model, Origin, Price
from wallas.catalog.listing import MODEL_ID
from wallas.catalog.names import exact_name, normal_name

PROVIDERS_MOST = 500
MODELS_MOST = 2000
NAMES_MOST = 8000
"""How many providers, models of one, and names of models are taken at most."""
WINDOW_MOST = 100_000_000
PRICE_MOST = 100_000.0

RENAMED = {
    "alibaba": "alibaba-intl",
    "azure": "azure-openai",
    "cloudflare-workers-ai": "cloudflare",
    "fireworks-ai": "fireworks",
    "friendliai": "friendli",
    "github-models": "github",
    "google": "gemini",
    "inference": "inference-net",
    "llama": "llama-api",
    "moonshotai": "moonshot",
    "novita-ai": "novita",
    "opencode": "opencode-zen",
    "tencent": "tencent-tokenhub",
    "togetherai": "together",
    "xiaomi": "xiaomi-mimo",
    "zhipuai": "zhipu",
}
"""Providers that have another id there; all others have the same, or are not known here."""

INPUTS = {"image": "vision", "audio": "audio", "video": "video", "pdf": "pdf"}
FLAGS = {"tool_call": "tools", "reasoning": "reasoning", "structured_output": "json_schema"}
OUTPUTS: tuple[tuple[str, Kind], ...] = (("text", "chat"), ("image", "image"), ("video", "video"), ("audio", "speech"))
DAY = re.compile(r"20\d\d(-[01]\d(-[0-3]\d)?)?")
FILLED = ("context", "max_output", "released", "knowledge")


class Known(Entry, frozen=True, kw_only=True):
    """What the catalogue says of one model, or of all models of one name; None and empty are "not said"."""

    id: str
    kind: Kind = "chat"
    context: int | None = None
    max_output: int | None = None
    capabilities: frozenset[str] = frozenset()
    price: Price | None = None
    released: str | None = None
    knowledge: str | None = None


class Public(Entry, frozen=True, kw_only=True):
    """A catalogue as it was read on a day: models by provider, and by name for those of other providers."""

    source: str
    date: str
    by_provider: dict[str, tuple[Known, ...]] = {}
    by_name: tuple[Known, ...] = ()


WHOLE = "*"
"""Stands, among the names of providers, for what holds for a name wherever it is found."""


def parts(public: Public) -> dict[str, Public]:
    """Return a catalogue in pieces that can be kept apart: one a provider, and that of all names."""
    whole = msgspec.structs.replace(public, by_provider={})
    bare = msgspec.structs.replace(public, by_name=(), by_provider={})
    pieces = {
        name: msgspec.structs.replace(bare, by_provider={name: rows}) for name, rows in public.by_provider.items()
    }
    return pieces | {WHOLE: whole}


def joined(pieces: Iterable[Public]) -> Public | None:
    """Return the catalogue that some of its pieces make; None of none."""
    found: Public | None = None
    for piece in pieces:
        if found is None:
            found = piece
        else:
            names = found.by_name or piece.by_name
            found = msgspec.structs.replace(found, by_provider=found.by_provider | piece.by_provider, by_name=names)
    return found


def read(value: Any, *, source: str, date: str, providers: Collection[str]) -> Public:
    """Return what a decoded page says, as far as it can be believed; raise ValueError for what is no catalogue.

    ``providers`` are the names of those known here; of all others only what holds for a name is kept.
    """
    if isinstance(value, dict) and isinstance(value.get("providers"), dict):
        value = value["providers"]
    if not isinstance(value, dict):
        raise ValueError("not a catalogue of providers")
    by_provider: dict[str, tuple[Known, ...]] = {}
    by_name: dict[str, list[Known]] = {}
    for id, entry in list(value.items())[:PROVIDERS_MOST]:
        models = known_models(entry)
        name = RENAMED.get(id, id) if isinstance(id, str) else ""
        if models and name in providers:
            by_provider[name] = models
        for model in models:
            if len(by_name) < NAMES_MOST or name_of(model) in by_name:
                by_name.setdefault(name_of(model), []).append(model)
    if not by_name:
        raise ValueError("a catalogue without models")
    agreed = tuple(agreement(name, models) for name, models in by_name.items())
    return Public(source=source, date=date, by_provider=by_provider, by_name=agreed)


def known_models(entry: Any) -> tuple[Known, ...]:
    """Return the models of one provider's entry, those left out that cannot be read."""
    models = entry.get("models") if isinstance(entry, dict) else None
    if not isinstance(models, dict):
        return ()
    kept: dict[str, Known] = {}
    for id, row in list(models.items())[:MODELS_MOST]:
        if isinstance(id, str) and MODEL_ID.fullmatch(id) and ".." not in id and "//" not in id:
            known = known_model(id, row) if isinstance(row, dict) else None
            if known is not None:
                kept[id] = known
    return tuple(kept.values())


def known_model(id: str, row: Mapping[str, Any]) -> Known | None:
    """Return what a row says of a model; None for what is none of our kinds."""
    inputs, outputs = (words(row.get("modalities"), side) for side in ("input", "output"))
    kind: Kind = next((kind for word, kind in OUTPUTS if word in outputs), "chat")
    if kind == "chat" and "embed" in id.lower():
        kind = "embedding"
    if kind == "chat" and inputs == {"audio"}:
        kind = "transcription"
    can = {INPUTS[word] for word in inputs if word in INPUTS}
    can |= {word for flag, word in FLAGS.items() if row.get(flag) is True}
    limit = row.get("limit") if isinstance(row.get("limit"), dict) else {}
    return Known(
        id=id,
        kind=kind,
        context=tokens(limit.get("context")),  # type: ignore[union-attr]
        max_output=tokens(limit.get("output")),  # type: ignore[union-attr]
        capabilities=frozenset({"chat"} | can) if kind == "chat" else frozenset({KIND_CAPABILITY[kind]}),
        price=price_of(row.get("cost")),
        released=day(row.get("release_date")),
        knowledge=day(row.get("knowledge")),
    )


def words(place: Any, side: str) -> frozenset[str]:
    """Return the modalities of one side of an entry."""
    said = place.get(side) if isinstance(place, dict) else None
    return frozenset(word for word in said[:20] if isinstance(word, str)) if isinstance(said, list) else frozenset()


def tokens(value: Any) -> int | None:
    """Return a number of tokens that a model may have."""
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if whole and 0 < value <= WINDOW_MOST else None


def price_of(cost: Any) -> Price | None:
    """Return a price in USD per million tokens; one that is incomplete, negative or absurd is none."""
    if not isinstance(cost, dict):
        return None
    said = [amount(cost.get(name)) for name in ("input", "output", "cache_read", "cache_write")]
    if said[0] is None or said[1] is None:
        return None
    return Price(input=said[0], output=said[1], cache_read=said[2], cache_write=said[3])


def amount(value: Any) -> float | None:
    """Return an amount of money that may be a price."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= PRICE_MOST else None


def day(value: Any) -> str | None:
    """Return a day, a month or a year as it is written, if it is one."""
    if not isinstance(value, str) or not DAY.fullmatch(value):
        return None
    try:
        Date.fromisoformat(value if len(value) == 10 else f"{value}-01-01"[:10] if len(value) == 4 else f"{value}-01")
    except ValueError:
        return None
    return value


def name_of(model: Known | Model) -> str:
    """Return the name under which the same model is known at several providers."""
    return normal_name(model.id) if model.kind == "chat" else exact_name(model.id)


def agreement(name: str, models: list[Known]) -> Known:
    """Return what the entries of one name agree on: the middle of their numbers, what half of them can, no price."""
    kinds = [model.kind for model in models]
    same = [model for model in models if model.kind == max(set(kinds), key=kinds.count)]
    can = {word for model in same for word in model.capabilities}
    return Known(
        id=name,
        kind=same[0].kind,
        context=middle(model.context for model in same),
        max_output=middle(model.max_output for model in same),
        capabilities=frozenset(
            word for word in can if 2 * sum(word in model.capabilities for model in same) >= len(same)
        ),
        released=min((model.released for model in same if model.released), default=None),
        knowledge=min((model.knowledge for model in same if model.knowledge), default=None),
    )


def middle(numbers: Iterable[int | None]) -> int | None:
    """Return the lower middle one of the numbers that were said."""
    said = [number for number in numbers if number is not None]
    return median_low(said) if said else None


class Filler:
    """Fills gaps from one catalogue; where there is none, it changes nothing."""

    def __init__(self, public: Public | None) -> None:
        """Index what the catalogue says."""
        self.public = public or Public(source="", date="")
        self.origin = Origin(source=self.public.source, date=self.public.date, confidence="low")
        self.by_name = {f"{known.kind}/{known.id}": known for known in self.public.by_name}
        self.by_key = {f"{name}/{known.id}": known for name, rows in self.public.by_provider.items() for known in rows}

    def fill(self, models: dict[str, Model], *, lists: Callable[[str], bool]) -> None:
        """Fill what nobody else said of ``models``, and add those of providers that have no list of their own.

        ``lists`` tells whether a provider says itself what it has: what it does not name is then not there.
        """
        if not self.by_name:
            return
        for key, model in models.items():
            models[key] = self.filled(model)
        for key, known in self.by_key.items():
            provider = key.partition("/")[0]
            if key not in models and not lists(provider):
                models[key] = unlisted(provider, known, self.public)

    def filled(self, model: Model) -> Model:
        """Return a model with what the catalogue knows of it, or of the same one elsewhere."""
        if not self.by_name:
            return model
        here, elsewhere = self.by_key.get(model.key), self.by_name.get(f"{model.kind}/{name_of(model)}")
        return filled(filled(model, here, self.origin), elsewhere, self.origin)


def filled(model: Model, known: Known | None, origin: Origin) -> Model:
    """Return a model with what the catalogue knows and nobody else has said."""
    if known is None or known.kind != model.kind:
        return model
    said: dict[str, Any] = {
        fact: value
        for fact in FILLED
        if getattr(model, fact) is None and (value := getattr(known, fact)) is not None and fact not in model.fixed
    }
    if model.price is None and known.price is not None:
        said["price"] = known.price
    heard = dict(model.origins).get("capabilities") == origin
    if "capabilities" in model.guessed and known.capabilities and not heard:
        said["capabilities"] = model.capabilities - frozenset(INPUTS.values()) | known.capabilities
    if not said:
        return model
    guessed = model.guessed | frozenset(said)
    return msgspec.structs.replace(model, **said, origins=model.origins_with(said, origin), guessed=guessed)


def unlisted(provider: str, known: Known, public: Public) -> Model:
    """Return a model that only the catalogue has heard of: unverified, and never free by its word."""
    return Model(
        provider=provider,
        id=known.id,
        kind=known.kind,
        context=known.context,
        max_output=known.max_output,
        capabilities=known.capabilities,
        price=known.price,
        status="unverified",
        released=known.released,
        knowledge=known.knowledge,
        guessed=frozenset({"free"}),
        source=public.source,
        date=public.date,
        confidence="low",
    )
