"""The requests that are sent: a chat of about 1 kB, an agent's with 80 tools, one with pictures, one of any length."""

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

MODEL = "openai/gpt-4o-mini"
"""An exact id: nobody but the upstream may answer."""
WORDS = (
    "Since the update last night our shop answers slowly: the start page takes about four seconds where it took "
    "less than one before. The load of the machine is low, half of the memory is free and the database's log shows "
    "no slow query. All that I see are a few lines in the error log of the proxy, which say that an upstream was "
    "disabled for a while. There are two application servers behind the proxy, and both answer fast when I call "
    "them directly. What should I look at first, and how do I find out which of the two the proxy avoids? "
)
SYSTEM = "You are a patient engineer. Answer in five sentences at most. " + WORDS[:200]
TOOLS, TOOLS_SIZE = 80, 85_000
PICTURES, PICTURE_SIZE = 4, 983_040
"""So many pictures of so many bytes: 5.2 MB as base64."""


def chat(told: str, *, model: str = MODEL, **more: Any) -> dict[str, Any]:
    """Return a request of about 1 kB; its last words ``told`` say how the upstream answers."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": WORDS + told}]
    return {"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 1024} | more


def messages(told: str) -> dict[str, Any]:
    """Return the same in Anthropic's wire."""
    said = [{"role": "user", "content": WORDS + told}]
    return {"model": MODEL, "system": SYSTEM, "messages": said, "temperature": 0.7, "max_tokens": 1024}


def long(told: str, *, size: int) -> dict[str, Any]:
    """Return a request of about ``size`` bytes, all of it words."""
    return chat(WORDS * max(0, (size - 1200) // len(WORDS)) + told)


def agent(told: str) -> dict[str, Any]:
    """Return an agent's request of about 100 kB: 80 tools with their schemas, a turn with calls, their results."""
    some = random.Random(4)
    tools = [_tool(number, some) for number in range(TOOLS)]
    called = [
        {"id": f"call_{n}", "type": "function", "function": {"name": f"read_file_{n}", "arguments": '{"path": "a.py"}'}}
        for n in range(2)
    ]
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": WORDS},
        {"role": "assistant", "content": "I look at both files.", "tool_calls": called},
        *({"role": "tool", "tool_call_id": call["id"], "content": WORDS * 9} for call in called),
    ]
    request = chat(told, tools=tools, tool_choice="auto")
    request["messages"][1:1] = turns
    return request


def _tool(number: int, some: random.Random) -> dict[str, Any]:
    words = WORDS.split()
    properties: dict[str, Any] = {}
    while len(json.dumps(properties)) < TOOLS_SIZE // TOOLS - 250:
        kind = some.choice(("string", "integer", "boolean"))
        properties[f"{some.choice(words).strip('.,:?').lower()}_{len(properties)}"] = {
            "type": kind,
            "description": " ".join(some.choice(words) for _ in range(14)),
        }
    schema = {"type": "object", "properties": properties, "required": sorted(properties)[:2]}
    described = " ".join(some.choice(words) for _ in range(20))
    return {
        "type": "function",
        "function": {"name": f"read_file_{number}", "description": described, "parameters": schema},
    }


def pictures(told: str) -> dict[str, Any]:
    """Return a request with 5 MB of pictures in base64, which the provider takes as they are."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": WORDS + told}]
    for number in range(PICTURES):
        url = "data:image/png;base64," + base64.b64encode(png(number)).decode()
        parts.append({"type": "image_url", "image_url": {"url": url}})
    request = chat(told)
    request["messages"][1]["content"] = parts
    return request


def png(seed: int) -> bytes:
    """Return a valid picture of noise, 640 by 512, uncompressed."""
    width, height = 640, 512
    noise = random.Random(seed).randbytes(height * (3 * width + 1))
    rows = b"".join(b"\0" + noise[at + 1 : at + 3 * width + 1] for at in range(0, len(noise), 3 * width + 1))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


BODIES: dict[str, Callable[[str], dict[str, Any]]] = {
    "chat": chat,
    "messages": messages,
    "agent": agent,
    "pictures": pictures,
    **{f"{size}kB": lambda told, size=size: long(told, size=size * 1000) for size in (10, 100, 1000)},
}
"""What a scenario may send, by name."""
