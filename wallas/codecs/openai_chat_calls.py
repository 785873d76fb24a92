"""Tool calls of a streamed choice: told apart by index, id or name, whatever the provider gives."""

from typing import TYPE_CHECKING, Any

from wallas.codecs.openai_chat_parts import kept
from wallas.codecs.openai_chat_request import taken_seal
from wallas.codecs.openai_chat_response import CALL, CallIds, call_kind, call_text, without
from wallas.codecs.openai_chat_words import is_json
from wallas.codecs.openai_errors import malformed
from wallas.types.chat import ToolCall
from wallas.types.events import Event, PartDelta, PartEnded

if TYPE_CHECKING:
    from wallas.codecs.openai_chat_answer import Answer


class OpenCall:
    """A call as far as it has come; ``given`` is the id that the provider gave."""

    def __init__(self, part: ToolCall, *, index: int, given: Any) -> None:
        """Start with its name and without arguments."""
        self.part = part
        self.index = index
        self.given = given
        self.pieces: list[str] = []
        self.ended = False

    @property
    def arguments(self) -> str:
        """Return the arguments so far."""
        return "".join(self.pieces)

    @property
    def whole(self) -> bool:
        """Return whether its arguments are one JSON value already."""
        return self.part.kind == "function" and is_json(self.arguments)


class Calls:
    """The calls of one choice.

    A new call has a name. It is new when its index is, or when at the same
    index (some say 0 for all) the id or the name is another one, or the
    arguments there are whole already.
    """

    def __init__(self, answer: "Answer", seed: str) -> None:
        """Start without calls."""
        self.answer = answer
        self.ids = CallIds(seed)
        self.calls: list[OpenCall] = []
        self.places: dict[Any, OpenCall] = {}

    def take(self, delta: dict[str, Any], out: list[Event]) -> None:
        """Append the events of a delta's ``tool_calls`` and legacy ``function_call``."""
        entries = delta.get("tool_calls") or []
        if not isinstance(entries, list):
            raise malformed("tool calls that are no list")
        for entry in entries:
            self._entry(entry, {}, out)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict) and (legacy.get("name") or self.calls):
            self._entry({"index": "function_call", "function": legacy}, {"_legacy": True}, out)

    def close(self, out: list[Event]) -> None:
        """Append the ends of the calls that are open."""
        for call in self.calls:
            self._end(call, out)

    def settle(self, out: list[Event]) -> None:
        """Append the ends of the calls whose arguments are whole, because something else begins."""
        for call in self.calls:
            if not call.ended and call.whole:
                self._end(call, out)

    def read(self) -> list[ToolCall]:
        """Return the calls as far as they have come."""
        return [
            ToolCall(id=call.part.id, name=call.part.name, kind=call.part.kind, arguments=call.arguments)
            for call in self.calls
        ]

    def _entry(self, entry: Any, note: dict[str, Any], out: list[Event]) -> None:
        if not isinstance(entry, dict):
            raise malformed("a tool call that is no object")
        kind = call_kind(entry)
        function = entry.get(kind) or {}
        if not isinstance(function, dict):
            raise malformed("a tool call that names no function")
        text = call_text(function, kind)
        more = without(entry, CALL | {"index"}) | note
        inner = without(function, frozenset({"name", "arguments", "input"}))
        seal, more = taken_seal(more | {kind: inner} if inner else more)
        call = self._known(entry, function.get("name"), text)
        if call is None:
            call = self._new(entry, function, kind, out, more=more, seal=seal)
        elif call.ended and text.strip():
            raise malformed("a tool call that went on after its end")
        elif seal is not None or more.keys() - own_keys(call.part):
            out.append(PartDelta(call.index, "", self.answer.number, seal=seal, extra=kept(more)))
        if text and not call.ended:
            call.pieces.append(text)
            out.append(PartDelta(call.index, text, self.answer.number))

    def _known(self, entry: dict[str, Any], name: Any, text: str) -> OpenCall | None:
        """Return the call that an entry goes on with; None when it begins a new one."""
        given, index = entry.get("id"), place_of(entry)
        if index is not None:
            call = self.places.get(index)
        else:
            same = [call for call in self.calls if given and call.given == given]
            call = same[-1] if same else None if given and name else self.calls[-1] if self.calls else None
        if not name:
            if call is None and not self.calls:
                raise malformed("a tool call without a name")
            return call or self.calls[-1]
        if call is None or name != call.part.name or (given and call.given and given != call.given):
            return None
        return None if text.strip() and call.whole else call

    def _new(
        self, entry: dict[str, Any], function: dict[str, Any], kind: str, out: list[Event], **extra: Any
    ) -> OpenCall:
        part = ToolCall(
            id=self.ids.unique(entry.get("id")),
            name=str(function["name"]),
            kind="custom" if kind == "custom" else "function",
            seal=extra["seal"],
            extra=kept(extra["more"]),
        )
        call = OpenCall(part, index=self.answer.start("call", part, out), given=entry.get("id"))
        self.calls.append(call)
        self.places[place_of(entry)] = call
        return call

    def _end(self, call: OpenCall, out: list[Event]) -> None:
        if not call.ended:
            call.ended = True
            out.append(PartEnded(call.index, self.answer.number))


def place_of(entry: dict[str, Any]) -> int | str | None:
    """Return a call's index; None where there is none, or none that can be."""
    index = entry.get("index")
    return index if isinstance(index, int | str) else None


def own_keys(part: ToolCall) -> set[str]:
    """Return what a call's extra has already."""
    return {key for values in part.extra.values() for key in values}
