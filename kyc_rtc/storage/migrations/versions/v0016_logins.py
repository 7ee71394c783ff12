"""Logins of people in browsers. The way back loses them: everybody has to log in again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "logins",
        sa.Column("login_id", sa.String(36), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("earlier_sha256", sa.String(64), nullable=True),
        sa.Column("earlier_until_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("login_id", name="pk_logins"),
        sa.UniqueConstraint("sha256", name="uq_logins_sha256"),
    )
    op.create_index("ix_logins_earlier_sha256", "logins", ["earlier_sha256"])
    op.create_index("ix_logins_expires_at_ms", "logins", ["expires_at_ms"])


def downgrade() -> None:
    op.drop_table("logins")
