"""The table `measures` becomes `features`, with the same rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    _move("measures", "features")


def downgrade() -> None:
    _move("features", "measures")


def _move(old: str, new: str) -> None:
    """A new table with the rows of the old one: SQLite cannot rename the constraints of a table."""
    op.create_table(
        new,
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("by_name", sa.JSON(), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=f"pk_{new}"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.session_id"],
            name=f"fk_{new}_session_id",
            ondelete="CASCADE",
        ),
    )
    columns = "session_id, by_name, tenant_id"
    op.execute(f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {old}")  # noqa: S608 - our own words
    op.drop_table(old)
