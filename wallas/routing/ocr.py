"""Reads documents page by page: the attempt loop over everything that can, with a guard on what was read.

A page that comes back empty or garbled goes to the next engine; what was read well of the same batch stays. Nothing
is left out silently: a page that nobody could read is named in the warnings.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from wallas.catalog.entries import Model
from wallas.content.guarded import Limits, Unreadable, run
from wallas.content.ocr.judge import complaint
from wallas.content.ocr.languages import RAPID, languages
from wallas.errors import AllAttemptsFailed, BadRequest, FailureKind, GatewayError, NotFound, ProviderError
from wallas.providers.ocr_calls import by_chat
from wallas.routing.candidates import Candidate
from wallas.routing.line import Line
from wallas.routing.operation import Run, Task, begin
from wallas.routing.router import Options, Router
from wallas.types.media import OcrPage, OcrRequest

MOST_PAGES = 500
BATCH = 4
"""Pages in memory at a time; an engine is started once for them."""
AT_ONCE = 2
"""Documents that are read side by side (faults.md, defaults); the next ones wait."""
TOKENS = 1500
"""What a page is guessed to take of a chat model: its picture, and its words."""
LIMITS = Limits(seconds=60, cpu=60, memory=2048 * 1024 * 1024)
SERVICES = 2
"""Services that may fail at a page before a program of this machine reads it."""
ORDER = ("tesseract", "rapidocr", "easyocr")

_slots = threading.BoundedSemaphore(AT_ONCE)


def _reads(model: Model) -> bool:
    return model.kind == "ocr" or (model.kind == "chat" and "vision" in model.capabilities)


OCR = Task(name="ocr", noun="OCR", able=_reads)


class Asked(NamedTuple):
    """What is to be read: a file's bytes, the pages wanted (from 1; empty: all), the languages, and by whom.

    ``language`` is what was asked for, ``hint`` one that is no more than likely.
    """

    data: bytes
    pages: tuple[int, ...] = ()
    language: str | None = None
    engine: str = "auto"
    hint: str | None = None


class Read(NamedTuple):
    """One page: its number from 1, its words as Markdown, how sure the engine is, who it was, and what is doubtful."""

    page: int
    text: str
    confidence: float | None
    engine: str
    warning: str | None = None


class Document(NamedTuple):
    """A document as it was read, in the order of its pages; ``total`` is how many it has."""

    pages: tuple[Read, ...]
    total: int

    @property
    def text(self) -> str:
        """Return all words."""
        return "\n\n".join(page.text for page in self.pages if page.text)

    @property
    def warnings(self) -> list[str]:
        """Return what is doubtful."""
        return [f"page {page.page}: {page.warning}" for page in self.pages if page.warning]


class Choice(NamedTuple):
    """Engines that a word means: which candidates, and their order (smaller first)."""

    takes: Callable[[Candidate], bool]
    first: Callable[[Candidate], Any]


def _is_program(candidate: Candidate) -> bool:
    return candidate.provider.row.program


def _is_local(candidate: Candidate) -> bool:
    return candidate.provider.row.local


def _by_program(candidate: Candidate) -> tuple[bool, int]:
    name = candidate.model.provider
    return not _is_program(candidate), ORDER.index(name) if name in ORDER else len(ORDER)


def _by_kind(candidate: Candidate) -> tuple[bool, bool, int]:
    """Services made for it first, then models that see; programs of this machine last, in their usual order."""
    elsewhere, place = _by_program(candidate)
    return not elsewhere, candidate.model.kind != "ocr", place


CHOICES: dict[str, Choice] = {
    "auto": Choice(lambda one: True, _by_program),
    "local": Choice(lambda one: _is_program(one) or _is_local(one), _by_program),
    "best": Choice(lambda one: True, _by_kind),
    "vision": Choice(lambda one: one.model.kind == "chat", lambda one: 0),
}
"""The profiles: programs of this machine first, only this machine, services first, models that see."""


def read(
    router: Router, asked: Asked, options: Options, *, request_id: str, wire: str, told: Callable[[Run], object] = id
) -> Document:
    """Return a whole document; ``told`` gets the run when all went well. Raises GatewayError."""
    pages = tuple(
        one
        for one in reading(router, asked, options, request_id=request_id, wire=wire, told=told)
        if isinstance(one, Read)
    )
    return Document(pages, len(pages))


def reading(
    router: Router, asked: Asked, options: Options, *, request_id: str, wire: str, told: Callable[[Run], object] = id
) -> Iterator[int | Read]:
    """Yield how many pages there will be, and then each as it is read; raise GatewayError. Blocks."""
    numbers = wanted(asked)
    choice = CHOICES.get(asked.engine)
    provider = asked.engine in router.providers
    model = None if choice or provider else asked.engine
    with begin(router, OCR, model, options, request_id=request_id, wire=wire) as run_:
        _choose(run_, asked, choice, provider=asked.engine if provider else None)
        if not _slots.acquire(timeout=max(run_.until - time.monotonic(), 0.0)):
            raise AllAttemptsFailed("too many documents are being read", status=503, retry_after=5.0)
        try:
            yield len(numbers)
            for at in range(0, len(numbers), BATCH):
                yield from _batch(run_, asked, numbers[at : at + BATCH])
        finally:
            _slots.release()
        told(run_)


def wanted(asked: Asked) -> list[int]:
    """Return the numbers of the pages to read, from 1; raise BadRequest for a file or for pages that are not there."""
    total = _child("count", asked.data, {})[0]["pages"]
    numbers = list(dict.fromkeys(asked.pages)) or list(range(1, total + 1))
    if beyond := [number for number in numbers if not 1 <= number <= total]:
        raise BadRequest(f"pages: there is no page {beyond[0]}, the file has {total}", param="pages")
    if len(numbers) > MOST_PAGES:
        raise BadRequest(f"pages: at most {MOST_PAGES} are read at a time, the file has {total}", param="pages")
    return numbers


def _child(task: str, data: bytes, options: dict[str, Any]) -> tuple[Any, list[bytes]]:
    try:
        return run(f"wallas.content.ocr.document:{task}", data, options, limits=LIMITS)
    except Unreadable as error:
        if error.code == "missing":
            text = f"reading pages needs {error.message}: pip install 'wallas[ocr]'"
            raise AllAttemptsFailed(text, status=503, code="not_installed") from error
        raise BadRequest(f"file: {error.message}", param="file", code="unreadable_file") from error


def _choose(run_: Run, asked: Asked, choice: Choice | None, *, provider: str | None) -> None:
    """Keep the engines that were asked for and know the language, in their order; raise a 4xx where none is left."""
    everybody = list(run_.waiting)
    if provider is not None:
        choice = Choice(lambda one: one.model.provider == provider, _by_kind)
    if choice is not None:
        run_.waiting = sorted(filter(choice.takes, everybody), key=choice.first)
    if not run_.waiting:
        names = ", ".join(sorted({one.model.provider for one in everybody})) or "none"
        raise NotFound(f"engine: no {asked.engine!r} is here; there are: {names}", param="engine")
    run_.waiting = [one for one in run_.waiting if _knows(one, asked.language)]
    if not run_.waiting:
        raise BadRequest(f"language: no engine here reads {asked.language!r}", param="language")
    run_.waiting = _last_resort(run_.waiting)


def _last_resort(waiting: list[Candidate]) -> list[Candidate]:
    """Return candidates so that the programs of this machine are asked before the attempts are used up."""
    services = [one for one in waiting if not _is_program(one)]
    if _is_program(waiting[0]) or len(services) == len(waiting):
        return waiting
    return [*services[:SERVICES], *filter(_is_program, waiting), *services[SERVICES:]]


def _knows(candidate: Candidate, names: str | None) -> bool:
    """Return whether a program reads the languages asked for; of services nothing else is known."""
    if not names or not _is_program(candidate):
        return True
    known = languages(names)
    match candidate.model.provider:
        case "rapidocr":
            return all(one.script in RAPID for one in known)
        case "tesseract":
            return {one.tesseract for one in known} <= installed()
        case _:
            return all(one.easyocr for one in known)


_installed: tuple[float, frozenset[str]] = (0.0, frozenset())
INSTALLED_SECONDS = 60.0


def installed() -> frozenset[str]:
    """Return the languages of this machine's Tesseract, by its own codes; looked up once a minute."""
    import subprocess

    global _installed
    if time.monotonic() - _installed[0] > INSTALLED_SECONDS or not _installed[0]:
        try:
            said = subprocess.run(
                ["tesseract", "--list-langs"], capture_output=True, text=True, timeout=10, check=False
            )
            found = frozenset(said.stdout.split("\n")[1:]) - {"", "osd"}
        except (OSError, subprocess.TimeoutExpired):
            found = frozenset()
        _installed = (time.monotonic(), found)
    return _installed[1]


