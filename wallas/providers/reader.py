"""Programs of this machine that read pages."""

from typing import TYPE_CHECKING, Any

from wallas.providers.base import Setup
from wallas.providers.program import Program
from wallas.settings import Key

if TYPE_CHECKING:
    from wallas.providers.base import Line


class Reader(Program):
    """An OCR engine. It never rests: its failures are those of the file that it was given."""

    def __init__(self, setup: Setup) -> None:
        """Make the provider that ``setup`` describes."""
        super().__init__(setup)
        self.never_rest = True

    def operate(self, request: Any, *, key: Key, line: "Line") -> Any:
        """Read pages; see ``Provider.operate``."""
        from wallas.providers.operations import operate

        return operate(self, request, key=key, line=line)
