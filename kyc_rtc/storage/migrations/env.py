"""Run by Alembic, on the connection and in the transaction of `storage/schema.py`."""

from __future__ import annotations

from alembic import context

from kyc_rtc.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
