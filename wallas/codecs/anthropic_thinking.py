"""How hard a provider of the Anthropic wire is told to think, and what of the request gives way to that."""

from typing import Any, Literal, NamedTuple, TypeAlias

from wallas.codecs.anthropic_requests import DYNAMIC
from wallas.types.chat import ChatRequest, Thinking

ThinkingStyle: TypeAlias = Literal["asked", "budget", "adaptive"]
"""What the model understands. ``asked``: say it as the client did; ``budget``: ``budget_tokens`` only (up to Claude
4.5); ``adaptive``: ``adaptive`` and ``effort`` only (from Claude 4.6 on; newer models refuse a budget)."""

MAX_TOKENS = 4096
"""``max_tokens`` where the client gave none: the wire insists on one, and every model allows this."""

LEAST = 1024
"""The smallest thinking budget that the wire allows; it must also stay below ``max_tokens``."""

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32000}
EFFORTS = {"minimal": "low"}
FORCED = ("required", "named")
THOUGHTS = ("thinking", "redacted_thinking")


class Mind(NamedTuple):
    """What is to be sent: the type of ``thinking`` ("": none), its budget, and the effort beside it."""

    kind: str = ""
    budget: int | None = None
    effort: str | None = None
    derived: bool = False
    """The budget is ours, made from an effort, and may shrink to fit ``max_tokens``."""


def wanted(thinking: Thinking | None, *, style: ThinkingStyle) -> Mind:
    """Return how to say what the client asked for to a model of this style."""
    if thinking is None:
        return Mind()
    budget, effort = thinking.budget, EFFORTS.get(thinking.effort or "", thinking.effort)
    if effort == "none":
        return Mind("disabled")
    if thinking.enabled is False or (budget == 0 and thinking.enabled is None):
        return Mind("disabled", effort=None if style == "budget" else effort)
    on = thinking.enabled or budget is not None
    if style == "adaptive":
        return Mind("adaptive" if on or effort else "", effort=effort)
    if budget is not None and budget != DYNAMIC:
        return Mind("enabled", max(budget, LEAST), effort if style == "asked" else None)
    if style == "asked" and budget == DYNAMIC:
        return Mind("adaptive", effort=effort)
    if style == "asked" and not on:
        return Mind("", effort=effort)
    if on or effort:
        return Mind("enabled", BUDGETS.get(thinking.effort or "medium", BUDGETS["medium"]), derived=True)
    return Mind()


def settle_thinking(
    request: ChatRequest, turns: list[dict[str, Any]], lost: list[str], *, style: ThinkingStyle
) -> dict[str, Any]:
    """Return ``max_tokens`` and, as wanted, ``thinking`` and ``output_config`` of the body.

    A budget is refused together with a forced tool choice, and in a tool loop
    that does not begin with a thought of the wire's own: then it is left out, by name.
    """
    mind = wanted(request.thinking, style=style)
    if mind.kind == "enabled" and (_forced(request) or loop_lost_its_thought(turns)):
        lost.append("thinking")
        mind = Mind(effort=mind.effort)
    budget, most = fitted(mind, request.max_tokens)
    body: dict[str, Any] = {"max_tokens": most}
    if mind.kind:
        thinking: dict[str, Any] = {"type": mind.kind}
        if budget is not None:
            thinking["budget_tokens"] = budget
        visible = request.thinking.visible if request.thinking else None
        if visible is not None and mind.kind != "disabled":
            thinking["display"] = "summarized" if visible else "omitted"
        body["thinking"] = thinking
    if mind.effort:
        body["output_config"] = {"effort": mind.effort}
    return body


def fitted(mind: Mind, asked: int | None) -> tuple[int | None, int]:
    """Return the budget and ``max_tokens``: an asked budget raises the limit, a derived one yields to it first."""
    budget = mind.budget
    if budget is None:
        return None, MAX_TOKENS if asked is None else asked
    if asked is None:
        return budget, budget + MAX_TOKENS
    if mind.derived:
        budget = min(budget, max(LEAST, asked // 2))
    return budget, asked if budget < asked else budget + asked


def _forced(request: ChatRequest) -> bool:
    return request.tool_choice is not None and request.tool_choice.mode in FORCED


def loop_lost_its_thought(turns: list[dict[str, Any]]) -> bool:
    """Return whether the running tool loop (or prefill) does not begin with a thinking block, as the wire demands.

    The loop is what follows the user's last message without tool results;
    only its first assistant message must think: after a result a model need not.
    """
    first = None
    for turn in reversed(turns):
        if turn["role"] == "assistant":
            first = turn
        elif not any(block["type"] == "tool_result" for block in turn["content"]):
            break
    return first is not None and first["content"][0]["type"] not in THOUGHTS


def allowed_sampling(request: ChatRequest, lost: list[str], *, thinking: bool) -> dict[str, Any]:
    """Return temperature, top_p and top_k as the wire allows them; what does not fit beside thinking is named."""
    body: dict[str, Any] = {}
    if request.temperature is not None:
        if request.temperature > 1 or (thinking and request.temperature != 1):
            lost.append("temperature")
        if not thinking or request.temperature == 1:
            body["temperature"] = min(request.temperature, 1.0)
    if request.top_p is not None:
        if thinking and request.top_p < 0.95:
            lost.append("top_p")
        else:
            body["top_p"] = request.top_p
    if request.top_k is not None:
        if thinking:
            lost.append("top_k")
        else:
            body["top_k"] = request.top_k
    return body
