"""Reads what a caller says beside the request: headers, the body's ``wallas`` object, and other gateways' fields.

Header before body before model suffix (surface 4). A bad value is a 400 that names it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from wallas.errors import BadRequest
from wallas.routing.router import Options

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
    "fallback": ("X-Wallas-Fallback", _switch),
    "timeout": ("X-Wallas-Timeout", _seconds),
    "wait": ("X-Wallas-Wait", _patience),
    "session": ("X-Session-Id", _text),
}
"""Field of the ``wallas`` object: its header, and how its value is read."""

HEADERS = {field: "HTTP_" + header.upper().replace("-", "_") for field, (header, _) in READERS.items()}
"""The headers' names in a WSGI environ."""


OBEYED = frozenset({"order", "only", "ignore", "data_collection", "zdr", "allow_fallbacks"})
"""What of OpenRouter's ``provider`` object is obeyed."""


def options(environ: Mapping[str, Any], body: dict[str, Any]) -> Options:
    """Return the caller's options and take them out of ``body``, which is what the codec then reads."""
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
    dropped = [f"wallas.{name}" for name in own or {} if name not in READERS]
    models = _names(body.pop("models", None), "models") + _names(body.pop("fallbacks", None), "fallbacks")
    terms, unread = _provider_terms(body.pop("provider", None))
    if "provider" in terms and "provider" not in read:
        spelled["provider"] = "provider"
    return Options(models=models, dropped=(*dropped, *unread), spelled=spelled, **(terms | read))


def _names(value: Any, name: str) -> tuple[str, ...]:
    """Return a list of model names; LiteLLM's ``fallbacks`` may hold objects with a ``model``."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 32:
        raise BadRequest(f"{name}: expected a list of model names", param=name)
    found = []
    for index, item in enumerate(value):
        found.append(_text(item.get("model") if isinstance(item, dict) else item, f"{name}[{index}]"))
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
        "private": collection == "deny" or _switch(said.get("zdr") or False, "provider.zdr"),
    }
    if said.get("allow_fallbacks") is not None:
        terms["fallback"] = _switch(said["allow_fallbacks"], "provider.allow_fallbacks")
    return terms, [f"provider.{name}" for name, value in said.items() if name not in OBEYED and value is not None]
