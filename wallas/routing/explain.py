"""Tells a decision without making the call: the same choosing, with every part of it named."""

from collections.abc import Callable
from functools import partial
from typing import Any

from wallas.content.contents import Contents
from wallas.routing.admission import refused
from wallas.routing.candidates import Candidate, Excluded, Selection
from wallas.routing.choice import Choice
from wallas.routing.difficulty import LEVELS, features, level
from wallas.routing.needs import Needs, needs_of
from wallas.routing.options import Options
from wallas.routing.queue import MOST_HOPS
from wallas.routing.router import Router, refuse
from wallas.routing.strategies import FELT_OUTPUT, PROFILES, USUAL_OUTPUT, Profile
from wallas.routing.tally import price
from wallas.routing.wishes import losses
from wallas.types.chat import ChatRequest

TOLD = 50
"""Candidates that are told one by one; the exclusions are told all."""
FITTED = 5
"""Candidates for which the request is fitted, to tell what would be left out."""


def _admitted(router: Router, select: Callable[[], Selection], needs: Needs) -> Selection:
    """Return a selection whose first candidate a request would be let through to, as its attempts find out.

    May block as a reservation may.
    """
    left: dict[tuple[str, str], Excluded] = {}
    while True:
        selection = select()
        candidates = [one for one in selection.candidates if (one.model.key, one.key.id) not in left]
        first = candidates[0] if candidates else None
        if first is not None and len(left) < MOST_HOPS:
            why = refused(router.desk.ledger, first.model, first.key, needs)
            if why is not None:
                left[first.model.key, first.key.id] = Excluded(first.model, first.key, why.reason, why.seconds)
                continue
        told = {(row.model.key, row.key.id) for row in selection.excluded if row.key is not None}
        late = [row for place, row in left.items() if place not in told]
        return Selection(candidates, [*selection.excluded, *late])


def explain(router: Router, request: ChatRequest, options: Options, *, wire: str) -> dict[str, Any]:
    """Return who would be asked in what order, and why, and who would not; nothing is called and nothing is spent."""
    contents = router.seen(request, options, wire)
    needs = needs_of(request, contents)
    choice = router.chooser.choose(request, options, needs, wire=wire, contents=contents)
    if contents is not None:
        refuse(contents)
    selection = _admitted(router, partial(router.chooser.select, choice, full=True), needs)
    told = [_candidate(place, one, needs) for place, one in enumerate(selection.candidates[:TOLD], 1)]
    for row, candidate in zip(told[:FITTED], selection.candidates, strict=False):
        lessons = router.desk.lessons_of(candidate)
        row["dropped"], converted = losses(candidate, request, wire=wire, lessons=lessons, contents=contents)
        if converted:
            row["converted"] = converted
    return {
        "object": "route.explanation",
        "model": request.model,
        "profile": choice.said.profile,
        "class": "auxiliary" if choice.auxiliary else "ordinary",
        "hold": choice.hold,
        "needs": _needs(request, choice, needs),
        **({"files": _files(contents)} if contents is not None else {}),
        "candidates": told,
        "excluded": _excluded(selection),
        "decision": told[0]["id"] if told else None,
    }


def _candidate(place: int, candidate: Candidate, needs: Needs) -> dict[str, Any]:
    model, parts = candidate.model, candidate.parts
    output = needs.output or USUAL_OUTPUT
    return {
        "rank": place,
        "id": model.key,
        "provider": model.provider,
        "model": model.id,
        "key": candidate.key.id,
        "score": round(parts.total, 4),
        "parts": {name: round(value, 4) for name, value in parts._asdict().items() if value},
        "expected_seconds": round(parts.first_token + parts.generation * output / FELT_OUTPUT + parts.wait, 3),
        "expected_tokens": {"input": needs.tokens, "output": output},
        "expected_cost": price(model, needs.tokens, output),
        "free": model.free,
        "quality": model.quality,
        "context_length": model.context,
    }


def _files(contents: Contents) -> list[dict[str, Any]]:
    """Return what is known of each file, and why it cannot be read here where it cannot."""
    rows = []
    for item in contents.items.values():
        facts: dict[str, Any] = {"where": item.where, "name": item.name}
        facts |= item.look.told() if item.look is not None else {"kind": item.kind}
        if item.error is not None:
            facts["unreadable"] = item.error.message
        rows.append({name: value for name, value in facts.items() if value is not None})
    return rows


def _needs(request: ChatRequest, choice: Choice, needs: Needs) -> dict[str, Any]:
    told: dict[str, Any] = {
        "capabilities": sorted(needs.capabilities | choice.said.needs),
        **({"rather": sorted(needs.native)} if needs.native else {}),
        "input_tokens": needs.tokens,
        "output_tokens": needs.output or None,
    }
    profile = PROFILES.get(choice.said.profile or "")
    if profile is not None and profile.quality is None:
        hard = level(request, tokens=needs.tokens)
        seen = features(request, tokens=needs.tokens)
        told["difficulty"] = {
            "level": hard,
            "seconds_per_point": LEVELS[hard],
            "points": {name: round(getattr(seen, name), 3) for name in seen.__struct_fields__ if getattr(seen, name)},
        }
    return told


def _excluded(selection: Selection) -> list[dict[str, Any]]:
    return [{"id": row.model.key, "key": row.key.id if row.key else None, **row.row()} for row in selection.excluded]


def profiles(own: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the virtual models with what each cares for; ``own`` are the user's."""
    return [_profile(name, profile) for name, profile in PROFILES.items()] + [
        {"id": name, "own": True, **facts} for name, facts in own.items()
    ]


def _profile(name: str, profile: Profile) -> dict[str, Any]:
    return {
        "id": name,
        "own": False,
        "about": profile.about,
        "seconds_per_point": list(LEVELS) if profile.quality is None else profile.quality,
        "needs": sorted(profile.needs),
        "quality_floor": profile.floor,
        "hold": profile.hold,
        "prior": profile.prior,
        "window_factor": profile.roomy,
        "session_factor": profile.sticky,
    }
