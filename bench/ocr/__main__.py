"""Reads the corpus by each engine and prints character error rates and seconds a page.

usage: python -m bench.ocr [--kinds clean,noisy] [--languages en,es] [--engines tesseract,rapidocr] [--hint]
"""

import argparse
import base64
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.ocr.corpus import KINDS, TEXTS, Page, pages
from wallas.app import create_app
from wallas.content.guarded import Limits, Unreadable, run
from wallas.content.ocr.engines import packed
from wallas.content.ocr.judge import complaint

LIMITS = Limits(seconds=120, cpu=240, memory=3 * 1024**3)
_MARKS = re.compile(r"[\s|#*]+|---")


def plain(text: str) -> str:
    """Return the characters that count: without white space, table lines and heading marks."""
    return _MARKS.sub("", text).replace(",", ",").replace(",", ",")


def distance(one: str, other: str) -> int:
    """Return how many characters must be changed, added or left out (Levenshtein)."""
    before = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        now = [row]
        for column, right in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (left != right)))
        before = now
    return before[-1]


def error_rate(read: str, words: str) -> float:
    """Return the character error rate of what was read."""
    return distance(plain(read), plain(words)) / len(plain(words))


def by_engine(name: str, *, hint: bool) -> Callable[[Page], tuple[str, float | None]]:
    """Return what reads a page by one engine; with ``hint`` it is told the language."""

    def read(page: Page) -> tuple[str, float | None]:
        task = f"wallas.content.ocr.engines:{name}"
        options = {"language": page.language} if hint else {}
        try:
            [found] = run(
                task, packed([page.picture]), options, limits=LIMITS, environ={"OMP_THREAD_LIMIT": "1"}
            ).value["pages"]
        except Unreadable as error:
            return f"({error.message})", None
        return found["text"], found["confidence"]

    return read


@contextmanager
def chain(*, hint: bool) -> Iterator[Callable[[Page], tuple[str, float | None]]]:
    """Yield what reads a page as ``POST /v1/ocr/process`` does, in a gateway without any service."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"WALLAS_DATABASE_URL": f"sqlite:///{folder}/wallas.sqlite", "WALLAS_KEYLESS": "off"})
        client = app.test_client()

        def read(page: Page) -> tuple[str, float | None]:
            body = {"image": base64.b64encode(page.picture).decode()} | ({"language": page.language} if hint else {})
            told = client.post("/v1/ocr/process", json=body).get_json()
            return told["text"], told["pages"][0]["confidence"]

        yield read
        app.extensions["wallas"].close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--languages", default=",".join(TEXTS))
    parser.add_argument("--engines", default="tesseract,rapidocr")
    parser.add_argument("--hint", action="store_true", help="tell the engine the language")
    parser.add_argument("--show", action="store_true", help="print what was read")
    asked = parser.parse_args()
    found = [page for page in pages() if page.kind in asked.kinds and page.language in asked.languages]
    stack = ExitStack()
    for name in asked.engines.split(","):
        read = stack.enter_context(chain(hint=asked.hint)) if name == "chain" else by_engine(name, hint=asked.hint)
        rates: dict[str, list[float]] = defaultdict(list)
        seconds = []
        for page in found:
            started = time.perf_counter()
            text, confidence = read(page)
            seconds.append(time.perf_counter() - started)
            rates[page.kind].append(rate := error_rate(text, page.words))
            why = complaint(text, confidence=confidence)
            print(
                f"{name:10} {page.name:14} CER {100 * rate:6.2f} %  {seconds[-1]:5.1f} s  {confidence}  {why or ''}",
                flush=True,
            )
            if asked.show and rate > 0.01:
                print(text)
        for kind, values in rates.items():
            print(f"{name:10} {kind:10} mean CER {100 * sum(values) / len(values):6.2f} %")
        print(f"{name:10} {sum(seconds) / len(seconds):.2f} s a page")
    stack.close()


if __name__ == "__main__":
    main()
