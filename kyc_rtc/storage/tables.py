"""The tables as they are after the last migration; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)

from kyc_rtc.scopes import MAX_TENANT_LENGTH
from kyc_rtc.storage.consents import MAX_CONSENT_VERSION_LENGTH
from kyc_rtc.storage.delivery_records import MAX_KEY_LENGTH, MAX_REASON_LENGTH
from kyc_rtc.storage.records import (
    MAX_ACTOR_LENGTH,
    MAX_KEY_NAME_LENGTH,
    MAX_NOTE_LENGTH,
    MAX_URL_LENGTH,
    MAX_WORD_LENGTH,
)
from kyc_rtc.storage.terms import MAX_LOCALE_LENGTH, MAX_PROFILE_LENGTH
from kyc_rtc.storage.values import MAX_ID_LENGTH

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

DIGEST_LENGTH = 64

verifications = Table(
    "verifications",
    metadata,
    Column("verification_id", String(MAX_ID_LENGTH), primary_key=True),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("user_sealed", LargeBinary, nullable=False),
    Column("user_hmac", String(DIGEST_LENGTH), nullable=False),
    Column("face_sealed", LargeBinary, nullable=True),
    Column("profile", String(MAX_PROFILE_LENGTH), nullable=True),
    Column("locale", String(MAX_LOCALE_LENGTH), nullable=True),
    Column("terms_sealed", LargeBinary, nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("link_number", BigInteger, nullable=False, server_default="1"),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    Column("consent_version", String(MAX_CONSENT_VERSION_LENGTH), nullable=True),
    Column("consent_locale", String(MAX_LOCALE_LENGTH), nullable=True),
    Column("consent_at_ms", BigInteger, nullable=True),
    Index(None, "tenant_id", "user_hmac"),
    Index(None, "tenant_id", "created_at_ms", "verification_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(MAX_ID_LENGTH), primary_key=True),
    Column(
        "verification_id",
        String(MAX_ID_LENGTH),
        ForeignKey("verifications.verification_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("owner_id", String(MAX_ID_LENGTH), nullable=True),
    Column("owner_epoch", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("state", String(MAX_WORD_LENGTH), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("frames_processed", BigInteger, nullable=False),
    Column("face_detected", Boolean, nullable=True),
    Column("liveness_score", Double, nullable=True),
    Column("deepfake_score", Double, nullable=True),
    Column("verdict_status", String(MAX_WORD_LENGTH), nullable=True),
    Column("reasons", JSON, nullable=False),
    Column("evidence", JSON(none_as_null=True), nullable=True),
    Column("challenges", JSON(none_as_null=True), nullable=True),
    Column("reason_weights", JSON(none_as_null=True), nullable=True),
    Column("transport", String(MAX_WORD_LENGTH), nullable=True),
    Column("connection", JSON(none_as_null=True), nullable=True),
    Column("needs_review", Boolean, nullable=False),
    UniqueConstraint("verification_id", "attempt"),
    Index(None, "state", "expires_at_ms"),
    Index(None, "updated_at_ms"),
)

session_events = Table(
    "session_events",
    metadata,
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("owner", String(MAX_ID_LENGTH), nullable=True),
    Column("actor", String(MAX_WORD_LENGTH), nullable=False),
    Column("type", String(MAX_WORD_LENGTH), nullable=False),
    Column("payload", JSON, nullable=False),
    Index(None, "at_ms"),
)

processes = Table(
    "processes",
    metadata,
    Column("process_id", String(MAX_ID_LENGTH), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("command_id", String(MAX_ID_LENGTH), primary_key=True),
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("type", String(MAX_WORD_LENGTH), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("actor", String(MAX_ACTOR_LENGTH), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("done_at_ms", BigInteger, nullable=True),
    Column("error", JSON(none_as_null=True), nullable=True),
    Index(None, "session_id", "done_at_ms"),
    Index(None, "done_at_ms", "created_at_ms"),
    Index(None, "created_at_ms"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(MAX_ID_LENGTH), primary_key=True),
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("type", String(MAX_WORD_LENGTH), nullable=False),
    Column("severity", String(MAX_WORD_LENGTH), nullable=False),
    Column("message_key", String(MAX_WORD_LENGTH), nullable=False),
    Column("details", JSON, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("acknowledged_at_ms", BigInteger, nullable=True),
    Column("acknowledged_by", String(MAX_ACTOR_LENGTH), nullable=True),
    Column("acknowledged_note", String(MAX_ACTOR_LENGTH), nullable=True),
    Column("assigned_at_ms", BigInteger, nullable=True),
    Column("assigned_to", String(MAX_ACTOR_LENGTH), nullable=True),
    Column("assigned_by", String(MAX_ACTOR_LENGTH), nullable=True),
    Column("resolved_at_ms", BigInteger, nullable=True),
    Column("resolved_by", String(MAX_ACTOR_LENGTH), nullable=True),
    Column("resolution", String(MAX_WORD_LENGTH), nullable=True),
    Column("resolution_note", String(MAX_NOTE_LENGTH), nullable=True),
    Index(None, "acknowledged_at_ms", "created_at_ms"),
    Index(None, "tenant_id", "created_at_ms", "alert_id"),
    Index(None, "session_id"),
    Index(None, "created_at_ms"),
    Index(None, "assigned_at_ms"),
    Index(None, "resolved_at_ms"),
)

labels = Table(
    "labels",
    metadata,
    # SQLite numbers rows by itself in a column of this very type only.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("label", String(MAX_WORD_LENGTH), nullable=False),
    Column("species", String(MAX_WORD_LENGTH), nullable=True),
    Column("source", String(MAX_WORD_LENGTH), nullable=False),
    Column("labelled_by", String(MAX_ACTOR_LENGTH), nullable=False),
    Column("labelled_note", String(MAX_ACTOR_LENGTH), nullable=True),
    Column("note", String(MAX_NOTE_LENGTH), nullable=True),
    Column("labelled_at_ms", BigInteger, nullable=False),
    # NULL where the call had no idempotency key.
    Column("label_id", String(MAX_ID_LENGTH), nullable=True),
    Index(None, "session_id", "source"),
    Index(None, "label_id", unique=True),
)

footage = Table(
    "footage",
    metadata,
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index(None, "created_at_ms"),
)

features = Table(
    "features",
    metadata,
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("by_name", JSON, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key_hash", String(DIGEST_LENGTH), primary_key=True),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("request_hash", String(DIGEST_LENGTH), nullable=False),
    Column("new_id", String(MAX_ID_LENGTH), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("status", Integer, nullable=True),
    Column("body_sealed", LargeBinary, nullable=True),
    Index(None, "created_at_ms"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(MAX_ID_LENGTH), primary_key=True),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("name", String(MAX_KEY_NAME_LENGTH), nullable=False),
    Column("sha256", String(DIGEST_LENGTH), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("is_test", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String(MAX_ACTOR_LENGTH), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=True),
    Column("revoked_at_ms", BigInteger, nullable=True),
    Column("last_used_at_ms", BigInteger, nullable=True),
    Column("replaces", String(MAX_ID_LENGTH), nullable=True),
    Index(None, "tenant_id", "created_at_ms"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("topic", String(MAX_WORD_LENGTH), nullable=False),
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("verification_id", String(MAX_ID_LENGTH), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index(None, "session_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", String(MAX_ID_LENGTH), primary_key=True),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("topic", String(MAX_WORD_LENGTH), nullable=False),
    Column("kind", String(MAX_WORD_LENGTH), nullable=False),
    Column("target", String(MAX_WORD_LENGTH), nullable=False),
    Column("alert_id", String(MAX_ID_LENGTH), nullable=True),
    # NULL of what is about no single session: a digest, a test of a webhook.
    Column(
        "session_id",
        String(MAX_ID_LENGTH),
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        nullable=True,
    ),
    Column("verification_id", String(MAX_ID_LENGTH), nullable=True),
    Column("payload", JSON, nullable=False),
    Column("dedupe_key", String(MAX_KEY_LENGTH), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("give_up_at_ms", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("until_acknowledged", Boolean, nullable=False),
    Column("state", String(MAX_WORD_LENGTH), nullable=False),
    Column("leased_until_ms", BigInteger, nullable=True),
    Column("leased_by", String(MAX_ID_LENGTH), nullable=True),
    Column("delivered_at_ms", BigInteger, nullable=True),
    UniqueConstraint("dedupe_key"),
    Index(None, "state", "kind", "target", "due_at_ms"),
    Index(None, "tenant_id", "created_at_ms", "delivery_id"),
    Index(None, "created_at_ms"),
    Index(None, "session_id"),
    Index(None, "alert_id"),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column(
        "delivery_id",
        String(MAX_ID_LENGTH),
        ForeignKey("deliveries.delivery_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("status", Integer, nullable=True),
    Column("reason", String(MAX_REASON_LENGTH), nullable=False),
    Column("took_ms", BigInteger, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(MAX_ID_LENGTH), primary_key=True),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("url", String(MAX_URL_LENGTH), nullable=False),
    Column("events", JSON, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    # NULL before the first rotation.
    Column("previous_sealed", LargeBinary, nullable=True),
    Column("previous_until_ms", BigInteger, nullable=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", String(MAX_ACTOR_LENGTH), nullable=False),
    Column("disabled_at_ms", BigInteger, nullable=True),
    Index(None, "tenant_id", "created_at_ms"),
)

logins = Table(
    "logins",
    metadata,
    Column("login_id", String(MAX_ID_LENGTH), primary_key=True),
    Column("sha256", String(DIGEST_LENGTH), nullable=False),
    Column("tenant_id", String(MAX_TENANT_LENGTH), nullable=False),
    Column("subject", String(MAX_ACTOR_LENGTH), nullable=False),
    Column("name", String(MAX_ACTOR_LENGTH), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("rotated_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("earlier_sha256", String(DIGEST_LENGTH), nullable=True),
    Column("earlier_until_ms", BigInteger, nullable=True),
    UniqueConstraint("sha256"),
    Index(None, "earlier_sha256"),
    Index(None, "expires_at_ms"),
)
