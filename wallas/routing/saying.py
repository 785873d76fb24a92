"""Reads what callers' names and options mean: who may answer, and on what terms."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from wallas.catalog.snapshot import Catalog
from wallas.errors import BadRequest, NotFound
from wallas.providers.base import Provider
from wallas.routing.candidates import Terms
from wallas.routing.naming import Asked, Names
from wallas.routing.options import Options
from wallas.routing.selector import Sort
from wallas.routing.strategies import PROFILE_ALIASES, PROFILES
from wallas.routing.wishes import NONE, contradictions, nearest, sort_of
from wallas.settings import Settings

KEPT_MOST = 1000


class Said(NamedTuple):
    """What the caller's words mean, whatever the request's content: kept, for few are said ever anew."""

    asked: Sequence[Asked]
    terms: Terms
    profile: str | None
    virtual: bool
    """Whether the first name is a virtual model of the gateway's own."""
    profiled: bool
    """Whether any of them is."""
    levelled: bool
    """Whether one of these goes by a request's difficulty."""
    uneven: bool
    """Whether one bare id is meant, of models that differ in quality."""
    hold: str
    needs: frozenset[str]
    names: Sequence[Sequence[str]]
    """The names of the models that each asked name means, in order, where candidates are to be reordered."""
    wished: bool
    sorts: dict[Any, Sort]
    """Who is meant, by what a request takes."""


class Sayings:
    """Reads names and options against one snapshot of catalog and providers."""

    def __init__(
        self,
        settings: Settings,
        *,
        catalog: Catalog,
        providers: Mapping[str, Provider],
        discover: Callable[[str], bool],
        names: Callable[[], Names],
    ) -> None:
        """Read names of usable ``providers``; ``discover`` may make ``names`` return newer ones."""
        self.settings = settings
        self.catalog = catalog
        self.providers = providers
        self.discover = discover
        self.names = names
        self.said: dict[tuple[Any, ...], Said] = {}
        self.terms_said: dict[tuple[Any, ...], Terms] = {}

    def of(self, model: str, options: Options) -> Said:
        """Return what the names and the options mean; raise BadRequest or NotFound for those that mean nothing."""
        one = options
        whose = one.provider, one.only, one.ignore, one.order
        key = model, one.tier, one.model, one.models, whose, one.cost_mode, one.private, one.quantizations, one.wishes
        known = self.said.get(key)
        if known is None:
            if len(self.said) >= KEPT_MOST:
                self.said.clear()
            known = self.said[key] = self._say(model, options)
        return known

    def _say(self, model: str, options: Options) -> Said:
        asked = self.read(model, options)
        sort_of(frozenset(suffix for one in asked for suffix in one.suffixes), options.wishes)
        profiles = [PROFILES[one.profile] for one in asked if one.profile in PROFILES]
        return Said(
            asked=asked,
            terms=self.terms(asked, options),
            profile=asked[0].profile,
            virtual=asked[0].profile in PROFILES,
            profiled=bool(profiles),
            levelled=any(profile.quality is None for profile in profiles),
            uneven=len(asked) == 1 and len({model.quality for model in asked[0].models}) > 1 and not asked[0].exact,
            hold=profiles[0].hold if profiles else "part",
            needs=frozenset[str]().union(*(profile.needs for profile in profiles)),
            names=[[model.name for model in one.models] for one in asked] if options.wishes.reorders else (),
            wished=options.wishes != NONE,
            sorts={},
        )

    def read(self, model: str, options: Options) -> list[Asked]:
        """Return what the caller's model names mean, in order: header before body before the model field."""
        if options.tier is not None:
            return [self._tier(options.tier, options.spelled.get("tier", "X-Willaku-Tier"))]
        first = options.model or model
        names = list(dict.fromkeys([first, *options.models])) if first else list(options.models)
        if not names:
            raise BadRequest("model is missing", param="model", code="missing_required_parameter")
        return [self._named(name) for name in names]

    def _tier(self, name: str, param: str) -> Asked:
        with contextlib.suppress(NotFound):
            asked = self._named(name)
            if asked.profile is not None:
                return asked
            raise BadRequest(f"{param}: {name[:100]!r} is a model, and no virtual one", param=param)
        near = nearest(name, [*PROFILES, *PROFILE_ALIASES, *self.settings.profiles])
        raise NotFound(f"{param}: {name[:100]!r} is no virtual model{near}", param=param, code="model_not_found")

    def _named(self, name: str) -> Asked:
        """Return what a name means, after a look at the provider that may have it if nobody here knows it."""
        try:
            return self.names().read(name)
        except NotFound:
            if not self.discover(name):
                raise
        return self.names().read(name)

    def terms(self, asked: Sequence[Asked], options: Options) -> Terms:
        """Return what the caller allows, in the options and in the suffixes of the names."""
        suffixes = frozenset(suffix for one in asked for suffix in one.suffixes)
        param = options.spelled.get("provider", "X-Wallas-Provider")
        if options.provider and options.provider not in self.providers:
            raise self._no_provider(param, options.provider)
        if options.only and self.providers.keys().isdisjoint(options.only):
            raise self._no_provider("provider.only", *sorted(options.only))
        named = (param, options.provider) if options.provider else None
        contradictions(provider=named, only=options.only, ignore=options.ignore, order=options.order)
        only = frozenset({options.provider}) if options.provider else options.only
        pays = options.cost_mode != "free_only" and "free" not in suffixes
        pay = pays and (options.cost_mode == "allow_paid" or self.settings.allow_paid)
        named_keys = frozenset().union(*(one.named for one in asked))
        private = options.private or "private" in suffixes
        wishes, stored = options.wishes, options.quantizations
        return self._same(pay, pays, named_keys, only, options.ignore, private, wishes.max_price, stored)

    def _same(self, *terms: Any) -> Terms:
        """Return terms, the same object for the same ones: ranked lists are looked up by them."""
        known = self.terms_said.get(terms)
        if known is None:
            if len(self.terms_said) >= KEPT_MOST:
                self.terms_said.clear()
            known = self.terms_said[terms] = Terms(**dict(zip(Terms.__struct_fields__, terms, strict=True)))
        return known

    def _no_provider(self, param: str, *names: str) -> NotFound:
        """Return the error for providers that nobody can ask here, with the nearest that one can."""
        name = names[0]
        known = sorted(self.providers)
        hint = nearest(name, known)
        if any(self.catalog.of(each) for each in names):
            hint = "; set a key for it in instance/.env" + hint
        told = ", ".join(repr(each[:100]) for each in names[:5])
        return NotFound(f"{param}: {told} is not configured here{hint}", param=param, code="provider_not_found")
