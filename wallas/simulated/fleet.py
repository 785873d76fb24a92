"""A small fleet of simulated providers that fail on cue, to try the gateway without keys or network.

Every answer begins with "[simulated]". All members tell the same words for
the same prompt, so that one can go on where another broke off.
"""

import json
import re
import threading
from collections.abc import Callable, Sequence

from wallas.simulated.script import (
    NEVER,
    Request,
    Step,
    call,
    flush,
    garbage,
    hang_up,
    html200,
    marked_anchor,
    pause,
    say,
    status,
)
from wallas.simulated.server import Provider
from wallas.simulated.wires import last_user_text

LABEL = "[simulated]"
PIECE = 8
PACE = 0.02

_CUE = re.compile(r"cue:([a-z]+|[45][0-9]{2})(!?)", re.I)

TALE = (
    " Nobody has thought about it: a small program inside Wallas follows a script, so that you can watch the gateway "
    "at work without keys or network. First, a provider was chosen from a list. Second, your request was put "
    "into that provider's own format. Third, these words came back in pieces and were passed on to you one by one. If "
    "a provider broke off in mid-sentence, another one has taken over at exactly that place, and you see no seam."
)


def answer_text(prompt: str) -> str:
    """Return what the whole fleet says to a prompt."""
    shown = " ".join(prompt.split())[:160]
    return f'{LABEL} You said: "{shown}".{TALE}' if shown else f"{LABEL}{TALE}"


