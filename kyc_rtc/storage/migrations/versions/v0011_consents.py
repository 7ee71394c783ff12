"""What the applicant of a verification agreed to, in which language and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("verifications", sa.Column("consent_version", sa.String(64), nullable=True))
    op.add_column("verifications", sa.Column("consent_locale", sa.String(35), nullable=True))
    op.add_column("verifications", sa.Column("consent_at_ms", sa.BigInteger, nullable=True))


def downgrade() -> None:
    for name in ("consent_at_ms", "consent_locale", "consent_version"):
        op.drop_column("verifications", name)
