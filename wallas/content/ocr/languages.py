"""Languages by their names in each engine: ``es``, ``spa`` and ``Spanish`` are one."""

from typing import NamedTuple


class Language(NamedTuple):
    """A language: ISO 639-1 code, English name, script, and its codes in Tesseract and EasyOCR ("" where unknown)."""

    code: str
    name: str
    script: str
    tesseract: str
    easyocr: str = ""


LANGUAGES = (
    Language("en", "English", "latin", "eng", "en"),
    Language("es", "Spanish", "latin", "spa", "es"),
    Language("de", "German", "latin", "deu", "de"),
    Language("fr", "French", "latin", "fra", "fr"),
    Language("it", "Italian", "latin", "ita", "it"),
    Language("pt", "Portuguese", "latin", "por", "pt"),
    Language("ca", "Catalan", "latin", "cat"),
    Language("gl", "Galician", "latin", "glg"),
    Language("eu", "Basque", "latin", "eus"),
    Language("nl", "Dutch", "latin", "nld", "nl"),
    Language("pl", "Polish", "latin", "pol", "pl"),
    Language("cs", "Czech", "latin", "ces", "cs"),
    Language("sv", "Swedish", "latin", "swe", "sv"),
    Language("da", "Danish", "latin", "dan", "da"),
    Language("no", "Norwegian", "latin", "nor", "no"),
    Language("fi", "Finnish", "latin", "fin"),
    Language("hu", "Hungarian", "latin", "hun", "hu"),
    Language("ro", "Romanian", "latin", "ron", "ro"),
    Language("tr", "Turkish", "latin", "tur", "tr"),
    Language("vi", "Vietnamese", "latin", "vie", "vi"),
    Language("id", "Indonesian", "latin", "ind", "id"),
    Language("ru", "Russian", "cyrillic", "rus", "ru"),
    Language("uk", "Ukrainian", "cyrillic", "ukr", "uk"),
    Language("bg", "Bulgarian", "cyrillic", "bul", "bg"),
    Language("el", "Greek", "greek", "ell"),
    Language("ar", "Arabic", "arabic", "ara", "ar"),
    Language("fa", "Persian", "arabic", "fas", "fa"),
    Language("he", "Hebrew", "hebrew", "heb"),
    Language("hi", "Hindi", "devanagari", "hin", "hi"),
    Language("th", "Thai", "thai", "tha", "th"),
    Language("zh", "Chinese", "han", "chi_sim", "ch_sim"),
    Language("zh-tw", "Traditional Chinese", "han", "chi_tra", "ch_tra"),
    Language("ja", "Japanese", "japanese", "jpn", "ja"),
    Language("ko", "Korean", "hangul", "kor", "ko"),
)
"""The codes are those of Tesseract's tessdata and EasyOCR's list (2026-11)."""

RIGHT_TO_LEFT = frozenset({"arabic", "hebrew"})
RAPID = frozenset({"latin", "han"})
"""Scripts that the models inside ``rapidocr``'s wheel (PP-OCRv6 small) read; measured in docs/ocr.md."""
SCRIPTS = {
    "Latin": "latin",
    "Han": "han",
    "HanS": "han",
    "HanT": "han",
    "Arabic": "arabic",
    "Cyrillic": "cyrillic",
    "Greek": "greek",
    "Hebrew": "hebrew",
    "Devanagari": "devanagari",
    "Thai": "thai",
    "Japanese": "japanese",
    "Hangul": "hangul",
    "Korean": "hangul",
}
"""Tesseract's names of scripts, as its orientation and script detection tells them."""

ALIASES = {
    "zh-cn": "zh",
    "zh-hans": "zh",
    "zh-hant": "zh-tw",
    "nb": "no",
    "iw": "he",
    "español": "es",
    "castellano": "es",
}

_BY_NAME = {
    name.lower(): language
    for language in LANGUAGES
    for name in (language.code, language.name, language.tesseract, language.easyocr)
    if name
}


def language(name: str) -> Language | None:
    """Return the language that a code or an English name means, None for an unknown one."""
    name = name.strip().lower()
    return _BY_NAME.get(name) or _BY_NAME.get(ALIASES.get(name, name.partition("-")[0]))


def languages(names: str) -> list[Language]:
    """Return the languages of a list such as ``eng+spa`` or ``en, es``; raise KeyError with the first unknown one."""
    found = []
    for name in names.replace("+", ",").split(","):
        if name.strip():
            one = language(name)
            if one is None:
                raise KeyError(name.strip())
            found.append(one)
    return found
