"""The outbox, deliveries with their attempts, and the course of an alert after it was acknowledged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_COURSE = (
    ("assigned_at_ms", sa.BigInteger()),
    ("assigned_to", sa.String(256)),
    ("assigned_by", sa.String(256)),
    ("resolved_at_ms", sa.BigInteger()),
    ("resolved_by", sa.String(256)),
    ("resolution", sa.String(64)),
    ("resolution_note", sa.String(2000)),
)
_LISTED = "ix_alerts_tenant_id_created_at_ms_alert_id"
_INDEXES = (
    ("outbox", ("session_id",)),
    ("deliveries", ("state", "kind", "target", "due_at_ms")),
    ("deliveries", ("tenant_id", "created_at_ms", "delivery_id")),
    ("deliveries", ("created_at_ms",)),
    ("deliveries", ("session_id",)),
    ("deliveries", ("alert_id",)),
)


def upgrade() -> None:
    for name, kind in _COURSE:
        op.add_column("alerts", sa.Column(name, kind, nullable=True))
    op.create_index(_LISTED, "alerts", ["tenant_id", "created_at_ms", "alert_id"])
    _create_outbox()
    _create_deliveries()
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.String(36), nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("status", sa.Integer, nullable=True),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("took_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "number", name="pk_delivery_attempts"),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.delivery_id"],
            name="fk_delivery_attempts_delivery_id",
            ondelete="CASCADE",
        ),
    )
    for table, columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    for table in ("delivery_attempts", "deliveries", "outbox"):
        op.drop_table(table)
    op.drop_index(_LISTED, "alerts")
    for name, _ in reversed(_COURSE):
        op.drop_column("alerts", name)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("verification_id", sa.String(36), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
        _of_session("outbox"),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("alert_id", sa.String(36), nullable=True),
        sa.Column("session_id", sa.String(36), nullable=True),
        sa.Column("verification_id", sa.String(36), nullable=True),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("dedupe_key", sa.String(320), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("due_at_ms", sa.BigInteger, nullable=False),
        sa.Column("give_up_at_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("until_acknowledged", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("leased_until_ms", sa.BigInteger, nullable=True),
        sa.Column("leased_by", sa.String(36), nullable=True),
        sa.Column("delivered_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_deliveries"),
        sa.UniqueConstraint("dedupe_key", name="uq_deliveries_dedupe_key"),
        _of_session("deliveries"),
    )


def _of_session(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["session_id"], ["sessions.session_id"], name=f"fk_{table}_session_id", ondelete="CASCADE"
    )
