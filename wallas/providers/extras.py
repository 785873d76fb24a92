"""Names beyond a wire's common ones that providers take, at the top level or inside; all others never leave here.

None may name an address, a key, a header or an organisation (faults.md S13).
"""

OPENAI_EXTRAS = frozenset(
    {
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "verbosity",
        "web_search_options",
    }
)

OPENROUTER_EXTRAS = frozenset(
    {
        "cache_control",
        "include_reasoning",
        "min_p",
        "plugins",
        "prediction",
        "prompt_cache_key",
        "provider",
        "reasoning",
        "reasoning_details",
        "repetition_penalty",
        "top_a",
        "top_k",
        "transforms",
        "verbosity",
    }
)
"""Not ``models``, ``route`` and ``session_id``: the gateway itself does what they ask for."""

GROQ_EXTRAS = frozenset(
    {
        "citation_options",
        "compound_custom",
        "disable_tool_validation",
        "documents",
        "include_reasoning",
        "reasoning_format",
        "search_settings",
    }
)

MISTRAL_EXTRAS = frozenset(
    {
        "guardrails",
        "min_tokens",
        "prediction",
        "prompt_cache_key",
        "prefix",
        "prompt_mode",
        "repetition_penalty",
        "safe_prompt",
        "top_k",
    }
)

ANTHROPIC_EXTRAS = frozenset(
    {
        "betas",
        "cache_control",
        "container",
        "context_management",
        "inference_geo",
        "mcp_servers",
        "metadata",
        "output_config",
        "output_format",
        "speed",
        "thinking",
        "tool_choice",
    }
)

RESPONSES_EXTRAS = frozenset(
    {
        "include",
        "max_tool_calls",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "store",
        "stream_options",
        "text",
        "top_logprobs",
        "truncation",
    }
)

GEMINI_EXTRAS = frozenset(
    {"cachedContent", "generationConfig", "labels", "safetySettings", "serviceTier", "toolConfig"}
)

COHERE_EXTRAS = frozenset({"citation_options", "documents", "priority", "safety_mode", "strict_tools"})

OLLAMA_EXTRAS = frozenset({"format", "keep_alive", "options", "shift", "truncate"})

LOCAL_EXTRAS = frozenset(
    {
        "cache_prompt",
        "chat_template_kwargs",
        "grammar",
        "guided_choice",
        "guided_grammar",
        "guided_json",
        "guided_regex",
        "ignore_eos",
        "min_p",
        "min_tokens",
        "repetition_penalty",
        "skip_special_tokens",
        "stop_token_ids",
        "structured_outputs",
        "top_k",
        "typical_p",
    }
)
"""What vLLM, SGLang, llama.cpp and their kin take beyond the wire; also taken for providers of the user's own."""

EMBED_EXTRAS = frozenset(
    {
        "embedding_types",
        "input_type",
        "keep_alive",
        "options",
        "output_dtype",
        "requests",
        "single",
        "taskType",
        "truncate",
    }
)
"""On requests for embeddings, whatever the wire."""
