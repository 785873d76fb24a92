"""The voices that providers have, and which of theirs stands for each of OpenAI's names, so that one name works at all.

Read 2026-11-21: providers.md 1, 2, 13, 17; Groq's voices are from its model pages and not confirmed by an answer.
"""

import re
from typing import NamedTuple

FEMALE, MALE = "female", "male"

OPENAI = {
    "alloy": FEMALE,
    "ash": MALE,
    "ballad": MALE,
    "coral": FEMALE,
    "echo": MALE,
    "fable": MALE,
    "nova": FEMALE,
    "onyx": MALE,
    "sage": FEMALE,
    "shimmer": FEMALE,
    "verse": MALE,
    "marin": FEMALE,
    "cedar": MALE,
}
"""OpenAI's names, and how each sounds most like."""


class Voices(NamedTuple):
    """A provider's own voices, the first of each sex the usual one, and who stands for some of OpenAI's names."""

    own: dict[str, str]
    stands_for: dict[str, str] = {}


_GEMINI_MEN = (
    "Puck Charon Fenrir Orus Enceladus Iapetus Umbriel Algieba Algenib Rasalgethi Alnilam Schedar Achird "
    "Zubenelgenubi Sadachbia Sadaltager"
)
_GEMINI_WOMEN = (
    "Kore Zephyr Leda Aoede Callirrhoe Autonoe Despina Erinome Laomedeia Achernar Gacrux Pulcherrima "
    "Vindemiatrix Sulafat"
)

GEMINI = Voices(
    dict.fromkeys(_GEMINI_WOMEN.split(), FEMALE) | dict.fromkeys(_GEMINI_MEN.split(), MALE),
    {
        "alloy": "Kore",
        "ash": "Charon",
        "ballad": "Orus",
        "coral": "Aoede",
        "echo": "Puck",
        "fable": "Fenrir",
        "nova": "Zephyr",
        "onyx": "Algenib",
        "sage": "Leda",
        "shimmer": "Despina",
        "verse": "Iapetus",
        "marin": "Callirrhoe",
        "cedar": "Alnilam",
    },
)
ORPHEUS_ENGLISH = Voices(
    dict.fromkeys(("hannah", "autumn", "diana"), FEMALE) | dict.fromkeys(("troy", "austin", "daniel"), MALE),
    {"nova": "autumn", "coral": "diana", "echo": "austin", "fable": "daniel"},
)
ORPHEUS_ARABIC = Voices(dict.fromkeys(("noura", "lulwa"), FEMALE) | dict.fromkeys(("fahad", "sultan"), MALE))
SAME_AS_OPENAI = Voices(OPENAI)

EDGE: dict[str, tuple[str, str]] = {
    "en": ("en-US-EmmaMultilingualNeural", "en-US-AndrewMultilingualNeural"),
    "es": ("es-ES-ElviraNeural", "es-ES-AlvaroNeural"),
    "de": ("de-DE-KatjaNeural", "de-DE-ConradNeural"),
    "fr": ("fr-FR-DeniseNeural", "fr-FR-HenriNeural"),
    "it": ("it-IT-ElsaNeural", "it-IT-DiegoNeural"),
    "pt": ("pt-BR-FranciscaNeural", "pt-BR-AntonioNeural"),
    "nl": ("nl-NL-ColetteNeural", "nl-NL-MaartenNeural"),
    "ja": ("ja-JP-NanamiNeural", "ja-JP-KeitaNeural"),
    "ko": ("ko-KR-SunHiNeural", "ko-KR-InJoonNeural"),
    "zh": ("zh-CN-XiaoxiaoNeural", "zh-CN-YunxiNeural"),
    "ar": ("ar-SA-ZariyahNeural", "ar-SA-HamedNeural"),
    "he": ("he-IL-HilaNeural", "he-IL-AvriNeural"),
    "hi": ("hi-IN-SwaraNeural", "hi-IN-MadhurNeural"),
    "el": ("el-GR-AthinaNeural", "el-GR-NestorasNeural"),
    "uk": ("uk-UA-PolinaNeural", "uk-UA-OstapNeural"),
    "ru": ("ru-RU-SvetlanaNeural", "ru-RU-DmitryNeural"),
}
"""By language: a woman's voice and a man's."""
EDGE_NAME = re.compile(r"[a-z]{2,3}-[A-Za-z-]{2,20}-\w+Neural")

BY_PROVIDER: dict[str, tuple[tuple[str, Voices], ...]] = {
    "gemini": (("", GEMINI),),
    "groq": (("arabic", ORPHEUS_ARABIC), ("orpheus", ORPHEUS_ENGLISH)),
    "openai": (("", SAME_AS_OPENAI),),
    "pollinations": (("", SAME_AS_OPENAI),),
    "openrouter": (("gemini", GEMINI), ("openai", SAME_AS_OPENAI)),
}
"""By provider: a word in the model's id and its voices; the first that fits."""


def voices_of(provider: str, model: str, *, wire: str = "") -> Voices | None:
    """Return the voices of a model, None where they are not known."""
    rows = BY_PROVIDER.get(provider, (("", GEMINI),) if wire == "gemini" else ())
    return next((voices for word, voices in rows if word in model), None)


class Picked(NamedTuple):
    """The voice to ask for, and whether it is another than the one that was wanted."""

    name: str | None
    strange: bool = False


def pick(voices: Voices | None, wanted: str | None) -> Picked:
    """Return which of a model's voices speaks for the one that is wanted; a name that nobody knows is passed on."""
    if voices is None:
        return Picked(wanted)
    own = {name.lower(): name for name in voices.own}
    asked = (wanted or "alloy").lower()
    if asked in own:
        return Picked(own[asked])
    if asked in voices.stands_for:
        return Picked(voices.stands_for[asked])
    sex = sex_of(asked)
    usual = next((name for name, sounds in voices.own.items() if sounds == sex), next(iter(voices.own)))
    return Picked(usual, strange=wanted is not None and asked not in OPENAI)


def sex_of(voice: str | None) -> str:
    """Return how a voice sounds, as far as its name is known; a woman's where it is not."""
    name = voice or ""
    if name in OPENAI:
        return OPENAI[name]
    known = (GEMINI, ORPHEUS_ENGLISH, ORPHEUS_ARABIC)
    return next((sex for voices in known for own, sex in voices.own.items() if own.lower() == name.lower()), FEMALE)
