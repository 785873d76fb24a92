"""Makes a snapshot from what the package ships, what providers listed, and what the user says: the later wins."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date as Date
from functools import cache
from typing import Any

import msgspec

from wallas.catalog.entries import KIND_CAPABILITY, KINDS, Entry, Limits, Model, Origin, Price
from wallas.catalog.families import DATA, fits, prior_origin, traits
from wallas.catalog.listing import MODEL_ID, RETIRED_DAYS, Listing
from wallas.catalog.public import Filler, Public
from wallas.catalog.snapshot import Catalog
from wallas.settings import CAPABILITIES, LimitSettings, ModelSettings, PriceSettings, ProviderSettings, SettingsError

_LIST_SAYS = ("kind", "context", "max_output", "price", "retires_on", "dimensions", "trains_on_data", "quantization")
_USER_SAYS = (
    "kind",
    "context",
    "max_output",
    "free",
    "quality",
    "trains_on_data",
    "dimensions",
    "status",
    "retires_on",
    "quantization",
)


USER = "wallas.toml"


class ModelFile(msgspec.Struct, frozen=True):
    """The file ``models.json``."""

    note: str
    models: tuple[Model, ...]


class LimitLine(Limits, frozen=True, kw_only=True):
    """One line of ``limits.json``: limits of the free models of a provider whose id fits ``match``."""

    provider: str
    match: str
    note: str = ""


class LimitFile(msgspec.Struct, frozen=True):
    """The file ``limits.json``."""

    note: str
    limits: tuple[LimitLine, ...]


class Terms(Entry, frozen=True, kw_only=True):
    """What the table of providers says for all models of one: None is "by model".

    ``free`` True or False holds for every model (False: this key is billed).
    ``offers`` are capability words for chat models that only a list is known of.
    """

    free: bool | None = None
    trains_on_data: bool | None = None
    offers: frozenset[str] = frozenset()
    retired: bool = False
    lists: bool = True
    """Whether it tells itself which models it has."""
    moved: bool = False
    """It is not where the package knows it: what is shipped of its models and limits may be another service's."""


@cache
def builtin_models() -> tuple[Model, ...]:
    """Return the models that the package ships, with the priors of their families."""
    data = msgspec.json.decode((DATA / "models.json").read_bytes(), type=ModelFile)
    return tuple(with_priors(model) for model in data.models)


@cache
def limit_lines() -> dict[str, tuple[tuple[tuple[str, ...], Limits], ...]]:
    """Return the shipped limits by provider, in the order in which they are to be tried."""
    data = msgspec.json.decode((DATA / "limits.json").read_bytes(), type=LimitFile)
    names = [field.name for field in msgspec.structs.fields(Limits)]
    lines: dict[str, list[tuple[tuple[str, ...], Limits]]] = {}
    for line in data.limits:
        limits = Limits(**{name: getattr(line, name) for name in names})
        lines.setdefault(line.provider, []).append((tuple(line.match.split("*")), limits))
    return {provider: tuple(rows) for provider, rows in lines.items()}


def free_limits(provider: str, id: str) -> Limits | None:
    """Return the shipped limits of a free model, None where none are known."""
    return next((limits for pieces, limits in limit_lines().get(provider, ()) if fits(id, pieces)), None)


def with_priors(model: Model) -> Model:
    """Return the model with its family's quality."""
    if model.kind != "chat":
        return model
    known = traits(model.id)
    return msgspec.structs.replace(
        model, quality=known.quality, coding=known.coding, origins=model.origins_with(("quality",), prior_origin())
    )


def build(
    *,
    providers: Mapping[str, ProviderSettings] | None = None,
    listings: Iterable[Listing] = (),
    terms: Mapping[str, Terms] | None = None,
    public: Public | None = None,
    today: str | None = None,
) -> Catalog:
    """Return a snapshot of everything known.

    ``listings`` are the stored lists, ``providers`` the user's tables,
    ``terms`` the facts of the provider table; a ``public`` catalogue fills
    what nobody else has said. ``today`` (``YYYY-MM-DD``)
    decides which retirement dates have passed; default: the machine's day.
    """
    day = today or Date.today().isoformat()
    terms = terms or {}
    tables = providers or {}
    told = frozenset(name for name, table in tables.items() if table.models and terms.get(name, Terms()).moved)
    models = {model.key: model for model in builtin_models() if model.provider not in told}
    for listing in listings:
        merge_listing(models, listing, terms.get(listing.provider, Terms()))
    filler = Filler(public)
    filler.fill(models, lists=lambda name: (said := terms.get(name, Terms())).lists or said.moved)
    models = {
        key: finished(model, terms.get(model.provider, Terms()), day, shipped=model.provider not in told)
        for key, model in models.items()
    }
    for name, table in tables.items():
        merge_table(models, name, table, terms.get(name, Terms()), day)
        for said in table.models:
            key = f"{name}/{said.id}"
            models[key] = filler.filled(models[key])
    return Catalog(models.values())


