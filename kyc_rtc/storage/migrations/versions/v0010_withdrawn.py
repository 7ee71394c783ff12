"""Which verifications the institution has cancelled: nothing of them may begin any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    column = sa.Column("withdrawn", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("verifications", column)


def downgrade() -> None:
    op.drop_column("verifications", "withdrawn")
