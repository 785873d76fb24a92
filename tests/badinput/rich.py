"""Realistic bodies, one a door, that use most of what a protocol has: what the fuzzer starts from."""

from typing import Any

from tests.badinput.doors import MODEL, PICTURE, SCHEMA, VECTORS

IMAGE = f"data:image/png;base64,{PICTURE}"
FUNCTION = {"name": "weather", "description": "Tell the weather", "parameters": SCHEMA}

CHAT: dict[str, Any] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "name": "ana",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Hm.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Lima"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "17 C"},
        {"role": "user", "content": "And now?"},
    ],
    "tools": [{"type": "function", "function": FUNCTION | {"strict": True}}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
    "max_completion_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "seed": 7,
    "stop": ["END"],
    "logit_bias": {"5": -1},
    "logprobs": True,
    "top_logprobs": 2,
    "n": 1,
    "reasoning_effort": "low",
    "stream": False,
    "stream_options": {"include_usage": True},
    "user": "u",
    "metadata": {"a": "b"},
    "wallas": {"hold": "turn", "cost_mode": "free_only"},
    "provider": {"order": ["acme"], "allow_fallbacks": True},
    "models": [MODEL],
}

RESPONSES: dict[str, Any] = {
    "model": MODEL,
    "instructions": "Be brief.",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": IMAGE, "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "x",
        },
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Lima"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "17 C"},
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "content": [
                {
                    "type": "output_text",
                    "text": "Cool.",
                    "annotations": [
                        {"type": "url_citation", "url": "https://e.org", "title": "t", "start_index": 0, "end_index": 4}
                    ],
                    "logprobs": [{"token": "C", "logprob": -0.1, "bytes": [67], "top_logprobs": []}],
                }
            ],
        },
        {"type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "y"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ],
    "tools": [{"type": "function", "strict": True, **FUNCTION}, {"type": "custom", "name": "patch"}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
    "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 100,
    "temperature": 0.5,
    "top_logprobs": 1,
    "metadata": {"a": "b"},
    "store": False,
    "stream": False,
    "truncation": "disabled",
}

MESSAGES: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
                {
                    "type": "document",
                    "title": "t",
                    "citations": {"enabled": True},
                    "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                {"type": "text", "text": "Let me see."},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Lima"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": False,
                    "content": [{"type": "text", "text": "17 C"}],
                },
                {"type": "text", "text": "And now?"},
            ],
        },
    ],
    "tools": [
        {"name": "weather", "description": "Tell the weather", "input_schema": SCHEMA},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["END"],
    "temperature": 1.0,
    "top_p": 0.95,
    "top_k": 5,
    "metadata": {"user_id": "u"},
    "service_tier": "auto",
    "stream": False,
}

GEMINI: dict[str, Any] = {
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "What is this?"},
                {"inlineData": {"mimeType": "image/png", "data": PICTURE, "displayName": "p"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "https://e.org/v"}, "videoMetadata": {"fps": 1}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "weather", "args": {"city": "Lima"}, "id": "c1"}, "thoughtSignature": "c2ln"},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "weather", "id": "c1", "response": {"output": "17 C"}}}],
        },
    ],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Tell the weather",
                    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING", "nullable": True}}},
                }
            ]
        },
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
    "generationConfig": {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 5,
        "candidateCount": 1,
        "maxOutputTokens": 100,
        "stopSequences": ["END"],
        "seed": 7,
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}},
        "thinkingConfig": {"thinkingBudget": 128, "includeThoughts": True},
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        "responseLogprobs": True,
        "logprobs": 2,
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "cachedContent": None,
    "labels": {"a": "b"},
}

OLLAMA: dict[str, Any] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is this?", "images": [PICTURE]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hm.",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Lima"}}}],
        },
        {"role": "tool", "tool_name": "weather", "content": "17 C"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "format": SCHEMA,
    "think": "low",
    "options": {
        "num_predict": 100,
        "temperature": 0.5,
        "top_k": 5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "num_ctx": 4096,
    },
    "keep_alive": "5m",
    "logprobs": True,
    "top_logprobs": 2,
    "stream": False,
}

RICH: dict[str, dict[str, Any]] = {
    "chat": CHAT,
    "completions": {
        "model": MODEL,
        "prompt": ["hi"],
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.5,
        "n": 1,
        "logprobs": 2,
        "stop": "END",
        "seed": 7,
        "echo": False,
        "suffix": None,
        "best_of": 1,
        "logit_bias": {"5": 1},
        "user": "u",
        "stream_options": None,
    },
    "responses": RESPONSES,
    "embeddings": {
        "model": VECTORS,
        "input": ["a", [1, 2], "b"],
        "dimensions": 3,
        "encoding_format": "float",
        "user": "u",
    },
    "messages": MESSAGES,
    "count_tokens": MESSAGES,
    "generate": GEMINI,
    "stream": GEMINI,
    "embed": {
        "content": {"role": "user", "parts": [{"text": "hi"}]},
        "taskType": "RETRIEVAL_QUERY",
        "title": "t",
        "outputDimensionality": 3,
    },
    "ollama_chat": OLLAMA,
    "ollama_generate": {
        "model": MODEL,
        "prompt": "hi",
        "system": "Be brief.",
        "images": [PICTURE],
        "suffix": "",
        "template": "",
        "context": [1],
        "raw": False,
        "format": "json",
        "options": {"num_predict": 5, "stop": "END"},
        "keep_alive": 0,
        "think": False,
        "stream": False,
    },
    "ollama_embed": {"model": VECTORS, "input": ["a", "b"], "truncate": True, "dimensions": 3, "options": {}},
}
