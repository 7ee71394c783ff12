"""Animated photographs by their standard name: in labels, evidence and the names of features."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_SPECIES = ("puppet", "animated_photo")
_ANALYSER = ("puppet", "animated")
_IN_EVIDENCE = ('"analyser":"{}"', '"analyser": "{}"')
_IN_FEATURES = tuple(f'"net_{view}_{{}}' for view in ("colour", "motion", "change"))

labels = sa.table("labels", sa.column("species"))


def upgrade() -> None:
    _rename(0, 1)


def downgrade() -> None:
    _rename(1, 0)


def _rename(old: int, new: int) -> None:
    op.execute(
        sa.update(labels).where(labels.c.species == _SPECIES[old]).values(species=_SPECIES[new])
    )
    for pattern in _IN_EVIDENCE:
        _replace("sessions", "evidence", *(pattern.format(_ANALYSER[at]) for at in (old, new)))
    for pattern in _IN_FEATURES:
        _replace("features", "by_name", *(pattern.format(_ANALYSER[at]) for at in (old, new)))


def _replace(table: str, column: str, old: str, new: str) -> None:
    """In the text of a JSON column. These columns hold names and numbers, and no free text."""
    if op.get_bind().dialect.name == "sqlite":
        text, changed = column, f"replace({column}, :old, :new)"
    else:
        text = f"CAST({column} AS TEXT)"
        changed = f"CAST(replace({text}, :old, :new) AS JSON)"
    statement = f"UPDATE {table} SET {column} = {changed} WHERE {text} LIKE :within"  # noqa: S608 - our own words
    within = f"%{old.replace('_', '!_')}%"
    op.get_bind().execute(
        sa.text(f"{statement} ESCAPE '!'"), {"old": old, "new": new, "within": within}
    )
