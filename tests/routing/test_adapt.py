import pytest

from tests.routing.scenes import WEATHER
from tests.routing.scripted import ask
from tests.routing.stations import model
from wallas.routing.adapt import CUSTOM_SCHEMA, OPTIONAL, Lessons, adapt, says, unwrapped
from wallas.types.chat import (
    Media,
    Message,
    Opaque,
    Reasoning,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

HOME = "a/m@acc"
PATCH = Tool(name="patch", kind="custom", description="Apply a patch", extra={"openai_responses": {"format": {}}})
SAID = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 4,
    "seed": 1,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "logit_bias": {"1": 1.0},
    "user": "u",
    "metadata": {"a": "b"},
    "service_tier": "flex",
    "parallel_tools": True,
    "thinking": Thinking(effort="low"),
    "stop": ("x",),
    "logprobs": 2,
    "max_tokens": 100,
}


def fitted(request, *, wire="openai_chat", asked_on="anthropic", lessons=None, **traits):
    return adapt(request, model=model("a", "m", **traits), wire=wire, issuer=HOME, asked_on=asked_on, lessons=lessons)


def of(*parts, role="assistant", **fields):
    return ask(messages=(Message(role=role, parts=parts),), **fields)


def parts(fit):
    return [part for message in fit.request.messages for part in message.parts]


def test_a_request_that_fits_is_told_the_providers_own_id_and_nothing_else():
    request = ask(tools=(WEATHER,), max_tokens=10)
    fit = fitted(request)
    assert fit.request.model == "m" and fit.dropped == []
    assert fit.request.messages[0] is request.messages[0] and fit.request.tools == request.tools


@pytest.mark.parametrize(
    ("wanted", "own", "lesson", "sent"),
    [
        (100, None, None, 100),
        (9999, 4096, None, 4096),
        (9999, None, 512, 512),
        (9999, 4096, 512, 512),
        (None, 4096, 5, None),
    ],
)
def test_output_is_clamped_to_what_the_model_can_say(wanted, own, lesson, sent):
    fit = fitted(ask(max_tokens=wanted), max_output=own, lessons=Lessons(most_output=lesson))
    assert fit.request.max_tokens == sent


@pytest.mark.parametrize(
    ("thinking", "dropped"),
    [
        (Thinking(effort="high"), ["thinking"]),
        (Thinking(budget=1000), ["thinking"]),
        (Thinking(enabled=False), []),
        (Thinking(effort="none"), []),
    ],
)
def test_a_model_that_does_not_think_is_not_told_to(thinking, dropped):
    fit = fitted(ask(thinking=thinking))
    assert fit.request.thinking is None and fit.dropped == dropped


def test_a_model_that_thinks_or_of_which_nothing_is_known_is():
    thinking = Thinking(effort="high")
    for capabilities in (frozenset({"chat", "reasoning"}), frozenset()):
        assert fitted(ask(thinking=thinking), capabilities=capabilities).request.thinking == thinking


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_what_was_refused_before_is_left_out_and_named(name):
    request = ask(**SAID)
    able = frozenset({"chat", "reasoning"})
    fit = fitted(request, lessons=Lessons(dropped=frozenset({name})), capabilities=able)
    assert fit.dropped == [name] and says(request, name) and not says(fit.request, name)
    silent = fitted(ask(), lessons=Lessons(dropped=frozenset({name})))
    assert silent.dropped == []


def test_lessons_add_up():
    lessons = Lessons().without("seed").without("top_p").clamped(5).unsealed()
    assert lessons == Lessons(dropped=frozenset({"seed", "top_p"}), most_output=5, no_seals=True)


SEALED = [
    Text(text="a", seal=Seal(issuer=HOME, value="v")),
    Reasoning(text="a", seal=Seal(issuer=HOME, value="v")),
    ToolCall(id="c", name="weather", seal=Seal(issuer=HOME, value="v")),
]


@pytest.mark.parametrize("part", SEALED)
def test_a_seal_goes_home(part):
    assert parts(fitted(of(part))) == [part]


