"""The tables of the database: columns and indices, no logic. Instants are seconds since 1970 in UTC.

Tables, not classes: SQLAlchemy's layer of objects is used nowhere, and to load it takes 50 ms and 6 MB.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()
"""What all tables are registered with."""

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; SQLite counts by itself only in a column declared INTEGER."""

CIRCUITS = Table(
    "circuits",
    METADATA,
    Column("provider", String(64), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("key_id", String(32), primary_key=True),
    Column("key", String(270), nullable=False, doc="`provider/model`, as `/v1/stats` names it."),
    Column("state", String(16), default="closed", nullable=False),
    Column("failures", Integer, default=0, nullable=False, doc="Failures since the last success."),
    Column("rest_until", Float, default=0, nullable=False),
    Column("rest_reason", String(64)),
    Column("rest_breaker", Boolean, default=False, nullable=False),
    Column("success_count", BigInteger, default=0, nullable=False),
    Column("fail_count", BigInteger, default=0, nullable=False),
    Column("avg_latency_ms", Float),
    Column("ttft_ms", Float),
    Column("tokens_per_second", Float),
    Column("failed_at", Float),
    Column("last_error", Text),
    Column("updated_at", Float, nullable=False),
    Index("circuits_rest_until", "rest_until"),
    Index("circuits_updated_at", "updated_at"),
)
"""What is known of one model at one provider with one key, by all workers together.

A rest may reach further than one key or one model: then ``key_id`` or
``model`` is `*` (or `$paid`, `$free`) and the counts are zero.
"""

REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("request_id", String(128), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ms", Float, nullable=False),
    Column("ttft_ms", Float),
    Column("wire", String(32), nullable=False),
    Column("operation", String(32), nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("asked_model", String(200), nullable=False),
    Column("profile", String(64)),
    Column("outcome", String(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("error_class", String(64)),
    Column("provider", String(64)),
    Column("model", String(200)),
    Column("key_id", String(32)),
    Column("attempts", Integer, nullable=False),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("estimated", Boolean, nullable=False),
    Column("cost", Float),
    Column("client_id", String(32), doc="Who asked: an id made of the key that the client showed."),
    Index("requests_started_at", "started_at"),
    Index("requests_request_id", "request_id"),
)
"""One request of a client and how it ended; never what was said in it."""

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("request_id", String(128), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ms", Float, nullable=False),
    Column("ttft_ms", Float),
    Column("provider", String(64), nullable=False),
    Column("model", String(200), nullable=False),
    Column("key_id", String(32), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("status", Integer),
    Column("error_class", String(64)),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("estimated", Boolean, nullable=False),
    Column("cost", Float),
    Column("said_model", String(200), doc="The model that the answer names, where that is not the one that was asked."),
    Column("client_id", String(32), doc="Who asked: an id made of the key that the client showed."),
    Index("attempts_started_at", "started_at"),
    Index("attempts_request_id", "request_id"),
)
"""One try at one candidate for one request."""

MODEL_LISTS = Table(
    "model_lists",
    METADATA,
    Column("provider", String(64), primary_key=True),
    Column("models", Text, nullable=False),
    Column("fetched_at", Float, nullable=False),
)
"""The list of models that a provider last gave, as JSON."""

RESPONSES = Table(
    "responses",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("previous_id", String(128)),
    Column("request", Text, nullable=False),
    Column("response", Text, nullable=False),
    Index("responses_expires_at", "expires_at"),
)
"""A response that its client asked us to keep (`store`), with the request it answered, as canonical JSON."""

SEALS = Table(
    "seals",
    METADATA,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("call_id", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("arguments_hash", String(64), nullable=False),
    Column("issuer", String(300), nullable=False),
    Column("value", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("seals_call_id", "call_id"),
    Index("seals_name_arguments", "name", "arguments_hash"),
    Index("seals_created_at", "created_at"),
)
"""A seal whose wire has no field for it, kept by the tool call it belongs to."""

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("model", String(270), nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("key_id", String(32), nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("sessions_updated_at", "updated_at"),
)
"""Which model a conversation met last; ``id`` is a print of what names it, never the name or a word of it."""

LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("expires_at", Float, nullable=False),
)
"""Who does, for all workers, what only one of them should do; over when it expires."""

FILES = Table(
    "files",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("filename", String(255), nullable=False),
    Column("mime", String(128), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Index("files_owner", "owner", "kind", "created_at", "id"),
    Index("files_sha256", "sha256"),
    Index("files_expires_at", "expires_at"),
)
"""A file that a client uploaded, or media that was made for one; its bytes lie in `instance/media/` by hash.

``kind`` is `file` (listed, found by its id by its owner) or `media` (found by whoever knows the id).
"""

VIDEOS = Table(
    "videos",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("asked_model", String(200), nullable=False),
    Column("request", Text, nullable=False, doc="What was asked, as canonical JSON."),
    Column("provider", String(64)),
    Column("model", String(200)),
    Column("key_id", String(32)),
    Column("handle", Text, doc="What the provider calls the job."),
    Column("file_id", String(64)),
    Column("error_code", String(64)),
    Column("error", Text),
    Column("created_at", Float, nullable=False),
    Column("completed_at", Float),
    Column("expires_at", Float, nullable=False),
    Column("look_at", Float, nullable=False, doc="When it is looked after next; whoever does so moves it on first."),
    Index("videos_owner", "owner", "created_at", "id"),
    Index("videos_status", "status", "look_at"),
    Index("videos_expires_at", "expires_at"),
)
"""A video that a provider is making: what was asked, where it is asked after, how far it is."""

QUOTA = Table(
    "quota",
    METADATA,
    Column("provider", String(64), primary_key=True),
    Column("account", String(128), primary_key=True),
    Column("key_id", String(32), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("clock", String(64), nullable=False),
    Column("most", Float, doc="The limit; NULL where none was learned."),
    Column("source", String(128)),
    Column("learned_at", Float),
    Column(
        "state",
        Text,
        nullable=False,
        doc="Uses, shares of the workers, burn rate and canaries as JSON (`wallas/quota/shares.py`).",
    ),
    Column("updated_at", Float, nullable=False),
    Index("quota_updated_at", "updated_at"),
)
"""One window of a provider's quota: what it holds, who said so, and how it is divided among the workers.

``account``, ``key_id`` and ``model`` are `*` where they do not matter
(``model`` may be `$free`: all that cost nothing). A row of the kind
`merged` says in ``source`` with which account this one shares everything.
"""

FINDINGS = Table(
    "findings",
    METADATA,
    Column("provider", String(64), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("key_id", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("address", String(16), nullable=False, doc="Stands for the base address at which it was seen."),
    Column("status", Integer),
    Column("said", String(200), nullable=False),
    Column("began_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("times", Integer, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("findings_updated_at", "updated_at"),
)
"""What answers and refusals have shown of a model at a provider (`wallas/catalog/findings.py`).

``key_id`` is `*` where it holds for every key; ``times`` 0 says that it is over.
"""
