"""The model list in the shape that the caller's protocol wants, with the surface's filters."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, get_args

from flask import Blueprint, Request, Response, request

from wallas import codecs
from wallas.blueprints.respond import json_response, router, wire_asked
from wallas.catalog.build import LIMIT_NAMES
from wallas.catalog.entries import Model, Price, Status
from wallas.errors import BadRequest
from wallas.health import Place
from wallas.routing.strategies import PROFILE_ALIASES, PROFILES
from wallas.settings import CAPABILITIES, LIMIT_WORDS

bp = Blueprint("listing", __name__)

Row: TypeAlias = tuple[str, Model | None]
"""One row of a list: a name, and the model of it; None for a virtual model."""

LIMIT_MOST = 5000
FILTERS = frozenset({"pricing", "capability", "provider", "modality", "status", "search", "context_min"})
"""Parameters that ask for some models only: virtual ones, which stand for many, are then left out."""
EPOCH = "2026-01-01"
SORTS: dict[str, Callable[[Model], Any]] = {
    "id": lambda model: model.key,
    "context": lambda model: -(model.context or 0),
    "price": lambda model: 0.0 if model.free else (model.price and model.price.input) or 1e9,
    "quality": lambda model: -model.quality,
    "provider": lambda model: (model.provider, model.id),
}
MODALITIES = {"image": "vision", "audio": "audio", "video": "video", "file": "pdf", "text": "chat"}
METHODS = {"chat": ["generateContent", "streamGenerateContent", "countTokens"], "embedding": ["embedContent"]}


@bp.get("/v1/models")
@bp.get("/v1beta/models")
def models() -> Response:
    """List what can be called here."""
    shape = _shape()
    named = [] if request.args.keys() & FILTERS else [(name, None) for name in virtual()]
    rows: list[Row] = [*named, *((model.key, model) for model in filtered(listed(request), request))]
    if shape == codecs.ANTHROPIC:
        return json_response(anthropic_page(rows, request))
    if shape == codecs.GEMINI:
        return json_response(gemini_page(rows, request))
    offset, limit = number(request, "offset", 0), min(number(request, "limit", LIMIT_MOST), LIMIT_MOST)
    page = [openai_row(*row) for row in rows[offset : offset + limit]]
    return json_response({"object": "list", "data": page, "total": len(rows)})


def anthropic_page(rows: Sequence[Row], asked: Request) -> dict[str, Any]:
    """Return the page of Anthropic's list that ``limit``, ``after_id`` and ``before_id`` ask for; all without them."""
    limit = max(min(number(asked, "limit", LIMIT_MOST), LIMIT_MOST), 1)
    places = {name: place for place, (name, _) in enumerate(rows)}
    start, end = 0, len(rows)
    for word in ("after_id", "before_id"):
        name = asked.args.get(word)
        if name is None:
            continue
        if name not in places:
            raise BadRequest(f"{word}: no such model in this list", param=word)
        start, end = (places[name] + 1, end) if word == "after_id" else (start, places[name])
    backwards = "before_id" in asked.args and "after_id" not in asked.args
    more = end - start > limit
    page = rows[max(end - limit, start) : end] if backwards else rows[start:end][:limit]
    data = [anthropic_row(*row) for row in page]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": more, "first_id": first, "last_id": last}


def gemini_page(rows: Sequence[Row], asked: Request) -> dict[str, Any]:
    """Return the page of Gemini's list that ``pageSize`` and ``pageToken`` ask for; all without them."""
    size = max(min(number(asked, "pageSize", LIMIT_MOST), LIMIT_MOST), 1)
    start = number(asked, "pageToken", 0)
    page: dict[str, Any] = {"models": [gemini_row(*row) for row in rows[start : start + size]]}
    return page | ({"nextPageToken": str(start + size)} if start + size < len(rows) else {})


