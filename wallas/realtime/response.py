"""One answer as Realtime tells it: canonical events in, items, parts and deltas out, and a true end."""

from collections.abc import Callable
from typing import Any

from wallas.errors import GatewayError
from wallas.ids import fresh
from wallas.media import pcm
from wallas.realtime.conversation import Conversation
from wallas.realtime.items import Content, Item, Mark, new_id
from wallas.realtime.line import Line
from wallas.realtime.settings import OLD_NAMES, Saying, spoken
from wallas.realtime.sounds import base64_of, ms_of
from wallas.realtime.speaker import Speaker, written
from wallas.types.chat import Refusal, StopReason, Text, ToolCall, Usage
from wallas.types.events import Event, Finished, PartDelta, PartEnded, PartStarted

INCOMPLETE = {StopReason.LENGTH: "max_output_tokens", StopReason.CONTENT_FILTER: "content_filter"}


class Response:
    """Everything is called under the line's lock, but ``hear``, ``heard_sound`` and ``complete``, which take it."""

    def __init__(
        self,
        line: Line,
        saying: Saying,
        conversation: Conversation | None,
        *,
        metadata: dict[str, str] | None,
        voice: Callable[["Response"], Speaker] | None,
        done: Callable[["Response"], None],
    ) -> None:
        """Answer into a conversation, or beside it (None); ``voice`` makes who speaks, ``done`` is told of the end."""
        self.id = f"resp_{fresh()[:24]}"
        self.line = line
        self.saying = saying
        self.conversation = conversation
        self.metadata = metadata
        self.done = done
        self.voice = voice
        self.speaker: Speaker | None = None
        self.items: list[Item] = []
        self.message: tuple[Item, int] | None = None
        """The message that is open, and its place."""
        self.parts: dict[int, tuple[Item, int, int]] = {}
        """Open parts by the events' numbers: item, its place, and the part's place in it. All that is spoken is one."""
        self.finished: Finished | None = None
        self.over = False
        self.origin: dict[str, str] = {}
        """Whose answer it is, once that is known: ``provider`` and ``model``."""

    def begin(self) -> None:
        """Tell that an answer is being made."""
        self.line.say("response.created", response=self._told("in_progress"))

    def hear(self, event: Event) -> None:
        """Tell what an event of the attempt loop brings."""
        with self.line.lock:
            if self.over:
                return
            match event:
                case PartStarted(index, ToolCall() as call):
                    self._start_call(index, call)
                case PartStarted(index, Text() | Refusal() as words):
                    self._start_words(index, words.text)
                case PartDelta(index, text) if index in self.parts and text:
                    self._grow(index, text)
                case PartEnded(index) if index in self.parts:
                    self._end_part(index)
                case Finished():
                    self.finished = event
                    if self.speaker is None:
                        self._finish_well()

    def complete(self) -> None:
        """Wait for the voice, then tell the end; without an end of the stream it was cut off."""
        speaker = self.speaker
        if speaker is not None and not self.over:
            speaker.finish()
        with self.line.lock:
            if self.over:
                return
            if speaker is not None and speaker.fault is not None:
                self.fail(speaker.fault)
            elif self.finished is not None:
                self._finish_well()
            else:
                self.cancel("client_cancelled")

    def cancel(self, reason: str) -> None:
        """End it now because the client, or somebody who began to speak, wants so."""
        self._finish("cancelled", {"type": "cancelled", "reason": reason})

    def fail(self, error: GatewayError) -> None:
        """End it with what went wrong."""
        told = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
        self._finish("failed", {"type": "failed", "error": told})

    def _start_call(self, index: int, call: ToolCall) -> None:
        if self.message is not None and not any(item is self.message[0] for item, _, _ in self.parts.values()):
            self._end_item(*self.message)
        item = Item(
            id=new_id(), type="function_call", status="in_progress", name=call.name, call_id=call.id, arguments=""
        )
        self.parts[index] = (item, self._add(item), 0)
        if call.arguments:
            self._grow(index, call.arguments)

    def _start_words(self, index: int, text: str) -> None:
        if self.message is None:
            item = Item(id=new_id(), type="message", role="assistant", status="in_progress", content=[])
            self.message = (item, self._add(item))
            if self.voice is not None and self.speaker is None:
                self.speaker = self.voice(self)
        item, place = self.message
        if self.speaker is None or not item.content:
            item.content = [*item.content, Content(type="output_audio" if self.speaker else "output_text")]
            self._say_part("response.content_part.added", (item, place, len(item.content) - 1), text="")
        self.parts[index] = (item, place, len(item.content) - 1)
        if text:
            self._grow(index, text)

    def _add(self, item: Item) -> int:
        """Tell of a new item, empty still; return its place."""
        self.items.append(item)
        place = len(self.items) - 1
        self.line.say("response.output_item.added", response_id=self.id, output_index=place, item=self._item(item))
        if self.conversation is not None:
            before = self.conversation.last
            self.conversation.items[item.id] = item
            self.line.say("conversation.item.added", previous_item_id=before, item=self._item(item))
        return place

    def _grow(self, index: int, text: str) -> None:
        item, place, number = self.parts[index]
        at = {"response_id": self.id, "item_id": item.id, "output_index": place}
        if item.type == "function_call":
            item.arguments += text
            self.line.say("response.function_call_arguments.delta", **at, call_id=item.call_id, delta=text)
            return
        part = item.content[number]
        part.words = (part.words or "") + text
        kind = "output_audio_transcript" if part.type == "output_audio" else "output_text"
        self.line.say(f"response.{kind}.delta", **at, content_index=number, delta=text)
        if self.speaker is not None:
            self.speaker.feed(text)

    def _end_part(self, index: int) -> None:
        """Tell a part's end; a spoken part ends with its sound, when all of it is done."""
        item, place, number = self.parts[index]
        if item.type == "function_call":
            del self.parts[index]
            at = {"response_id": self.id, "item_id": item.id, "output_index": place}
            self.line.say(
                "response.function_call_arguments.done",
                **at,
                call_id=item.call_id,
                name=item.name,
                arguments=item.arguments,
            )
            self._end_item(item, place)
        elif self.speaker is None:
            del self.parts[index]
            self._end_words(item, place, number)

    def _end_words(self, item: Item, place: int, number: int) -> None:
        part = item.content[number]
        at = {"response_id": self.id, "item_id": item.id, "output_index": place, "content_index": number}
        words = part.words or ""
        if part.type == "output_audio":
            self.line.say("response.output_audio.done", **at)
            self.line.say("response.output_audio_transcript.done", **at, transcript=words)
        else:
            self.line.say("response.output_text.done", **at, text=words)
        self._say_part("response.content_part.done", (item, place, number), text=words)

    def _say_part(self, kind: str, where: tuple[Item, int, int], *, text: str) -> None:
        item, place, number = where
        told = {"type": "audio", "transcript": text} if item.content[number].type == "output_audio" else None
        self.line.say(
            kind,
            response_id=self.id,
            item_id=item.id,
            output_index=place,
            content_index=number,
            part=told or {"type": "text", "text": text},
        )

    def _end_item(self, item: Item, place: int, status: str = "completed") -> None:
        if self.message is not None and item is self.message[0]:
            self.message = None
        item.status = status
        if self.conversation is not None:
            self.line.say(
                "conversation.item.done", previous_item_id=self.conversation.before(item.id), item=self._item(item)
            )
        self.line.say("response.output_item.done", response_id=self.id, output_index=place, item=self._item(item))

    def heard_sound(self, sound: bytes, chars: int | None) -> None:
        """Tell some of the answer's sound (24 kHz); with ``chars`` so much of the text is spoken by its end."""
        data = written(sound, self.saying)
        with self.line.lock:
            if self.over or self.message is None:
                return
            item, place = self.message
            part = item.content[0]
            part.sound_ms += ms_of(sound, pcm.RATE)
            if chars is not None:
                part.marks = [*part.marks, Mark(chars, part.sound_ms)]
            if data:
                self.line.say(
                    "response.output_audio.delta",
                    response_id=self.id,
                    item_id=item.id,
                    output_index=place,
                    content_index=0,
                    delta=base64_of(data),
                )

    def _finish_well(self) -> None:
        assert self.finished is not None
        reason = INCOMPLETE.get(self.finished.reason) if self.finished.reason else None
        if reason is not None:
            self._finish("incomplete", {"type": "incomplete", "reason": reason})
        else:
            self._finish("completed", None)

    def _finish(self, status: str, details: dict[str, Any] | None) -> None:
        if self.over:
            return
        if self.speaker is not None:
            self.speaker.stop()
        whole = status == "completed"
        for place, number in sorted({(place, number) for item, place, number in self.parts.values()}):
            if self.items[place].type == "message":
                self._end_words(self.items[place], place, number)
        self.parts.clear()
        for place, item in enumerate(self.items):
            if item.status == "in_progress":
                self._end_item(item, place, "completed" if whole else "incomplete")
        self.over = True
        self.line.say("response.done", response=self._told(status, details))
        self.done(self)

    def _item(self, item: Item) -> dict[str, Any]:
        return item.told(beta=self.line.beta)

    def _told(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        saying = self.saying
        told = {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [self._item(item) for item in self.items],
            "conversation_id": self.conversation.id if self.conversation else None,
            "max_output_tokens": saying.most or "inf",
            "metadata": self.metadata,
            "usage": usage_of(self.finished.usage) if self.finished and self.finished.usage else None,
        }
        told |= self.origin
        if self.line.beta:
            return told | {
                "modalities": ["text", "audio"] if saying.audio else ["text"],
                "voice": saying.voice,
                "output_audio_format": OLD_NAMES[saying.format],
                "temperature": saying.temperature,
            }
        return told | {
            "output_modalities": ["audio" if saying.audio else "text"],
            "audio": {"output": spoken(saying)},
        }


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return a model's tokens as Realtime tells them; all of them are text, for sound is somebody else's here."""
    taken, made = usage.input or 0, usage.output or 0
    cached = usage.cache_read or 0
    return {
        "total_tokens": taken + made,
        "input_tokens": taken,
        "output_tokens": made,
        "input_token_details": {
            "cached_tokens": cached,
            "text_tokens": taken,
            "audio_tokens": 0,
            "cached_tokens_details": {"text_tokens": cached, "audio_tokens": 0},
        },
        "output_token_details": {"text_tokens": made, "audio_tokens": 0},
    }
