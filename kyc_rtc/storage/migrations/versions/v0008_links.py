"""Which link of a verification is valid: tokens of an earlier one are refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    column = sa.Column("link_number", sa.BigInteger, nullable=False, server_default="1")
    op.add_column("verifications", column)


def downgrade() -> None:
    op.drop_column("verifications", "link_number")
