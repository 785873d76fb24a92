"""Looks at text that is to be spoken: where it may be cut, and in which language it seems to be."""

import re

BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？]|\n"),
    re.compile(r"[;:,،，、—–]\s*"),
    re.compile(r"\s+"),
)
"""Where a text may be cut, the best places first: paragraphs, sentences, clauses, words."""

ENOUGH = 0.4
"""A better place counts only if it leaves so much of what fits."""


def cut(text: str, most: int) -> tuple[str, str]:
    """Return the beginning of a text, at most ``most`` characters, cut where a voice would pause, and the rest."""
    if len(text) <= most:
        return text, ""
    for places in BREAKS:
        ends = [match.end() for match in places.finditer(text, 0, most + 1) if match.end() <= most]
        if ends and ends[-1] >= most * ENOUGH:
            return text[: ends[-1]], text[ends[-1] :]
    return text[:most], text[most:]


COMMON: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and of to in is that it for was with you this are not have be at on i what hello your my we they",
        "es": "el la los las de que y en un una es por con para no se lo su como más hola está pero muy esto qué",
        "de": "der die das und ist nicht ein eine ich du wir mit auf für zu den von es im auch hallo wie was dem",
        "fr": "le la les de et est un une que pour pas dans qui sur je vous nous il elle avec bonjour ce au des du",
        "it": "il lo la gli le di e che è un una per non con sono mi ti ciao questo come più della del ma si",
        "pt": "o a os as de que e é um uma para não com em do da no na por mais olá isso você como mas se",
        "nl": "de het een en van is niet ik je dat op te zijn voor met aan hallo wat er maar ook om",
    }.items()
}
SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("uk", re.compile(r"[іїєґ]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
_WORD = re.compile(r"[^\W\d_]+")
LOOKED_AT = 2000


def language_of(text: str, default: str = "en") -> str:
    """Return the two letters of the language that a text seems to be in: by its script, else by its small words."""
    head = text[:LOOKED_AT].lower()
    for language, letters in SCRIPTS:
        if len(letters.findall(head)) * 5 > len(_letters(head)):
            return language
    words = _WORD.findall(head)
    counts = {language: sum(word in common for word in words) for language, common in COMMON.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] > counts.get(default, 0) else default


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalpha()) or " "
