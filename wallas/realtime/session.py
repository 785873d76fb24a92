"""One Realtime session: what it holds, and what each event of its client does to it."""

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from wallas.codecs import openai_responses
from wallas.errors import BadRequest, GatewayError
from wallas.ids import fresh
from wallas.realtime import settings as shapes
from wallas.realtime.conversation import Conversation
from wallas.realtime.fields import (
    AudioAppend,
    Event,
    ItemCreate,
    ItemNamed,
    ItemTruncate,
    ResponseCancel,
    ResponseCreate,
    ResponseIn,
    SessionUpdate,
)
from wallas.realtime.items import Item, input_of, item_of
from wallas.realtime.line import Line
from wallas.realtime.listening import Listening
from wallas.realtime.reading import event_id_of, event_of, parsed
from wallas.realtime.response import Response
from wallas.realtime.settings import Saying, Settings
from wallas.realtime.speaker import Speaker
from wallas.realtime.turn import Asked, Turn
from wallas.realtime.writer import voice_of
from wallas.routing.operation import Run
from wallas.routing.router import Options, Router
from wallas.types.chat import ChatRequest

log = logging.getLogger(__name__)

METADATA_MOST, KEY_CHARS, VALUE_CHARS = 16, 64, 512


class Limits(NamedTuple):
    """How long a session may last, and how long its client may say nothing, in seconds."""

    whole: float = 3600.0
    idle: float = 900.0


LIMITS = Limits()


