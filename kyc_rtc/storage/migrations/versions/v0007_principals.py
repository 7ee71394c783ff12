"""Who acknowledged or labelled is the principal; the name that the caller gave becomes a note."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("acknowledged_note", sa.String(256), nullable=True))
    op.add_column("labels", sa.Column("labelled_note", sa.String(256), nullable=True))


def downgrade() -> None:
    op.drop_column("labels", "labelled_note")
    op.drop_column("alerts", "acknowledged_note")
