"""Judges answers to one request against each other: scores of 0 to 1 from what can be measured, no model asked."""

import re
from collections.abc import Sequence
from statistics import median

import msgspec

from wallas.routing.branch import Branch, said
from wallas.routing.loops import looped
from wallas.routing.units import bare_json, misfit
from wallas.types.chat import ChatRequest, Output, Refusal, StopReason, ToolCall

SUBSTANCE, LATENCY, QUALITY = 0.5, 0.3, 0.2
"""What each counts for in a fork (routing.md 8)."""
HALF_SECONDS = 5.0
"""An answer that takes this long has half of what is to be had for speed."""
ACCEPTABLE = 0.6
SOUND = 0.5
"""An answer of less substance never ends a fork, and is ranked behind all others, however quick it was."""
REFUSAL_LENGTH = 400
"""A longer text that begins with an excuse goes on with an answer."""
LENGTH_WEIGHT = 0.3
FEW = 1 / 200
"""The share of a day's limit that a call takes where no limit is known: about what free tiers give."""

SPOILED = {"cut short": 0.5, "off format": 0.1, "looped": 0.1, "refusal": 0.2, "filtered": 0.2, "empty": 0.0}
"""What a fault leaves of an answer's substance; several multiply."""

EXCUSE = re.compile(
    r"\W*(?:(?:i['’]?m|i am) (?:very |really |so )?sorry,?[^.!?\n]{0,20}\b(?:can['’]?t|cannot|can not|unable|not able)"
    r"|(?:sorry|unfortunately|as an ai)[^.!?\n]{0,60}\b(?:can['’]?t|cannot|can not|unable|not able)\b"
    r"|i (?:can['’]?t|cannot|can not|won['’]?t|am unable to|am not able to)"
    r" (?:help|assist|comply|fulfill|provide|do that|answer|continue|share)"
    r"|(?:lo siento|lo lamento|disculp\w+)[^.!?\n]{0,40}\bno (?:puedo|es posible|me es posible)"
    r"|no puedo (?:ayudar|responder|cumplir|proporcionar|hacer eso|asistir))",
    re.IGNORECASE,
)
"""How refusals begin, in English and Spanish (own reading of such answers, 2026-11)."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A score of 0 to 1, the parts it is the weighed sum of, and what was found at fault."""

    total: float
    parts: dict[str, float]
    faults: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Return whether there is an answer in it, whatever it is worth otherwise."""
        return self.parts["substance"] >= SOUND

    @property
    def acceptable(self) -> bool:
        """Return whether an answer with this score may end a fork."""
        return self.total >= ACCEPTABLE and self.sound


def score(branch: Branch, others: Sequence[Branch], request: ChatRequest) -> Score:
    """Return a fork's score of a whole answer beside the other whole answers."""
    worth, faults = substance(branch, others, request)
    parts = {"substance": worth, "latency": latency(branch.seconds), "quality": prior(branch)}
    total = SUBSTANCE * worth + LATENCY * parts["latency"] + QUALITY * parts["quality"]
    return Score(total=total, parts=parts, faults=faults)


def latency(seconds: float) -> float:
    """Return 1 for an answer at once, a half after five seconds, and less and less."""
    return HALF_SECONDS / (HALF_SECONDS + max(seconds, 0.0))


def prior(branch: Branch) -> float:
    """Return the model's quality prior, 0 to 1."""
    return min(max(branch.candidate.model.quality / 100, 0.0), 1.0)


def beatable_until(best: float, rival: Branch) -> float:
    """Return how many seconds the rival may take and still beat ``best`` with a perfect answer."""
    needed = best - SUBSTANCE - QUALITY * prior(rival)
    if needed <= 0:
        return float("inf")
    return HALF_SECONDS * (LATENCY / needed - 1)


def substance(branch: Branch, others: Sequence[Branch], request: ChatRequest) -> tuple[float, tuple[str, ...]]:
    """Return what a whole answer is worth as an answer, 0 to 1, and its faults by name."""
    faults = faults_of(branch, request)
    worth = 1.0
    for fault in faults:
        worth *= SPOILED[fault]
    lengths = [len(said(other.response())) for other in others if other is not branch]
    if lengths and not _calls(branch):
        usual, own = median(lengths), len(said(branch.response()))
        likeness = min(own, usual) / max(own, usual, 1)
        worth *= 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * likeness
    return worth, faults


def faults_of(branch: Branch, request: ChatRequest) -> tuple[str, ...]:
    """Return what is wrong with an answer, whoever gave it."""
    response = branch.response()
    text = said(response)
    found = []
    if not text.strip():
        found.append("empty")
    if response.choices and response.stop_reason is StopReason.LENGTH:
        found.append("cut short")
    if response.choices and response.stop_reason is StopReason.CONTENT_FILTER:
        found.append("filtered")
    if request.output is not None and not _calls(branch) and not on_format(text, request.output):
        found.append("off format")
    if looped(text):
        found.append("looped")
    if _refuses(branch, text):
        found.append("refusal")
    return tuple(found)


def on_format(text: str, output: Output) -> bool:
    """Return whether a text is JSON, and what the asked schema wants if there is one."""
    bare = bare_json(text)
    return bare is not None and (output.schema is None or misfit(bare, output.schema) is None)


def _calls(branch: Branch) -> bool:
    response = branch.response()
    return bool(response.choices) and any(isinstance(part, ToolCall) for part in response.message.parts)


def _refuses(branch: Branch, text: str) -> bool:
    response = branch.response()
    if not response.choices or _calls(branch):
        return False
    formal = response.stop_reason is StopReason.REFUSAL
    formal = formal or any(isinstance(part, Refusal) for part in response.message.parts)
    return formal or (len(text) <= REFUSAL_LENGTH and EXCUSE.match(text) is not None)
