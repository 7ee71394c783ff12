"""Indexes for the live feed of alerts, which asks once a second for what has changed."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

_COLUMNS = ("created_at_ms", "assigned_at_ms", "resolved_at_ms")


def upgrade() -> None:
    for column in _COLUMNS:
        op.create_index(f"ix_alerts_{column}", "alerts", [column])


def downgrade() -> None:
    for column in _COLUMNS:
        op.drop_index(f"ix_alerts_{column}", "alerts")
