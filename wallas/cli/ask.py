"""Asks the running server: for its models, or for an answer."""

import argparse
import json
import sys
from urllib.parse import urlencode

from wallas.cli.http import call, events
from wallas.settings import Settings


def models(settings: Settings, options: argparse.Namespace) -> int:
    """Print one model id a line."""
    wanted = {"search": options.search, "pricing": "free" if options.free else ""}
    query = urlencode({name: value for name, value in wanted.items() if value})
    try:
        with call(settings, f"/v1/models?{query}", timeout=30) as answer:
            listed = json.load(answer)["data"]
    except OSError as error:
        print(f"wallas: {error}", file=sys.stderr)
        return 1
    for model in listed:
        print(model["id"])
    return 0


def chat(settings: Settings, options: argparse.Namespace) -> int:
    """Print the answer as it comes; without a question, read one a line and remember what was said."""
    said: list[dict[str, str]] = []
    single = " ".join(options.question)
    questions = iter([single]) if single else iter(prompt, "")
    for question in questions:
        said.append({"role": "user", "content": question})
        try:
            said.append({"role": "assistant", "content": answer(settings, options.model, said)})
        except OSError as error:
            print(f"\nwallas: {error}", file=sys.stderr)
            if single:
                return 1
            said.pop()
    return 0


def prompt() -> str:
    """Return the next line of the user, empty at the end."""
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""


def answer(settings: Settings, model: str, said: list[dict[str, str]]) -> str:
    """Print the answer to what was said and return it."""
    text = ""
    with call(settings, "/v1/chat/completions", body={"model": model, "messages": said, "stream": True}) as stream:
        for event in events(stream):
            for choice in event.get("choices", []):
                piece = choice.get("delta", {}).get("content") or ""
                text += piece
                print(piece, end="", flush=True)
    print()
    return text
