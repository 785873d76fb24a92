"""Each provider's body has its own rules: one test a rule, on the body that really leaves."""

import json
from dataclasses import replace

import pytest

from wallas.codecs import WIRES as CODECS
from wallas.errors import FailureKind, ProviderError
from wallas.providers.quirks import short_id
from wallas.providers.registry import BY_NAME, make, state
from wallas.settings import ProviderSettings, load_settings, make_key
from wallas.types.chat import (
    ChatRequest,
    Media,
    Message,
    Output,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

ASK = Message(role="user", parts=(Text(text="Hi"),))
TOOL = Tool(name="f", parameters={"type": "object", "properties": {}})


@pytest.fixture
def body(tmp_path):
    """Return a function that gives the body a provider would send, and the names of what it left out."""

    def encoded(name, *messages, model="m", **fields):
        settings = load_settings({}, directory=tmp_path)
        settings = replace(settings, providers={name: ProviderSettings(keys=(make_key("k@acc"),))})
        row = BY_NAME[name]
        provider = make(row, state(row, settings), settings, None)
        dropped = []
        request = ChatRequest(model=model, messages=messages or (ASK,), **fields)
        made = provider.body(request, dropped)
        json.dumps(made)
        return made, dropped

    return encoded


def loop(call_id="call_abcdefghijkl", *, reasoning=None, then=True):
    """Return a conversation with two tool calls, their results, and what the user says next."""
    parts = (ToolCall(id=call_id, name="f", arguments="{}"), ToolCall(id="call_2", name="f", arguments='{"a": 1}'))
    thoughts = (Reasoning(text=reasoning),) if reasoning else ()
    return (
        ASK,
        Message(role="assistant", parts=(*thoughts, *parts)),
        Message(role="tool", parts=(ToolResult(call_id=call_id, parts=(Text(text="1"),), name="f"),)),
        Message(role="tool", parts=(ToolResult(call_id="call_2", parts=(Text(text="2"),), name="f"),)),
        *((Message(role="user", parts=(Text(text="And?"),)),) if then else ()),
    )


def test_mistral_tool_ids_are_remapped_alike_on_calls_and_results(body):
    made, _ = body("mistral", *loop())
    calls = [call["id"] for call in made["messages"][1]["tool_calls"]]
    results = [message["tool_call_id"] for message in made["messages"] if message["role"] == "tool"]
    assert calls == results == [short_id("call_abcdefghijkl"), short_id("call_2")]
    assert all(len(id) == 9 and id.isalnum() for id in calls) and len(set(calls)) == 2


def test_mistrals_own_tool_ids_stay():
    assert short_id("35bC59XSm") == "35bC59XSm"


def test_mistral_wants_an_assistant_between_a_tool_and_the_user(body):
    made, _ = body("mistral", *loop())
    assert [message["role"] for message in made["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
    ]
    assert made["messages"][4]["content"]
    made, _ = body("mistral", *loop(then=False))
    assert [message["role"] for message in made["messages"]] == ["user", "assistant", "tool", "tool"]


def test_mistral_gets_its_own_names_and_bounds_and_no_unknown_key(body):
    made, dropped = body(
        "mistral",
        seed=7,
        max_tokens=5,
        temperature=1.9,
        user="u",
        logit_bias={"1": 1.0},
        stream=True,
        extra={"openai_chat": {"safe_prompt": True, "store": True, "api_base": "http://evil"}},
    )
    assert (made["random_seed"], made["max_tokens"], made["temperature"], made["safe_prompt"]) == (7, 5, 1.5, True)
    assert made.keys().isdisjoint({"seed", "max_completion_tokens", "user", "logit_bias", "stream_options", "store"})
    assert {"user", "logit_bias", "store", "api_base", "temperature>1.5"} <= set(dropped)
    assert "evil" not in json.dumps(made)


def test_mistral_messages_have_known_keys_only(body):
    spoken = Message(
        role="assistant",
        parts=(Reasoning(text="hm"), Text(text="Hello")),
        name="bot",
        extra={"openai_chat": {"annotations": [], "reasoning_details": [{}]}},
    )
    made, dropped = body("mistral", ASK, spoken, ASK)
    assert made["messages"][1] == {"role": "assistant", "content": "Hello"}
    assert any("reasoning" in name for name in dropped) and "messages.name" in dropped


def test_magistral_gets_its_thoughts_back_where_it_keeps_them(body):
    spoken = Message(role="assistant", parts=(Reasoning(text="hm"), Text(text="Hello")))
    made, _ = body("mistral", ASK, spoken, ASK, model="magistral-medium-latest")
    assert [part["type"] for part in made["messages"][1]["content"]] == ["thinking", "text"]


def test_mistral_takes_audio_and_documents_in_its_own_words(body):
    media = (
        Text(text="Look"),
        Media(kind="audio", mime="audio/wav", data="UklGRg=="),
        Media(kind="document", mime="application/pdf", url="https://x.test/a.pdf"),
    )
    made, _ = body("mistral", Message(role="user", parts=media))
    content = made["messages"][0]["content"]
    assert content[1] == {"type": "input_audio", "input_audio": "UklGRg=="}
    assert content[2] == {"type": "document_url", "document_url": "https://x.test/a.pdf"}


@pytest.mark.parametrize("name", ["mistral", "deepseek"])
def test_a_proven_continuation_marks_the_last_turn(body, name):
    made, _ = body(name, ASK, Message(role="assistant", parts=(Text(text="Once upon"),)))
    assert made["messages"][-1]["prefix"] is True
    made, _ = body(name, ASK)
    assert "prefix" not in made["messages"][-1]


def test_groq_refuses_what_it_answers_400_to(body):
    named = Message(role="user", parts=(Text(text="Hi"),), name="ann")
    made, dropped = body("groq", named, logprobs=2, logit_bias={"1": 1.0}, n=2, metadata={"a": "b"}, max_tokens=9)
    assert made.keys().isdisjoint({"logprobs", "top_logprobs", "logit_bias", "n", "metadata"})
    assert "name" not in made["messages"][0]
    assert {"logprobs", "top_logprobs", "logit_bias", "n", "metadata", "messages.name"} <= set(dropped)
    assert made["max_completion_tokens"] == 9


def test_groq_takes_one_choice_without_a_word(body):
    made, dropped = body("groq", n=1)
    assert "n" not in made and dropped == []


@pytest.mark.parametrize(
    "name, model, asked, sent",
    [
        ("groq", "openai/gpt-oss-120b", "minimal", "low"),
        ("groq", "openai/gpt-oss-120b", "none", "low"),
        ("groq", "openai/gpt-oss-120b", "xhigh", "high"),
        ("groq", "qwen/qwen3.8-27b", "none", "none"),
        ("groq", "llama-x", "high", None),
        ("cerebras", "gpt-oss-120b", "none", "low"),
        ("cerebras", "gemma-4-31b", "none", "none"),
        ("sambanova", "gpt-oss-120b", "max", "high"),
        ("nvidia", "openai/gpt-oss-120b", "medium", "medium"),
        ("nvidia", "moonshotai/kimi-k2.6", "medium", None),
        ("deepseek", "deepseek-v4-pro", "medium", "high"),
        ("deepseek", "deepseek-v4-pro", "none", None),
        ("openai", "gpt-6-sol", "xhigh", "xhigh"),
    ],
)
def test_efforts_are_said_in_the_words_that_the_model_knows(body, name, model, asked, sent):
    made, dropped = body(name, model=model, thinking=Thinking(effort=asked))
    assert made.get("reasoning_effort") == sent
    if sent is None and name != "deepseek":
        assert "reasoning_effort" in dropped


def test_deepseek_thinking_is_a_switch(body):
    assert body("deepseek", thinking=Thinking(effort="none"))[0]["thinking"] == {"type": "disabled"}
    assert body("deepseek", thinking=Thinking(enabled=True))[0]["thinking"] == {"type": "enabled"}
    assert "thinking" not in body("deepseek")[0]


def test_deepseek_gets_back_the_thoughts_that_led_to_calls(body):
    made, _ = body("deepseek", *loop(reasoning="I need f"))
    assert made["messages"][1]["reasoning_content"] == "I need f"
    assert "thinking" not in made


def test_deepseek_must_not_think_when_those_thoughts_are_lost(body):
    made, dropped = body("deepseek", *loop(), thinking=Thinking(effort="high"))
    assert made["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in made and "thinking" in dropped


def test_deepseek_knows_json_without_a_schema(body):
    made, dropped = body("deepseek", output=Output(kind="schema", name="a", schema={"type": "object"}))
    assert made["response_format"] == {"type": "json_object"}
    assert "response_format.json_schema" in dropped


def test_nvidias_llamas_make_one_call_a_turn(body):
    made, _ = body("nvidia", *loop(), model="meta/llama-3.3-70b-instruct", tools=(TOOL,))
    shape = [(message["role"], len(message.get("tool_calls") or ())) for message in made["messages"]]
    assert shape == [("user", 0), ("assistant", 1), ("tool", 0), ("assistant", 1), ("tool", 0), ("user", 0)]
    results = [message["content"] for message in made["messages"] if message["role"] == "tool"]
    assert (results, made["parallel_tool_calls"]) == (["1", "2"], False)


def test_nvidia_is_given_room_to_answer(body):
    assert body("nvidia")[0]["max_tokens"] == 4096
    assert body("nvidia", max_tokens=7)[0]["max_tokens"] == 7


def test_openais_reasoning_models_get_no_sampling_but_others_do(body):
    made, dropped = body("openai", model="gpt-5.4-mini", temperature=0.2, top_p=1.0, logprobs=1, max_tokens=5)
    assert made.keys().isdisjoint({"temperature", "top_p", "logprobs", "top_logprobs", "max_tokens"})
    assert made["max_completion_tokens"] == 5
    assert {"temperature", "logprobs"} <= set(dropped) and "top_p" not in dropped
    made, dropped = body("openai", model="gpt-4.1", temperature=0.2, thinking=Thinking(effort="high"))
    assert made["temperature"] == 0.2 and "reasoning_effort" in dropped
    made, _ = body("openai", model="gpt-5.6", temperature=0.2, thinking=Thinking(effort="none"))
    assert made["temperature"] == 0.2
    assert "stop" in body("openai", model="o3", stop=("X",))[1]


def test_openai_models_without_chat_are_asked_on_the_other_wire(body):
    made, _ = body("openai", model="gpt-5-pro", max_tokens=5)
    assert "input" in made and "messages" not in made
    assert made["store"] is False


@pytest.mark.parametrize("name", ["groq", "mistral", "nvidia", "deepseek", "kilo", "huggingface"])
def test_who_knows_no_developer_hears_the_system(body, name):
    made, _ = body(name, Message(role="developer", parts=(Text(text="Be brief"),)), ASK)
    assert made["messages"][0]["role"] == "system"


@pytest.mark.parametrize("name", ["openai", "openrouter"])
def test_who_knows_a_developer_hears_one(body, name):
    made, _ = body(name, Message(role="developer", parts=(Text(text="Be brief"),)), ASK, model="gpt-6-sol")
    assert made["messages"][0]["role"] == "developer"


def test_openrouter_gets_wishes_but_no_routing_among_our_names(body):
    wishes = {"order": ["groq"], "only": ["groq"], "data_collection": "deny"}
    extra = {
        "models": ["groq/x"],
        "provider": wishes,
        "plugins": [{"id": "web"}],
        "session_id": "s",
        "route": "fallback",
    }
    made, dropped = body("openrouter", extra={"openai_chat": extra}, thinking=Thinking(effort="high"))
    assert made["provider"] == {"data_collection": "deny"}
    assert made["plugins"] == [{"id": "web"}]
    assert made["reasoning"] == {"effort": "high"}
    assert made.keys().isdisjoint({"models", "session_id", "route"}) and {"models", "route"} <= set(dropped)


def test_cloudflare_reads_plain_strings(body):
    parts = (Text(text="a"), Text(text="b"))
    made, _ = body(
        "cloudflare", Message(role="user", parts=parts), Message(role="assistant", parts=(ToolCall(id="c", name="f"),))
    )
    assert [message["content"] for message in made["messages"]] == ["a\nb", ""]


def test_moonshot_knows_no_required_tool(body):
    made, dropped = body("moonshot", tools=(TOOL,), tool_choice=ToolChoice(mode="required"))
    assert "tool_choice" not in made and "tool_choice" in dropped


@pytest.mark.parametrize(
    "name, asks", [("openai", True), ("cerebras", True), ("kilo", True), ("groq", False), ("mistral", False)]
)
def test_usage_is_asked_for_where_it_does_not_come_by_itself(body, name, asks):
    made, _ = body(name, stream=True, extra={"openai_chat": {"stream_options": {"include_usage": False, "x": 1}}})
    assert made.get("stream_options") == ({"include_usage": True} if asks else None)
    assert "stream_options" not in body(name)[0]


def test_S13_addresses_keys_and_headers_in_a_body_go_nowhere(body):
    evil = {
        name: "http://evil" for name in ("api_base", "base_url", "extra_headers", "api_key", "organization", "proxy")
    }
    for row in BY_NAME.values():
        if row.status != "retired" and row.wire in CODECS:
            made, dropped = body(row.name, extra={row.wire: dict(evil)})
            assert "evil" not in json.dumps(made), row.name
            assert set(evil) <= set(dropped), row.name


def test_gemini_thinks_by_budget_or_by_level(body):
    thinking = Thinking(effort="low")
    old, _ = body("gemini", model="gemini-2.5-flash", thinking=thinking)
    new, _ = body("gemini", model="gemini-3.8-flash", thinking=thinking)
    gemma, _ = body("gemini", model="gemma-4-31b-it", thinking=thinking)
    assert old["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 1024}
    assert new["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW"}
    assert "thinkingConfig" not in gemma.get("generationConfig", {})
    pro, _ = body("gemini", model="gemini-2.5-pro", thinking=Thinking(effort="none"))
    assert pro["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 128


def test_gemini_3_gets_a_placeholder_where_a_signature_is_lost(body):
    new, _ = body("gemini", *loop(), model="gemini-3.8-flash")
    old, _ = body("gemini", *loop(), model="gemini-2.5-flash")
    assert "skip_thought_signature_validator" in json.dumps(new)
    assert "skip_thought_signature_validator" not in json.dumps(old)


def test_gemini_2_cannot_answer_in_a_form_and_call_tools(body):
    asked = {"tools": (TOOL,), "output": Output(kind="json")}
    with pytest.raises(ProviderError) as caught:
        body("gemini", model="gemini-2.5-flash", **asked)
    assert (caught.value.kind, caught.value.param) == (FailureKind.UNSUPPORTED, "response_format")
    assert body("gemini", model="gemini-3.8-flash", **asked)[0]["tools"]


def test_gemma_3_hears_its_instructions_in_the_first_turn(body):
    system = Message(role="system", parts=(Text(text="Be brief"),))
    made, _ = body("gemini", system, ASK, model="gemma-3-27b-it")
    assert "systemInstruction" not in made
    assert [part["text"] for part in made["contents"][0]["parts"]] == ["Be brief", "Hi"]
    with pytest.raises(ProviderError):
        body("gemini", model="gemma-3-27b-it", tools=(TOOL,))


@pytest.mark.parametrize(
    "model, kind",
    [("claude-haiku-4-5", "enabled"), ("claude-opus-5", "adaptive"), ("claude-sonnet-4-6", "adaptive")],
)
def test_claude_thinks_by_budget_or_adaptively(body, model, kind):
    made, _ = body("anthropic", model=model, thinking=Thinking(enabled=True, budget=2048), max_tokens=8000)
    assert made["thinking"]["type"] == kind
    assert ("budget_tokens" in made["thinking"]) == (kind == "enabled")


def test_cohere_penalties_stay_between_0_and_1(body):
    made, dropped = body("cohere", frequency_penalty=1.7, presence_penalty=0.5)
    assert (made["frequency_penalty"], made["presence_penalty"]) == (1.0, 0.5)
    assert dropped == ["frequency_penalty"]


def test_what_was_given_is_not_changed(body):
    messages = loop(reasoning="r")
    before = repr(messages)
    for name in ("mistral", "groq", "nvidia", "deepseek", "openrouter", "cloudflare"):
        body(name, *messages, model="llama")
    assert repr(messages) == before
