"""How finely a model's weights are stored where it is served: what is said of it, or what its id tells."""

import re

LEVELS = ("int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown")
"""The words of OpenRouter's ``quantizations`` (openrouter.ai/docs/guides/routing/provider-selection, read 2026-11)."""

WORDS: tuple[tuple[str, str], ...] = (
    (r"bf16|bfloat16", "bf16"),
    (r"f(?:p|loat)?16|half", "fp16"),
    (r"f(?:p|loat)?32", "fp32"),
    (r"f(?:p|loat)?8(?:[-_]?(?:e4m3|e5m2|dynamic|block))*", "fp8"),
    (r"fp6", "fp6"),
    (r"(?:mx|nv)?fp4", "fp4"),
    (r"int8|8bit|w8a8|w8a16|q8(?:_[0-9k])*|gptq[-_]?int8", "int8"),
    (r"int4|4bit|w4a16|w4a8|awq|gptq|gptq[-_]?int4|i?q4(?:_[0-9a-z]+)*|nf4|bnb[-_]?4bit", "int4"),
)
"""What stands in ids and in lists for each level. GPTQ and AWQ are of four bits unless another number is said."""

_LEVEL = tuple((re.compile(pattern, re.I), level) for pattern, level in WORDS)
_IN_ID = tuple((re.compile(rf"(?:^|[-_.:@/])(?:{pattern})(?=$|[-_.:@/])", re.I), level) for pattern, level in WORDS)


def level_of(said: str) -> str | None:
    """Return the level that a word stands for, None where it is none of them."""
    word = said.strip()
    return next((level for pattern, level in _LEVEL if pattern.fullmatch(word)), None)


def level_in(id: str) -> str | None:
    """Return the level that a model's id tells, None where it tells none."""
    return next((level for pattern, level in _IN_ID if pattern.search(id[:300])), None)
