"""Citations between Gemini's grounding, counted in UTF-8 bytes, and ours, counted in characters.

The provider's own metadata stays in the choice's ``extra`` as it came; the
citations made from it here are for clients of other wires.
"""

from collections.abc import Iterator
from typing import Any

from wallas.types.chat import Citation

GROUNDING = "groundingMetadata"
SOURCES = "citationMetadata"


def citations_of(extra: dict[str, Any], text: str, *, alone: bool) -> tuple[Citation, ...]:
    """Return the citations that a choice's metadata makes in one text part.

    ``alone``: it is the answer's only text part, so that offsets without words
    to check them by must mean it.
    """
    found = list(_grounded(extra.get(GROUNDING), text))
    if alone:
        found += _sourced(extra.get(SOURCES), text)
    return tuple(found)


def metadata_of(texts: dict[int, tuple[str, list[Citation]]]) -> dict[str, Any]:
    """Return the ``groundingMetadata`` of citations: by part number, the part's text and its citations."""
    chunks: list[dict[str, Any]] = []
    supports: list[dict[str, Any]] = []
    for number, (text, citations) in texts.items():
        for citation in citations:
            web = {"uri": citation.url, "title": citation.title}
            chunk = {"web": {key: value for key, value in web.items() if value is not None}}
            if chunk not in chunks:
                chunks.append(chunk)
            if citation.start is not None and citation.end is not None:
                segment = _segment(number, text, citation.start, citation.end)
                supports.append({"segment": segment, "groundingChunkIndices": [chunks.index(chunk)]})
    return {"groundingChunks": chunks, "groundingSupports": supports} if supports else {"groundingChunks": chunks}


def _segment(number: int, text: str, start: int, end: int) -> dict[str, Any]:
    segment = {
        "startIndex": len(text[:start].encode()),
        "endIndex": len(text[:end].encode()),
        "text": text[start:end],
    }
    return segment | {"partIndex": number} if number else segment


def _grounded(metadata: Any, text: str) -> Iterator[Citation]:
    if not isinstance(metadata, dict):
        return
    chunks = _rows(metadata.get("groundingChunks"))
    for support in _rows(metadata.get("groundingSupports")):
        segment = support.get("segment")
        if not isinstance(segment, dict):
            continue
        words = segment.get("text")
        start, end = _place(segment, text, words if isinstance(words, str) else None)
        for number in support.get("groundingChunkIndices") or ():
            if start is not None and type(number) is int and 0 <= number < len(chunks):
                source = next((value for value in chunks[number].values() if isinstance(value, dict)), {})
                yield _citation(source, start, end, words if isinstance(words, str) else None)


def _sourced(metadata: Any, text: str) -> Iterator[Citation]:
    if not isinstance(metadata, dict):
        return
    for source in _rows(metadata.get("citationSources")) + _rows(metadata.get("citations")):
        start, end = _place(source, text, None)
        if start is not None:
            yield _citation(source, start, end, None)


def _citation(source: dict[str, Any], start: int, end: int | None, text: str | None) -> Citation:
    url, title = source.get("uri"), source.get("title")
    return Citation(
        start=start,
        end=end,
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        text=text,
    )


def _place(segment: dict[str, Any], text: str, words: str | None) -> tuple[int, int] | tuple[None, None]:
    """Return where a segment is in the text, in characters; its words are believed before its numbers."""
    start, end = segment.get("startIndex", 0), segment.get("endIndex")
    if type(start) is int and type(end) is int and 0 <= start <= end:
        data = text.encode()
        piece = data[start:end].decode("utf-8", "replace")
        if end <= len(data) and words in (None, piece):
            first = len(data[:start].decode("utf-8", "replace"))
            return first, first + len(piece)
    found = text.find(words) if words else -1
    return (found, found + len(words or "")) if found >= 0 else (None, None)


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row if isinstance(row, dict) else {} for row in value] if isinstance(value, list) else []
