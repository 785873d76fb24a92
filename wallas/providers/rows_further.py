"""All further providers, a line each in ``data/further.json``: free ones, resellers, paid ones, engines, ended ones.

They speak OpenAI's chat completions and differ in data only; those of the wire
``own`` are known and never called. Read in public documents and released
packages between 2026-05 and 2026-11 (each line's ``source`` and ``date``);
no live call was made. None is used without a key or an address of the user's.
"""

from pathlib import Path

import msgspec

from wallas.providers.extras import LOCAL_EXTRAS
from wallas.providers.row import Row
from wallas.providers.rows_local import REFUSED
from wallas.providers.rows_more import PLAIN, SHORT

FILE = Path(__file__).parent / "data" / "further.json"


def completed(row: Row) -> Row:
    """Return a line of the file as a row, with what all such providers have in common."""
    if row.local:
        return msgspec.structs.replace(
            row, drops=row.drops | REFUSED, renames=SHORT, accepts=LOCAL_EXTRAS, reasoning_field="reasoning_content"
        )
    return msgspec.structs.replace(row, drops=row.drops | PLAIN, renames=SHORT)


FURTHER: tuple[Row, ...] = tuple(map(completed, msgspec.json.decode(FILE.read_bytes(), type=tuple[Row, ...])))
