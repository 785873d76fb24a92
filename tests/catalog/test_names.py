"""The same model has one name at every provider; different models have different ones."""

import pytest

from wallas.catalog.entries import Model
from wallas.catalog.names import billions, normal_name


@pytest.mark.parametrize(
    "ids",
    [
        ("openai/gpt-oss-120b", "gpt-oss-120b", "gpt-oss:120b", "gpt-oss:120b-cloud", "@cf/openai/gpt-oss-120b"),
        ("qwen/qwen3.5-397b-a17b", "qwen3.5:397b", "Qwen/Qwen3.5-397B-A17B", "Qwen3.5-397B-A17B"),
        (
            "Meta-Llama-3_3-70B-Instruct",
            "meta-llama/llama-3.3-70b-instruct:free",
            "llama-3.3-70b-versatile",
            "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
        ),
        ("anthropic/claude-sonnet-4.6", "claude-sonnet-4-6"),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("mistralai/mistral-large-3-675b-instruct-2512", "mistral-large-3:675b"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("google/gemma-4-31b-it:free", "gemma4:31b", "gemma-4-31B-it"),
        ("qwen-3.8-27b", "qwen/qwen3.8-27b", "Qwen3.8-27B"),
        ("llama3.2:3b", "llama3.2:3b-instruct-q4_K_M"),
    ],
    ids=lambda ids: ids[0],
)
def test_a_model_has_one_name_whatever_providers_call_it(ids):
    assert len({normal_name(id) for id in ids}) == 1


@pytest.mark.parametrize(
    "one, other",
    [
        ("gpt-oss-120b", "gpt-oss-20b"),
        ("grok-4", "grok-4-fast"),
        ("gpt-5", "gpt-5-chat-latest"),
        ("qwen3:8b", "qwen3.8:27b"),
        ("glm-4.6", "glm-4.6v"),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
        ("openrouter/free", "kilo-auto/free"),
        ("llama-3.1-8b", "llama-3.1-70b"),
    ],
)
def test_different_models_have_different_names(one, other):
    assert normal_name(one) != normal_name(other)


def test_embedding_models_keep_every_word_of_their_id():
    names = {
        Model(provider="p", id=id, kind="embedding").name
        for id in ("embed-v5.0-preview", "embed-v5.0", "baai/bge-m3", "bge-m3")
    }
    assert names == {"embed-v5.0-preview", "embed-v5.0", "bge-m3"}


def test_no_id_has_an_empty_name():
    assert all(normal_name(id) for id in ("free", ":free", "-cloud", "latest", "it", "x/", "2512", "a:b:c"))


def test_the_size_in_an_id_is_read_in_billions():
    sizes = [billions(id) for id in ("qwen3:8b", "mixtral-8x22b", "gpt-oss-120b", "x-30b-a3b", "gpt-5", "8b")]
    assert sizes == [8, 22, 120, 30, None, 8]
