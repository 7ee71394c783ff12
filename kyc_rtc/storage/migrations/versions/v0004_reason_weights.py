"""The weights of a verdict's reasons; unknown of verdicts that were given before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("reason_weights", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "reason_weights")