class Session:
    """Everything happens under ``line.lock``: the client's events, an answer's, and what was written down."""

    def __init__(
        self, router: Router, line: Line, settings: Settings, options: Options, *, limits: Limits = LIMITS
    ) -> None:
        """Begin a session; ``options`` hold for each of its turns."""
        self.id = f"sess_{fresh()[:24]}"
        self.router = router
        self.line = line
        self.settings = settings
        self.options = replace(
            options, session=options.session or self.id, hold=options.hold or "part", wanted=lambda: not line.gone
        )
        self.side = Options(
            client=options.client,
            owner=options.owner,
            cost_mode=options.cost_mode,
            private=options.private,
            timeout=options.timeout,
        )
        """What of the options holds for speech and transcription too: not which chat model answers."""
        self.limits = limits
        self.expires_at = int(time.time() + limits.whole)
        self.conversation = Conversation()
        self.listening = Listening(self)
        self.turn: Turn | None = None
        self.turns: list[Turn] = []
        """Turns whose threads have not ended yet."""
        self.heeds: dict[str, Callable[[Any], None]] = {
            "session.update": self._update,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "response.create": self._respond,
            "response.cancel": self._cancel,
        }

    @property
    def busy(self) -> bool:
        """Return whether an answer is being made."""
        return self.turn is not None

    def greet(self) -> None:
        """Tell the client that it is in."""
        self.line.say("session.created", session=self._told())
        if self.line.beta:
            self.line.say(
                "conversation.created", conversation={"id": self.conversation.id, "object": "realtime.conversation"}
            )

    def heed(self, data: str | bytes) -> None:
        """Do what a message says; whatever is wrong with it is told, and the session stays."""
        event_id = None
        with self.line.lock:
            try:
                body = parsed(data)
                event_id = event_id_of(body)
                event = event_of(body)
                self.heeds[event.type](event)
            except GatewayError as error:
                self.complain(error, event_id)
            except Exception:
                log.exception("a Realtime event broke")
                self.complain(GatewayError("the gateway failed; see its log", code="internal_error"), event_id)

    def complain(self, error: GatewayError, event_id: str | None = None) -> None:
        """Tell what went wrong, and with which of the client's events."""
        told = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
        self.line.say("error", error=told | {"event_id": event_id})

    def end(self, error: GatewayError) -> None:
        """Tell why the session ends now; an answer that is being made has failed of it."""
        with self.line.lock:
            if self.turn is not None:
                self.turn.cut()
                self.turn.response.fail(error)
            self.complain(error)

    def close(self) -> None:
        """End what still runs; the client is gone or is told to go."""
        with self.line.lock:
            self._stop("client_cancelled")
            self.listening.close()
        for turn in self.turns:
            turn.thread.join(5.0)

    def _told(self) -> dict[str, Any]:
        return shapes.encoded(self.settings, id=self.id, expires_at=self.expires_at, beta=self.line.beta)

    def _update(self, event: SessionUpdate) -> None:
        made = shapes.updated(self.settings, event.session)
        if made.model != self.settings.model:
            self._check_model(made.model)
        if made.saying.audio and not self.settings.saying.audio:
            self._check_voice("session.output_modalities")
        before, self.settings = self.settings, made
        if made.hearing != before.hearing:
            self.listening.use(made.hearing)
        self.line.say("session.updated", session=self._told())

    def _check_model(self, name: str) -> None:
        """Raise NotFound for a model that nobody here has; another one than before answers from the next turn on."""
        try:
            self.router.read(name, self.options)
        except GatewayError as error:
            error.param = "session.model"
            raise

    def _check_voice(self, param: str) -> None:
        """Raise BadRequest where nobody can speak, with what could be configured."""
        try:
            voice_of(self.router, self.side)
        except GatewayError as error:
            raise BadRequest(f"{param}: {error.message}", param=param, code=error.code) from error

    def _create_item(self, event: ItemCreate) -> None:
        item, sounds = item_of(event.item) if event.item.type != "item_reference" else _unreferred()
        before = self.conversation.add(item, after=event.previous_item_id)
        self.tell_item(item, before)
        for part, audio in sounds:
            self.listening.read(item, part, audio)

    def tell_item(self, item: Item, before: str | None) -> None:
        """Tell of an item that is whole."""
        for kind in ("conversation.item.added", "conversation.item.done"):
            self.line.say(kind, previous_item_id=before, item=item.told(beta=self.line.beta))

    def _retrieve_item(self, event: ItemNamed) -> None:
        item = self.conversation.get(event.item_id)
        self.line.say("conversation.item.retrieved", item=item.told(beta=self.line.beta))

    def _delete_item(self, event: ItemNamed) -> None:
        self.conversation.delete(event.item_id)
        self.line.say("conversation.item.deleted", item_id=event.item_id)

    def _truncate_item(self, event: ItemTruncate) -> None:
        item = self.conversation.get(event.item_id)
        spoken = item.role == "assistant" and event.content_index < len(item.content)
        part = item.content[event.content_index] if spoken else None
        if part is None or part.type != "output_audio":
            raise BadRequest("content_index: only an answer's sound can be truncated", param="content_index")
        if event.audio_end_ms > part.sound_ms + 1:
            raise BadRequest(
                f"audio_end_ms: the sound lasts {part.sound_ms:.0f} ms, not {event.audio_end_ms}", param="audio_end_ms"
            )
        part.truncate(event.audio_end_ms)
        self.line.say(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=event.content_index,
            audio_end_ms=event.audio_end_ms,
        )

    def _append(self, event: AudioAppend) -> None:
        self.listening.append(event.audio)

    def _commit(self, event: Event) -> None:
        self.listening.commit()

    def _clear(self, event: Event) -> None:
        self.listening.clear()
        self.line.say("input_audio_buffer.cleared")

    def _cancel(self, event: ResponseCancel) -> None:
        turn = self.turn
        if turn is None or event.response_id not in (None, turn.response.id):
            raise BadRequest("there is no answer to cancel", param="response_id", code="response_cancel_not_active")
        self._stop("client_cancelled")

    def _stop(self, reason: str) -> None:
        """Cut the answer off that is being made, if any is."""
        turn = self.turn
        if turn is not None:
            turn.cut()
            turn.response.cancel(reason)

    def interrupt(self) -> None:
        """Stop an answer to the conversation: somebody has begun to speak."""
        if self.turn is not None and self.turn.response.conversation is not None:
            self._stop("turn_detected")

    def _respond(self, event: ResponseCreate) -> None:
        self.respond(event.response or ResponseIn())

    def respond(self, said: ResponseIn) -> None:
        """Begin an answer; raise BadRequest for what cannot be answered."""
        if self.settings.kind == "transcription":
            raise BadRequest("a transcription session makes no answers", param="type", code="invalid_event")
        if self.turn is not None:
            raise BadRequest(
                f"the answer {self.turn.response.id} is still being made; wait for response.done or cancel it",
                code="conversation_already_has_active_response",
            )
        beside = _beside(said)
        if not beside:
            self.conversation.check_room()
        saying = shapes.saying(self.settings.saying, said, at="response")
        if saying.audio:
            self._check_voice("response.output_modalities")
        items = list(self.conversation) if said.input is None else self._given(said)
        response = Response(
            self.line,
            saying,
            None if beside else self.conversation,
            metadata=_metadata(said.metadata),
            voice=self._voice if saying.audio else None,
            done=self._done,
        )
        asked = Asked(lambda: self._request(items, saying), self.options)
        self.turn = Turn(self.router, asked, response)
        self.turns = [turn for turn in self.turns if turn.thread.is_alive()] + [self.turn]
        response.begin()
        self.turn.start()

    def _given(self, said: ResponseIn) -> list[Item]:
        """Return the items that an answer shall be to instead of the conversation's."""
        items = []
        for number, one in enumerate(said.input or ()):
            at = f"response.input[{number}]"
            if one.type == "item_reference":
                items.append(self.conversation.get(one.id or "", param=f"{at}.id"))
                continue
            item, sounds = item_of(one, at=at)
            items.append(item)
            for part, audio in sounds:
                self.listening.read(item, part, audio)
        return items

    def _voice(self, response: Response) -> Speaker:
        def begin(wanted: Callable[[], bool]) -> Run:
            return voice_of(self.router, replace(self.side, wanted=wanted))

        return Speaker(begin, response.saying, response.heard_sound)

    def _done(self, response: Response) -> None:
        if self.turn is not None and self.turn.response is response:
            self.turn = None

    def _request(self, items: list[Item], saying: Saying) -> ChatRequest:
        """Return what the router is asked; waits until what was said is written down. Raises GatewayError."""
        self.listening.wait(items)
        with self.line.lock:
            rows = input_of(items)
        body: dict[str, Any] = {"model": self.settings.model, "input": rows, "stream": True, "store": False}
        if saying.instructions:
            leads = {"type": "message", "role": "system", "content": saying.instructions}
            body |= {"instructions": saying.instructions} if rows else {"input": [leads]}
        if saying.tools:
            body |= {"tools": list(saying.tools), "tool_choice": saying.tool_choice}
            body |= {} if saying.parallel_tool_calls is None else {"parallel_tool_calls": saying.parallel_tool_calls}
        body |= {"max_output_tokens": saying.most} if saying.most else {}
        body |= {"temperature": saying.temperature} if saying.temperature is not None else {}
        body |= {"reasoning": {"effort": saying.effort}} if saying.effort else {}
        if not body["input"]:
            raise BadRequest("there is nothing to answer: the conversation is empty", code="empty_conversation")
        return openai_responses.decode_request(body)


def _beside(said: ResponseIn) -> bool:
    """Return whether an answer stands beside the conversation."""
    if said.conversation not in (None, "auto", "none"):
        raise BadRequest("response.conversation: expected auto or none", param="response.conversation")
    return said.conversation == "none"


def _metadata(said: dict[str, str] | None) -> dict[str, str] | None:
    if said is None:
        return None
    if len(said) > METADATA_MOST or any(
        len(key) > KEY_CHARS or len(value) > VALUE_CHARS for key, value in said.items()
    ):
        raise BadRequest(
            f"response.metadata: at most {METADATA_MOST} pairs of {KEY_CHARS} and {VALUE_CHARS} characters",
            param="response.metadata",
        )
    return said


def _unreferred() -> Any:
    raise BadRequest("item.type: a reference belongs into response.input", param="item.type")
