"""Records of footage, one for each session that came to a verdict."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "footage",
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_footage"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.session_id"],
            name="fk_footage_session_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_footage_created_at_ms", "footage", ["created_at_ms"])


def downgrade() -> None:
    op.drop_table("footage")
