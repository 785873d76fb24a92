"""What a caller would like of providers beside being allowed: OpenRouter's ``sort``, prices, parameters, speeds.

The names and their meanings are those of OpenRouter's documentation of
provider routing (openrouter.ai/docs/guides/routing/provider-selection, read
2026-11): a ceiling and a required parameter leave somebody out, a preferred
speed puts somebody behind.
"""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec

from wallas.content.contents import Contents
from wallas.errors import BadRequest, GatewayError, ProviderError
from wallas.health import Health
from wallas.routing.adapt import Lessons, adapt
from wallas.routing.candidates import Candidate, Excluded
from wallas.routing.strategies import FELT_OUTPUT, expected_of, price_of
from wallas.types.chat import ChatRequest

SORTS = ("price", "throughput", "latency")
PRICES = ("prompt", "completion", "request", "image")
"""What a ceiling may be set for: USD per million tokens in and out, USD per request and per image."""
SORT_OF_SUFFIX = {"nitro": "throughput", "floor": "price"}
NEAR, SOME = 3, 8


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """How a caller would like candidates ordered, and what else leaves one out.

    ``latency`` is seconds to the first token, ``throughput`` tokens a second.
    ``across``: the order goes over all asked models, not within each.
    """

    sort: str | None = None
    across: bool = False
    latency: float | None = None
    throughput: float | None = None
    max_price: tuple[tuple[str, float], ...] = ()
    require_parameters: bool = False

    @property
    def reorders(self) -> bool:
        """Return whether anything is to be put in another order."""
        return self.sort is not None or self.latency is not None or self.throughput is not None


NONE = Wishes()


def ordered(
    candidates: Sequence[Candidate], wishes: Wishes, health: Health, *, asked: Sequence[Sequence[str]]
) -> list[Candidate]:
    """Return candidates as wished; ``asked`` are the names of the models of each name that was asked for, in order."""
    measured = {one.model.key: expected_of(one.model, health) for one in candidates}

    def block(one: Candidate) -> int:
        if wishes.across:
            return 0
        return next((place for place, names in enumerate(asked) if one.model.name in names), len(asked))

    def behind(one: Candidate) -> int:
        expected = measured[one.model.key]
        slow = wishes.latency is not None and expected.first > wishes.latency
        weak = wishes.throughput is not None and FELT_OUTPUT / expected.generation < wishes.throughput
        return slow + weak

    keys: dict[str | None, Callable[[Candidate], float]] = {
        None: lambda one: 0.0,
        "price": lambda one: price_of(one.model),
        "throughput": lambda one: measured[one.model.key].generation,
        "latency": lambda one: measured[one.model.key].first,
    }
    key = keys[wishes.sort]
    return sorted(candidates, key=lambda one: (block(one), behind(one), key(one)))


def losses(
    candidate: Candidate, request: ChatRequest, *, wire: str, lessons: Lessons, contents: Contents | None
) -> tuple[list[str], list[str]]:
    """Return what of a request a candidate would not get, by name, and what its files would become.

    ``wire`` is the caller's, ``contents`` are the request's files.
    """
    fitted = adapt(
        request,
        model=candidate.model,
        wire=candidate.provider.wire,
        issuer=candidate.issuer,
        asked_on=wire,
        lessons=lessons,
        contents=contents,
    )
    body = getattr(candidate.provider, "body", None)
    if body is not None:
        try:
            body(fitted.request, fitted.dropped)
        except (ProviderError, GatewayError) as error:
            fitted.dropped.append(f"refused: {error}")
    return list(dict.fromkeys(fitted.dropped)), fitted.converted


def taking_all(
    candidates: Sequence[Candidate], lost: Callable[[Candidate], list[str]], *, most: int | None
) -> tuple[list[Candidate], list[Excluded]]:
    """Return the first ``most`` candidates (None: all) that take every parameter, and why the others were left out."""
    known: dict[str, list[str]] = {}
    found: list[Candidate] = []
    left: list[Excluded] = []
    for one in candidates:
        if one.model.key not in known:
            known[one.model.key] = lost(one)
        if not known[one.model.key]:
            found.append(one)
        else:
            left.append(Excluded(one.model, one.key, f"does not take: {', '.join(known[one.model.key])[:300]}"))
        if most is not None and len(found) >= most:
            break
    return found, left


def contradictions(
    *, provider: tuple[str, str] | None, only: frozenset[str], ignore: frozenset[str], order: Sequence[str]
) -> None:
    """Raise BadRequest naming both of two constraints that nobody can meet; ``provider`` is (its field, its name)."""
    if provider is not None:
        field, name = provider
        if name in ignore:
            raise BadRequest(f"{field} and provider.ignore both name {name[:100]!r}", param="provider.ignore")
        if only and name not in only:
            raise BadRequest(f"{field} names {name[:100]!r}, provider.only does not", param="provider.only")
    if both := only & ignore:
        raise BadRequest(f"provider.only and provider.ignore both name {min(both)[:100]!r}", param="provider.ignore")
    if both := ignore.intersection(order):
        raise BadRequest(f"provider.order and provider.ignore both name {min(both)[:100]!r}", param="provider.ignore")
    if only and order and only.isdisjoint(order):
        raise BadRequest("provider.order and provider.only have no provider in common", param="provider.order")


def sort_of(suffixes: frozenset[str], wishes: Wishes) -> None:
    """Raise BadRequest where two suffixes, or a suffix and ``provider.sort``, want another order."""
    told = sorted(suffixes & SORT_OF_SUFFIX.keys())
    if len(told) > 1:
        raise BadRequest(f"model: the suffixes :{told[0]} and :{told[1]} contradict each other", param="model")
    if told and wishes.sort is not None and SORT_OF_SUFFIX[told[0]] != wishes.sort:
        raise BadRequest(
            f"provider.sort {wishes.sort!r} and the suffix :{told[0]} contradict each other", param="provider.sort"
        )


def nearest(name: str, names: Sequence[str]) -> str:
    """Return the names most like one, or the first there are, as the end of an error message."""
    near = get_close_matches(name[:100].lower(), names, n=NEAR, cutoff=0.5)
    if near or not names:
        return f"; near: {', '.join(near)}" if near else ""
    return f"; here: {', '.join(names[:SOME])}"


def max_price_of(said: Any) -> tuple[tuple[str, float], ...]:
    """Return the ceilings that a caller said; raise BadRequest for what is none."""
    if not isinstance(said, dict):
        raise BadRequest("provider.max_price: expected an object", param="provider.max_price")
    found = []
    for name, value in said.items():
        field = f"provider.max_price.{name[:50]}"
        if name not in PRICES:
            raise BadRequest(f"{field}: expected one of {', '.join(PRICES)}", param=field)
        found.append((name, number_of(value, field)))
    return tuple(found)


def number_of(value: Any, field: str) -> float:
    """Return a number of 0 or more, which OpenRouter also takes as a text; raise BadRequest for anything else."""
    try:
        number = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise BadRequest(f"{field}: expected a number of 0 or more", param=field)
    return number


def preferred_of(value: Any, field: str, *, strictest: Callable[[Iterable[float]], float]) -> float:
    """Return a preferred speed: a number, or the ``strictest`` of those by percentile, for only one speed is known."""
    if not isinstance(value, dict):
        return number_of(value, field)
    told = {name: number_of(each, f"{field}.{name[:10]}") for name, each in value.items() if each is not None}
    wrong = told.keys() - {"p50", "p75", "p90", "p99"}
    if wrong or not told:
        raise BadRequest(f"{field}: expected a number, or p50, p75, p90, p99", param=field)
    return strictest(told.values())
