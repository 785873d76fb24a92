"""Who may do a task that is no chat: the models a name means, whoever can stand in, and the reasons of the others."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from wallas.catalog.entries import Model
from wallas.errors import AllAttemptsFailed, NotFound
from wallas.routing.candidates import Selection, is_shared, preferred
from wallas.routing.naming import Asked
from wallas.routing.needs import Needs
from wallas.routing.ranking import Ranking
from wallas.routing.router import Options, Router
from wallas.routing.selector import SHARED_SECONDS, Group, Sort
from wallas.routing.strategies import BEST_QUALITY, FAILURE_SECONDS, STRATEGIES, Parts, Ranked, in_order

QUALITY_SECONDS = 0.3
"""What a point of quality is worth where nobody waits for a first word."""
PAID_SECONDS = 5.0
CHAT_SECONDS = 60.0
"""A chat model that can be asked for it in words comes after those made for it."""
LOCAL_SECONDS = 1000.0
"""Programs of this machine come when nobody better does."""
NOTHING = Needs(frozenset(), 0, 0)


class Task(NamedTuple):
    """What is wanted: its name in records, in an error's words, and which models can do it.

    ``able`` decides on a usable model. ``kin``: another model may stand in for
    one that was asked for by a bare name. ``foreign`` are globs of ids that
    clients send unasked (``tts-1``): where nobody has them, anybody able
    answers. ``seconds`` bounds one attempt; None is the provider's own limit.
    """

    name: str
    noun: str
    able: Callable[[Model], bool]
    kin: bool = True
    foreign: tuple[str, ...] = ()
    seconds: float | None = None


class Chosen(NamedTuple):
    """Who may answer, under which virtual name if it was one, and what of the request had no effect."""

    selection: Selection
    profile: str | None
    dropped: tuple[str, ...] = ()


def choose(router: Router, task: Task, name: str | None, options: Options) -> Chosen:
    """Return who may do the task for a model's name; raise NotFound for a name of nobody able."""
    first = options.tier or options.model or name
    names = [one for one in (first, *options.models) if one] or ["auto"]
    asked = [_read(router, task, one, options) for one in dict.fromkeys(names)]
    groups = [group for one in asked for group in _groups(router, task, one, alone=len(asked) == 1)]
    terms = router.sayings.terms(asked, options)
    selection = router.selector.select(Sort(groups, terms), NOTHING, full=True)
    if not selection.candidates and not selection.excluded:
        raise AllAttemptsFailed(_nobody(router, task), code="no_provider_configured")
    candidates = preferred(selection.candidates, order=options.order, issuers=frozenset())
    return Chosen(Selection(candidates, selection.excluded), asked[0].profile)


def _read(router: Router, task: Task, name: str, options: Options) -> Asked:
    """Return what a name means among those able; names that clients send unasked mean anybody."""
    try:
        [asked] = router.sayings.read(name, Options())
    except NotFound:
        if any(fnmatchcase(name, pattern) for pattern in task.foreign):
            return Asked(profile="auto")
        raise
    if asked.profile is not None and not asked.models:
        return asked if task.kin else _none(task, name)
    able = tuple(model for model in asked.models if task.able(model))
    if not able:
        return _none(task, name)
    return asked._replace(models=able, named=asked.named & {model.key for model in able})


def _none(task: Task, name: str) -> Asked:
    raise NotFound(f"{name[:100]!r} is no {task.noun} model here", param="model", code="model_not_found")


def _groups(router: Router, task: Task, asked: Asked, *, alone: bool) -> list[Group]:
    everybody = _everybody(router, task)
    if asked.profile is not None and not asked.models:
        return [Group(ranked(router, everybody))]
    if asked.profile is not None:
        strategy = STRATEGIES.get(asked.strategy or "order", in_order)
        return [Group(router.selector.rank(strategy, None, asked.models), moves=False)]
    exact = Group(router.selector.rank(in_order, None, asked.models), moves=False)
    if asked.exact:
        return [exact]
    same = {other.key: other for model in asked.models for other in router.catalog.same(model)}
    elsewhere = [model for model in same.values() if model.provider in router.providers and task.able(model)]
    groups = [exact, Group(router.selector.rank(in_order, None, elsewhere), moves=False)]
    if alone and task.kin:
        groups.append(Group(ranked(router, [model for model in everybody if model.free])))
    return groups


def _everybody(router: Router, task: Task) -> list[Model]:
    return [
        model
        for model in router.catalog.models
        if model.provider in router.providers and not model.missing_since and task.able(model)
    ]


def ranked(router: Router, models: Iterable[Model]) -> Ranking:
    """Return models by quality and odds; strangers' services after one's own, programs of this machine last."""
    rows = [(model, _parts(router, model)) for model in models]
    return router.selector.ranking(
        sorted((Ranked(parts.total, model, parts) for model, parts in rows), key=lambda row: (row.total, row[1].key))
    )


def _parts(router: Router, model: Model) -> Parts:
    provider = router.providers[model.provider]
    success = router.desk.health.probability(model.provider, model.id)
    return Parts(
        failure=(1.0 - success) / success * FAILURE_SECONDS,
        quality=QUALITY_SECONDS * (BEST_QUALITY - model.quality),
        scarcity=SHARED_SECONDS if is_shared(provider) else 0.0,
        price=0.0 if model.free else PAID_SECONDS,
        wait=LOCAL_SECONDS if provider.row.program else CHAT_SECONDS if model.kind == "chat" else 0.0,
    )


def _nobody(router: Router, task: Task) -> str:
    """Return what a user is told who has nobody for a task: whose key would do, or what could be installed."""
    from wallas.providers.registry import BY_NAME

    known = [model for model in router.catalog.models if model.status != "retired" and task.able(model)]
    names = list(dict.fromkeys(model.provider for model in sorted(known, key=lambda model: not model.free)))
    rows = {name: BY_NAME[name] for name in names if name in BY_NAME}
    keyed = [name for name in names if not (name in rows and rows[name].needs)]
    programs = (row for name, row in BY_NAME.items() if task.name in row.operations and name not in rows)
    installs = [row.install for row in (*rows.values(), *programs) if row.needs]
    hints = [f"set a key for one of {', '.join(keyed[:6])} in instance/.env"] if keyed else []
    hints += [f"or {install}" if hints else install for install in installs[:2]]
    return f"no {task.noun} model is configured here" + (f"; {'; '.join(hints)}" if hints else "")
