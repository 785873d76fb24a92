"""What one wire has and another has not: freeform tools, namespaces, and what the Responses wire insists on."""

import msgspec
import pytest

from wallas import codecs
from wallas.catalog.entries import Model
from wallas.routing.adapt import Fitted, adapt
from wallas.routing.namespaces import NAME_MOST, flat_name, restored, spaces_of
from wallas.routing.units import offered_tools
from wallas.types.chat import ChatRequest, Message, Opaque, Tool, ToolCall
from wallas.types.events import PartStarted, Ping

NOTES = Opaque(
    wire=codecs.OPENAI_RESPONSES,
    data={
        "type": "namespace",
        "name": "mcp__notes",
        "tools": [
            {"type": "function", "name": "find", "description": "Finds.", "parameters": {"type": "object"}},
            {"type": "custom", "name": "write"},
            {"type": "function"},
            7,
        ],
    },
)
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}


def fitted(wire: str, request: ChatRequest, **traits: object) -> Fitted:
    model = Model(provider="p", id="m", **traits)  # type: ignore[arg-type]
    return adapt(request, model=model, wire=wire, issuer="p/m@a", asked_on=codecs.OPENAI_RESPONSES)


def test_a_namespaces_functions_are_offered_flat_and_the_rest_is_named() -> None:
    out = fitted(codecs.GEMINI, ChatRequest(model="m", tools=(NOTES,)))
    assert out.request.tools == (Tool(name="mcp__notes__find", description="Finds.", parameters={"type": "object"}),)
    assert out.dropped == ["tools.mcp__notes.write"]


def test_the_responses_wire_keeps_its_namespaces() -> None:
    out = fitted(codecs.OPENAI_RESPONSES, ChatRequest(model="m", tools=(NOTES,)))
    assert (out.request.tools, out.dropped) == ((NOTES,), [])


def test_an_earlier_call_in_a_namespace_goes_out_flat() -> None:
    extra = {codecs.OPENAI_RESPONSES: {"namespace": "mcp__notes"}}
    call = ToolCall(id="c", name="find", arguments="{}", extra=extra)
    request = ChatRequest(model="m", tools=(NOTES,), messages=(Message(role="assistant", parts=(call,)),))
    (part,) = fitted(codecs.OLLAMA, request).request.messages[0].parts
    assert part == ToolCall(id="c", name="mcp__notes__find", arguments="{}")
    assert fitted(codecs.OPENAI_RESPONSES, request).request.messages[0].parts == (call,)


def test_a_flat_call_gets_its_namespace_back_and_all_else_passes() -> None:
    spaces = spaces_of((NOTES,))
    other = PartStarted(index=1, part=ToolCall(id="d", name="find"))
    made, *rest = restored(
        [PartStarted(index=0, part=ToolCall(id="c", name="mcp__notes__find")), other, Ping()], spaces
    )
    assert made.part.name == "find"
    assert made.part.extra[codecs.OPENAI_RESPONSES] == {"namespace": "mcp__notes"}
    assert rest == [other, Ping()]


def test_what_may_be_called_is_known_where_only_foreign_tools_are_unread() -> None:
    search = Opaque(wire=codecs.OPENAI_RESPONSES, data={"type": "web_search"})
    request = ChatRequest(model="m", tools=(NOTES, search, Tool(name="look")))
    assert offered_tools(request.tools, codecs.GEMINI) == {"look", "find"}
    assert offered_tools(request.tools, codecs.OPENAI_RESPONSES) is None
    assert offered_tools(request.tools) is None


@pytest.mark.parametrize(("space", "name"), [("a" * 60, "find"), ("a" * 60, "fund"), ("odd space", "näme")])
def test_a_flat_name_is_one_that_every_wire_takes(space: str, name: str) -> None:
    flat = flat_name(space, name)
    assert len(flat) <= NAME_MOST
    assert flat.isascii() and flat.replace("_", "").replace("-", "").isalnum()
    assert flat != flat_name(space, name + "x")


@pytest.mark.parametrize(
    "extra",
    [
        {"openai_responses": {"format": GRAMMAR}},
        {"openai_chat": {"custom": {"format": {"type": "grammar", "grammar": GRAMMAR}}}},
    ],
)
def test_the_grammar_of_a_freeform_tool_is_told_in_words(extra: dict[str, dict[str, object]]) -> None:
    tool = Tool(name="patch", description="Patches.", kind="custom", extra=extra)
    (made,) = fitted(codecs.ANTHROPIC, ChatRequest(model="m", tools=(tool,))).request.tools
    assert isinstance(made, Tool) and made.parameters is not None
    assert (made.kind, made.extra) == ("function", {})
    assert made.parameters["properties"]["input"]["description"] == "Text in this lark grammar:\nstart: /a/"


def test_a_freeform_tool_without_a_grammar_takes_any_text() -> None:
    (made,) = fitted(codecs.ANTHROPIC, ChatRequest(model="m", tools=(Tool(name="a", kind="custom"),))).request.tools
    assert isinstance(made, Tool) and made.parameters is not None
    assert made.parameters["properties"] == {"input": {"type": "string"}}


def test_the_responses_wire_gets_no_fewer_than_16_tokens_of_output() -> None:
    out = fitted(codecs.OPENAI_RESPONSES, ChatRequest(model="m", max_tokens=1))
    assert (out.request.max_tokens, out.dropped) == (16, ["max_tokens<16"])
    assert fitted(codecs.OPENAI_CHAT, ChatRequest(model="m", max_tokens=1)).request.max_tokens == 1


@pytest.mark.parametrize(
    "include", [None, ["reasoning.encrypted_content"], ["message.output_text.logprobs", "reasoning.encrypted_content"]]
)
def test_thoughts_are_asked_for_only_where_the_model_has_some(include: list[str] | None) -> None:
    body = {"model": "m", "input": "Hello"} | ({} if include is None else {"include": include})
    request = codecs.codec(codecs.OPENAI_RESPONSES).decode_request(body)

    def sent(*capabilities: str) -> list[str]:
        out = fitted(codecs.OPENAI_RESPONSES, request, capabilities=frozenset(capabilities))
        body = msgspec.json.decode(
            msgspec.json.encode(codecs.codec(codecs.OPENAI_RESPONSES).encode_request(out.request))
        )
        assert body["store"] is False
        return body.get("include", [])

    assert "reasoning.encrypted_content" in sent("chat", "reasoning")
    assert "reasoning.encrypted_content" in sent()
    assert "reasoning.encrypted_content" not in sent("chat")
