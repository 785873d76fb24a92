"""What is told and broken off: texts, calls, JSON, thoughts; what a later candidate does; and what must come of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.clients import CALLED, ENDED, PROTOCOLS, Heard, complaint
from tests.faults.stage import Play, PlayedBody, Voice

TALE = (
    "The ledger, as the keeper of the lighthouse wrote it down:\n\n"
    "| day | ships |\n|-----|-------|\n| one | 1 |\n| two | 1 |\n| three | 1 |\n\n"
    "```python\nfor ship in ships:\n    ship.greet()\n    ship.greet()\n```\n\n"
    "“Ça va?” — said the 灯台 to the 🚢, and  said it  again; so the night went by.\n"
)
"""Text with repeated rows and words, blanks at the ends of pieces, and letters of two, three and four bytes."""
PIECE = 9
VISIBLE = 24
"""Characters of shown text from which a later candidate can go on."""
LEAD = "Sure, here is the rest of it:\n\n"
SHORT = "One moment."
LONG = "Let me look up the weather in both of the cities."
CALLS = (("weather", '{"city":"Lima","days":3}'), ("weather", '{"city":"Puno","note":"half } of"}'))
ANSWER = '{"city":"Lima","nights":[1,2,3],"note":"a } and a \\" in it"}'
THOUGHT = "The user wants a tale, so a tale it shall be."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}

FAULTS = ("reset", "end", "stall", "error event", "bad JSON", "reset inside", "end inside", "noise")
"""Ways to break off before a chunk, or inside it; ``noise`` is a bad event between two good ones."""

Script = Callable[[Voice], PlayedBody]
Judge = Callable[[Play | None, Heard, str], str | None]
"""Returns what is wrong with an answer without an error, None when it is exact."""


@dataclass(frozen=True)
class Family:
    """One kind of answer that is broken off everywhere."""

    tell: Callable[[Voice], Voice]
    later: Mapping[str, tuple[Script, ...]]
    judge: Judge
    text: str
    """All the text of the answer."""
    protocols: tuple[str, ...] = tuple(PROTOCOLS)
    body: Callable[[str], dict[str, Any]] = lambda protocol: {}
    plan: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = True
    honest: Callable[[str], bool] = lambda shown: 0 < len(shown.strip()) < VISIBLE
    """Whether docs/faults.md lists a break behind this text as one that may end in an error."""
    faults: tuple[str, ...] = (
        "reset",
        "end",
        "stall",
        "error event",
        "bad JSON",
        "reset inside",
        "end inside",
        "noise",
    )


def pieces(text: str) -> list[str]:
    """Return a text in pieces."""
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def exact_text(play: Play | None, heard: Heard, protocol: str) -> str | None:
    """Return what differs from the tale."""
    if heard.text != TALE:
        return f"text differs: ...{heard.text[-60:]!r}"
    return complaint(heard, protocol, reason=ENDED[protocol])


def _tale(voice: Voice) -> Voice:
    return voice.say(*pieces(TALE)).finish()


def tells(voice: Voice) -> PlayedBody:
    """Tell the tale, or go on with it from the words asked for."""
    return _goes_on(voice).finish().whole()


def _goes_on(voice: Voice, *, lead: str = "", most: int | None = None, text: str = TALE) -> Voice:
    anchor = voice.anchor
    if anchor is None:
        return voice.say(*pieces(text))
    assert text.startswith(voice.shown) and voice.shown.endswith(anchor)
    return voice.say(*pieces(lead + anchor + text[len(voice.shown) :][:most]))


def _dies_again(voice: Voice) -> PlayedBody:
    return _goes_on(voice, most=31).broken(fault="reset", cut=10**6) if voice.anchor else tells(voice)


def _ignores(voice: Voice) -> PlayedBody:
    other = "Of course! Once upon a time there was quite another tale. " * 12
    return voice.say(*pieces(other)).finish().whole() if voice.anchor else tells(voice)


def _rewraps(voice: Voice) -> PlayedBody:
    anchor = voice.anchor
    if anchor is None:
        return tells(voice)
    return voice.say(*pieces("\n".join(anchor.split()) + TALE[len(voice.shown) :])).finish().whole()


def _refuses(voice: Voice) -> PlayedBody:
    return voice.refused(400, "the last message is of a role not allowed") if voice.anchor else tells(voice)


def _calls_instead(voice: Voice) -> PlayedBody:
    return voice.call(*CALLS[0]).finish("tool_calls").whole() if voice.anchor else tells(voice)


TEXT_LATER: dict[str, tuple[Script, ...]] = {
    "anchor": (tells,),
    "chatter": (lambda voice: _goes_on(voice, lead=LEAD).finish().whole(),),
    "ignored": (_ignores, tells),
    "fence": (lambda voice: _goes_on(voice, lead="```\n").finish().whole(),),
    "rewrap": (_rewraps,),
    "dies again": (_dies_again, tells),
    "refused": (_refuses, tells),
    "call": (_calls_instead, tells),
}


def _calling(text: str) -> tuple[Callable[[Voice], Voice], Mapping[str, tuple[Script, ...]], Judge]:
    def fragments(voice: Voice) -> Voice:
        for name, arguments in CALLS:
            voice.call(name, *pieces(arguments))
        return voice.finish("tool_calls")

    def tell(voice: Voice) -> Voice:
        return fragments(voice.say(*pieces(text)))

    def judge(play: Play | None, heard: Heard, protocol: str) -> str | None:
        said = [(name, json.loads(arguments)) for name, arguments in heard.calls]
        due = [(name, json.loads(arguments)) for name, arguments in CALLS]
        if heard.text != text:
            return f"text differs: {heard.text!r}"
        if said != due and (said != due[:1] or (play is not None and len(play.outcomes) > 1)):
            return f"calls {said}"
        return complaint(heard, protocol, reason=CALLED[protocol])

    return tell, {"anchor": (lambda voice: fragments(_goes_on(voice, text=text)).whole(),)}, judge


def tools(protocol: str) -> dict[str, Any]:
    function = {"name": "weather", "description": "Tell the weather", "parameters": SCHEMA}
    match protocol:
        case "responses":
            return {"tools": [{"type": "function", **function}]}
        case "anthropic":
            return {"tools": [{"name": "weather", "input_schema": SCHEMA}]}
        case "gemini":
            return {"tools": [{"functionDeclarations": [function]}]}
        case _:
            return {"tools": [{"type": "function", "function": function}]}


def schema(protocol: str) -> dict[str, Any]:
    match protocol:
        case "openai":
            return {"response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}}
        case "responses":
            return {"text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}}
        case "anthropic":
            return {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
        case "gemini":
            return {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}}
        case _:
            return {"format": SCHEMA}


def thinking(protocol: str) -> dict[str, Any]:
    match protocol:
        case "openai":
            return {"reasoning_effort": "high"}
        case "responses":
            return {"reasoning": {"effort": "high"}}
        case "anthropic":
            return {"thinking": {"type": "enabled", "budget_tokens": 500}, "max_tokens": 1000}
        case "gemini":
            return {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
        case _:
            return {"think": True}


def _exact_json(play: Play | None, heard: Heard, protocol: str) -> str | None:
    return f"text differs: {heard.text!r}" if heard.text != ANSWER else complaint(heard, protocol)


def _thinks(voice: Voice) -> Voice:
    return _goes_on(voice.think(*pieces(THOUGHT)))


def _never(shown: str) -> bool:
    return False


def _with_calls(text: str) -> Family:
    tell, later, judge = _calling(text)
    named = tuple(name for name in PROTOCOLS if name != "generate")
    return Family(tell=tell, later=later, judge=judge, text=text, body=tools, protocols=named)


CUT_PLAIN = ("reset", "end", "stall", "reset inside", "end inside")

FAMILIES: dict[str, Family] = {
    "text": Family(tell=_tale, later=TEXT_LATER, judge=exact_text, text=TALE),
    "calls": _with_calls(""),
    "calls behind few words": _with_calls(SHORT),
    "calls behind words": _with_calls(LONG),
    "JSON": Family(
        tell=lambda voice: voice.say(*pieces(ANSWER)).finish(),
        later={"whole": (lambda voice: voice.say(*pieces(ANSWER)).finish().whole(),)},
        judge=_exact_json,
        text=ANSWER,
        body=schema,
        honest=_never,
    ),
    "thoughts": Family(
        tell=lambda voice: _thinks(voice).finish(),
        later={"anchor": (lambda voice: _thinks(voice).finish().whole(),)},
        judge=exact_text,
        text=TALE,
        body=thinking,
    ),
    "held turn": Family(
        tell=_tale, later={"whole": (tells,)}, judge=exact_text, text=TALE, plan={"hold": "turn"}, honest=_never
    ),
    "plain": Family(
        tell=_tale,
        later={"whole": (tells,)},
        judge=exact_text,
        text=TALE,
        stream=False,
        honest=_never,
        faults=CUT_PLAIN,
    ),
    "no continuation": Family(
        tell=_tale,
        later={"whole": (tells,)},
        judge=exact_text,
        text=TALE,
        plan={"hold": "off"},
        honest=lambda shown: bool(shown.strip()),
    ),
}
"""Every kind of answer by name."""
