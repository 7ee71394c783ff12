"""Who acknowledged or labelled is the principal; the name that the caller gave becomes a note.

Rows of before have only such a name, which proves nothing: their principal is `unknown`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NAMES = (
    ("alerts", "acknowledged_by", "acknowledged_note"),
    ("labels", "labelled_by", "labelled_note"),
)


def upgrade() -> None:
    op.add_column("alerts", sa.Column("acknowledged_note", sa.String(256), nullable=True))
    op.add_column("labels", sa.Column("labelled_note", sa.String(256), nullable=True))
    for table, who, note in _NAMES:
        statement = f"UPDATE {table} SET {note} = {who}, {who} = 'unknown' WHERE {who} IS NOT NULL"  # noqa: S608
        op.execute(statement)


def downgrade() -> None:
    for table, who, note in _NAMES:
        op.execute(f"UPDATE {table} SET {who} = {note} WHERE {note} IS NOT NULL")  # noqa: S608
    op.drop_column("labels", "labelled_note")
    op.drop_column("alerts", "acknowledged_note")
