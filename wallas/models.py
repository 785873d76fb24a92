"""The tables of the database: rows and indices, no logic. Instants are seconds since 1970 in UTC."""

from sqlalchemy import BigInteger, Boolean, Float, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; SQLite counts by itself only in a column declared INTEGER."""


class Base(DeclarativeBase):
    """What all tables are registered with."""


class CircuitRow(Base):
    """What is known of one model at one provider with one key, by all workers together.

    A rest may reach further than one key or one model: then ``key_id`` or
    ``model`` is `*` (or `$paid`, `$free`) and the counts are zero.
    """

    __tablename__ = "circuits"

    provider: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(270))
    """`provider/model`, as `/v1/stats` names it."""
    state: Mapped[str] = mapped_column(String(16), default="closed")
    failures: Mapped[int] = mapped_column(Integer, default=0)
    """Failures since the last success."""
    rest_until: Mapped[float] = mapped_column(Float, default=0)
    rest_reason: Mapped[str | None] = mapped_column(String(64))
    rest_breaker: Mapped[bool] = mapped_column(Boolean, default=False)
    success_count: Mapped[int] = mapped_column(BigInteger, default=0)
    fail_count: Mapped[int] = mapped_column(BigInteger, default=0)
    avg_latency_ms: Mapped[float | None] = mapped_column(Float)
    ttft_ms: Mapped[float | None] = mapped_column(Float)
    tokens_per_second: Mapped[float | None] = mapped_column(Float)
    failed_at: Mapped[float | None] = mapped_column(Float)
    last_error: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index("circuits_rest_until", "rest_until"), Index("circuits_updated_at", "updated_at"))


class RequestRow(Base):
    """One request of a client and how it ended; never what was said in it."""

    __tablename__ = "requests"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    request_id: Mapped[str] = mapped_column(String(128))
    started_at: Mapped[float] = mapped_column(Float)
    ms: Mapped[float] = mapped_column(Float)
    ttft_ms: Mapped[float | None] = mapped_column(Float)
    wire: Mapped[str] = mapped_column(String(32))
    operation: Mapped[str] = mapped_column(String(32))
    stream: Mapped[bool] = mapped_column(Boolean)
    asked_model: Mapped[str] = mapped_column(String(200))
    profile: Mapped[str | None] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(32))
    status: Mapped[int] = mapped_column(Integer)
    error_class: Mapped[str | None] = mapped_column(String(64))
    provider: Mapped[str | None] = mapped_column(String(64))
    model: Mapped[str | None] = mapped_column(String(200))
    key_id: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(Integer)
    input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(BigInteger)
    cached_tokens: Mapped[int | None] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int | None] = mapped_column(BigInteger)
    estimated: Mapped[bool] = mapped_column(Boolean)
    cost: Mapped[float | None] = mapped_column(Float)
    client_id: Mapped[str | None] = mapped_column(String(32))
    """Who asked: an id made of the key that the client showed."""

    __table_args__ = (Index("requests_started_at", "started_at"), Index("requests_request_id", "request_id"))


class AttemptRow(Base):
    """One try at one candidate for one request."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    request_id: Mapped[str] = mapped_column(String(128))
    number: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[float] = mapped_column(Float)
    ms: Mapped[float] = mapped_column(Float)
    ttft_ms: Mapped[float | None] = mapped_column(Float)
    provider: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str] = mapped_column(String(32))
    outcome: Mapped[str] = mapped_column(String(32))
    status: Mapped[int | None] = mapped_column(Integer)
    error_class: Mapped[str | None] = mapped_column(String(64))
    input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(BigInteger)
    cached_tokens: Mapped[int | None] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int | None] = mapped_column(BigInteger)
    estimated: Mapped[bool] = mapped_column(Boolean)
    cost: Mapped[float | None] = mapped_column(Float)
    said_model: Mapped[str | None] = mapped_column(String(200))
    """The model that the answer names, where that is not the one that was asked."""
    client_id: Mapped[str | None] = mapped_column(String(32))
    """Who asked: an id made of the key that the client showed."""

    __table_args__ = (Index("attempts_started_at", "started_at"), Index("attempts_request_id", "request_id"))


class ModelListRow(Base):
    """The list of models that a provider last gave, as JSON."""

    __tablename__ = "model_lists"

    provider: Mapped[str] = mapped_column(String(64), primary_key=True)
    models: Mapped[str] = mapped_column(Text)
    fetched_at: Mapped[float] = mapped_column(Float)


