"""Reads what a caller says beside the request: headers, the body's ``wallas`` object, and other gateways' fields.

Header before body before model suffix (surface 4). A bad value is a 400 that names it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from wallas.blueprints.guard import client_id
from wallas.catalog.quantization import LEVELS
from wallas.errors import BadRequest
from wallas.routing.router import Options
from wallas.routing.wishes import SORTS, Wishes, max_price_of, preferred_of

HOLDS = ("part", "turn", "event", "off")
COST_MODES = ("free_only", "allow_paid")
TEXT_MOST = 300


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value or len(value) > TEXT_MOST or not value.isprintable():
        raise BadRequest(f"{name}: expected a short text", param=name)
    return value


def _one_of(words: tuple[str, ...]) -> Callable[[Any, str], str]:
    def read(value: Any, name: str) -> str:
        if value not in words:
            raise BadRequest(f"{name}: expected one of {', '.join(words)}", param=name)
        return str(value)

    return read


def _seconds(value: Any, name: str) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 < seconds <= 3600:
        raise BadRequest(f"{name}: expected seconds between 0 and 3600", param=name)
    return seconds


def _patience(value: Any, name: str) -> float:
    return 0.0 if str(value) == "0" else _seconds(value, name)


def _switch(value: Any, name: str) -> bool:
    said = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}.get(str(value).lower())
    if said is None:
        raise BadRequest(f"{name}: expected on or off", param=name)
    return said


READERS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "tier": ("X-Willaku-Tier", _text),
    "model": ("X-Willaku-Model", _text),
    "provider": ("X-Wallas-Provider", _text),
    "cost_mode": ("X-Wallas-Cost-Mode", _one_of(COST_MODES)),
    "hold": ("X-Wallas-Hold", _one_of(HOLDS)),
    "hedge": ("X-Wallas-Hedge", _switch),
    "fallback": ("X-Wallas-Fallback", _switch),
    "timeout": ("X-Wallas-Timeout", _seconds),
    "wait": ("X-Wallas-Wait", _patience),
    "session": ("X-Session-Id", _text),
    "web_search": ("X-Willaku-Web-Search", _switch),
}
"""Field of the ``wallas`` object: its header, and how its value is read."""

HEADERS = {field: "HTTP_" + header.upper().replace("-", "_") for field, (header, _) in READERS.items()}
"""The headers' names in a WSGI environ."""


OBEYED = frozenset(
    {
        "order",
        "only",
        "ignore",
        "data_collection",
        "zdr",
        "allow_fallbacks",
        "require_parameters",
        "sort",
        "max_price",
        "preferred_max_latency",
        "preferred_min_throughput",
        "quantizations",
    }
)
"""What of OpenRouter's ``provider`` object is obeyed."""

LATER = {"X-Wallas-Memory": "HTTP_X_WALLAS_MEMORY"}
"""Switches that are read and named as dropped while they have no effect yet: their environ names."""


SAID = frozenset({"wallas", "session_id", "models", "fallbacks", "provider", "plugins"})
"""Fields of a body that are read here."""


def options(environ: Mapping[str, Any], body: dict[str, Any]) -> Options:
    """Return the caller's options and take them out of ``body``, which is what the codec then reads."""
    if body.keys().isdisjoint(SAID) and (said := options_of(environ)) is not None:
        return said
    own = body.pop("wallas", None)
    if own is not None and not isinstance(own, dict):
        raise BadRequest("wallas: expected an object", param="wallas")
    read: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for field, (header, reader) in READERS.items():
        if (said := environ.get(HEADERS[field])) is not None:
            read[field] = reader(said, header)
        elif own and own.get(field) is not None:
            spelled[field] = f"wallas.{field}"
            read[field] = reader(own[field], spelled[field])
    if (session := _session(environ, body)) is not None:
        read.setdefault("session", session)
    dropped = [f"wallas.{name}" for name in own or {} if name not in READERS]
    dropped += [name for name, key in LATER.items() if key in environ and _switch(environ[key], name)]
    models = _names(body.pop("models", None), "models")
    models += _fallbacks(body.pop("fallbacks", None), body.get("model"), dropped)
    terms, unread = _provider_terms(body.pop("provider", None))
    if "provider" in terms and "provider" not in read:
        spelled["provider"] = "provider"
    read = _web_plugin(body) | read
    engine = _file_engine(body)
    return Options(
        models=models,
        dropped=(*dropped, *unread),
        spelled=spelled,
        owner=str(environ.get("wallas.owner", "")),
        client=client_id(environ),
        file_engine=engine,
        **(terms | read),
    )


