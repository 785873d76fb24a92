"""Model lists of every shape become entries with what the list said and nothing else; garbage is skipped."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallas.catalog.build import build
from wallas.catalog.listing import MODEL_ID, Listing
from wallas.providers.list_entries import kind_of
from wallas.providers.lists import READERS, next_page, parse_list
from wallas.providers.registry import BY_NAME, ROWS, WIRES


def read(name, *entries, key="data"):
    return {model.id: model for model in parse_list(BY_NAME[name], {key: list(entries)})}


def test_openrouter_prices_are_strings_per_token_and_tell_what_is_free():
    free = {
        "id": "google/gemma-4-31b-it:free",
        "context_length": 262144,
        "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0", "completion": "0", "request": "0", "image": "0"},
        "top_provider": {"max_completion_tokens": 8192},
        "supported_parameters": ["tools", "tool_choice", "response_format", "structured_outputs", "reasoning"],
        "expiration_date": "2027-01-02",
    }
    paid = {"id": "a/b", "pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"}}
    auto = {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}}
    models = read(
        "openrouter", free, paid, auto, {"id": "openrouter/free", "pricing": {"prompt": "0", "completion": "0"}}
    )
    gemma = models["google/gemma-4-31b-it:free"]
    assert (gemma.free, gemma.context, gemma.max_output, gemma.retires_on) == (True, 262144, 8192, "2027-01-02")
    assert gemma.capabilities == {"chat", "vision", "pdf", "tools", "json_object", "json_schema", "reasoning"}
    assert "capabilities" not in gemma.guessed
    assert (models["a/b"].price.input, models["a/b"].price.output, models["a/b"].price.cache_read) == (3.0, 15.0, 0.3)
    assert (models["a/b"].free, models["openrouter/auto"].free, models["openrouter/auto"].price) == (False, False, None)
    assert models["openrouter/free"].free


def test_gemini_methods_tell_the_kind_and_the_catalog_tells_what_is_free():
    models = read(
        "gemini",
        {
            "name": "models/gemini-3.8-flash",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        },
        {
            "name": "models/gemini-embedding-001",
            "inputTokenLimit": 2048,
            "supportedGenerationMethods": ["embedContent"],
        },
        {"name": "models/gemini-5-both", "supportedGenerationMethods": ["generateContent", "embedContent"]},
        {"name": "models/veo-3.1-generate-001", "supportedGenerationMethods": ["predictLongRunning"]},
        {"name": "models/gemini-2.5-flash-native-audio-latest", "supportedGenerationMethods": ["bidiGenerateContent"]},
        {"name": "models/gemini-3.8-flash-tts", "supportedGenerationMethods": ["generateContent"]},
        {"name": "models/aqa", "supportedGenerationMethods": ["generateAnswer"]},
        key="models",
    )
    assert {id: model.kind for id, model in models.items()} == {
        "gemini-3.8-flash": "chat",
        "gemini-5-both": "chat",
        "gemini-embedding-001": "embedding",
        "veo-3.1-generate-001": "video",
        "gemini-3.8-flash-tts": "speech",
    }
    assert "free" in models["gemini-3.8-flash"].guessed
    catalog = build(listings=[Listing(provider="gemini", date="2026-11-21", models=tuple(models.values()))])
    assert catalog.find("gemini", "gemini-3.8-flash").free
    assert not catalog.find("gemini", "gemini-3.1-pro-preview").free


def test_anthropic_lists_old_and_new():
    models = read(
        "anthropic",
        {
            "id": "claude-opus-5",
            "type": "model",
            "max_input_tokens": 1000000,
            "max_tokens": 128000,
            "capabilities": {
                "image_input": {"supported": True},
                "thinking": {"supported": True},
                "pdf_input": {"supported": False},
            },
            "retires_at": "2027-07-24T00:00:00Z",
        },
        {"id": "claude-opus-4-5-20251101", "type": "model", "display_name": "Claude Opus 4.5"},
    )
    opus = models["claude-opus-5"]
    assert opus.capabilities == {"chat", "tools", "parallel_tools", "vision", "reasoning"}
    assert (opus.context, opus.max_output, opus.retires_on, opus.free) == (1000000, 128000, "2027-07-24", False)
    assert "capabilities" in models["claude-opus-4-5-20251101"].guessed


def test_cohere_endpoints_and_features():
    models = read(
        "cohere",
        {
            "name": "command-a-03-2025",
            "endpoints": ["chat"],
            "context_length": 256000,
            "features": ["tools", "json_schema"],
        },
        {"name": "embed-v4.0", "endpoints": ["embed"], "context_length": 128000},
        {"name": "rerank-v3.5", "endpoints": ["rerank"]},
        {"name": "old", "endpoints": ["chat"], "is_deprecated": True},
        key="models",
    )
    assert {id: model.kind for id, model in models.items()} == {
        "command-a-03-2025": "chat",
        "embed-v4.0": "embedding",
        "rerank-v3.5": "rerank",
    }
    assert models["command-a-03-2025"].capabilities == {"chat", "tools", "json_schema"}


def test_mistral_flags_aliases_and_deprecation():
    flags = {"completion_chat": True, "function_calling": True, "vision": True, "reasoning": False}
    models = read(
        "mistral",
        {
            "id": "mistral-medium-2508",
            "capabilities": flags,
            "max_context_length": 131072,
            "aliases": ["mistral-medium-latest"],
            "deprecation": "2027-02-01T12:00:00Z",
        },
        {"id": "mistral-ocr-latest", "capabilities": {"completion_chat": False, "ocr": True}},
        {"id": "mistral-embed", "capabilities": {"completion_chat": False}},
    )
    medium = models["mistral-medium-2508"]
    assert (medium.aliases, medium.retires_on, medium.free) == (("mistral-medium-latest",), "2027-02-01", True)
    assert medium.capabilities == {"chat", "tools", "vision", "json_object", "json_schema"}
    assert (models["mistral-ocr-latest"].kind, models["mistral-embed"].kind) == ("ocr", "embedding")


def test_hugging_face_takes_the_best_of_the_live_hosts():
    hosts = [
        {"provider": "novita", "status": "live", "context_length": 131072, "pricing": {"input": 0.3, "output": 1.2}},
        {
            "provider": "x",
            "status": "live",
            "context_length": 65536,
            "pricing": {"input": 0.2, "output": 0.9},
            "supports_tools": True,
        },
        {"provider": "y", "status": "error", "context_length": 999999},
    ]
    models = read(
        "huggingface",
        {
            "id": "org/m",
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "providers": hosts,
        },
        {"id": "org/dead", "providers": hosts[2:]},
    )
    assert list(models) == ["org/m"]
    model = models["org/m"]
    assert (model.context, model.price.output, model.free) == (131072, 0.9, False)
    assert model.capabilities == {"chat", "vision", "tools"}


def test_a_daemons_tags_recent_and_old():
    models = read(
        "ollama",
        {
            "name": "qwen3:8b",
            "model": "qwen3:8b",
            "capabilities": ["completion", "tools", "thinking"],
            "details": {"context_length": 40960},
        },
        {"name": "llama3:latest", "model": "llama3:latest", "details": {"family": "llama"}},
        {"name": "nomic-embed-text:latest", "capabilities": ["embedding"]},
        {"name": "gpt-oss:120b-cloud", "remote_host": "https://ollama.com:443", "capabilities": ["completion"]},
        key="models",
    )
    assert models["qwen3:8b"].capabilities == {"chat", "json_object", "json_schema", "tools", "reasoning"}
    assert (models["qwen3:8b"].context, models["qwen3:8b"].free, models["qwen3:8b"].trains_on_data) == (
        40960,
        True,
        False,
    )
    assert models["llama3:latest"].aliases == ("llama3",)
    assert models["nomic-embed-text:latest"].kind == "embedding"
    assert models["gpt-oss:120b-cloud"].trains_on_data is None


def test_lists_with_bare_ids_windows_of_many_names_and_bare_arrays():
    groq = read(
        "groq",
        {"id": "openai/gpt-oss-120b", "context_window": 131072, "max_completion_tokens": 65536, "active": True},
        {"id": "whisper-large-v3", "input_modalities": ["audio"]},
        {"id": "gone", "active": False},
    )
    assert (groq["openai/gpt-oss-120b"].context, groq["openai/gpt-oss-120b"].max_output) == (131072, 65536)
    assert (groq["whisper-large-v3"].kind, "gone" in groq) == ("transcription", False)
    together = parse_list(BY_NAME["together"], [{"id": "a/b", "context_length": 4096}])
    assert [model.key for model in together] == ["together/a/b"]
    retiring = read(
        "openai", {"id": "gpt-5-mini", "shutdown_date": "2026-12-11"}, {"id": "gpt-6-sol", "shutdown_date": None}
    )
    assert (retiring["gpt-5-mini"].retires_on, retiring["gpt-6-sol"].retires_on) == ("2026-12-11", None)


def test_kilo_and_llm7_say_what_is_free_in_their_own_words():
    kilo = read(
        "kilo",
        {"id": "x/y", "isFree": True, "mayTrainOnYourPrompts": True},
        {"id": "z", "pricing": {"prompt": "0.1", "completion": "1"}},
    )
    assert (kilo["x/y"].free, kilo["x/y"].trains_on_data, kilo["z"].free) == (True, True, False)
    llm7 = read("llm7", {"id": "gpt-oss:20b", "tier": "turbo", "context_window": 131072}, {"id": "big", "tier": "pro"})
    assert {id: model.free for id, model in llm7.items()} == {"gpt-oss:20b": True}


@pytest.mark.parametrize(
    "id, kind",
    [
        ("text-embedding-3-small", "embedding"),
        ("baai/bge-m3", "embedding"),
        ("whisper-large-v3-turbo", "transcription"),
        ("canopylabs/orpheus-v1-english", "speech"),
        ("gpt-4o-mini-tts", "speech"),
        ("rerank-v4.0-pro", "rerank"),
        ("omni-moderation-latest", "moderation"),
        ("black-forest-labs/flux.1-dev", "image"),
        ("gpt-image-2", "image"),
        ("mistral-ocr-latest", "ocr"),
        ("gpt-realtime", None),
        ("text-search-babbage-doc-001", None),
        ("openai/gpt-oss-safeguard-20b", "chat"),
        ("google/gemma-4-31b-it", "chat"),
        ("command-a-vision-07-2025", "chat"),
    ],
)
def test_an_id_tells_the_kind_where_the_list_does_not(id, kind):
    assert kind_of(id) == kind


def test_pages_follow_each_other():
    address = next_page("gemini", "http://h/models?pageSize=1000", {"models": [], "nextPageToken": "a b"})
    assert address == "http://h/models?pageSize=1000&pageToken=a%20b"
    assert next_page("gemini", address, {"nextPageToken": "c"}) == "http://h/models?pageSize=1000&pageToken=c"
    assert next_page("gemini", address, {"models": []}) is None
    assert (
        next_page("anthropic", "http://h/models", {"has_more": True, "last_id": "m1"}) == "http://h/models?after_id=m1"
    )
    assert next_page("anthropic", "http://h/models", {"has_more": False, "last_id": "m1"}) is None
    assert next_page("openai", "http://h/models", {"data": [], "next": "x"}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = """
id name model capabilities pricing architecture providers endpoints features context_length aliases details limits
supported_parameters supportedGenerationMethods tier deprecation retires_at supported_output_modalities top_provider
"""
FIELDS = st.sampled_from(KEYS.split())


@pytest.mark.parametrize("format", sorted(READERS))
@settings(max_examples=60, deadline=None)
@given(entries=st.lists(st.dictionaries(FIELDS, JSON, max_size=6) | JSON, max_size=4))
def test_U64_no_list_however_strange_raises_or_lets_a_bad_id_through(format, entries):
    row = next((row for row in ROWS if row.list_format == format), None) or WIRES["openai"].row
    for value in (entries, {"data": entries}, {"models": entries}, entries[:1]):
        assert all(MODEL_ID.fullmatch(model.id) for model in parse_list(row, value))


GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "model_lists").glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_list_as_its_provider_writes_it_is_read_as_the_golden_file_says(path):
    golden = json.loads(path.read_text())
    models = parse_list(BY_NAME[path.stem], golden["list"])
    assert json.loads(msgspec.json.encode(models, order="sorted")) == golden["models"] != []
