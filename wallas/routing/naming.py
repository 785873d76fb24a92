"""Reads a model name as the client wrote it: virtual model, exact id, ``provider/model``, suffix or alias.

The order of the readings is the surface's (section 3); the first that fits wins.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from wallas.catalog.entries import Model
from wallas.catalog.snapshot import Catalog
from wallas.errors import NotFound
from wallas.providers.registry import retired
from wallas.routing.strategies import PROFILE_ALIASES, PROFILES, profile_name
from wallas.settings import ProfileSettings

SUFFIXES = frozenset({"free", "nitro", "floor", "online", "private"})

BUILT_IN_ALIASES = (
    ("claude-*haiku*", "rapido"),
    ("*-mini", "rapido"),
    ("*-mini-*", "rapido"),
    ("claude-*", "agentico"),
    ("gpt-*", "agentico"),
    ("gemini-*", "agentico"),
)
"""So that a tool's fixed model names work where no such provider is configured; the first pattern that fits."""
ALIASES_DEEP = 5
GONE = "model_not_found"
NAME_MOST = 300
"""Characters of the longest name that is looked at: ids have at most 200, and suffixes are few."""
LIKE_MOST, NEAR_MOST = 20, 3
"""How many like ids are looked at for an unknown name, and how many of those that can be called are told."""
_FOREIGN = re.compile(r"(claude|gpt|gemini)-")

KNOWN_MOST = 1000
"""How many names' meanings are kept; clients use few, and a new catalog begins anew."""


class Asked(NamedTuple):
    """What a model name means: a ``profile`` to choose by, or ``models`` to use in this order.

    ``exact`` says that nothing but these may answer; ``named`` are the keys of
    those that were asked for by their own name and by no pattern; ``alias`` is
    the name that led here.
    """

    profile: str | None = None
    models: tuple[Model, ...] = ()
    exact: bool = False
    named: frozenset[str] = frozenset()
    suffixes: frozenset[str] = frozenset()
    strategy: str | None = None
    alias: str | None = None


class Names:
    """Reads names against one catalog snapshot and one set of settings."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        usable: frozenset[str],
        aliases: Mapping[str, str],
        profiles: Mapping[str, ProfileSettings],
    ) -> None:
        """Only models of the ``usable`` providers can be meant."""
        self.catalog = catalog
        self.usable = usable
        self.aliases = aliases
        self.profiles = profiles
        self.known: dict[str, Asked] = {}

    def read(self, name: str) -> Asked:
        """Return what the name means; raise NotFound with the nearest names for one that means nothing."""
        asked = self.known.get(name) or (self._read(name, 0) if len(name) <= NAME_MOST else None)
        if asked is None:
            raise self._unknown(name)
        if asked.exact and asked.profile is None and all(model.status == "retired" for model in asked.models):
            raise _retired(name, asked.models[0])
        if len(self.known) < KNOWN_MOST:
            self.known[name] = asked
        return asked

    def _read(self, name: str, depth: int) -> Asked | None:
        return (
            self._plain(name, depth) or self._suffixed(name, depth) or self._prefixed(name) or self._alias(name, depth)
        )

    def _plain(self, name: str, depth: int) -> Asked | None:
        if name in self.profiles:
            return self._own_profile(name)
        if profile := profile_name(name):
            return Asked(profile=profile)
        if name in self.aliases and (asked := self._target(name, self.aliases[name], depth)):
            return asked
        return self._catalogued(name)

    def _catalogued(self, name: str) -> Asked | None:
        if local := self._models(self.catalog.find("ollama", name), self.catalog.find("ollama", f"{name}:latest")):
            return _by_name(local[:1])
        if models := self._models(*self.catalog.by_id.get(name, ())):
            return _by_name(models)
        return None

    def _suffixed(self, name: str, depth: int) -> Asked | None:
        base, _, suffix = name.rpartition(":")
        if suffix not in SUFFIXES or not base:
            return None
        asked = self._read(base, depth)
        return asked._replace(suffixes=asked.suffixes | {suffix}) if asked else None

    def _prefixed(self, name: str) -> Asked | None:
        for mark in "/:":
            provider, found, rest = name.partition(mark)
            if found and provider in self.usable:
                model = self.catalog.find(provider, rest) or self.catalog.find(provider, f"{rest}:latest")
                if model is not None:
                    return _by_name((model,))._replace(exact=True)
        return None

    def _alias(self, name: str, depth: int) -> Asked | None:
        for pattern, target in (*self.aliases.items(), *BUILT_IN_ALIASES):
            if fnmatchcase(name, pattern) and (pattern in self.aliases or _FOREIGN.match(name)):
                return self._target(name, target, depth)
        return None

    def _target(self, name: str, target: str, depth: int) -> Asked | None:
        """Return what an alias stands for; None where aliases lead round in a circle."""
        if depth >= ALIASES_DEEP:
            return None
        asked = self._read(target, depth + 1)
        if asked is None:
            raise self._unknown(target)
        return asked._replace(alias=name)

    def _own_profile(self, name: str) -> Asked:
        profile = self.profiles[name]
        models: dict[str, Model] = {}
        named: set[str] = set()
        for pattern in profile.models:
            found = self.matching(pattern)
            for model in found:
                models.setdefault(model.key, model)
            if not _is_glob(pattern):
                named.update(model.key for model in found)
        return Asked(
            profile=name,
            models=tuple(models.values()),
            exact=True,
            named=frozenset(named),
            strategy=profile.strategy,
        )

    def matching(self, pattern: str) -> tuple[Model, ...]:
        """Return the usable models that a pattern means: ``*``, a glob over ``provider/model``, or an exact name."""
        if _is_glob(pattern):
            return tuple(
                model
                for model in self.catalog.models
                if model.provider in self.usable and model.kind == "chat" and fnmatchcase(model.key, pattern)
            )
        asked = self._prefixed(pattern) or self._catalogued(pattern)
        return asked.models if asked else ()

    def _models(self, *models: Model | None) -> tuple[Model, ...]:
        return tuple(model for model in models if model is not None and model.provider in self.usable)

    def _unknown(self, name: str) -> NotFound:
        said = name[:100].encode("unicode_escape").decode()
        like = self.catalog.nearest(name[:100], LIKE_MOST)
        near = get_close_matches(name[:100].lower(), [*PROFILES, *PROFILE_ALIASES, *self.profiles], n=2, cutoff=0.7)
        near += [known for known in like if self._catalogued(known) or self._prefixed(known)][: NEAR_MOST - len(near)]
        hint = f"; near: {', '.join(near)}" if near else ""
        provider = name[:100].partition("/")[0]
        if provider not in self.usable and (ended := retired(name)):
            return NotFound(f"the model '{said}' does not exist any more: {ended}", param="model", code=GONE)
        if provider not in self.usable and self.catalog.of(provider):
            hint = f"; provider {provider!r} has no key here: set its key in instance/.env"
        return NotFound(f"the model '{said}' does not exist{hint}", param="model", code=GONE)


def _retired(name: str, model: Model) -> NotFound:
    """Return the error for a model that can only be asked for where it has ended."""
    day = f" on {model.retires_on}" if model.retires_on else ""
    why = f": {model.note}" if model.note else ""
    said = name[:100].encode("unicode_escape").decode()
    return NotFound(
        f"the model '{said}' does not exist any more: {model.key} was retired{day}{why}", param="model", code=GONE
    )


def _by_name(models: tuple[Model, ...]) -> Asked:
    return Asked(models=models, named=frozenset(model.key for model in models))


def _is_glob(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")
