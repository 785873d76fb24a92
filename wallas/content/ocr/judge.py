"""Says whether what an engine read can be what stands on a page: empty and garbled ones go to the next engine."""

import re
import unicodedata

LEAST_CONFIDENCE = 0.6
LEAST_SENSE = 0.6
FEW = 12
"""Characters below which a page's sense cannot be judged."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKS = re.compile(r"[|#*_`>\-\s]+")


def complaint(text: str, *, confidence: float | None = None, blank: bool = False) -> str | None:
    """Return what is wrong with the words read of a page, None if nothing is; ``blank``: there is no ink on it."""
    said = _MARKS.sub("", text)
    if not said:
        return None if blank else "nothing was read, and the page is not blank"
    if confidence is not None and confidence < LEAST_CONFIDENCE:
        return f"read with a confidence of {confidence:.2f} only"
    if len(said) >= FEW and sense(text) < LEAST_SENSE:
        return "what was read is no text"
    return None


def sense(text: str) -> float:
    """Return the share of characters, 0 to 1, that belong to words or numbers as people write them."""
    said = _MARKS.sub("", text)
    if not said:
        return 0.0
    odd = sum(unicodedata.category(one) in ("So", "Sk", "Co", "Cn", "Cc") or one == "\ufffd" for one in said)
    words = sum(len(word) for word in _WORD.findall(text)) + sum(one.isdigit() for one in said)
    single = len(re.findall(r"(?<!\w)[^\W\d_](?!\w)", text))
    han = sum(unicodedata.name(one, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL")) for one in said)
    return max(0.0, min(1.0, (max(words, han) + 0.5 * single) / len(said) + 0.15) - odd / len(said))
