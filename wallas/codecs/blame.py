"""Tells from a provider's refusal who is to blame: one classifier for every wire, as tables of words and codes."""

from collections.abc import Mapping
from typing import Any

from wallas.errors import FailureKind, ProviderError


def classify(
    status: int,
    headers: Mapping[str, str],
    *,
    message: str = "",
    code: str | int | None = None,
    type: str | None = None,
    param: str | None = None,
    details: Any = None,
) -> ProviderError:
    """Return what a refusal means, from its status and from what its body says.

    ``status`` is the HTTP status, or for an error inside a 200 the status that
    its inner code stands for (200 when it says none). ``headers`` has lower-case names.
    """
    kind = FailureKind.SERVER if status >= 500 or status < 400 else FailureKind.CALLER_FAULT
    return ProviderError(kind, message, status=status, code=None if code is None else str(code), param=param)
