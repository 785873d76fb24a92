"""Guesses the language of a text from its script and its commonest small words; two letters, or None."""

import re
from collections import Counter

SAMPLE = 4000
LEAST = 4
WORDS = {
    "es": "de la que el en y los del se las por un para con no una su al es lo como más pero sus",
    "en": "the of and to in is that it was for on are as with his they at be this from have or by",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce",
    "pt": "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao",
    "it": "di che e la il un a per in una non sono mi si lo ma ti ha le con ci questo come del",
    "nl": "de van het een en in is dat op te zijn met voor niet aan er om ook als maar bij",
    "ca": "de la el i que en a les un per és amb una del no es els al més com",
}
SETS = {language: frozenset(words.split()) for language, words in WORDS.items()}
SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str, *, least: int = LEAST) -> str | None:
    """Return the language a text seems to be in; None for too little, or for code and figures.

    ``least`` is how many small words have to be found: few are enough for a guess that is no more than a hint.
    """
    sample = text[:SAMPLE]
    letters = sum(letter.isalpha() for letter in sample)
    for language, script in SCRIPTS:
        if len(script.findall(sample)) > 0.2 * max(letters, 1):
            return language
    counts = Counter(_WORD.findall(sample.lower()))
    scores = {language: sum(counts[word] for word in words) for language, words in SETS.items()}
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] >= least else None