class Fleet:
    """The providers of ``wallas demo``: steady, fragile, limited, slow and tools.

    A prompt may hold ``cue:die``, ``cue:429`` (or any 4xx, 5xx), ``cue:slow``,
    ``cue:tool``, ``cue:html``, ``cue:garbage`` or ``cue:hang``: whoever is asked
    first does so and the next one answers; with ``!`` (``cue:429!``) all do so.
    """

    def __init__(self, *, anchor: Callable[[str], str | None] = marked_anchor, pace: float = PACE) -> None:
        """Prepare; ``anchor`` finds in a message what a continuation shall repeat, ``pace`` is seconds a piece."""
        self.anchor = anchor
        self.pace = pace
        self.providers: dict[str, Provider] = {}
        self._calls: dict[str, int] = {}
        self._failed: set[str] = set()
        self._lock = threading.Lock()

    def start(self) -> dict[str, str]:
        """Open the ports; return each provider's base URL for the OpenAI wire, by name."""
        for name in _CHARACTERS:
            provider = Provider(models=[f"simulated/{name}"], anchor=self.anchor, otherwise=self._member(name))
            self.providers[name] = provider.start()
        return {name: f"{provider.url}/v1" for name, provider in self.providers.items()}

    def stop(self) -> None:
        """Close all ports and connections."""
        for provider in self.providers.values():
            provider.close()

    def _member(self, name: str) -> Callable[[Request], Sequence[Step]]:
        def otherwise(request: Request) -> Sequence[Step]:
            prompt = last_user_text(request)
            anchor = self.anchor(prompt)
            if anchor is not None:
                return self._continued(request, anchor)
            return self._cued(request, prompt) or _CHARACTERS[name](self, request, prompt)

        return otherwise

    def _continued(self, request: Request, anchor: str) -> Sequence[Step]:
        """Go on behind the anchor, as the text that broke off would have gone on."""
        whole = answer_text(_first_prompt(request))
        _, found, rest = whole.partition(anchor)
        return (say(anchor + (rest if found else " ... and that is all."), size=PIECE, gap=self.pace),)

    def _cued(self, request: Request, prompt: str) -> Sequence[Step]:
        match = _CUE.search(prompt)
        if match is None:
            return ()
        cue, always = match[1].lower(), match[2] == "!"
        if cue not in ("slow", "tool") and not always and self._had(prompt):
            return _steady(self, request, prompt)
        if cue.isdigit():
            return (status(int(cue), None, {"Retry-After": "5"} if cue == "429" else {}),)
        steps = _CUES.get(cue)
        return steps(self, request, prompt) if steps else ()

    def _had(self, prompt: str) -> bool:
        """Return whether somebody failed at this prompt just before, and forget it: the next one answers."""
        with self._lock:
            if prompt in self._failed:
                self._failed.discard(prompt)
                return True
            self._failed.add(prompt)
            return False

    def count(self, name: str) -> int:
        """Return how often a member was asked, this time included."""
        with self._lock:
            self._calls[name] = self._calls.get(name, 0) + 1
            return self._calls[name]

    def tale(self, prompt: str) -> Step:
        """Return the whole answer as a step."""
        return say(answer_text(prompt), size=PIECE, gap=self.pace)

    def half(self, prompt: str) -> Step:
        """Return the first half of the answer, broken off inside a word, as a step."""
        text = answer_text(prompt)
        return say(text[: len(text) // 2], size=PIECE, gap=self.pace, finish=None)

    def json(self, value: object) -> Step:
        """Return a JSON answer as a step."""
        return say(json.dumps(value), size=PIECE, gap=self.pace)


def _first_prompt(request: Request) -> str:
    """Return the user's own prompt, before the half answer and the request to go on."""
    body = request.json if isinstance(request.json, dict) else {}
    turns = body.get("messages") or body.get("contents") or body.get("input") or []
    if not isinstance(turns, list):
        return ""
    asked = [at for at, turn in enumerate(turns) if isinstance(turn, dict) and turn.get("role") == "user"]
    before = turns[: asked[-2] + 1] if len(asked) > 1 else []
    shortened = Request("POST", request.path, "", {}, b"", {"messages": before}, request.wire, request.at)
    return last_user_text(shortened)


def _steady(fleet: Fleet, request: Request, prompt: str) -> Sequence[Step]:
    value = _wanted_json(request)
    return (fleet.tale(prompt) if value is None else fleet.json(value),)


def _dying(fleet: Fleet, request: Request, prompt: str) -> Sequence[Step]:
    return (fleet.half(prompt), hang_up)


def _fragile(fleet: Fleet, request: Request, prompt: str) -> Sequence[Step]:
    """Die in mid-sentence on every second call."""
    return _dying(fleet, request, prompt) if fleet.count("fragile") % 2 == 0 else _steady(fleet, request, prompt)


def _limited(fleet: Fleet, request: Request, prompt: str) -> Sequence[Step]:
    """Refuse two of three calls for the minute's limit."""
    if fleet.count("limited") % 3 == 1:
        return _steady(fleet, request, prompt)
    said = "Rate limit reached (simulated). Please try again in 5s."
    error = {"error": {"message": said, "type": "requests", "code": "rate_limit_exceeded"}}
    return (status(429, error, {"Retry-After": "5"}),)


def _slow(fleet: Fleet, request: Request, prompt: str) -> Sequence[Step]:
    value = _wanted_json(request)
    text = answer_text(prompt) if value is None else json.dumps(value)
    return (flush, pause(100 * fleet.pace), say(text, size=PIECE, gap=6 * fleet.pace))


def _tools(fleet: Fleet, request: Request, prompt: str) -> Sequence[Step]:
    """Call the first tool on offer, once a conversation; without tools, or with a result, talk."""
    body = request.json if isinstance(request.json, dict) else {}
    name, schema = _first_tool(body.get("tools"))
    if name is None or "tool" in str([turn.get("role") for turn in _turns(body)]) or _has_result(body):
        return _steady(fleet, request, prompt)
    arguments = json.dumps(example(schema))
    return (call(name, arguments[:1], arguments[1:]),)


def _turns(body: dict[str, object]) -> list[dict[str, object]]:
    turns = body.get("messages") or body.get("contents") or body.get("input") or []
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []


def _has_result(body: dict[str, object]) -> bool:
    return any(word in str(_turns(body)) for word in ("tool_result", "functionResponse", "function_call_output"))


def _first_tool(tools: object) -> tuple[str | None, object]:
    """Return the first tool's name and schema, in whichever wire's form."""
    first = tools[0] if isinstance(tools, list) and tools else None
    while isinstance(first, dict):
        if isinstance(first.get("name"), str):
            schemas = (first.get(key) for key in ("parameters", "input_schema", "parametersJsonSchema"))
            return str(first["name"]), next((schema for schema in schemas if schema), None)
        inner = first.get("function") or first.get("functionDeclarations")
        first = inner[0] if isinstance(inner, list) and inner else inner
    return None, None


def example(schema: object, depth: int = 0) -> object:
    """Return a value that fits a JSON schema, as far as types, choices and required properties go."""
    if not isinstance(schema, dict) or depth > 8:
        return LABEL
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if choices:
        return choices[0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or "properties" in schema:
        said = schema.get("properties")
        inside = said if isinstance(said, dict) else {}
        wanted = schema.get("required") or list(inside)
        return {str(name): example(inside.get(name), depth + 1) for name in wanted}
    if kind == "array":
        return [example(schema.get("items"), depth + 1)]
    return {"integer": 1, "number": 1.0, "boolean": True, "null": None}.get(str(kind), LABEL)


def _wanted_json(request: Request) -> object:
    """Return what a request for JSON is answered with, None where it asks for none (on the OpenAI wire)."""
    form = request.json.get("response_format") if isinstance(request.json, dict) else None
    if not isinstance(form, dict) or form.get("type") not in ("json_object", "json_schema"):
        return None
    schema = form.get("json_schema")
    return example(schema.get("schema")) if isinstance(schema, dict) else {"simulated": True}


def _hanging(fleet: Fleet, request: Request, prompt: str) -> Sequence[Step]:
    return (pause(NEVER),)


_CHARACTERS: dict[str, Callable[[Fleet, Request, str], Sequence[Step]]] = {
    "steady": _steady,
    "fragile": _fragile,
    "limited": _limited,
    "slow": _slow,
    "tools": _tools,
}

_CUES: dict[str, Callable[[Fleet, Request, str], Sequence[Step]]] = {
    "die": _dying,
    "slow": _slow,
    "tool": _tools,
    "html": lambda fleet, request, prompt: (html200,),
    "garbage": lambda fleet, request, prompt: (garbage,),
    "hang": _hanging,
}