@bp.get("/v1/models/<path:name>")
@bp.get("/v1beta/models/<path:name>")
def model(name: str) -> Response:
    """Describe one model; the name may be whatever a request may say."""
    name = name.removeprefix("models/").rstrip("/")
    asked = router().names.read(name)
    known = asked.models[0] if asked.models else None
    rows = {codecs.ANTHROPIC: anthropic_row, codecs.GEMINI: gemini_row}
    return json_response(rows.get(_shape(), described)(name, known))


def described(name: str, model: Model | None) -> dict[str, Any]:
    """Return a row of OpenAI's list with who says each fact, when, and how far that is believed."""
    row = openai_row(name, model)
    if model is None:
        return row
    facts = {
        fact: {"source": origin.source, "date": origin.date or None, "confidence": origin.confidence}
        for fact, origin in model.facts().items()
    }
    return row | {"facts": facts}


def usable() -> list[Model]:
    """Return the models of all usable providers that are not retired."""
    here = router()
    return [model for model in here.catalog.models if model.provider in here.providers and model.status != "retired"]


def listed(asked: Request) -> list[Model]:
    """Return the models that a list is made of: those that can be called, or the retired ones if they are asked for."""
    if asked.args.get("status") != "retired":
        return usable()
    here = router()
    return [model for model in here.catalog.models if model.provider in here.providers]


def virtual() -> list[str]:
    """Return the virtual models, the user's own first."""
    return list(dict.fromkeys([*router().settings.profiles, *PROFILES]))


def filtered(models: Iterable[Model], asked: Request) -> Sequence[Model]:
    """Return the models that the query's filters leave; raise BadRequest naming a filter it cannot read."""
    args = asked.args
    tests: list[Callable[[Model], bool]] = []
    if (pricing := choice(asked, "pricing", ("free", "paid"))) is not None:
        tests.append(lambda model: model.free == (pricing == "free"))
    wanted = {word for value in args.getlist("capability") for word in value.split(",") if word}
    if unknown := wanted - CAPABILITIES - {"free"}:
        raise BadRequest(f"capability: unknown {sorted(unknown)[0][:50]!r}", param="capability")
    if "free" in wanted:
        tests.append(lambda model: model.free)
    tests.append(lambda model: model.capabilities >= wanted - {"free"})
    providers = {word for value in args.getlist("provider") for word in value.split(",") if word}
    if providers:
        tests.append(lambda model: model.provider in providers)
    if (modality := choice(asked, "modality", MODALITIES)) is not None:
        tests.append(lambda model: MODALITIES[modality] in model.capabilities)
    if (status := choice(asked, "status", get_args(Status))) is not None:
        tests.append(lambda model: model.status == status)
    search = args.get("search", "").lower()[:200]
    if search:
        tests.append(lambda model: search in model.key.lower())
    least = number(asked, "context_min", 0)
    if least:
        tests.append(lambda model: (model.context or 0) >= least)
    found = [model for model in models if all(test(model) for test in tests)]
    found.sort(key=SORTS[choice(asked, "sort", SORTS) or "id"])
    return found


def choice(asked: Request, name: str, words: Collection[str]) -> str | None:
    """Return the word that a filter of the query says, None without it; raise BadRequest for another word."""
    said = asked.args.get(name)
    if said is not None and said not in words:
        raise BadRequest(f"{name}: expected {' or '.join(words)}", param=name)
    return said


def number(asked: Request, name: str, default: int) -> int:
    """Return a whole number of the query; raise BadRequest for anything else or a negative one."""
    said = asked.args.get(name)
    if said is None:
        return default
    if not said.isascii() or not said.isdigit() or len(said) > 12:
        raise BadRequest(f"{name}: expected a whole number of at least 0", param=name)
    return int(said)