def merge_listing(models: dict[str, Model], listing: Listing, terms: Terms) -> None:
    """Lay a provider's list over what is known of its models; what it no longer names stays, marked."""
    named = {model.key for model in listing.models if model.missing_since is None}
    for key, known in models.items():
        if known.provider == listing.provider and listing.models and key not in named:
            models[key] = msgspec.structs.replace(known, missing_since=known.missing_since or listing.date)
    for model in listing.models:
        known_model = models.get(model.key)
        if model.missing_since is not None:
            gone = known_model or discovered(model, terms, listing.date)
            models[model.key] = msgspec.structs.replace(gone, missing_since=model.missing_since)
        else:
            fresh = refreshed(known_model, model, listing.date) if known_model else None
            models[model.key] = fresh or discovered(model, terms, listing.date)


def refreshed(known: Model, listed: Model, listed_on: str) -> Model:
    """Return a known model with what the provider's list says of it instead."""
    said: dict[str, Any] = {
        name: value
        for name in _LIST_SAYS
        if name not in listed.guessed and (value := getattr(listed, name)) is not None
    }
    if "capabilities" not in listed.guessed and listed.capabilities:
        said["capabilities"] = listed.capabilities | (known.capabilities & SILENT)
    if "free" not in listed.guessed:
        said["free"] = listed.free
    if known.retires_on is not None and known.retires_on <= listed_on and "retires_on" not in said:
        said |= {"retires_on": None, "status": "working"}  # its day has passed, and it is still there
    return msgspec.structs.replace(
        known,
        **said,
        aliases=tuple(dict.fromkeys((*known.aliases, *listed.aliases))),
        missing_since=None,
        source=listed.source,
        date=listed_on,
        confidence="high",
        origins=others(known, (*said, "limits", "status")),
    )


def others(known: Model, said: Collection[str]) -> tuple[tuple[str, Origin], ...]:
    """Return who said those facts of a model that somebody else does not say now."""
    return tuple((fact, origin) for fact, origin in known.facts().items() if fact not in said)


SILENT = frozenset({"prefill", "parallel_tools", "logprobs", "json_object", "json_schema"})
"""Capabilities that lists rarely name: their absence from one says nothing."""


def discovered(model: Model, terms: Terms, listed_on: str) -> Model:
    """Return a model known only from a list, its gaps filled by its family; what was filled is in ``guessed``."""
    guessed = set(model.guessed)
    said: dict[str, Any] = {}
    if model.kind == "chat":
        known = traits(model.id)
        said |= {"quality": known.quality, "coding": known.coding}
        guessed.add("quality")
        if "capabilities" in guessed or not model.capabilities:
            said["capabilities"] = frozenset({"chat"}) | known.can | terms.offers
            guessed.add("capabilities")
        else:
            said["capabilities"] = model.capabilities | (terms.offers & SILENT)
    elif not model.capabilities:
        said["capabilities"] = frozenset({KIND_CAPABILITY[model.kind]})
    if model.trains_on_data is None:
        said["trains_on_data"] = terms.trains_on_data
    return msgspec.structs.replace(
        model,
        **said,
        guessed=frozenset(guessed),
        date=model.date or listed_on,
        confidence="high",
        origins=model.origins_with([fact for fact in said if fact in guessed], prior_origin()),
    )


def finished(model: Model, terms: Terms, day: str, *, shipped: bool = True) -> Model:
    """Return the model with what holds for its whole provider, limits if ``shipped``, and whether its day is over."""
    said: dict[str, Any] = {}
    if terms.free is not None:
        said["free"] = terms.free
    free = said.get("free", model.free)
    if shipped and free and model.limits is None:
        said["limits"] = free_limits(model.provider, model.id)
    passed = model.retires_on is not None and model.retires_on <= day
    if model.status == "retired" or terms.retired or passed or is_long_gone(model, day):
        said["status"] = "retired"
    elif not free and model.status == "working":
        said["status"] = "paid"
    return msgspec.structs.replace(model, **said) if said else model


