"""How finely weights are stored: read from what lists and ids say, and from the user's own word."""

import pytest

from tests.routing.stations import model
from wallas.catalog.quantization import LEVELS, level_in, level_of


@pytest.mark.parametrize(
    ("id", "level"),
    [
        ("meta-llama/Llama-3.3-70B-Instruct-FP8", "fp8"),
        ("neuralmagic/Llama-3.1-8B-FP8-dynamic", "fp8"),
        ("Qwen/Qwen2.5-72B-Instruct-AWQ", "int4"),
        ("TheBloke/Mistral-7B-GPTQ", "int4"),
        ("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int8", "int8"),
        ("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4", "int4"),
        ("llama3.3:70b-instruct-q4_K_M", "int4"),
        ("llama3.3:70b-instruct-q8_0", "int8"),
        ("gemma3:27b-it-fp16", "fp16"),
        ("deepseek-v3-bf16", "bf16"),
        ("nvidia/DeepSeek-R1-NVFP4", "fp4"),
        ("gpt-oss-120b", None),
        ("qwen3-4b", None),
        ("llama3.3:70b-instruct-q5_K_M", None),
        ("fp8er/model", None),
    ],
)
def test_an_id_tells_its_level_or_none(id, level):
    assert level_in(id) == level and (level is None or level in LEVELS)


def test_a_lists_word_is_read_as_a_whole():
    assert [level_of(word) for word in ("Q4_K_M", "F16", "FP8", "Q5_0", "", "fp8 or so")] == [
        "int4",
        "fp16",
        "fp8",
        None,
        None,
        None,
    ]


def test_what_was_said_counts_for_more_than_an_id():
    assert model("a", "m-fp8").precision == "fp8"
    assert model("a", "m-fp8", quantization="bf16").precision == "bf16"
    assert model("a", "m").precision is None
