"""The people at the other end: errands sent to the gateway when they are due, and every answer checked."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.fleet.tasks import Errand, Right, Spec, body, first_messages, question, result, right

PATIENCE = 120.0


@dataclass
class Got:
    """One answer as it came; ``verdict`` is exact, wrong (a mistake that nobody told of), or failed."""

    kind: str
    stream: bool
    hard: bool
    turn: int
    spec: Spec
    errand: int = 0
    verdict: str = "failed"
    why: str = ""
    status: int = 0
    at: float = 0.0
    first: float | None = None
    whole: float | None = None
    text: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    ended: str | None = None
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def trail(self) -> str:
        """Return who was tried, as the gateway tells."""
        return str(self.told.get("trail") or self.headers.get("x-wallas-trail", ""))


class Client:
    """Sends errands and keeps what came of them."""

    def __init__(self, port: int, clock: Callable[[], float]) -> None:
        """Ask the gateway at ``port``; ``clock`` gives the seconds since the run began."""
        self.port = port
        self.clock = clock
        self.got: list[Got] = []

    def run(self, errands: list[Errand]) -> None:
        """Send every errand at its time, each in a thread, and wait for all of them."""
        threads: list[threading.Thread] = []
        for errand in errands:
            time.sleep(max(errand.at - self.clock(), 0))
            thread = threading.Thread(target=self.errand, args=(errand,), daemon=True)
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join(PATIENCE)

    def errand(self, errand: Errand) -> None:
        """Send one errand's requests, each made from the answers before; a failed one ends it."""
        messages = first_messages(errand)
        turn = 0
        for spec in errand.specs:
            messages.append(question(errand, spec))
            for done in range(spec.steps + 1):
                got = self.ask(errand, spec, body(errand, messages), right(spec, done), turn)
                turn += 1
                if got.verdict != "exact":
                    return
                if got.calls:
                    id, name, arguments = got.calls[0]
                    made = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
                    messages.append({"role": "assistant", "content": got.text or None, "tool_calls": [made]})
                    messages.append({"role": "tool", "tool_call_id": id, "content": result(spec, done)})
                else:
                    messages.append({"role": "assistant", "content": got.text})

    def ask(self, errand: Errand, spec: Spec, asked: dict[str, Any], wanted: Right, turn: int) -> Got:
        """Send one request and return its answer, checked."""
        got = Got(errand.kind, errand.stream, errand.hard, turn, spec, errand.number, at=self.clock())
        self.got.append(got)
        began = time.monotonic()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            connection.request("POST", "/v1/chat/completions", json.dumps(asked), {"Content-Type": "application/json"})
            response = connection.getresponse()
            got.status = response.status
            got.headers = {name.lower(): value for name, value in response.getheaders()}
            if response.status != 200:
                got.error = response.read().decode("utf-8", "replace")[:2000]
            elif errand.stream:
                _read_stream(response, got, began)
            else:
                _read_plain(response, got, began)
            got.whole = time.monotonic() - began
            connection.close()
        except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as error:
            got.error = f"{type(error).__name__}: {error}"
        judge(got, wanted)
        return got


def _read_plain(response: http.client.HTTPResponse, got: Got, began: float) -> None:
    answer = json.loads(response.read())
    got.first = time.monotonic() - began
    choice = answer["choices"][0]
    got.ended = choice["finish_reason"]
    got.text = choice["message"].get("content") or ""
    for made in choice["message"].get("tool_calls") or []:
        got.calls.append((made["id"], made["function"]["name"], made["function"]["arguments"]))


def _read_stream(response: http.client.HTTPResponse, got: Got, began: float) -> None:
    calls: dict[int, list[str]] = {}
    done = False
    for raw in response:
        line = raw.decode("utf-8").rstrip("\r\n")
        if line.startswith(": wallas "):
            got.told = json.loads(line[9:])
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            done = True
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            got.error = data[:2000]
            continue
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            if (delta.get("content") or delta.get("tool_calls")) and got.first is None:
                got.first = time.monotonic() - began
            got.text += delta.get("content") or ""
            for made in delta.get("tool_calls") or []:
                call = calls.setdefault(made["index"], ["", "", ""])
                call[0] = made.get("id") or call[0]
                call[1] += made.get("function", {}).get("name") or ""
                call[2] += made.get("function", {}).get("arguments") or ""
            got.ended = choice.get("finish_reason") or got.ended
    got.calls = [(id, name, arguments) for _, (id, name, arguments) in sorted(calls.items())]
    if not done and not got.error:
        got.error = "no [DONE]"


def judge(got: Got, wanted: Right) -> None:
    """Say whether an answer is exact, wrong without a word, or an honest failure."""
    if got.error or got.status != 200:
        got.verdict, got.why = "failed", got.error or f"status {got.status}"
        return
    got.why = _mistake(got, wanted) or ""
    got.verdict = "wrong" if got.why else "exact"


def _mistake(got: Got, wanted: Right) -> str | None:
    """Return what is wrong with an answer that claims to be whole, None if nothing is."""
    if wanted.call is not None:
        if got.ended != "tool_calls" or len(got.calls) != 1:
            return f"ended {got.ended} with {len(got.calls)} calls where one was due: {got.text[:80]!r}"
        _, name, arguments = got.calls[0]
        try:
            same = (name, json.loads(arguments)) == wanted.call
        except ValueError:
            same = False
        return None if same else f"called {name}({arguments}) for {wanted.call}"
    if got.calls or got.ended != "stop":
        return f"ended {got.ended} with {len(got.calls)} calls"
    if wanted.text is not None:
        return None if got.text == wanted.text else _difference(got.text, wanted.text)
    try:
        value = json.loads(got.text)
    except ValueError:
        return f"no JSON: {got.text[:80]!r}"
    return None if value == wanted.value else f"other JSON: {got.text[:80]!r}"


def _difference(text: str, wanted: str) -> str:
    at = next(
        (n for n, (one, other) in enumerate(zip(text, wanted, strict=False)) if one != other),
        min(len(text), len(wanted)),
    )
    told, due = text[at : at + 60], wanted[at : at + 60]
    return f"{len(text)} characters for {len(wanted)}, other from {at}: {told!r} for {due!r}"