def is_long_gone(model: Model, day: str) -> bool:
    """Return whether the provider's own list has been without a model for so long that it is not coming back."""
    if model.missing_since is None:
        return False
    return (Date.fromisoformat(day) - Date.fromisoformat(model.missing_since)).days >= RETIRED_DAYS


def merge_table(models: dict[str, Model], name: str, table: ProviderSettings, terms: Terms, day: str) -> None:
    """Lay a user's ``[providers.NAME]`` table over all else; raise SettingsError for words that mean nothing."""
    for said in table.models:
        key = f"{name}/{said.id}"
        models[key] = overridden(models.get(key), name, said, terms, day)
    named = {said.id: said for said in reversed(table.models)}
    for key, model in models.items():
        if model.provider != name:
            continue
        changes: dict[str, Any] = {}
        explicit = named.get(model.id)
        if table.free is not None and (explicit is None or explicit.free is None):
            changes["free"] = table.free
        if table.limits is not None and (explicit is None or explicit.limits is None):
            changes["limits"] = limits_of(table.limits)
        if table.trains_on_data is not None and (explicit is None or explicit.trains_on_data is None):
            changes["trains_on_data"] = table.trains_on_data
        models[key] = msgspec.structs.replace(model, **changes) if changes else model


def overridden(known: Model | None, provider: str, said: ModelSettings, terms: Terms, day: str) -> Model:
    """Return a model as the user's table has it, over what was known of it."""
    where = f"wallas.toml: [[providers.{provider}.models]] {said.id!r}"
    if not MODEL_ID.fullmatch(said.id):
        raise SettingsError(f"{where}: an id has letters, digits and . : / @ + - _ only, at most 200")
    if said.kind is not None and said.kind not in KINDS:
        raise SettingsError(f"{where}: kind is one of {', '.join(sorted(KINDS))}, not {said.kind!r}")
    wrong = sorted(set(said.capabilities or ()) - CAPABILITIES)
    if wrong:
        raise SettingsError(f"{where}: capabilities has the unknown {wrong[0]!r}")
    fresh = discovered(Model(provider=provider, id=said.id, kind=said.kind or "chat"), terms, "")  # type: ignore[arg-type]
    base = known or fresh
    kind = kind_told(said, base.kind)
    changes: dict[str, Any] = {name: value for name in _USER_SAYS if (value := getattr(said, name)) is not None}
    changes["kind"] = kind
    if said.quality is not None:
        changes["coding"] = said.quality
    if said.capabilities is not None:
        changes["capabilities"] = frozenset(said.capabilities) | {KIND_CAPABILITY[kind]}
    if said.limits is not None:
        changes["limits"] = limits_of(said.limits)
    if said.price is not None:
        changes["price"] = price_of(said.price)
    changes["aliases"] = tuple(dict.fromkeys((*base.aliases, *said.aliases)))
    free = changes.get("free", terms.free if terms.free is not None else base.free)
    if said.free is None and said.price is not None:
        free = price_of(said.price).zero or free
    ended = said.retires_on is not None and said.retires_on <= day
    changes = {"status": "retired" if ended else "working"} | changes | {"free": free}
    fixed = said_fields(said)
    return msgspec.structs.replace(
        base,
        **changes,
        missing_since=None,
        guessed=base.guessed - frozenset(changes),
        fixed=fixed,
        source=USER,
        date=day,
        confidence="high",
        origins=others(base, (*fixed, "limits", "status", "free")),
    )


def said_fields(said: ModelSettings) -> frozenset[str]:
    """Return the fields of a model that the user wrote down."""
    return frozenset(
        name for name in (*_USER_SAYS, "capabilities", "limits", "price") if getattr(said, name) is not None
    )


def kind_told(said: ModelSettings, known: str) -> str:
    """Return a model's kind as the user has it: as written, else the first that its capabilities speak of."""
    if said.kind is not None:
        return said.kind
    words = said.capabilities or ()
    if KIND_CAPABILITY[known] in words:
        return known
    return next((kind for kind, word in KIND_CAPABILITY.items() if word in words), known)


def limits_of(said: LimitSettings) -> Limits:
    """Return the limits that a user wrote down."""
    values = {name: value for name in LIMIT_NAMES if (value := getattr(said, name)) is not None}
    return Limits(**values, source=USER, confidence="high")


LIMIT_NAMES = tuple(
    field.name for field in msgspec.structs.fields(Limits) if field.name not in ("source", "date", "confidence")
)


def price_of(said: PriceSettings) -> Price:
    """Return the price that a user wrote down."""
    return Price(input=said.input, output=said.output, cache_read=said.cache_read, cache_write=said.cache_write)
