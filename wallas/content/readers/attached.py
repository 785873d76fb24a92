"""What is attached to a message: documents are read like any other, the rest is named."""

import importlib
from typing import Any

from wallas.content.guarded import MEGABYTE, Tell, Unreadable
from wallas.content.opening import PACKAGE, READERS
from wallas.content.readers.markdown import heading
from wallas.content.sniff import sniff

LISTED = frozenset({"zip", "tar", "gz", "bz2", "xz", "7z", "rar", "zst"})
MOST = 20
MOST_BYTES = 20 * MEGABYTE
DEPTH = 3


class Attached:
    """The attachments of one message and of those inside it: how many were read, and what was left out."""

    def __init__(self, warnings: list[str], tell: Tell, depth: int = 0) -> None:
        """Add to ``warnings`` what is left out; ``depth`` counts messages in messages."""
        self.warnings = warnings
        self.tell = tell
        self.depth = depth
        self.read = 0

    def text(self, name: str, data: bytes, mime: str = "") -> str:
        """Return an attachment's words under its name, "" for one that is left out."""
        title = " ".join(name.split())[:100]
        sort = sniff(data, name=name, claimed=mime)
        reader = READERS.get(sort.word) if sort.kind == "document" and sort.word not in LISTED else None
        self.read += 1
        if reader is None or not data or len(data) > MOST_BYTES or self.read > MOST or self.depth >= DEPTH:
            self.warnings.append(f"the attachment {title} was left out")
            return ""
        module, _, task = reader.task.partition(":")
        options = {"name": name, "word": sort.word, "depth": self.depth + 1}
        try:
            value: dict[str, Any] = getattr(importlib.import_module(f"{PACKAGE}.{module}"), task)(
                data, options, self.tell
            )
        except Unreadable as error:
            self.warnings.append(f"the attachment {title} was left out: {error.message}")
            return ""
        except (MemoryError, RecursionError):
            raise
        except Exception as error:
            self.warnings.append(f"the attachment {title} was left out: it is damaged ({type(error).__name__})")
            return ""
        self.warnings += [f"{title}: {told}" for told in value["warnings"]]
        if value.get("scanned"):
            self.warnings.append(f"{title}: its scanned pages were left out")
        return f"{heading(2, f'Attachment: {title}')}\n\n{value['markdown']}"
