"""Finds who may answer a request, best first, and says of everyone else why not and until when."""

import time
from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from wallas.catalog.entries import Model
from wallas.health import Health, Place
from wallas.providers.base import Provider
from wallas.routing.strategies import PROFILES, STRATEGIES, Strategy
from wallas.settings import Key
from wallas.types.chat import ChatRequest, Media, Reasoning, Refusal, Text, ToolCall, ToolResult

BYTES_PER_TOKEN = 3.6
TOKENS_PER_MEDIA = 800
MARGIN = 1.1
MEDIA_NEEDS = {"image": "vision", "audio": "audio", "video": "video", "document": "pdf"}
RANKED_SECONDS = 0.25
RANKED_MOST = 1000


class Candidate(NamedTuple):
    """One model at one provider with one key: somebody who may answer."""

    model: Model
    provider: Provider
    key: Key

    @property
    def place(self) -> Place:
        """Return where its health is kept."""
        return Place(self.model.provider, self.model.id, self.key.id)

    @property
    def issuer(self) -> str:
        """Return whose seals are its own: ``provider/model@account``."""
        return f"{self.model.provider}/{self.model.id}@{self.key.account}"


class Excluded(NamedTuple):
    """Somebody who may not answer now: why, and for how many more seconds (None: no end known)."""

    model: Model
    key: Key | None
    reason: str
    seconds: float | None = None
    breaker: bool = False

    def row(self) -> dict[str, object]:
        """Return this exclusion as the client is told of it."""
        told: dict[str, object] = {"provider": self.model.provider, "model": self.model.id, "reason": self.reason}
        if self.seconds is not None:
            told["retry_after_seconds"] = round(self.seconds, 3)
        return told


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller allows: whose models, at what cost, and which model ids were asked for by name."""

    allow_paid: bool = False
    may_pay: bool = True
    named: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    private: bool = False


class Needs(NamedTuple):
    """What a request takes: capabilities, and estimated tokens in and wanted tokens out."""

    capabilities: frozenset[str]
    tokens: int
    output: int


def needs_of(request: ChatRequest) -> Needs:
    """Return what the request takes; tokens are estimated from bytes (routing.md 2), never from a tokenizer."""
    wanted = {"chat"}
    size = 0
    media = 0
    for message in request.messages:
        for part in message.parts:
            size, media = _weigh(part, wanted, size, media)
    if request.tools:
        wanted.add("tools")
        size += sum(len(msgspec.json.encode(tool)) for tool in request.tools)
    tokens = int(size / BYTES_PER_TOKEN) + media * TOKENS_PER_MEDIA + 8 * len(request.messages)
    return Needs(frozenset(wanted), tokens, request.max_tokens or 0)


def _weigh(part: object, wanted: set[str], size: int, media: int) -> tuple[int, int]:
    match part:
        case Text(text=text) | Refusal(text=text):
            size += len(text) if text.isascii() else len(text.encode())
        case Reasoning(text=text, summary=summary):
            size += len(text) + len(summary)
        case ToolCall(arguments=arguments, name=name):
            size += len(arguments) + len(name)
        case ToolResult(parts=parts):
            for inner in parts:
                size, media = _weigh(inner, wanted, size, media)
        case Media(kind="document", text=str(text)):
            size += len(text)
        case Media(kind=kind):
            wanted.add(MEDIA_NEEDS[kind])
            media += 1
        case _:
            pass
    return size, media


class Selection(NamedTuple):
    """Who may answer, best first, and who may not."""

    candidates: list[Candidate]
    excluded: list[Excluded]


class Selector:
    """Chooses candidates from one catalog snapshot; ranked lists are kept for a quarter of a second."""

    def __init__(
        self,
        models: Iterable[Model],
        providers: dict[str, Provider],
        health: Health,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose among the ``models`` of usable ``providers``."""
        self.models = [
            model
            for model in models
            if model.provider in providers and model.kind == "chat" and not model.missing_since
        ]
        self.providers = providers
        self.health = health
        self.clock = clock
        self.ranked: dict[Hashable, tuple[float, Sequence[Model]]] = {}
        self.windows: dict[tuple[str, str], int] = {}
        self.shared = frozenset(name for name, one in providers.items() if is_shared(one))
        self.turns: dict[str, int] = {}

    def best(self, profile: str, request: ChatRequest, capabilities: frozenset[str]) -> Sequence[Model]:
        """Return all models that have the capabilities, as the profile ranks them now."""
        return self.kept((profile, capabilities), lambda: self._best(profile, request, capabilities))

    def _best(self, profile: str, request: ChatRequest, capabilities: frozenset[str]) -> Sequence[Model]:
        able = [model for model in self.models if model.capabilities >= capabilities]
        ranked = STRATEGIES[profile](request, able, self.health)
        return sorted(ranked, key=lambda model: model.provider in self.shared)

    def kept(self, what: Hashable, rank: Callable[[], Sequence[Model]]) -> Sequence[Model]:
        """Return the list that ``rank`` makes, or the one known as ``what`` if that was made just now."""
        now = self.clock()
        known = self.ranked.get(what)
        if known is not None and now - known[0] < RANKED_SECONDS:
            return known[1]
        if len(self.ranked) >= RANKED_MOST:
            self.ranked.clear()
        ranked = rank()
        self.ranked[what] = (now, ranked)
        return ranked

    def rank(self, strategy: Strategy, request: ChatRequest, models: Sequence[Model]) -> Sequence[Model]:
        """Return the given models as a strategy ranks them now."""
        return strategy(request, models, self.health)

    def select(self, models: Iterable[Model], needs: Needs, terms: Terms, *, roomy: float = 1.0) -> Selection:
        """Return which of these models, in this order, may answer, with each of their keys, and which may not."""
        candidates: list[Candidate] = []
        excluded: list[Excluded] = []
        rests = bool(self.health.rests)
        for model in models:
            reason = self._excluded(model, needs, terms, roomy)
            if reason is not None:
                excluded.append(Excluded(model, None, reason))
                continue
            provider = self.providers[model.provider]
            for key in self._keys(model):
                rest = self.health.resting(Place(model.provider, model.id, key.id), free=model.free) if rests else None
                if rest is None:
                    candidates.append(Candidate(model, provider, key))
                else:
                    left = rest.until - self.health.clock()
                    excluded.append(Excluded(model, key, f"resting: {rest.reason}", left, rest.breaker))
        if not candidates:
            candidates = self._panic(excluded)
        return Selection(candidates, excluded)

    def reasons(self, models: Container[Model], needs: Needs, terms: Terms) -> list[Excluded]:
        """Return why each model that is not among ``models`` was not even ranked: for an error that explains itself."""
        others = (model for model in self.models if model not in models)
        told = ((model, self._excluded(model, needs, terms, 1.0)) for model in others)
        return [Excluded(model, None, reason) for model, reason in told if reason is not None]

    def _panic(self, excluded: list[Excluded]) -> list[Candidate]:
        """Return the first that rests only for its failures, when nobody else is left: better tried than refused."""
        for row in excluded:
            if row.breaker and row.key is not None:
                return [Candidate(row.model, self.providers[row.model.provider], row.key)]
        return []

    def _excluded(self, model: Model, needs: Needs, terms: Terms, roomy: float) -> str | None:
        provider = model.provider
        if provider in terms.ignore or (terms.only and provider not in terms.only):
            return "provider not allowed by the request"
        if model.status == "retired":
            return "retired"
        if not needs.capabilities <= model.capabilities and not (
            "capabilities" in model.guessed and model.key in terms.named
        ):
            return f"cannot take: {', '.join(sorted(needs.capabilities - model.capabilities))}"
        if not model.free and not terms.allow_paid and not (terms.may_pay and model.key in terms.named):
            return "costs money"
        if terms.private and model.trains_on_data is not False and provider != "ollama":
            return "may train on prompts"
        window = self.windows.get((provider, model.id)) or model.context
        output = min(needs.output, model.max_output or needs.output)
        if window and needs.tokens * MARGIN * roomy + output > window:
            return f"context of {window} tokens is too small"
        return None

    def _keys(self, model: Model) -> Sequence[Key]:
        """Return a model's keys, a different one first each time."""
        keys = self.providers[model.provider].keys
        if len(keys) < 2:
            return keys
        turn = self.turns[model.key] = (self.turns.get(model.key, -1) + 1) % len(keys)
        return keys[turn:] + keys[:turn]


def is_shared(provider: Provider) -> bool:
    """Return whether a provider serves anybody without a key: its calls are shared with strangers, so it is last."""
    return provider.row.keyless and not provider.row.opt_in and not any(key.secret for key in provider.keys)


def preferred(candidates: list[Candidate], *, order: tuple[str, ...], issuers: frozenset[str]) -> list[Candidate]:
    """Return the candidates with the caller's own order first, then those whose seals the conversation carries."""
    if issuers:
        candidates = sorted(candidates, key=lambda candidate: candidate.issuer not in issuers)
    if order:
        rank = {provider: place for place, provider in enumerate(order)}
        candidates = sorted(candidates, key=lambda candidate: rank.get(candidate.model.provider, len(rank)))
    return candidates


__all__ = ["PROFILES", "Candidate", "Excluded", "Needs", "Selection", "Selector", "Terms", "needs_of", "preferred"]
