"""Looks at an answer that came whole, as the stages of a stream would, in one pass.

Nearly every whole answer passes all stages as it is. Whatever does not, or
might not, is left to them: ``passed`` returns None, and it is told as events.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from wallas.codecs.gemini_words import UNUSABLE
from wallas.routing.loops import CALL_TIMES, LEAST, TIMES, Watch
from wallas.routing.notices import MOST, is_notice
from wallas.routing.units import WHOLE_REASONS
from wallas.types.chat import ChatResponse, Choice, Message, Part, Reasoning, Refusal, StopReason, Text, ToolCall
from wallas.types.events import merged

if TYPE_CHECKING:
    from wallas.routing.attempt import Attempt

SHORT = TIMES * LEAST
"""Characters below which nothing can have gone round in circles."""


def passed(attempt: "Attempt", response: ChatResponse) -> ChatResponse | None:
    """Return a whole answer as the client gets it; None where the stages have to look at it, event by event."""
    if len(response.choices) != 1 or attempt.attempts.plan.online is not None or attempt.spaces:
        return None
    choice = response.choices[0]
    parts, reason, units = choice.message.parts, choice.stop_reason, attempt.units
    if reason is StopReason.UNKNOWN and choice.stop_detail in UNUSABLE:
        return None
    text, said, seen = "", False, False
    for part in parts:
        kind = type(part)
        if kind is Text:
            words = cast(Text, part).text
            if units.json or (len(words) >= SHORT and Watch().loops_in(words)):
                return None
            text = text + words if text else words
        elif not _sound(part, attempt):
            return None
        else:
            said = said or kind is not Reasoning or _thinks(part)
            seen = seen or kind is not Reasoning
    if not seen and text and len(text) <= 2 * MOST and is_notice(text, attempt.attempts.request):
        return None
    if not (seen or (text and not text.isspace())) and reason in WHOLE_REASONS:
        return None
    if said or text:
        attempt.content_whole()
    attempt.join.said_model = response.model
    if response.usage is None or response.usage.output is None:
        attempt.attempts.tally.hear_whole(parts)
    return _shown(attempt, response, choice)


def _sound(part: Part, attempt: "Attempt") -> bool:
    """Return whether thoughts, a call or anything else that is no text is as it shall be."""
    if isinstance(part, ToolCall):
        looped = len(part.arguments) >= CALL_TIMES * LEAST and Watch(CALL_TIMES).loops_in(part.arguments)
        return not looped and attempt.units.passes(part)
    words = ""
    if isinstance(part, Reasoning):
        words = part.text or part.summary
    elif isinstance(part, Refusal):
        words = part.text
    return len(words) < SHORT or not Watch().loops_in(words)


def _shown(attempt: "Attempt", response: ChatResponse, choice: Choice) -> ChatResponse:
    """Return the answer under the client's id, in the client's names, with its seals marked as their issuer's."""
    shown, parts = attempt.attempts.shown, _stamped(attempt, choice.message.parts)
    message = choice.message
    if parts is not message.parts or message.name is not None or message.extra or message.role != "assistant":
        choice = msgspec.structs.replace(choice, message=Message(role="assistant", parts=tuple(parts)))
    return ChatResponse(
        id=shown.id,
        model=shown.model or response.model,
        created=shown.created,
        choices=(choice,),
        usage=response.usage,
        extra=merged(response.extra, attempt.join.extra),
    )


def _stamped(attempt: "Attempt", parts: Sequence[Part]) -> Sequence[Part]:
    for part in parts:
        if part.seal is not None:
            return tuple(map(attempt.join.stamped, parts))
    return parts


def _thinks(part: Part) -> bool:
    return isinstance(part, Reasoning) and bool(part.text or part.summary)
