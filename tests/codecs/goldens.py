"""Golden files: what a codec makes of a body is written beside it and compared; WALLAS_GOLDEN=1 writes it anew."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).resolve().parents[1] / "golden"


def cases(wire: str, kind: str) -> list[Path]:
    """Return the golden files of a wire whose name begins with ``kind``."""
    return sorted((FOLDER / wire).glob(f"{kind}_*.json"))


def load(path: Path) -> dict[str, Any]:
    """Return a golden file's content."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def compare(path: Path, made: dict[str, Any]) -> None:
    """Assert that what was made of a golden file's ``given`` is what stands beside it."""
    golden = load(path)
    made = json.loads(msgspec.json.encode({"given": golden["given"]} | made))
    if os.environ.get("WALLAS_GOLDEN"):
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return
    assert made == golden


def missing(written: Any, given: Any, at: str = "") -> list[str]:
    """Return the paths of what was given and was not written; nulls and empty containers do not count."""
    if given is None or given == {} or given == []:
        return []
    if isinstance(given, dict) and isinstance(written, dict):
        return [gap for key, value in given.items() for gap in missing(written.get(key), value, f"{at}.{key}")]
    if isinstance(given, list) and isinstance(written, list) and len(given) == len(written):
        return [gap for number, value in enumerate(given) for gap in missing(written[number], value, f"{at}[{number}]")]
    return [] if written == given else [at]
