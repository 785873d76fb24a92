"""A made corpus of pages: known words in five languages, printed clean, noisy, turned, in columns and in tables."""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = Path("/usr/share/fonts")
FACES = {
    "en": ("DejaVuSans.ttf", "DejaVuSerif.ttf", "NotoSerif-Regular.ttf"),
    "es": ("DejaVuSerif.ttf", "NotoSans-Regular.ttf", "DejaVuSans.ttf"),
    "de": ("NotoSans-Regular.ttf", "DejaVuSerif.ttf", "DejaVuSans.ttf"),
    "zh": ("NotoSansCJK-Regular.ttc", "NotoSerifCJK-Regular.ttc", "NotoSansCJK-Regular.ttc"),
    "ar": ("NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf", "NotoNaskhArabic-Regular.ttf"),
}
TEXTS = {
    "en": (
        "The harbour office opens at seven in the morning and closes at half past four.",
        "Every boat that enters must show its papers, pay the fee of 38.50 EUR and take a berth number.",
        "Visitors who stay for longer than three nights pay a lower price from the fourth night on.",
        "Please keep the pier free of ropes, bicycles and fishing nets at all times.",
        "In a storm the gate is shut; call 555-0147 and wait outside the wall until a light is shown.",
        "Fresh water, electricity and a small shop are found behind the old lighthouse.",
    ),
    "es": (
        "La señora Ibáñez abrió la panadería a las seis, cuando aún no había amanecido.",
        "Vendió ciento veinte barras, ocho tartas de piña y un kilo de almendras por 14,90 €.",
        "¿Quién pidió el bizcocho de limón? Nadie lo sabía, pero todos querían probarlo.",
        "El camión del molino llegó con retraso a causa de la nieve en el puerto de Pajares.",
        "Después de comer, los niños jugaron al balón en la plaza hasta que se hizo de noche.",
        "Mañana será día de fiesta: habrá música, churros y una exposición de cerámica.",
    ),
    "de": (
        "Der Verein trifft sich jeden Dienstag um zwanzig Uhr im großen Saal der Mühle.",
        "Für Getränke und Gebäck wird eine Kasse geführt; der Überschuß beträgt 212,75 Euro.",
        "Größere Anschaffungen müssen vier Wochen vorher schriftlich angekündigt werden.",
        "Wer früher gehen möchte, hängt bitte den Schlüssel zurück an das Brett neben der Tür.",
        "Schöne Grüße an alle, die beim Aufräumen des Gartens mitgeholfen haben!",
        "Die nächste Wanderung führt über die Höhen zum Schloß und durch das Tal zurück.",
    ),
    "zh": (
        "图书馆每天早上八点开门,晚上九点关门,星期一休息。",
        "借书时请出示证件,每人最多可以借五本书,期限是三十天。",
        "如果需要延长时间,请提前两天打电话或者在网上办理。",
        "二楼有安静的阅览室,请不要大声说话,也不要吃东西。",
        "新到的杂志放在门口的架子上,大家可以自由阅读。",
        "下个月我们将举办一次摄影展览,欢迎所有朋友参加。",
    ),
    "ar": (
        "تفتح المكتبة أبوابها كل يوم من الساعة الثامنة صباحا حتى المساء",
        "يمكن لكل زائر أن يستعير خمسة كتب لمدة ثلاثين يوما فقط",
        "الرجاء عدم الكلام بصوت عال في قاعة القراءة الكبيرة",
        "توجد الصحف الجديدة على الرف القريب من الباب الرئيسي",
        "سيقام معرض للصور في الشهر القادم والدعوة عامة للجميع",
        "من أراد تمديد الوقت فعليه أن يتصل قبل الموعد بيومين",
    ),
}
TABLE = (
    ("Item", "Quantity", "Price"),
    ("Oak boards", "24", "310.00"),
    ("Brass screws", "500", "18.75"),
    ("Wood glue", "3", "22.40"),
    ("Sandpaper", "40", "12.90"),
    ("Varnish", "2", "57.00"),
)


class Page(NamedTuple):
    """A page: its name, kind and language, its picture as PNG, and the words on it in reading order."""

    name: str
    kind: str
    language: str
    picture: bytes
    words: str


def pages(seed: int = 1) -> Iterator[Page]:
    """Yield every page of the corpus, the same for the same seed."""
    for language in TEXTS:
        for kind, make in KINDS.items():
            if kind == "table" and language != "en":
                continue
            rng = random.Random(f"{seed}{language}{kind}")
            image, words = make(language, rng)
            out = io.BytesIO()
            image.save(out, "PNG")
            yield Page(f"{language}-{kind}", kind, language, out.getvalue(), words)


