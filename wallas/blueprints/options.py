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


def options(environ: Mapping[str, Any], body: dict[str, Any]) -> Options:
    """Return the caller's options and take them out of ``body``, which is what the codec then reads."""
    own = body.pop("wallas", None)
    if own is not None and not isinstance(own, dict):
        raise BadRequest("wallas: expected an object", param="wallas")
    read: dict[str, Any] = {}
    for field, (header, reader) in READERS.items():
        if (said := environ.get(HEADERS[field])) is not None:
            read[field] = reader(said, header)
        elif own and own.get(field) is not None:
            read[field] = reader(own[field], f"wallas.{field}")
    unknown = tuple(f"wallas.{name}" for name in own or {} if name not in READERS)
    models = _names(body.pop("models", None), "models") + _names(body.pop("fallbacks", None), "fallbacks")
    return Options(models=models, dropped=unknown, **_provider_object(body, read))


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


def _provider_object(body: dict[str, Any], read: dict[str, Any]) -> dict[str, Any]:
    """Return the options with OpenRouter's ``provider`` object in them."""
    said = body.pop("provider", None)
    if said is None:
        return read
    if isinstance(said, str):
        return {"provider": said} | read
    if not isinstance(said, dict):
        raise BadRequest("provider: expected an object", param="provider")
    lists = {}
    for name in ("order", "only", "ignore"):
        lists[name] = tuple(item.lower() for item in _names(said.get(name), f"provider.{name}"))
    terms: dict[str, Any] = {
        "order": lists["order"],
        "only": frozenset(lists["only"]),
        "ignore": frozenset(lists["ignore"]),
        "private": said.get("data_collection") == "deny" or said.get("zdr") is True,
    }
    if said.get("allow_fallbacks") is not None:
        terms["fallback"] = _switch(said["allow_fallbacks"], "provider.allow_fallbacks")
    return terms | read
