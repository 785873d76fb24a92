"""Gives the same model one name, whatever each provider calls it.

``openai/gpt-oss-120b`` at Groq, ``gpt-oss-120b`` at Cerebras and
``gpt-oss:120b`` at Ollama are all ``gpt-oss-120b``.
"""

import re
from functools import lru_cache

VARIANT = re.compile(
    r":(free|nitro|floor|online|exacto|extended|private|fastest|cheapest|preferred)$|[-:]cloud$|-free$"
)
"""Suffixes that choose a lane to the same model (OpenRouter, Hugging Face, Ollama Cloud, resellers)."""

QUANTISED = re.compile(
    r"[-_:](i?q[2-8](_[a-z0-9]+)*|fp8(-fast)?|fp16|bf16|nvfp4|mxfp4|int[48]|awq|gptq|gguf)(?=[-_:.]|$)"
)
"""How the weights are stored: Ollama tags, NIM and Cloudflare ids."""

DATED = re.compile(
    r"-(20\d\d-[01]\d-[0-3]\d|20\d{6}|[01]\d-20\d\d|2[3-9](0[1-9]|1[0-2]))(?=-|$)",
)
"""Release dates: OpenAI, Anthropic, Cohere, Mistral, in this order."""

ROLE_WORDS = frozenset({"instruct", "it", "latest", "preview", "exp", "versatile", "instant", "hf", "001", "002"})
"""Tokens that say how a model was trained or released, not which one it is."""

ROUTERS = frozenset({"free", "auto", "default", "auto:free"})
"""Last words of ids that mean "whichever you like" (``openrouter/free``, ``kilo-auto/free``): no model's name."""

_MAKER = re.compile(r"^(meta|ai21|c4ai)-(?=[a-z])")
_ACTIVE = re.compile(r"^a\d+(\.\d+)?b$")
_WORD_NUMBER = re.compile(r"^([a-z]{2,})(\d+)$")
_SEPARATOR = re.compile(r"[-_.:\s]+")


@lru_cache(maxsize=16384)
def exact_name(model: str) -> str:
    """Return a model id in lower case without maker and lane: all that may differ where vectors must be the same."""
    last = model.lower().rpartition("/")[2]
    name = model.lower() if last in ROUTERS or not last else last
    previous = ""
    while name != previous:
        previous, name = name, VARIANT.sub("", name)
    return name or model.lower()


@lru_cache(maxsize=16384)
def normal_name(model: str) -> str:
    """Return the normal name of a model id: lower case, no maker, lane, date or storage format."""
    name = QUANTISED.sub("", exact_name(model))
    name = _MAKER.sub("", DATED.sub("", name.replace("_", "-")))
    tokens = [token for token in _SEPARATOR.split(name) if token]
    kept = [token for token in tokens if token not in ROLE_WORDS and not _ACTIVE.match(token)]
    return "-".join(_WORD_NUMBER.sub(r"\1-\2", token) for token in kept or tokens) or name


_SIZE = re.compile(r"(?:^|[-_:/])(?:\d+x)?(\d+(?:\.\d+)?)b(?=[-_:.]|$)")


def billions(model: str) -> float | None:
    """Return the size in a model's id in billions of parameters (``qwen3:8b`` is 8), or None."""
    sizes = [float(size) for size in _SIZE.findall(model.lower())]
    return max(sizes) if sizes else None
