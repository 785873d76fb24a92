"""Adds up what an answer took: real counts where the provider said them, estimates where it did not."""

from collections.abc import Iterable

from wallas.catalog.entries import Model
from wallas.routing.needs import BYTES_PER_TOKEN, Needs
from wallas.routing.trail import Hop
from wallas.types.chat import ChatResponse, Part, Reasoning, Refusal, StopReason, Text, ToolCall, Usage
from wallas.types.events import Event, Finished, PartDelta, merged


def tokens_in(text: str) -> int:
    """Return the estimated tokens of a text."""
    return int((len(text) if text.isascii() else len(text.encode())) / BYTES_PER_TOKEN) + bool(text)


class Tally:
    """The usage of one answer that one or several attempts gave: the prompt once, the delivered words once."""

    __slots__ = ("before", "characters", "needs")

    def __init__(self, needs: Needs) -> None:
        """Start with the estimate of the prompt."""
        self.needs = needs
        self.characters = 0
        self.before = 0

    def hear(self, event: Event) -> None:
        """Count an answer's words."""
        if type(event) is PartDelta:
            self.count(event.text)

    def count(self, text: str) -> None:
        """Count words."""
        self.characters += len(text) if text.isascii() else len(text.encode())

    def hear_whole(self, parts: Iterable[Part]) -> None:
        """Count the words of an answer that came whole."""
        for part in parts:
            text = part.arguments if isinstance(part, ToolCall) else getattr(part, "text", "")
            if isinstance(part, Text | Reasoning | Refusal | ToolCall):
                self.characters += len(text) if text.isascii() else len(text.encode())

    @property
    def spoken(self) -> int:
        """Return the estimated tokens delivered by this attempt."""
        return int(self.characters / BYTES_PER_TOKEN) + (self.characters > 0)

    def broke_off(self, *, delivered: bool) -> None:
        """Note that an attempt ended; what it delivered counts, what nobody saw does not."""
        self.before += self.spoken if delivered else 0
        self.characters = 0

    def own(self, usage: Usage, hop: Hop) -> None:
        """Note in its hop what one attempt took, with estimates where nothing was said."""
        hop.estimated = usage.input is None or usage.output is None
        hop.input = self.needs.tokens if usage.input is None else usage.input
        hop.output = self.spoken if usage.output is None else usage.output
        hop.cached, hop.reasoning = usage.cache_read, usage.reasoning

    def usage(self, said: Usage | None, model: Model, hop: Hop | None = None) -> Usage:
        """Return what the client is told: ``estimated`` marks what no provider said, ``cost`` is in USD.

        Of an answer that one attempt gave as a whole, its ``hop`` knows the cost already.
        """
        usage = said or Usage()
        estimated = usage.input is None or usage.output is None
        prompt = self.needs.tokens if usage.input is None else usage.input
        output = self.before + (self.spoken if usage.output is None or self.before else usage.output)
        told: dict[str, object] = {"estimated": True} if estimated else {}
        cost = price(model, prompt, output) if hop is None or self.before else hop.cost
        if cost is not None:
            told["cost"] = cost
        raw = {} if self.before else usage.raw
        if told:
            raw = merged(raw, {"openai_chat": told}) if raw else {"openai_chat": told}
        return Usage(
            input=prompt,
            output=output,
            cache_read=usage.cache_read,
            cache_write=usage.cache_write,
            reasoning=usage.reasoning,
            raw=raw,
        )


def calls_tools(ending: Iterable[Finished], answer: ChatResponse | None) -> bool:
    """Return whether an answer, by its ends or as a whole, leaves the client with tools to run."""
    ends = (one.reason for one in ending) if answer is None else (one.stop_reason for one in answer.choices)
    return StopReason.TOOL_CALLS in ends


def said(ending: Iterable[Finished]) -> Usage:
    """Return what the ends of an answer's choices say of its usage."""
    usage: Usage | None = None
    for event in ending:
        usage = event.usage if usage is None else usage.updated(event.usage)
    return usage or Usage()


def price(model: Model, prompt: int, output: int) -> float | None:
    """Return what a call costs in USD; None when the price is not known."""
    if model.free:
        return 0.0
    known = model.price
    if known is None or known.input is None or known.output is None:
        return None
    return round((prompt * known.input + output * known.output) / 1e6, 9)
