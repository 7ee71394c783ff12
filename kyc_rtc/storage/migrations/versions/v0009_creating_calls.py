"""Idempotency keys, the terms of a verification, ids of labels, and an index for lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_LISTED = "ix_verifications_tenant_id_created_at_ms_verification_id"


def upgrade() -> None:
    op.add_column("verifications", sa.Column("profile", sa.String(32), nullable=True))
    op.add_column("verifications", sa.Column("locale", sa.String(35), nullable=True))
    op.add_column("verifications", sa.Column("terms_sealed", sa.LargeBinary, nullable=True))
    op.create_index(_LISTED, "verifications", ["tenant_id", "created_at_ms", "verification_id"])
    op.add_column("labels", sa.Column("label_id", sa.String(36), nullable=True))
    op.create_index("ix_labels_label_id", "labels", ["label_id"], unique=True)
    op.create_table(
        "idempotency",
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("new_id", sa.String(36), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer, nullable=True),
        sa.Column("body_sealed", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("key_hash", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_at_ms", "idempotency", ["created_at_ms"])


def downgrade() -> None:
    op.drop_table("idempotency")
    op.drop_index("ix_labels_label_id", "labels")
    op.drop_column("labels", "label_id")
    op.drop_index(_LISTED, "verifications")
    for name in ("terms_sealed", "locale", "profile"):
        op.drop_column("verifications", name)
