"""One choice of a chat completions stream: its deltas become parts, each ended before the next kind begins."""

from typing import Any

from wallas.codecs.framing import encode
from wallas.codecs.openai_chat_calls import Calls
from wallas.codecs.openai_chat_parts import kept
from wallas.codecs.openai_chat_response import decode_audio, decode_image, detailed, split_content
from wallas.codecs.openai_chat_words import FAILED, PADDING, added, decode_citation, split_logprobs, stopped
from wallas.codecs.openai_errors import malformed
from wallas.types.chat import Citation, Logprob, Media, Part, Reasoning, Refusal, StopReason, Text
from wallas.types.events import Event, PartDelta, PartEnded, PartStarted

CHOICE = frozenset({"index", "delta", "message", "text", "finish_reason", "logprobs", "error"}) | PADDING
"""``message`` is Perplexity's copy of all that was said so far, ``text`` Together's of the delta's content."""
SPOKEN = frozenset({"role", "content"}) | PADDING
TAKEN = SPOKEN | {
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
    "audio",
    "images",
    "annotations",
    "tool_calls",
    "function_call",
}


class Answer:
    """A choice as far as it has come."""

    def __init__(self, number: int, seed: str) -> None:
        """Start before its first delta; made-up call ids grow from ``seed``."""
        self.number = number
        self.parts = 0
        self.kind = ""
        self.open = 0
        self.word: str | None = None
        self.extra: dict[str, Any] = {}
        self.message: dict[str, Any] = {}
        self.logprobs: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.early: tuple[Logprob, ...] = ()
        self.notes: list[Any] = []
        self.length = 0
        self.offset = 0
        self.thinks = ""
        self.seed = seed
        self.calls: Calls | None = None
        """None before the first."""

    def take(self, choice: dict[str, Any], out: list[Event]) -> None:
        """Append the events of a chunk's choice."""
        delta = choice.get("delta")
        if type(delta) is not dict:
            delta = self._whole(choice)
        content = delta.get("content")
        if delta.keys() <= SPOKEN and (content is None or type(content) is str):
            raw = choice.get("logprobs")
            if raw:
                self._text(content or "", raw, out, last=bool(choice.get("finish_reason")))
            elif content:
                self.say(content, out)
        else:
            self._delta(delta, choice, out)
        if not choice.keys() <= CHOICE:
            self.extra |= {key: choice[key] for key in choice.keys() - CHOICE if choice[key] not in (None, {})}
        if choice.get("finish_reason"):
            self.end(str(choice["finish_reason"]), out)

    def say(self, text: str, out: list[Event]) -> None:
        """Append words and nothing else."""
        if self.kind != "text":
            self.start("text", Text(text=""), out)
        self.length += len(text)
        out.append(PartDelta(self.open, text, self.number))

    def end(self, word: str, out: list[Event]) -> None:
        """Append the end of the choice for this reason; raise ProviderError when it ended in failure."""
        self.word = word
        self.close(out)
        if word in FAILED:
            self.stopped()

    def start(self, kind: str, part: Part, out: list[Event]) -> int:
        """Append the beginning of a part, after the end of the one that was open; return its index."""
        if self.kind:
            self._end(out)
        if self.calls is not None:
            self.calls.settle(out)
        index = self.parts
        self.parts += 1
        out.append(PartStarted(index, part, self.number))
        if kind == "text":
            self.offset = self.length
            early, self.early = self.early, ()
            if early or self.notes:
                out.append(PartDelta(index, "", self.number, citations=self._noted(), logprobs=early))
        if kind != "call":
            self.kind, self.open = kind, index
        return index

    def close(self, out: list[Event]) -> None:
        """Append the end of everything that is open."""
        if self.kind:
            self._end(out)
        if self.calls is not None:
            self.calls.close(out)

    def stopped(self) -> tuple[StopReason | None, str | None, dict[str, Any]]:
        """Return why the choice ended, the wire's word, and its extra; raise ProviderError when it ended in failure."""
        reason, detail, extra = stopped(self.word, self.extra, () if self.calls is None else self.calls.read())
        if not (self.message or self.notes or self.early or self.logprobs):
            return reason, detail, extra
        message = dict(self.message)
        if self.notes:
            message["annotations"] = [*message.get("annotations", ()), *self.notes]
        logprobs = added(self.logprobs, {"content": self.rows}) if self.early else self.logprobs
        more = {"message": message} if message else {}
        return reason, detail, extra | more | ({"logprobs": logprobs} if logprobs else {})

    def _end(self, out: list[Event]) -> None:
        out.append(PartEnded(self.open, self.number))
        self.kind = ""

    def _whole(self, choice: dict[str, Any]) -> dict[str, Any]:
        """Return the message of a choice without a delta, as far as it is news: some stream one whole chunk."""
        message = choice.get("message")
        return message if isinstance(message, dict) and not self.parts else {}

    def _delta(self, delta: dict[str, Any], choice: dict[str, Any], out: list[Event]) -> None:
        logprobs = choice.get("logprobs")
        content, thoughts, images = delta.get("content"), "", delta.get("images")
        seen = list(images) if isinstance(images, list) else []
        if isinstance(content, list):
            content, thoughts, other = split_content(content)
            seen += [part for part in other if "image_url" in part]
            left = [part for part in other if "image_url" not in part]
            if left:
                self.message["content_parts"] = [*self.message.get("content_parts", ()), *left]
        self._reasoning(delta, thoughts, out)
        if content or logprobs:
            text = content if isinstance(content, str) else encode(content).decode() if content else ""
            self._text(text, logprobs, out, last=bool(choice.get("finish_reason")))
        refusal = delta.get("refusal")
        if refusal and isinstance(refusal, str):
            if self.kind != "refusal":
                self.start("refusal", Refusal(text=""), out)
            out.append(PartDelta(self.open, refusal, self.number))
        if delta.get("audio"):
            self._audio(delta["audio"], out)
        for image in seen:
            self._media(decode_image(image), out)
        if delta.get("annotations"):
            self._annotate(delta["annotations"], out)
        if delta.get("tool_calls") or delta.get("function_call"):
            self.calls = self.calls or Calls(self, self.seed)
            self.calls.take(delta, out)
        for key in delta.keys() - TAKEN:
            if delta[key] is not None:
                self.message[key] = delta[key]

    def _reasoning(self, delta: dict[str, Any], thoughts: str, out: list[Event]) -> None:
        field = "reasoning" if delta.get("reasoning") else "reasoning_content"
        text = delta.get(field)
        if not isinstance(text, str) or not text:
            text = thoughts
        details = delta.get("reasoning_details")
        if details:
            self._details(details)
            if not text and self.thinks != "field":
                text = detailed(details)
                self.thinks = "details" if text else self.thinks
        if not text:
            return
        self.thinks = self.thinks or "field"
        if self.kind != "reasoning":
            self.start("reasoning", Reasoning(extra=kept({"_field": field})), out)
        out.append(PartDelta(self.open, text, self.number))

    def _details(self, details: Any) -> None:
        """Put OpenRouter's ``reasoning_details`` together: pieces of one text or summary follow each other."""
        known = self.message.setdefault("reasoning_details", [])
        for detail in details if isinstance(details, list) else ():
            last = known[-1] if known else None
            if isinstance(last, dict) and isinstance(detail, dict) and _continues(last, detail):
                said = {
                    key: last[key] + detail[key] for key in ("text", "summary") if detail.get(key) and last.get(key)
                }
                known[-1] = last | {key: value for key, value in detail.items() if value is not None} | said
            else:
                known.append(detail)

    def _text(self, text: str, raw: Any, out: list[Event], *, last: bool) -> None:
        """Append words and their log probabilities; those that come with no words in the last chunk are of no part."""
        rows, left = split_logprobs(raw)
        if left:
            self.logprobs = added(self.logprobs, left)
        if text and self.kind != "text":
            self.start("text", Text(text=""), out)
        if self.kind == "text" and (text or not last):
            self.length += len(text)
            if text or rows:
                out.append(PartDelta(self.open, text, self.number, logprobs=rows))
        elif rows and not self.length:
            self.early += rows
            self.rows = [*self.rows, *raw["content"]]
        elif rows:
            self.logprobs = added(self.logprobs, {"content": raw["content"]})

    def _audio(self, audio: Any, out: list[Event]) -> None:
        if not isinstance(audio, dict):
            raise malformed("audio that is no object")
        piece = decode_audio(audio)
        if not (piece.data or piece.text or piece.extra):
            return
        if self.kind != "audio":
            self.start("audio", Media(kind="audio"), out)
        out.append(PartDelta(self.open, piece.text or "", self.number, data=str(piece.data or ""), extra=piece.extra))

    def _media(self, media: Media, out: list[Event]) -> None:
        self.start("image", media, out)
        self._end(out)

    def _annotate(self, annotations: Any, out: list[Event]) -> None:
        for annotation in annotations if isinstance(annotations, list) else ():
            if decode_citation(annotation) is None:
                self.message["annotations"] = [*self.message.get("annotations", ()), annotation]
            else:
                self.notes.append(annotation)
        if self.kind == "text" and self.notes:
            out.append(PartDelta(self.open, "", self.number, citations=self._noted()))

    def _noted(self) -> tuple[Citation, ...]:
        notes, self.notes = self.notes, []
        read = (decode_citation(note, self.offset) for note in notes)
        return tuple(citation for citation in read if citation is not None)


def _continues(last: dict[str, Any], detail: dict[str, Any]) -> bool:
    """Return whether a detail is more of the one before; encrypted ones come whole."""
    same = all(last.get(key) == detail.get(key) for key in ("type", "index"))
    return (
        same and not detail.get("data") and not last.get("data") and detail.get("id", last.get("id")) == last.get("id")
    )