def options_of(environ: Mapping[str, Any]) -> Options | None:
    """Return the options of a caller who says nothing in the body; None where its headers say more than who asks."""
    if not environ.keys().isdisjoint(SAID_IN_HEADERS):
        return None
    client = client_id(environ)
    return Options(client=client) if client else NOTHING_SAID


PDF_ENGINES = {"native": "native", "pdf-text": "text", "mistral-ocr": "ocr", "cloudflare-ai": "text"}
"""OpenRouter's ways to read a PDF, and what stands for them here."""


SESSIONS = ("HTTP_X_SESSION_AFFINITY", "HTTP_X_CLAUDE_CODE_SESSION_ID")
"""Headers by which some clients name a conversation (clients.md), as WSGI spells them."""


SAID_IN_HEADERS = frozenset({*HEADERS.values(), *LATER.values(), *SESSIONS, "wallas.owner"})
"""What of an environ is read here, beside the client's key."""
NOTHING_SAID = Options()


def _session(environ: Mapping[str, Any], body: dict[str, Any]) -> str | None:
    """Return the name that a client gives a conversation in other places; OpenRouter's ``session_id`` is taken out."""
    own = body.pop("session_id", None)
    if own is not None:
        return _text(own, "session_id")
    said = next((environ[name] for name in SESSIONS if environ.get(name)), None)
    return str(said)[:TEXT_MOST] if said else None


def _web_plugin(body: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenRouter's ``web`` plugin asks for, and take it out of the body."""
    said = body.get("plugins")
    if not isinstance(said, list):
        return {}
    found = [one for one in said if isinstance(one, dict) and one.get("id") == "web"]
    if not found:
        return {}
    body["plugins"] = [one for one in said if one not in found]
    if not body["plugins"]:
        del body["plugins"]
    most = found[0].get("max_results", 5)
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= 20:
        raise BadRequest("plugins[].max_results: expected 1 to 20", param="plugins")
    return {"web_search": True, "web_results": most} if found[0].get("enabled") is not False else {}


def _file_engine(body: dict[str, Any]) -> str | None:
    """Return how OpenRouter's ``file-parser`` plugin wants PDFs read, and take it out of the body."""
    said = body.get("plugins")
    if said is None:
        return None
    if not isinstance(said, list) or not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in said):
        raise BadRequest("plugins: expected a list of objects with an id", param="plugins")
    engine: str | None = None
    for number, one in enumerate(said):
        pdf = one.get("pdf") if one["id"] == "file-parser" and one.get("enabled") is not False else None
        if pdf is None:
            continue
        name = pdf.get("engine") if isinstance(pdf, dict) else pdf
        if name is not None and (not isinstance(name, str) or name not in PDF_ENGINES):
            param = f"plugins[{number}].pdf.engine"
            raise BadRequest(f"{param}: expected one of {', '.join(PDF_ENGINES)}", param=param)
        engine = PDF_ENGINES[name] if name else engine
    body["plugins"] = [one for one in said if one["id"] != "file-parser"]
    if not body["plugins"]:
        del body["plugins"]
    return engine


