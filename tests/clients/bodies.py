"""Requests in the shapes that programs really send (clients.md), with words of our own."""

import json
from typing import Any

from tests.clients.loops import PIXEL

Json = dict[str, Any]

PROSE = (
    "Work in small steps and say what you found before you change anything. Prefer the tool made for the job over a "
    "shell command. Never invent the name of a file. When a command fails, read its output before you try again. "
)
CACHED = {"type": "ephemeral", "ttl": "1h"}
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,effort-2025-11-24,advanced-tool-use-2025-11-20"
)


def schema(**properties: Any) -> Json:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": list(properties)[:1],
        "additionalProperties": False,
    }


def text(description: str) -> Json:
    return {"type": "string", "description": description}


# Claude Code.

CLAUDE_HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": BETAS,
    "authorization": "Bearer any",
    "user-agent": "claude-cli/2.4.1 (external, cli)",
    "x-app": "cli",
    "anthropic-dangerous-direct-browser-access": "true",
    "x-stainless-retry-count": "0",
    "x-stainless-lang": "js",
}


def claude_tools() -> list[Json]:
    names = ["Task", "Bash", "Glob", "Grep", "Read", "Edit", "Write", "NotebookEdit", "WebFetch", "TodoWrite", "Skill"]
    tools: list[Json] = [
        {
            "name": name,
            "description": f"{name}: {PROSE * 31}",
            "input_schema": schema(
                command=text("What to do"),
                timeout={"type": "number", "exclusiveMinimum": 0, "maximum": 600000},
                kind={"anyOf": [{"const": "a"}, {"enum": ["b", "c"]}, {"type": "null"}], "default": None},
                rows={"type": "array", "minItems": 1, "items": {"type": "object", "properties": {"a": text("A")}}},
            ),
        }
        for name in names
    ]
    deferred = {"name": "mcp__notes__find", "description": "Finds notes.", "input_schema": schema(query=text("Words"))}
    tools.append(deferred | {"defer_loading": True})
    tools[-2]["cache_control"] = CACHED
    return tools


def claude_code(model: str, *, thinking: Json | None = None, stream: bool = True) -> Json:
    """Return a turn in the middle of Claude Code's work: about 88 kB."""
    reminder = "<system-reminder>\nAs you answer, know the rules of this repository.\n</system-reminder>\n"
    call = {"type": "tool_use", "id": "toolu_01A09q90qw90lq917835lq9", "name": "Read", "input": {"command": "a.py"}}
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "1\tprint('a')\n", "is_error": False}
    return {
        "model": model,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": reminder}, {"type": "text", "text": "Mend a.py."}]},
            {"role": "system", "content": "The folder is /work."},
            {"role": "assistant", "content": [{"type": "text", "text": "I read it."}, call]},
            {"role": "user", "content": [result | {"cache_control": CACHED}]},
            {"role": "system", "content": [{"type": "text", "text": "Tokens left: 100000.", "cache_control": CACHED}]},
            {"role": "user", "content": [{"type": "text", "text": "Go on.", "cache_control": CACHED}]},
        ],
        "system": [
            {"type": "text", "text": "x-billing-header: cc_version=2.4.1; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are a tool for the terminal.", "cache_control": CACHED},
            {"type": "text", "text": PROSE * 20, "cache_control": CACHED},
        ],
        "tools": claude_tools(),
        "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": "s"})},
        "max_tokens": 32000,
        "thinking": thinking or {"type": "enabled", "budget_tokens": 31999, "display": "summarized"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": stream,
    }


# Codex.

CODEX_HEADERS = {
    "authorization": "Bearer any",
    "accept": "text/event-stream",
    "originator": "codex_cli_rs",
    "session_id": "0199-aa",
    "conversation_id": "0199-aa",
    "user-agent": "codex_cli_rs/0.98.0 (Debian 12; x86_64)",
}
GRAMMAR = 'start: "*** Begin Patch" LF hunk+ "*** End Patch" LF?\nhunk: /.+/ LF\n%import common.LF'


def codex_tools() -> list[Json]:
    inner = {"type": "function", "name": "find", "description": "Finds notes.", "strict": False}
    return [
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs a command.",
            "strict": False,
            "parameters": {
                "type": "object",
                "properties": {"cmd": text("The command"), "yield_time_ms": {"type": "number"}},
                "required": ["cmd"],
                "additionalProperties": False,
            },
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Edits files. This is a FREEFORM tool, so do not wrap the patch in JSON.",
            "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
        },
        {
            "type": "namespace",
            "name": "mcp__notes",
            "description": "Notes.",
            "tools": [inner | {"parameters": {"type": "object", "properties": {"query": text("Words")}}}],
        },
        {"type": "web_search", "external_web_access": False},
    ]


