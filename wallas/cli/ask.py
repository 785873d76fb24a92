"""Asks the running server: for its models, or for an answer."""

import argparse
import json
import sys
from typing import Any
from urllib.parse import urlencode

from wallas.cli.explain import table
from wallas.cli.http import call, events
from wallas.settings import Settings

FILTERS = ("search", "provider", "capability", "modality", "status", "context_min", "sort", "limit", "offset")
"""Options that are the server's own filters (`/v1/models`)."""


def models(settings: Settings, options: argparse.Namespace) -> int:
    """Print the models, one id a line; with ``--long`` a table, with ``--json`` what the server says."""
    query = [(name, value) for name in FILTERS for value in words(getattr(options, name))]
    if options.free or options.paid:
        query.append(("pricing", "free" if options.free else "paid"))
    try:
        with call(settings, f"/v1/models?{urlencode(query)}", timeout=30) as answer:
            told = json.load(answer)
    except OSError as error:
        print(f"wallas: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    elif options.long:
        print("\n".join(table(HEADS, map(cells, told["data"]))))
    else:
        for model in told["data"]:
            print(model["id"])
    return 0


def words(value: Any) -> list[str]:
    """Return an option's values as texts, none where it was not given."""
    return [str(one) for one in (value if isinstance(value, list) else [value]) if one not in (None, "")]


HEADS = ("id", "state", "context", "USD in/out", "quality", "limits", "can", "source")


def cells(model: dict[str, Any]) -> tuple[str, ...]:
    """Return a model's cells of the long list; "?" is not known."""
    price = model.get("pricing") or {}
    dear = "free" if model.get("free") else f"{price.get('input', '?')}/{price.get('output', '?')}" if price else "?"
    limits = model.get("limits") or {}
    return (
        model["id"],
        f"{model.get('status', 'virtual')}" + (f" until {model['retires_on']}" if model.get("retires_on") else ""),
        str(model.get("context_length") or "?"),
        dear,
        str(model.get("quality", "")),
        " ".join(f"{name}={value}" for name, value in limits.items() if name not in ("scope", "reset")) or "?",
        ",".join(model.get("capabilities", [])),
        " ".join(str(model.get(name) or "") for name in ("source", "date")).strip(),
    )


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