def _batch(run_: Run, asked: Asked, numbers: Sequence[int]) -> Iterator[Read]:
    """Yield the pages of one batch in order, read by as many engines as it takes."""
    shown, pictures = _child("show", asked.data, {"pages": [number - 1 for number in numbers]})
    blank = {number for number, page in zip(numbers, shown["pages"], strict=True) if page["blank"]}
    todo = {number: picture for number, picture in zip(numbers, pictures, strict=True) if number not in blank}
    work = _Work(todo, asked)
    error: GatewayError | None = None
    if todo:
        try:
            run_.answer(work.ask, tokens=TOKENS * len(todo))
        except GatewayError as failed:
            error = failed
    if error is not None and not (work.done or work.doubtful):
        raise error
    for number in numbers:
        if number in blank:
            yield Read(number, "", None, "none", None)
        else:
            yield work.found(number)


class _Work:
    """The pages of a batch on their way: those read well, and the best of what was read badly."""

    def __init__(self, pictures: dict[int, bytes], asked: Asked) -> None:
        self.pictures = pictures
        self.asked = asked
        self.done: dict[int, Read] = {}
        self.doubtful: dict[int, Read] = {}

    def ask(self, candidate: Candidate, line: Line) -> None:
        """Let one engine read what is left; raise UNUSABLE where a page of it cannot be what stands there."""
        left = [number for number in self.pictures if number not in self.done]
        request = OcrRequest(
            model=candidate.model.id,
            pictures=tuple(self.pictures[number] for number in left),
            language=self.asked.language,
            hint=self.asked.hint,
        )
        if candidate.model.kind == "chat":
            pages = by_chat(candidate.provider, request, candidate.key, line)
        else:
            pages = candidate.provider.operate(request, key=candidate.key, line=line)
        if len(pages) != len(left):
            raise ProviderError(FailureKind.MALFORMED, f"{len(pages)} pages where {len(left)} were sent")
        complaints = [
            why for number, page in zip(left, pages, strict=True) if (why := self._take(number, page, candidate))
        ]
        if complaints:
            raise ProviderError(FailureKind.UNUSABLE, complaints[0], code="doubtful_page")

    def _take(self, number: int, page: OcrPage, candidate: Candidate) -> str | None:
        why = complaint(page.text, confidence=page.confidence)
        engine = candidate.model.provider if candidate.provider.row.program else candidate.model.key
        found = Read(number, page.text, page.confidence, engine, why)
        if why is None:
            self.done[number] = found
            return None
        before = self.doubtful.get(number)
        if before is None or len(page.text) * (page.confidence or 0.5) > len(before.text) * (before.confidence or 0.5):
            self.doubtful[number] = found
        return f"page {number}: {why}"

    def found(self, number: int) -> Read:
        """Return what is known of a page in the end."""
        nothing = Read(number, "", None, "none", "no engine could read this page")
        return self.done.get(number) or self.doubtful.get(number) or nothing
