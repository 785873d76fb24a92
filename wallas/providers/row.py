"""One line of the table of providers: everything that is different about a service, as data."""

from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

import msgspec

from wallas.catalog.entries import Confidence, Status
from wallas.codecs import OPENAI_CHAT

Free: TypeAlias = Literal["yes", "trial", "credit", "no", "local"]
FreeRule: TypeAlias = Literal["all", "zero", "known", "never"]
"""Which models of a list cost nothing: all under the account's limits, those priced at 0 (or ``:free``), those the
catalog knows as free, none."""
Term: TypeAlias = Literal[
    "evaluation_only",
    "identity_check",
    "logs_prompts",
    "members_only",
    "no_proxying",
    "non_commercial",
    "own_client_only",
    "personal_use",
    "unproven_reseller",
]
"""What a provider's terms ask of its users, or what is to be known before a prompt goes there."""
Auth: TypeAlias = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "x-portkey-api-key"]

OWN = "own"
"""The wire of a provider that speaks a protocol of its own, which nothing here speaks: known, and never called."""
PROGRAM = "program"
"""The wire of what is asked by no HTTP of ours: programs of this machine, and packages that bring their own."""


class Prefill(msgspec.Struct, frozen=True, kw_only=True):
    """A proven way to let a model go on in the middle of an answer: for ids that fit ``models``, done ``how``.

    ``trailing``: a last assistant turn is continued as it is; ``prefix``: that
    turn carries ``"prefix": true``; ``beta``: the same at ``/beta``.
    """

    how: Literal["trailing", "prefix", "beta"]
    models: tuple[str, ...] = ("*",)
    evidence: str
    date: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A provider: where it is, who pays, and how its dialect differs from its wire.

    ``keys`` are environment variables in the order in which they are read.
    ``keyless`` providers answer without any ``Authorization`` header (an
    empty bearer is refused by them); ``opt_in`` ones are used only when the
    user names them (a key, a table, a moved address). ``drops`` are wire
    parameters that it refuses, ``renames`` those that it calls otherwise,
    ``accepts`` the names beyond its wire that it takes, at the top level and
    on messages, parts and tools. ``efforts`` maps id
    globs to the reasoning efforts they know (none: the field is dropped);
    ids that fit no glob take any. ``most`` bounds numbers. ``quirks`` name
    functions of ``quirks.py``, in order. ``date`` is when all this was read.
    """

    name: str
    label: str
    base_url: str
    wire: str = OPENAI_CHAT
    keys: tuple[str, ...] = ()
    key_url: str = ""
    auth: Auth = "bearer"
    keyless: bool = False
    opt_in: bool = False
    local: bool = False

    free: Free = "no"
    free_rule: FreeRule = "never"
    free_ids: tuple[str, ...] = ()
    """Globs of ids that cost nothing, whatever their price is said to be."""
    billed_with_key: bool = False
    """Free without a key only."""
    status: Status = "working"
    limits: str = ""
    region: str = ""
    trains_on_data: bool | None = None
    terms: tuple[Term, ...] = ()
    note: str = ""
    source: str = ""
    date: str = ""
    confidence: Confidence = "high"

    headers: dict[str, str] = {}
    path: str = "/chat/completions"
    models_path: str | None = "/models"
    list_format: str = "openai"
    makes: dict[str, str] = {}
    """What it does beside chat otherwise than its wire: the operation (``image``, ...) and its dialect, "" for none."""
    program: bool = False
    """A program of this machine and no service: it comes when nobody better does."""
    needs: tuple[str, ...] = ()
    """Programs (``espeak-ng``) or modules (``edge_tts.py``) of which one must be here; ``+`` joins several."""
    install: str = ""
    """How what it needs is installed."""
    embed: bool = False
    embed_batch: int = 96

    drops: frozenset[str] = frozenset()
    renames: dict[str, str] = {}
    accepts: frozenset[str] = frozenset()
    efforts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    most: dict[str, float] = {}
    reasoning_field: str | None = ""
    """Where an earlier answer's reasoning is sent back; "": nowhere, None: to the field it came in."""
    developer: bool = False
    """Whether it knows the role ``developer``; else that is written ``system``."""
    tool_ids: Literal["any", "mistral9"] = "any"
    usage_option: bool = True
    """Whether a stream's usage must be asked for (``stream_options.include_usage``)."""
    sloppy_end: bool = False
    """Known to end whole streams with ``[DONE]`` but no ``finish_reason``."""
    quirks: tuple[str, ...] = ()
    chats: bool = True
    operations: frozenset[str] = frozenset()
    """Capability words of what else its interface is known to serve; not all of it is asked for here."""
    offers: frozenset[str] = frozenset()
    """Capability words of its chat models that its list does not tell."""
    prefill: Prefill | None = None
    first_token: float | None = None
    """Seconds to wait for a first token where the usual limit is known to be too short."""

    @property
    def retired_on(self) -> str | None:
        """Return the day on which a retired provider ended, None for all others."""
        return self.date if self.status == "retired" else None

    def continues(self, model: str) -> bool:
        """Return whether a model here is proven to go on with a last assistant turn."""
        return self.prefill is not None and any(fnmatchcase(model, glob) for glob in self.prefill.models)
