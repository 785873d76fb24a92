"""Writes forms with files (``multipart/form-data``) for providers that take nothing else."""

from collections.abc import Iterable
from typing import NamedTuple

from wallas.ids import fresh


class Attached(NamedTuple):
    """A file of a form."""

    filename: str
    mime: str
    data: bytes


def encode_form(fields: Iterable[tuple[str, str | Attached]]) -> tuple[str, bytes]:
    """Return the content type and the body of a form; fields stay in their order."""
    boundary = f"wallas-{fresh()}"
    pieces: list[bytes] = []
    for name, value in fields:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_safe(name)}"'
        if isinstance(value, Attached):
            head += f'; filename="{_safe(value.filename)}"\r\nContent-Type: {value.mime}'
            data = value.data
        else:
            data = value.encode()
        pieces += [head.encode(), b"\r\n\r\n", data, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)


def _safe(text: str) -> str:
    return text.replace("\\", "_").replace('"', "%22").replace("\r", " ").replace("\n", " ")