def face(language: str, number: int, size: int) -> ImageFont.FreeTypeFont:
    """Return a font of the language."""
    name = FACES[language][number % len(FACES[language])]
    return ImageFont.truetype(str(next(FONTS.rglob(name))), size)


def lines(text: str, language: str, width: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """Return a text broken into lines of at most so many pixels."""
    pieces = list(text) if language == "zh" else [word + " " for word in text.split()]
    done = [""]
    for piece in pieces:
        if done[-1] and font.getlength(done[-1] + piece) > width:
            done.append("")
        done[-1] += piece
    return [line.strip() for line in done]


def write(image: Image.Image, text: str, language: str, box: tuple[int, int, int], font: ImageFont.FreeTypeFont) -> int:
    """Draw a paragraph at (left, top, width); return where the next one begins."""
    left, top, width = box
    draw = ImageDraw.Draw(image)
    for line in lines(text, language, width, font):
        place = (left + width, top) if language == "ar" else (left, top)
        draw.text(place, line, font=font, fill=20, anchor="ra" if language == "ar" else "la")
        top += round(font.size * 1.5)
    return top + round(font.size * 0.9)


def clean(language: str, rng: random.Random, number: int = 0) -> tuple[Image.Image, str]:
    """Return a clean print."""
    image = Image.new("L", (1654, 1400), 255)
    font, top = face(language, number, 34), 120
    for sentence in TEXTS[language]:
        top = write(image, sentence, language, (150, top, 1350), font)
    return image, " ".join(TEXTS[language])


def noisy(language: str, rng: random.Random) -> tuple[Image.Image, str]:
    """Return a bad copy: grey paper, specks, blur, weak ink."""
    image, words = clean(language, rng, 1)
    image = image.filter(ImageFilter.GaussianBlur(1.1)).point(lambda level: 45 + level * 0.75)
    noise = Image.effect_noise(image.size, 46)
    noise = Image.frombytes("L", image.size, noise.tobytes())
    image = Image.blend(image, noise, 0.16)
    draw = ImageDraw.Draw(image)
    for _ in range(900):
        x, y = rng.randrange(image.width), rng.randrange(image.height)
        draw.ellipse((x, y, x + rng.randrange(1, 4), y + rng.randrange(1, 4)), fill=rng.choice((60, 90, 235)))
    return image, words


def skewed(language: str, rng: random.Random) -> tuple[Image.Image, str]:
    """Return a page that lay askew."""
    image, words = clean(language, rng, 2)
    return image.rotate(rng.choice((-4.3, 3.6)), expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC), words


def sideways(language: str, rng: random.Random) -> tuple[Image.Image, str]:
    """Return a page turned by a quarter."""
    image, words = clean(language, rng)
    return image.rotate(90, expand=True), words


def head_down(language: str, rng: random.Random) -> tuple[Image.Image, str]:
    """Return a page upside down."""
    image, words = clean(language, rng, 2)
    return image.rotate(180, expand=True), words


def columns(language: str, rng: random.Random) -> tuple[Image.Image, str]:
    """Return two columns under a title."""
    image = Image.new("L", (1654, 1700), 255)
    title, font = face(language, 0, 60), face(language, 0, 30)
    head, *rest = TEXTS[language]
    top = write(image, head, language, (150, 90, 1350), title) + 60
    first, second = (150, 900) if language != "ar" else (900, 150)
    down = top
    for sentence in rest[:3]:
        down = write(image, sentence, language, (first, down, 600), font)
    down = top
    for sentence in rest[3:]:
        down = write(image, sentence, language, (second, down, 600), font)
    return image, " ".join([head, *rest])


def table(language: str, rng: random.Random) -> tuple[Image.Image, str]:
    """Return a table."""
    image = Image.new("L", (1400, 700), 255)
    font, draw = face(language, 0, 34), ImageDraw.Draw(image)
    for number, row in enumerate(TABLE):
        for at, cell in enumerate(row):
            draw.text((120 + at * 420, 80 + number * 84), cell, font=font, fill=20)
    return image, " ".join(cell for row in TABLE for cell in row)


KINDS: dict[str, Callable[[str, random.Random], tuple[Image.Image, str]]] = {
    "clean": clean,
    "noisy": noisy,
    "skewed": skewed,
    "sideways": sideways,
    "head down": head_down,
    "columns": columns,
    "table": table,
}