@pytest.mark.parametrize("part", SEALED)
@pytest.mark.parametrize("issuer", ["b/m@acc", "a/n@acc", "a/m@other"])
def test_a_seal_goes_nowhere_else_and_its_words_stay(part, issuer):
    away = type(part)(
        **{name: getattr(part, name) for name in part.__struct_fields__} | {"seal": Seal(issuer=issuer, value="v")}
    )
    (sent,) = parts(fitted(of(away)))
    assert sent.seal is None and sent != away


def test_redacted_thinking_without_its_home_is_dropped_and_named():
    redacted = Reasoning(redacted=True, seal=Seal(issuer="b/m@acc", value="v"))
    fit = fitted(of(redacted, Text(text="so")))
    assert parts(fit) == [Text(text="so")] and fit.dropped == ["redacted reasoning"]
    assert fitted(of(redacted)).request.messages == ()


@pytest.mark.parametrize(("asked_on", "kept"), [("openai_chat", True), ("anthropic", False)])
def test_a_seal_of_unknown_origin_goes_where_its_wire_is_spoken(asked_on, kept):
    (sent,) = parts(fitted(of(Reasoning(text="a", seal=Seal(value="v"))), asked_on=asked_on))
    assert (sent.seal is not None) is kept


@pytest.mark.parametrize("seal", [Seal(issuer=HOME, value="v"), Seal(value="v")])
def test_after_a_refusal_no_seal_is_sent(seal):
    (sent,) = parts(fitted(of(Reasoning(text="a", seal=seal)), asked_on="openai_chat", lessons=Lessons(no_seals=True)))
    assert sent == Reasoning(text="a")


def test_a_freeform_tool_becomes_a_function_where_the_wire_has_none():
    conversation = (
        Message(role="assistant", parts=(ToolCall(id="c", name="patch", arguments='say "hi"', kind="custom"),)),
        Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="done"),), kind="custom"),)),
    )
    fit = fitted(ask(messages=conversation, tools=(PATCH, WEATHER, Opaque(wire="x", data={}))))
    tool, *others = fit.request.tools
    assert (tool.kind, tool.parameters, tool.description, tool.extra) == (
        "function",
        CUSTOM_SCHEMA,
        "Apply a patch",
        {},
    )
    assert others == [WEATHER, Opaque(wire="x", data={})]
    sent, result = parts(fit)
    assert (sent.kind, result.kind) == ("function", "function") and unwrapped(sent.arguments) == 'say "hi"'


def test_a_freeform_tool_stays_one_where_the_wire_has_them():
    call = ToolCall(id="c", name="patch", arguments="x", kind="custom")
    result = ToolResult(call_id="c", parts=(Text(text="done"),), kind="custom")
    fit = fitted(of(call, result, tools=(PATCH,)), wire="openai_responses")
    assert fit.request.tools == (PATCH,) and parts(fit) == [call, result]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"input":"a"}', "a"), ('{"input":1}', '{"input":1}'), ("[1]", "[1]"), ("not json", "not json"), ("{}", "{}")],
)
def test_what_a_model_put_into_the_function_is_taken_out_again(arguments, text):
    assert unwrapped(arguments) == text


def test_a_text_document_is_told_as_text_to_who_reads_no_documents():
    named = Media(kind="document", text="Words.", name="a.txt")
    bare = Media(kind="document", text="Words.")
    pdf = Media(kind="document", data="aaaa")
    fit = fitted(of(named, bare, pdf, role="user"))
    assert parts(fit) == [Text(text="a.txt\n\nWords."), Text(text="Words."), pdf]
    assert parts(fitted(of(named, role="user"), capabilities=frozenset({"pdf"}))) == [named]


def test_a_tool_result_is_fitted_inside():
    inner = (Text(text="a", seal=Seal(issuer="b/m@acc", value="v")), Media(kind="document", text="Words."))
    (sent,) = parts(fitted(of(ToolResult(call_id="c", parts=inner), role="tool")))
    assert sent.parts == (Text(text="a"), Text(text="Words."))