def codex(model: str, *more: Json) -> Json:
    """Return Codex's request; ``more`` are the items of what happened since."""
    return {
        "model": model,
        "instructions": PROSE * 40,
        "input": [
            {"type": "message", "role": "developer", "id": "msg_dev", "content": [said("You may write in /work.")]},
            {"type": "message", "role": "user", "id": "msg_env", "content": [said("<cwd>/work</cwd>")]},
            {"type": "message", "role": "user", "content": [said("Mend a.py.")]},
            *more,
        ],
        "tools": codex_tools(),
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199-aa",
        "client_metadata": {"x-codex-installation-id": "i"},
        "text": {"verbosity": "low"},
    }


def said(words: str) -> Json:
    return {"type": "input_text", "text": words}


# Programs that speak chat completions.


def function(name: str, **properties: Any) -> Json:
    parameters = schema(**properties)
    return {"type": "function", "function": {"name": name, "description": PROSE, "parameters": parameters}}


def open_webui_tasks(model: str) -> list[Json]:
    """Return the four requests that Open WebUI makes for one message: the answer, and three chores."""
    chores = ["Write a title of 3 to 5 words.", "Write 1 to 3 tags.", "Suggest 3 follow-ups."]
    plain = [
        {
            "model": model,
            "messages": [{"role": "user", "content": f"### Task:\n{chore}\nAnswer as JSON: {{}}"}],
            "stream": False,
            "max_completion_tokens": 1000,
        }
        for chore in chores
    ]
    chat = {
        "stream": True,
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        "stream_options": {"include_usage": True},
    }
    return [chat, *plain]


def opencode(model: str) -> tuple[Json, Json]:
    """Return the title request and the main one, which opencode sends at the same time."""
    title = {
        "model": model,
        "max_tokens": 32000,
        "temperature": 0.5,
        "messages": [
            {"role": "system", "content": "Write a title."},
            {"role": "user", "content": "Generate a title for this conversation:\n"},
            {"role": "user", "content": '"Mend a.py."\n'},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    main = title | {
        "messages": [{"role": "system", "content": PROSE * 20}, {"role": "user", "content": "Mend a.py."}],
        "tools": [function("bash", command=text("The command")), function("read", path=text("The file"))],
        "tool_choice": "auto",
    }
    return title, main


def pi(model: str) -> Json:
    return {
        "model": model,
        "messages": [{"role": "developer", "content": PROSE}, {"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "store": False,
        "max_completion_tokens": 32000,
        "tools": [function("read", path=text("The file")) | {"strict": False}],
        "reasoning_effort": "medium",
    }


def copilot(model: str) -> Json:
    """Return what VS Code's Copilot sends to ``/v1/chat/completions`` of an Ollama."""
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": PROSE},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                ],
            },
        ],
        "temperature": 0.1,
        "top_p": 1,
        "n": 1,
        "max_tokens": 4096,
        "stream": True,
        "tools": [function("read_file", path=text("The file"))],
        "tool_choice": "auto",
    }


def aider(model: str) -> Json:
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": PROSE * 10},
            {"role": "user", "content": "I have *added these files to the chat*: a.py"},
            {"role": "assistant", "content": "Ok."},
            {"role": "user", "content": "Mend a.py."},
        ],
        "temperature": 0,
        "stream": True,
    }


def ai_sdk(model: str) -> Json:
    """Return what the Vercel AI SDK's Anthropic provider sends, with ``x-api-key`` and 2023-06-01."""
    return {
        "model": model,
        "max_tokens": 4096,
        "temperature": 0,
        "system": [{"type": "text", "text": "Be short."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "tools": [{"name": "weather", "description": "", "input_schema": schema(town=text("The town"))}],
        "tool_choice": {"type": "auto"},
        "stream": True,
    }


# gemini-cli.


def gemini_cli() -> Json:
    declared = {"name": "read_file", "description": PROSE, "parametersJsonSchema": schema(path=text("The file"))}
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "This is the setup of our chat."}]},
            {"role": "model", "parts": [{"text": "Got it."}]},
            {"role": "user", "parts": [{"text": "Mend a.py."}]},
        ],
        "systemInstruction": {"role": "user", "parts": [{"text": PROSE * 20}]},
        "tools": [{"functionDeclarations": [declared]}],
        "generationConfig": {
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192},
        },
    }
