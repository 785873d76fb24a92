"""What a caller says beside the request, whatever headers or fields it came in."""

from collections.abc import Callable, Mapping

import msgspec

from wallas.routing.wishes import Wishes


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller said beside the request, in headers or in the body's ``wallas`` object (surface 4)."""

    tier: str | None = None
    model: str | None = None
    models: tuple[str, ...] = ()
    provider: str | None = None
    cost_mode: str | None = None
    hold: str | None = None
    hedge: bool = False
    fallback: bool = True
    timeout: float | None = None
    wait: float | None = None
    session: str | None = None
    only: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    private: bool = False
    quantizations: frozenset[str] = frozenset()
    wishes: Wishes = Wishes()
    store: bool = False
    owner: str = ""
    """Whose uploaded files may be named; "" where everybody is the same."""
    client: str = ""
    """An id of whoever asks, made of the key that was shown; "" where none was."""
    web_search: bool | None = None
    """Whether to search the web first; None: as the model's name, the tools and other fields say."""
    web_results: int = 0
    file_engine: str | None = None
    """How PDFs are to be read: ``native``, ``text`` or ``ocr``; None: as is best."""
    wanted: Callable[[], bool] | None = None
    """Whether whoever asked still waits, for what takes a thread; None: nobody can tell."""
    dropped: tuple[str, ...] = ()
    spelled: Mapping[str, str] = msgspec.field(default_factory=dict)
    """What the caller called these options, for errors: ``wallas.tier`` for ``tier``."""


def beside(options: Options, model: str = "") -> Options:
    """Return the options of a call that is made beside a request for a model: who may be asked, and at which cost."""
    suffixes = {word for name in (model, options.model or "", *options.models) for word in name.split(":")[1:]}
    return Options(
        cost_mode="free_only" if "free" in suffixes else options.cost_mode,
        only=frozenset({options.provider}) if options.provider else options.only,
        ignore=options.ignore,
        private=options.private or "private" in suffixes,
        client=options.client,
        wanted=options.wanted,
    )
