"""Learns which models keep the beginnings of prompts in a cache: few say so beforehand, most tell by what they bill."""

from collections.abc import Callable

LEAST_TOKENS = 1024
"""Shorter prompts are cached by nobody (OpenAI, Anthropic, Gemini, 2026-11)."""
PRIOR = 0.5
"""Hits in so many tries of somebody who was never tried."""
MEMORY = 20.0
"""Tries that count; older ones fade."""


class Caches:
    """What was seen of the caches of all models, by key."""

    def __init__(self, moved: Callable[[str], object] = lambda model: None) -> None:
        """Know nothing; ``moved`` is told of every model of which something was learned."""
        self.moved = moved
        self.seen: dict[str, tuple[float, float]] = {}

    def heard(self, model: str, *, tokens: int, cached: int, again: bool) -> None:
        """Take in how much of a prompt was billed as cached; ``again``: the same key met its beginning a moment ago."""
        hit = cached > 0
        if hit or (again and tokens >= LEAST_TOKENS):
            hits, tries = self.seen.get(model, (0.0, 0.0))
            fade = min(1.0, MEMORY / (tries + 1.0))
            self.seen[model] = ((hits + hit) * fade, (tries + 1.0) * fade)
            self.moved(model)

    def chance(self, model: str) -> float:
        """Return how likely a prompt's beginning that a model met a moment ago is still there, 0 to 1."""
        hits, tries = self.seen.get(model, (0.0, 0.0))
        return (hits + PRIOR) / (tries + 1.0)