def _names(value: Any, name: str) -> tuple[str, ...]:
    """Return a list of names."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 32:
        raise BadRequest(f"{name}: expected a list of model names", param=name)
    return tuple(_text(item, f"{name}[{index}]") for index, item in enumerate(value))


def _fallbacks(value: Any, model: Any, dropped: list[str]) -> tuple[str, ...]:
    """Return the models of LiteLLM's ``fallbacks``: names, objects with a ``model``, or maps from a model to its own.

    Maps of models that were not asked for are named as dropped; parameters of its own a fallback cannot have here.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 32:
        raise BadRequest("fallbacks: expected a list of model names", param="fallbacks")
    found: list[str] = []
    for index, item in enumerate(value):
        at = f"fallbacks[{index}]"
        if not isinstance(item, dict):
            found.append(_text(item, at))
        elif "model" in item:
            if own := sorted(item.keys() - {"model"}):
                raise BadRequest(f"{at}.{own[0][:50]}: a fallback has no parameters of its own here", param=at)
            found.append(_text(item["model"], f"{at}.model"))
        elif len(item) != 1 or not all(isinstance(names, list) for names in item.values()):
            raise BadRequest(f"{at}: expected a name, an object with a model, or a map to a list of names", param=at)
        else:
            ((name, names),) = item.items()
            if name in ("*", model):
                found += _names(names, f"{at}.{name[:50]}")
            else:
                dropped.append(f"{at}.{name[:50]}")
    return tuple(found)


def _provider_terms(said: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the options that OpenRouter's ``provider`` object says, and the names of what of it is not obeyed here."""
    if said is None:
        return {}, []
    if isinstance(said, str):
        return {"provider": _text(said, "provider")}, []
    if not isinstance(said, dict):
        raise BadRequest("provider: expected an object", param="provider")
    lists = {}
    for name in ("order", "only", "ignore"):
        lists[name] = tuple(item.lower() for item in _names(said.get(name), f"provider.{name}"))
    collection = said.get("data_collection") or "allow"
    if collection not in ("allow", "deny"):
        raise BadRequest("provider.data_collection: expected allow or deny", param="provider.data_collection")
    terms: dict[str, Any] = {
        "order": lists["order"],
        "only": frozenset(lists["only"]),
        "ignore": frozenset(lists["ignore"]),
        "quantizations": _quantizations(said.get("quantizations")),
        "private": collection == "deny" or _switch(said.get("zdr") or False, "provider.zdr"),
        "wishes": _wishes(said),
    }
    if said.get("allow_fallbacks") is not None:
        terms["fallback"] = _switch(said["allow_fallbacks"], "provider.allow_fallbacks")
    return terms, [f"provider.{name}" for name, value in said.items() if name not in OBEYED and value is not None]


def _quantizations(said: Any) -> frozenset[str]:
    """Return how finely weights may be stored."""
    if said is None:
        return frozenset()
    if not isinstance(said, list) or not all(isinstance(one, str) and one.lower() in LEVELS for one in said):
        field = "provider.quantizations"
        raise BadRequest(f"{field}: expected a list of {', '.join(LEVELS)}", param=field)
    return frozenset(one.lower() for one in said)


def _wishes(said: dict[str, Any]) -> Wishes:
    """Return what of the ``provider`` object orders candidates or leaves some out by what they are."""
    sort, across = said.get("sort"), False
    if isinstance(sort, dict):
        partition = sort.get("partition") or "model"
        if partition not in ("model", "none"):
            raise BadRequest("provider.sort.partition: expected model or none", param="provider.sort.partition")
        sort, across = sort.get("by"), partition == "none"
    if sort is not None and sort not in SORTS:
        raise BadRequest(f"provider.sort: expected one of {', '.join(SORTS)}", param="provider.sort")
    latency, throughput = said.get("preferred_max_latency"), said.get("preferred_min_throughput")
    return Wishes(
        sort=sort,
        across=across,
        latency=None if latency is None else preferred_of(latency, "provider.preferred_max_latency", strictest=min),
        throughput=(
            None if throughput is None else preferred_of(throughput, "provider.preferred_min_throughput", strictest=max)
        ),
        max_price=() if said.get("max_price") is None else max_price_of(said["max_price"]),
        require_parameters=_switch(said.get("require_parameters") or False, "provider.require_parameters"),
    )