def openai_row(name: str, model: Model | None) -> dict[str, Any]:
    """Return one row of OpenAI's list, with what is known beside it."""
    row: dict[str, Any] = {
        "id": name,
        "object": "model",
        "created": epoch(model.date if model else EPOCH),
        "owned_by": model.provider if model else "wallas",
    }
    if model is None:
        aliases = sorted(alias for alias, target in PROFILE_ALIASES.items() if target == name)
        return row | {"virtual": True, "aliases": aliases, "free": True, "capabilities": ["chat"]} | _simulated()
    circuit = router().desk.health
    price = model.price
    return (
        row
        | {
            "name": model.id,
            "provider": model.provider,
            "kind": model.kind,
            "context_length": model.context,
            "max_output_tokens": model.max_output,
            "capabilities": sorted(model.capabilities),
            "modalities": {"input": inputs(model), "output": outputs(model)},
            "pricing": pricing(price) if price else None,
            "free": model.free,
            "status": model.status,
            "retires_on": model.retires_on,
            "missing_since": model.missing_since,
            "limits": limits(model),
            "quality": model.quality,
            "trains_on_data": model.trains_on_data,
            "released": model.released,
            "knowledge": model.knowledge,
            "quantization": model.precision,
            "guessed": sorted(model.guessed),
            "source": model.source,
            "date": model.date,
            "confidence": model.confidence,
            "note": model.note or None,
            "latency_ms": latency(circuit.circuits, model),
        }
        | _simulated()
    )


def pricing(price: Price) -> dict[str, Any]:
    """Return a price in USD per million tokens, and per unit where it has one; what is not known is left out."""
    told: dict[str, Any] = {"input": price.input, "output": price.output}
    more = {name: getattr(price, name) for name in ("cache_read", "cache_write", "unit", "per")}
    return told | {name: value for name, value in more.items() if value is not None}


def _simulated() -> dict[str, Any]:
    """Return the mark that every row has in the demo, and no row otherwise."""
    return {"simulated": True} if router().settings.demo else {}


def _shown(name: str) -> str:
    return f"{name} (simulated)" if router().settings.demo else name


def latency(circuits: dict[Place, Any], model: Model) -> float | None:
    """Return the observed milliseconds to a whole answer, None before the first."""
    seen = [c.latency for p, c in circuits.items() if p[:2] == (model.provider, model.id) and c.latency is not None]
    return round(min(seen) * 1000, 1) if seen else None


def limits(model: Model) -> dict[str, Any] | None:
    """Return what is known of a model's limits, None when nothing is."""
    known = model.limits
    if known is None:
        return None
    return {LIMIT_WORDS.get(name, name): value for name in LIMIT_NAMES if (value := getattr(known, name)) is not None}


def inputs(model: Model) -> list[str]:
    """Return what a model reads natively."""
    return [
        "text",
        *(word for word, capability in MODALITIES.items() if word != "text" and capability in model.capabilities),
    ]


def outputs(model: Model) -> list[str]:
    """Return what a model makes."""
    made = {"image": "image", "video": "video", "speech": "audio", "embedding": "embedding"}
    return [made.get(model.kind, "text")]


def anthropic_row(name: str, model: Model | None) -> dict[str, Any]:
    """Return one row of Anthropic's list."""
    date = model.date if model and len(model.date) == 10 else EPOCH
    row: dict[str, Any] = {"type": "model", "id": name, "display_name": _shown(name), "created_at": f"{date}T00:00:00Z"}
    if model is not None:
        row |= {"max_input_tokens": model.context, "max_tokens": model.max_output}
    return row


def gemini_row(name: str, model: Model | None) -> dict[str, Any]:
    """Return one row of Gemini's list."""
    row: dict[str, Any] = {"name": f"models/{name}", "displayName": _shown(name), "version": "1"}
    row["supportedGenerationMethods"] = METHODS.get(model.kind if model else "chat", [])
    if model is not None and model.context:
        row["inputTokenLimit"] = model.context
    if model is not None and model.max_output:
        row["outputTokenLimit"] = model.max_output
    return row


def epoch(date: str) -> int:
    """Return a date's first second; an incomplete date is the year's or the month's first."""
    parts = (date or EPOCH).split("-")
    try:
        numbers = [int(part) for part in parts] + [1, 1]
        return int(datetime(numbers[0], numbers[1], numbers[2], tzinfo=UTC).timestamp())
    except ValueError:
        return epoch(EPOCH)


def _shape() -> str:
    if request.path.startswith("/v1beta"):
        return codecs.GEMINI
    return wire_asked()