class ResponseRow(Base):
    """A response that its client asked us to keep (`store`), with the request it answered, as canonical JSON."""

    __tablename__ = "responses"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)
    previous_id: Mapped[str | None] = mapped_column(String(128))
    request: Mapped[str] = mapped_column(Text)
    response: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("responses_expires_at", "expires_at"),)


class SealRow(Base):
    """A seal whose wire has no field for it, kept by the tool call it belongs to."""

    __tablename__ = "seals"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200))
    arguments_hash: Mapped[str] = mapped_column(String(64))
    issuer: Mapped[str] = mapped_column(String(300))
    value: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (
        Index("seals_call_id", "call_id"),
        Index("seals_name_arguments", "name", "arguments_hash"),
        Index("seals_created_at", "created_at"),
    )


class SessionRow(Base):
    """Which model a conversation met last; ``id`` is a print of what names it, never the name or a word of it."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(270))
    tokens: Mapped[int] = mapped_column(Integer)
    key_id: Mapped[str] = mapped_column(String(32))
    updated_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index("sessions_updated_at", "updated_at"),)


class LeaseRow(Base):
    """Who does, for all workers, what only one of them should do; over when it expires."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(128))
    expires_at: Mapped[float] = mapped_column(Float)


class FileRow(Base):
    """A file that a client uploaded, or media that was made for one; its bytes lie in `instance/media/` by hash.

    ``kind`` is `file` (listed, found by its id by its owner) or `media` (found by whoever knows the id).
    """

    __tablename__ = "files"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    mime: Mapped[str] = mapped_column(String(128))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)

    __table_args__ = (
        Index("files_owner", "owner", "kind", "created_at", "id"),
        Index("files_sha256", "sha256"),
        Index("files_expires_at", "expires_at"),
    )


class VideoRow(Base):
    """A video that a provider is making: what was asked, where it is asked after, how far it is."""

    __tablename__ = "videos"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    progress: Mapped[int] = mapped_column(Integer)
    asked_model: Mapped[str] = mapped_column(String(200))
    request: Mapped[str] = mapped_column(Text)
    """What was asked, as canonical JSON."""
    provider: Mapped[str | None] = mapped_column(String(64))
    model: Mapped[str | None] = mapped_column(String(200))
    key_id: Mapped[str | None] = mapped_column(String(32))
    handle: Mapped[str | None] = mapped_column(Text)
    """What the provider calls the job."""
    file_id: Mapped[str | None] = mapped_column(String(64))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)
    completed_at: Mapped[float | None] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)
    look_at: Mapped[float] = mapped_column(Float)
    """When the job is looked after next; whoever does so moves it on first."""

    __table_args__ = (
        Index("videos_owner", "owner", "created_at", "id"),
        Index("videos_status", "status", "look_at"),
        Index("videos_expires_at", "expires_at"),
    )


class QuotaRow(Base):
    """One window of a provider's quota: what it holds, who said so, and how it is divided among the workers.

    ``account``, ``key_id`` and ``model`` are `*` where they do not matter
    (``model`` may be `$free`: all that cost nothing). A row of the kind
    `merged` says in ``source`` with which account this one shares everything.
    """

    __tablename__ = "quota"

    provider: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(String(128), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    clock: Mapped[str] = mapped_column(String(64))
    most: Mapped[float | None] = mapped_column(Float)
    """The limit; NULL where none was learned."""
    source: Mapped[str | None] = mapped_column(String(128))
    learned_at: Mapped[float | None] = mapped_column(Float)
    state: Mapped[str] = mapped_column(Text)
    """Uses, shares of the workers, burn rate and canaries as JSON (`wallas/quota/shares.py`)."""
    updated_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index("quota_updated_at", "updated_at"),)


class FindingRow(Base):
    """What answers and refusals have shown of a model at a provider (`wallas/catalog/findings.py`).

    ``key_id`` is `*` where it holds for every key; ``times`` 0 says that it is over.
    """

    __tablename__ = "findings"

    provider: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    address: Mapped[str] = mapped_column(String(16))
    """Stands for the base address at which it was seen."""
    status: Mapped[int | None] = mapped_column(Integer)
    said: Mapped[str] = mapped_column(String(200))
    began_at: Mapped[float] = mapped_column(Float)
    seen_at: Mapped[float] = mapped_column(Float)
    times: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index("findings_updated_at", "updated_at"),)
