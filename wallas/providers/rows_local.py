"""Engines on the user's own machine that speak OpenAI: known by name, used once their address or table is set."""

from wallas.providers.extras import LOCAL_EXTRAS
from wallas.providers.row import Row
from wallas.providers.rows import TOOLS

DOCS = "the engine's own documentation, read 2026-11-21"
REFUSED = frozenset({"store", "metadata", "service_tier"})


def engine(name: str, label: str, port: int, *, keys: tuple[str, ...] = (), path: str = "/v1", note: str = "") -> Row:
    """Return the row of an engine that listens on a port of this machine."""
    return Row(
        name=name,
        label=label,
        base_url=f"http://localhost:{port}{path}",
        keys=keys,
        keyless=True,
        opt_in=True,
        local=True,
        free="local",
        free_rule="all",
        limits="your own hardware",
        region="local",
        trains_on_data=False,
        note=note,
        source=DOCS,
        date="2026-11-21",
        drops=REFUSED,
        renames={"max_completion_tokens": "max_tokens"},
        accepts=LOCAL_EXTRAS,
        reasoning_field="reasoning_content",
        embed=True,
        offers=TOOLS,
        first_token=90.0,
    )


LOCAL: tuple[Row, ...] = (
    engine("lmstudio", "LM Studio", 1234, keys=("LM_STUDIO_API_KEY", "LM_API_TOKEN"), note="loads on first use"),
    engine("llamacpp", "llama.cpp server", 8080, keys=("LLAMACPP_API_KEY",), note="tools need --jinja"),
    engine("vllm", "vLLM", 8000, keys=("VLLM_API_KEY",), note="tools need --enable-auto-tool-choice and a parser"),
    engine("sglang", "SGLang", 30000, keys=("SGLANG_API_KEY",)),
    engine("localai", "LocalAI", 8080, keys=("LOCALAI_API_KEY",), note="same port as llama.cpp by default"),
    engine("koboldcpp", "KoboldCpp", 5001),
    engine("jan", "Jan", 1337, keys=("JAN_API_KEY",), note="refuses requests without the key of its settings"),
    engine("docker", "Docker Model Runner", 12434, path="/engines/v1", note="TCP access must be switched on"),
)
