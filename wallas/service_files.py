"""Hands to content what other parts do for it: pages by OCR, descriptions by models that see, uploaded files."""

from collections.abc import Sequence
from functools import partial

import msgspec

from wallas.codecs import OPENAI_CHAT
from wallas.content.guarded import Unreadable
from wallas.content.hooks import Caller, Description, Hooks, Kept, PageText, Transcript
from wallas.errors import GatewayError, NotFound
from wallas.ids import fresh
from wallas.media.store import MediaStore
from wallas.routing.router import Options, Router

UPLOAD_MOST = 64 * 1024 * 1024
"""A larger upload is kept, but no request can bring it to a model."""
NOBODY = frozenset({"no_provider_configured", "not_installed"})


def hooks(router: Router, store: MediaStore) -> Hooks:
    """Return who does for content what it cannot do itself."""
    return Hooks(
        read_pages=partial(_read_pages, router),
        transcribe=partial(_transcribe, router),
        describe=partial(_describe, router),
        stored=partial(_stored, store),
    )


def _read_pages(
    router: Router,
    data: bytes,
    *,
    mime: str,
    pages: Sequence[int] | None = None,
    language: str | None = None,
    caller: Caller,
) -> list[PageText]:
    """Return pages as OCR reads them; raise Unreadable when nobody can. The language is no more than a hint."""
    from wallas.routing.ocr import Asked, Read, reading

    asked = Asked(data, pages=tuple(pages or ()), hint=language)
    found: list[PageText] = []
    total = len(pages or ())
    try:
        for step in reading(router, asked, _options(router, caller), request_id=fresh(), wire=OPENAI_CHAT):
            if not isinstance(step, Read):
                total = step
                continue
            found.append(PageText(step.page, step.text, step.confidence, step.engine))
            caller.tell({"pages_read": len(found), "of": total})
    except GatewayError as error:
        if error.code in NOBODY:
            told = "it has to be read by OCR, and no engine is here: pip install 'wallas[ocr]'"
            raise Unreadable(told, code="missing_extra") from error
        raise Unreadable(error.message.removeprefix("file: "), code=error.code or "unreadable") from error
    return found


def _options(router: Router, caller: Caller) -> Options:
    """Return what a call for a file of a request is made with: whom the request's own caller allows to see it."""
    said = caller.terms() if caller.terms is not None else None
    allowed = said if isinstance(said, Options) else Options()
    programs = {name for name, provider in router.providers.items() if provider.row.program}
    only = allowed.only | programs if allowed.only else allowed.only  # what stays on this machine is shown to nobody
    return msgspec.structs.replace(allowed, only=only, wanted=caller.wanted)


def _transcribe(router: Router, data: bytes, *, mime: str, name: str | None = None, caller: Caller) -> Transcript:
    """Return what is said in a sound; raise Unreadable when nobody can write it down."""
    from wallas.routing.operation import begin
    from wallas.routing.transcription import task, transcribe
    from wallas.types.sound import TranscribeRequest

    request = TranscribeRequest(model="", audio=data, mime=mime, filename=name or "audio", times=True)
    words: list[str] = []
    segments: list[tuple[float, float, str]] = []
    language = None
    try:
        said = _options(router, caller)
        with begin(router, task(router), None, said, request_id=fresh(), wire=OPENAI_CHAT) as run:
            for answer in transcribe(run, request):
                words.append(answer.text.strip())
                segments += [(span.start, span.end, span.text) for span in answer.segments]
                language = language or answer.language
                caller.tell({"seconds_heard": round(segments[-1][1])} if segments else {"parts_heard": len(words)})
            engine = run.last.model.key if run.last is not None else ""
    except GatewayError as error:
        missing = error.code in NOBODY
        told = f"what is said has to be written down first: {error.message}"
        raise Unreadable(told, code="no_transcription" if missing else error.code or "unreadable") from error
    return Transcript(" ".join(words), engine, language, segments)


def _describe(router: Router, data: bytes, *, mime: str, caller: Caller) -> Description | None:
    from wallas.routing.describing import describe

    return describe(router, data, mime=mime, options=_options(router, caller))


def _stored(store: MediaStore, file_id: str, *, owner: str) -> Kept | None:
    try:
        file = store.find(file_id, owner=owner)
    except NotFound:
        return None
    if file.bytes > UPLOAD_MOST:
        raise Unreadable(f"the file has {file.bytes} bytes, at most {UPLOAD_MOST} can be read", code="too_large")
    return Kept(store.read(file), file.filename or None, file.mime)
