"""Sessions and alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_sessions()
    _create_alerts()


def downgrade() -> None:
    op.drop_table("alerts")
    op.drop_table("sessions")


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.String(36), nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("frames_processed", sa.BigInteger(), nullable=False),
        sa.Column("face_detected", sa.Boolean(), nullable=True),
        sa.Column("liveness_score", sa.Double(), nullable=True),
        sa.Column("deepfake_score", sa.Double(), nullable=True),
        sa.Column("verdict_status", sa.String(64), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=True),
        sa.Column("challenges", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("session_id", name="pk_sessions"),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["sessions.session_id"],
            name="fk_sessions_parent_id",
            ondelete="SET NULL",
        ),
    )
    op.create_index("ix_sessions_state_expires_at_ms", "sessions", ["state", "expires_at_ms"])
    op.create_index("ix_sessions_parent_id", "sessions", ["parent_id"])


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(36), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(64), nullable=False),
        sa.Column("message_key", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(256), nullable=True),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.session_id"], name="fk_alerts_session_id", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_alerts_acknowledged_at_ms_created_at_ms",
        "alerts",
        ["acknowledged_at_ms", "created_at_ms"],
    )
    op.create_index("ix_alerts_session_id", "alerts", ["session_id"])
