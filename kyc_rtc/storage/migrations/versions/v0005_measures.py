"""Measures (now features): what the detectors judged a session by, where it came to a verdict."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "measures",
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("by_name", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_measures"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.session_id"],
            name="fk_measures_session_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("measures")
