"""Looks at an answer that came whole, as the stages of a stream would, in one pass.

Nearly every whole answer passes all stages as it is, and is ``shown``. Whatever
does not, or might not, is left to them: it has not ``passed``, and is told as events.
"""

from typing import TYPE_CHECKING

import msgspec

from wallas.codecs.gemini_words import UNUSABLE
from wallas.routing.loops import CALL_TIMES, LEAST, TIMES, Watch
from wallas.routing.notices import MOST, is_notice
from wallas.routing.stages import said_by
from wallas.routing.units import WHOLE_REASONS
from wallas.types.chat import ChatResponse, Message, Part, Reasoning, Refusal, StopReason, Text, ToolCall, Usage
from wallas.types.events import merged

if TYPE_CHECKING:
    from wallas.routing.attempt import Attempt

SHORT = TIMES * LEAST
"""Characters below which nothing can have gone round in circles."""


def passed(attempt: "Attempt", response: ChatResponse) -> bool:
    """Return whether a whole answer passes as it is; if not, the stages have to look at it, event by event."""
    if len(response.choices) != 1 or attempt.attempts.plan.online is not None:
        return False
    request, choice = attempt.attempts.request, response.choices[0]
    parts, reason = choice.message.parts, choice.stop_reason
    if request.tools and attempt.stages.spaces:
        return False
    held = request.output is not None and attempt.stages.units.json
    if reason is StopReason.UNKNOWN and choice.stop_detail in UNUSABLE:
        return False
    text, said, seen = "", False, False
    for part in parts:
        if type(part) is Text:
            words = part.text
            if held or (len(words) >= SHORT and Watch().loops_in(words)):
                return False
            text = text + words if text else words
        elif not _sound(part, attempt):
            return False
        else:
            thought = type(part) is Reasoning
            said = said or not thought or _thinks(part)
            seen = seen or not thought
    if not seen and text and len(text) <= 2 * MOST and is_notice(text, request):
        return False
    if not (seen or (text and not text.isspace())) and reason in WHOLE_REASONS:
        return False
    if said or text:
        attempt.content_whole()
    attempt.said_model = response.model
    if response.usage is None or response.usage.output is None:
        attempt.attempts.tally.hear_whole(parts)
    return True


def shown(attempt: "Attempt", response: ChatResponse, usage: Usage) -> ChatResponse:
    """Return a passed answer under the client's id, in the client's names, its seals marked as their issuer's.

    ``usage`` is what the client is told of it.
    """
    shown, choice = attempt.attempts.shown, response.choices[0]
    message = choice.message
    parts, changed = message.parts, message.name is not None or message.extra or message.role != "assistant"
    for part in parts:
        if part.seal is not None:
            parts, changed = tuple(map(attempt.stages.join.stamped, parts)), True
            break
    if changed:
        choice = msgspec.structs.replace(choice, message=Message(role="assistant", parts=parts))
    return ChatResponse(
        id=shown.id,
        model=shown.model or response.model,
        created=shown.created,
        choices=(choice,),
        usage=usage,
        extra=merged(response.extra, said_by(attempt.candidate)),
    )


def _sound(part: Part, attempt: "Attempt") -> bool:
    """Return whether thoughts, a call or anything else that is no text is as it shall be."""
    if isinstance(part, ToolCall):
        looped = len(part.arguments) >= CALL_TIMES * LEAST and Watch(CALL_TIMES).loops_in(part.arguments)
        return not looped and attempt.stages.units.passes(part)
    words = ""
    if isinstance(part, Reasoning):
        words = part.text or part.summary
    elif isinstance(part, Refusal):
        words = part.text
    return len(words) < SHORT or not Watch().loops_in(words)


def _thinks(part: Part) -> bool:
    return isinstance(part, Reasoning) and bool(part.text or part.summary)
