"""Labels: what was found out about sessions after their verdict."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "labels",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("species", sa.String(64), nullable=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("labelled_by", sa.String(256), nullable=False),
        sa.Column("note", sa.String(2000), nullable=True),
        sa.Column("labelled_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_labels"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.session_id"], name="fk_labels_session_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_labels_session_id_source", "labels", ["session_id", "source"])
    op.create_index("ix_sessions_updated_at_ms", "sessions", ["updated_at_ms"])


def downgrade() -> None:
    op.drop_index("ix_sessions_updated_at_ms", "sessions")
    op.drop_table("labels")
