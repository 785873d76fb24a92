"""What providers do beside chat: which function asks in which dialect, imported when it is first needed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wallas.errors import FailureKind, ProviderError
from wallas.settings import Key

if TYPE_CHECKING:
    from wallas.providers.base import Line
    from wallas.providers.http import HttpProvider


def operate(provider: "HttpProvider", request: Any, *, key: Key, line: "Line") -> Any:
    """Return the answer to a request of ``types/media.py``; raise UNSUPPORTED where the provider has no such call.

    ``request.OPERATION`` names the operation; the module ``wallas.providers.<operation>_calls`` has
    its dialects in ``DIALECTS``.
    """
    operation: str = request.OPERATION
    dialect = provider.row.makes.get(operation)
    if dialect is None:
        raise ProviderError(FailureKind.UNSUPPORTED, f"{provider.row.label} has no {operation}", param="model")
    ask = import_module(f"wallas.providers.{operation}_calls").DIALECTS[dialect]
    return ask(provider, request, key, line)
