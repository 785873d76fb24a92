"""How a session hears: the buffer and its turns, items made of them, and what was said written down."""

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from wallas.errors import BadRequest, GatewayError
from wallas.realtime.buffer import Buffer
from wallas.realtime.fields import ResponseIn
from wallas.realtime.items import Content, Item
from wallas.realtime.settings import Hearing, Transcription
from wallas.realtime.sounds import RATES, ms_of, samples_of
from wallas.realtime.writer import Piece, Writer
from wallas.types.sound import TranscribeAnswer

if TYPE_CHECKING:
    from wallas.realtime.session import Session

LEAST_MS = 100.0
"""Less sound than this is no item; OpenAI's own limit."""
WAIT_SECONDS = 300.0


class _Note(NamedTuple):
    """A part of an item that is being written down: how long it lasts, who is told, and whether it wants an answer."""

    item: Item
    part: Content
    seconds: float
    tell: bool
    answer: bool


class Listening:
    """One session's ears; called under the session's lock, but for ``wait``."""

    def __init__(self, session: "Session") -> None:
        """Listen for a session."""
        self.session = session
        self.buffer = Buffer(session.settings.hearing)
        self.writer = Writer(session.router, session.side)
        self.changed = threading.Condition(session.line.lock)
        self.pending: dict[int, Content] = {}
        """Parts that are being written down, by identity."""
        self.faults: dict[int, tuple[Content, GatewayError]] = {}
        """Parts that could not be."""
        self.over = False

    def use(self, hearing: Hearing) -> None:
        """Listen in another way."""
        self.buffer.use(hearing)

    def append(self, audio: str) -> None:
        """Take sound in, and follow its turns."""
        say, buffer = self.session.line.say, self.buffer
        for turned in buffer.append(audio):
            turns = self.session.settings.hearing.turns
            ms = round(turned.ms)
            if turned.what == "started":
                say("input_audio_buffer.speech_started", audio_start_ms=ms, item_id=buffer.item())
                if turns is not None and turns.interrupt_response:
                    self.session.interrupt()
                continue
            say("input_audio_buffer.speech_stopped", audio_end_ms=ms, item_id=buffer.item())
            self._commit(answer=turns is not None and turns.create_response)

    def commit(self) -> None:
        """Make an item of the buffer because the client says so; raise BadRequest for an empty one."""
        held = self.buffer.ended_ms - self.buffer.begun_ms
        if held < LEAST_MS:
            raise BadRequest(
                f"the input audio buffer holds {held:.0f} ms of sound, at least {LEAST_MS:.0f} are needed",
                code="input_audio_buffer_commit_empty",
            )
        self._commit(answer=False)

    def clear(self) -> None:
        """Forget what is in the buffer."""
        self.buffer.clear()
        self.buffer.unheard = b""

    def read(self, item: Item, part: Content, audio: str) -> None:
        """Have sound written down that a client put into an item."""
        form = self.session.settings.hearing.format
        samples = samples_of(audio, form, param="item.content.audio")
        self._write(item, part, samples, RATES[form], answer=False)

    def wait(self, items: list[Item]) -> None:
        """Wait until all sound in these items is written down; raise GatewayError for what could not be.

        That is raised once: later answers leave out what nobody understood.
        """
        wanted = [part for item in items for part in item.content if part.type == "input_audio"]
        with self.changed:
            self.changed.wait_for(
                lambda: self.over or not any(id(part) in self.pending for part in wanted), timeout=WAIT_SECONDS
            )
            for part in wanted:
                if (found := self.faults.pop(id(part), None)) is not None:
                    error = found[1]
                    raise GatewayError(
                        f"what was said could not be written down: {error.message}",
                        code=error.code,
                        status=error.status,
                    )

    def close(self) -> None:
        """Take no more sound."""
        self.over = True
        self.writer.stop()
        self.changed.notify_all()

    def _commit(self, *, answer: bool) -> None:
        session, buffer = self.session, self.buffer
        part = Content(type="input_audio", words=None)
        item = Item(id=buffer.item(), type="message", role="user", content=[part])
        samples, rate = buffer.taken(), buffer.rate
        before = session.conversation.add(item)
        session.line.say("input_audio_buffer.committed", previous_item_id=before, item_id=item.id)
        session.tell_item(item, before)
        self._write(item, part, samples, rate, answer=answer)

    def _write(self, item: Item, part: Content, samples: bytes, rate: int, *, answer: bool) -> None:
        if self.writer.full:
            raise BadRequest("too much sound waits to be written down already", code="input_audio_buffer_full")
        self.pending[id(part)] = part
        wanted = self.session.settings.hearing.transcription
        note = _Note(item, part, ms_of(samples, rate) / 1000, tell=wanted is not None, answer=answer)
        self.writer.put(Piece(samples, rate, wanted or Transcription(), partial(self._written, note)))

    def _written(self, note: "_Note", said: TranscribeAnswer | GatewayError) -> None:
        """Take in what was said, or why nobody knows; from the writer's thread."""
        with self.changed:
            if self.over:
                return
            item, part = note.item, note.part
            place = next(number for number, one in enumerate(item.content) if one is part)
            where: dict[str, Any] = {"item_id": item.id, "content_index": place}
            self.pending.pop(id(part), None)
            if isinstance(said, GatewayError):
                self.faults[id(part)] = (part, said)
                told = {"type": said.type, "code": said.code, "message": said.message, "param": said.param}
                self.session.line.say("conversation.item.input_audio_transcription.failed", **where, error=told)
            else:
                part.words = said.text.strip()
                if note.tell:
                    self._tell(where, said, note)
            self.changed.notify_all()
            if note.answer and part.words and not self.session.busy:
                try:
                    self.session.respond(ResponseIn())
                except GatewayError as error:
                    self.session.complain(error)

    def _tell(self, where: dict[str, Any], said: TranscribeAnswer, note: "_Note") -> None:
        say, text = self.session.line.say, note.part.words
        say("conversation.item.input_audio_transcription.delta", **where, delta=text)
        say(
            "conversation.item.input_audio_transcription.completed",
            **where,
            transcript=text,
            usage=_usage(said, note.seconds),
        )


def _usage(said: TranscribeAnswer, seconds: float) -> dict[str, Any]:
    usage = said.usage
    if usage is not None and usage.input is not None:
        made = usage.output or 0
        return {
            "type": "tokens",
            "input_tokens": usage.input,
            "output_tokens": made,
            "total_tokens": usage.input + made,
        }
    return {"type": "duration", "seconds": round(seconds, 3)}
