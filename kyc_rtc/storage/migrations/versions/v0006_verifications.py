"""Verifications with their attempts, the journal, processes and commands; `user_id` sealed; tenants.

Chains of `parent_id` become one verification each. SQLite makes `sessions` anew, which must happen
without the enforcement of foreign keys (`storage/schema.py` sees to it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic import context, op

from kyc_rtc.errors import SettingsError
from kyc_rtc.storage.seal import Sealer, user_context

revision = "0006"
down_revision = "0005"

TENANT = "default"
CHILDREN = ("alerts", "labels", "footage", "measures")

sessions = sa.table(
    "sessions",
    *map(
        sa.column,
        ("session_id", "user_id", "parent_id", "verification_id", "state", "attempt", "last_seq"),
    ),
    *map(sa.column, ("created_at_ms", "updated_at_ms", "expires_at_ms")),
)
verifications = sa.table(
    "verifications",
    *map(
        sa.column, ("verification_id", "tenant_id", "user_hmac", "created_at_ms", "expires_at_ms")
    ),
    sa.column("user_sealed", sa.LargeBinary()),
)
session_events = sa.table(
    "session_events",
    *map(sa.column, ("session_id", "seq", "tenant_id", "at_ms", "actor", "type")),
    sa.column("payload", sa.JSON()),
)


Chain: TypeAlias = list[sa.Row[Any]]
"""The sessions of one verification, in the order in which they are numbered. The first one's id is the
verification's."""


def upgrade() -> None:
    _require_free_tables()
    rows = op.get_bind().execute(sa.select(*_old_columns())).all()
    sealer = _sealer(needed=bool(rows))
    chains = _chains(rows)
    _create_verifications()
    if sealer is not None:
        _insert(verifications, _verification_rows(chains, sealer))
    _widen_sessions(chains)
    _create_journal()
    _insert(session_events, map(_first_event, rows))
    _create_processes()
    _create_commands()
    for table in CHILDREN:
        op.add_column(table, _tenant(server_default=TENANT))
        with op.batch_alter_table(table) as batch:
            batch.alter_column("tenant_id", existing_type=sa.String(64), server_default=None)


def downgrade() -> None:
    _require_free_tables()
    people = _people()
    for table in CHILDREN:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("tenant_id")
    for table in ("commands", "processes", "session_events"):
        op.drop_table(table)
    _narrow_sessions(people)
    op.drop_table("verifications")


def _require_free_tables() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "sqlite" and bind.scalar(sa.text("PRAGMA foreign_keys")):
        raise RuntimeError("to drop a table with foreign keys enforced deletes what points to it")


def _sealer(*, needed: bool) -> Sealer | None:
    sealer: Sealer | None = context.config.attributes.get("sealer")
    if needed and sealer is None:
        raise SettingsError(
            "secret_key: the database holds sessions of an older version, whose people are to be sealed",
            hint="start the server once, which migrates it, or set SECRET_KEY to the server's",
        )
    return sealer


def _old_columns() -> Iterator[sa.ColumnClause[Any]]:
    for name in ("session_id", "user_id", "parent_id", "state", "attempt"):
        yield sessions.c[name]
    for name in ("created_at_ms", "updated_at_ms", "expires_at_ms"):
        yield sessions.c[name]


def _chains(rows: Sequence[sa.Row[Any]]) -> list[Chain]:
    """Sessions that parents connect, those of one attempt number in the order of their opening.

    A parent that was deleted connects nothing: its retry starts a verification.
    """
    known = {row.session_id: row for row in rows}
    heads: dict[str, str] = {}
    for row in rows:
        path = [row.session_id]
        while (parent := known[path[-1]].parent_id) in known and path[-1] not in heads:
            if parent in path:  # a circle, which only another program can have written
                break
            path.append(parent)
        head = heads.get(path[-1], path[-1])
        heads.update(dict.fromkeys(path, head))
    chains: dict[str, Chain] = {}
    for row in sorted(rows, key=lambda row: (row.attempt, row.created_at_ms, row.session_id)):
        chains.setdefault(heads[row.session_id], []).append(row)
    return list(chains.values())


def _verification_rows(chains: Iterable[Chain], sealer: Sealer) -> Iterator[dict[str, Any]]:
    for chain in chains:
        first = chain[0]
        yield {
            "verification_id": first.session_id,
            "tenant_id": TENANT,
            "user_sealed": sealer.seal(first.user_id, user_context(first.session_id)),
            "user_hmac": sealer.digest(first.user_id),
            "created_at_ms": first.created_at_ms,
            "expires_at_ms": chain[-1].expires_at_ms,
        }


def _first_event(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "session_id": row.session_id,
        "seq": 1,
        "tenant_id": TENANT,
        "at_ms": row.updated_at_ms,
        "actor": "system",
        "type": "state",
        "payload": {"state": row.state, "previous": None, "migrated": True},
    }


def _widen_sessions(chains: Iterable[Chain]) -> None:
    op.drop_index("ix_sessions_parent_id", "sessions")
    for column in (
        sa.Column("verification_id", sa.String(36), nullable=True),
        _tenant(server_default=TENANT),
        sa.Column("owner_id", sa.String(36), nullable=True),
        sa.Column("owner_epoch", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("last_seq", sa.BigInteger(), nullable=False, server_default="1"),
        sa.Column("transport", sa.String(64), nullable=True),
        sa.Column("connection", sa.JSON(), nullable=True),
        sa.Column("needs_review", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("sessions", column)
    changes = [
        {"key": row.session_id, "first": chain[0].session_id, "second": number}
        for chain in chains
        for number, row in enumerate(chain, start=1)
    ]
    _update("verification_id", "attempt", changes)
    with op.batch_alter_table("sessions") as batch:
        batch.drop_constraint("fk_sessions_parent_id", type_="foreignkey")
        batch.drop_column("parent_id")
        batch.drop_column("user_id")
        batch.alter_column("verification_id", existing_type=sa.String(36), nullable=False)
        for name, kind in (
            ("tenant_id", sa.String(64)),
            ("owner_epoch", sa.BigInteger()),
            ("last_seq", sa.BigInteger()),
            ("needs_review", sa.Boolean()),
        ):
            batch.alter_column(name, existing_type=kind, server_default=None)
        batch.create_foreign_key(
            "fk_sessions_verification_id",
            "verifications",
            ["verification_id"],
            ["verification_id"],
            ondelete="CASCADE",
        )
        batch.create_unique_constraint(
            "uq_sessions_verification_id_attempt", ["verification_id", "attempt"]
        )


def _people() -> list[dict[str, Any]]:
    """Each session with its applicant and the attempt before it."""
    statement = sa.text(
        "SELECT s.session_id, s.verification_id, v.user_sealed FROM sessions s "
        "JOIN verifications v ON v.verification_id = s.verification_id "
        "ORDER BY s.verification_id, s.attempt"
    )
    rows = op.get_bind().execute(statement).all()
    sealer = _sealer(needed=bool(rows))
    people: list[dict[str, Any]] = []
    last: dict[str, str] = {}
    for session_id, verification_id, user_sealed in rows:
        if sealer is not None:
            user_id = sealer.unseal(user_sealed, user_context(verification_id))
            parent = last.get(verification_id)
            people.append({"key": session_id, "first": user_id, "second": parent})
        last[verification_id] = session_id
    return people


def _narrow_sessions(people: list[dict[str, Any]]) -> None:
    op.add_column("sessions", sa.Column("user_id", sa.String(256), nullable=True))
    op.add_column("sessions", sa.Column("parent_id", sa.String(36), nullable=True))
    _update("user_id", "parent_id", people)
    with op.batch_alter_table("sessions") as batch:
        batch.drop_constraint("uq_sessions_verification_id_attempt", type_="unique")
        batch.drop_constraint("fk_sessions_verification_id", type_="foreignkey")
        for name in ("verification_id", "tenant_id", "owner_id", "owner_epoch", "last_seq"):
            batch.drop_column(name)
        for name in ("transport", "connection", "needs_review"):
            batch.drop_column(name)
        batch.alter_column("user_id", existing_type=sa.String(256), nullable=False)
        batch.create_foreign_key(
            "fk_sessions_parent_id", "sessions", ["parent_id"], ["session_id"], ondelete="SET NULL"
        )
    op.create_index("ix_sessions_parent_id", "sessions", ["parent_id"])


def _create_verifications() -> None:
    op.create_table(
        "verifications",
        sa.Column("verification_id", sa.String(36), nullable=False),
        _tenant(),
        sa.Column("user_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("user_hmac", sa.String(64), nullable=False),
        sa.Column("face_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("verification_id", name="pk_verifications"),
    )
    op.create_index(
        "ix_verifications_tenant_id_user_hmac", "verifications", ["tenant_id", "user_hmac"]
    )


def _create_journal() -> None:
    op.create_table(
        "session_events",
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _tenant(),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(36), nullable=True),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "seq", name="pk_session_events"),
        _of_session("session_events"),
    )
    op.create_index("ix_session_events_at_ms", "session_events", ["at_ms"])


def _create_processes() -> None:
    op.create_table(
        "processes",
        sa.Column("process_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("process_id", name="pk_processes"),
    )


def _create_commands() -> None:
    op.create_table(
        "commands",
        sa.Column("command_id", sa.String(36), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        _tenant(),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("command_id", name="pk_commands"),
        _of_session("commands"),
    )
    op.create_index("ix_commands_session_id_done_at_ms", "commands", ["session_id", "done_at_ms"])
    op.create_index(
        "ix_commands_done_at_ms_created_at_ms", "commands", ["done_at_ms", "created_at_ms"]
    )
    op.create_index("ix_commands_created_at_ms", "commands", ["created_at_ms"])


def _tenant(server_default: str | None = None) -> sa.Column[str]:
    return sa.Column("tenant_id", sa.String(64), nullable=False, server_default=server_default)


def _of_session(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["session_id"],
        ["sessions.session_id"],
        name=f"fk_{table}_session_id",
        ondelete="CASCADE",
    )


def _insert(table: sa.TableClause, rows: Iterable[dict[str, Any]]) -> None:
    if values := list(rows):
        op.get_bind().execute(sa.insert(table), values)


def _update(first: str, second: str, changes: list[dict[str, Any]]) -> None:
    """Set two columns of `sessions` from `first` and `second`, by `key`."""
    if changes:
        statement = (
            sa.update(sessions)
            .where(sessions.c.session_id == sa.bindparam("key"))
            .values({first: sa.bindparam("first"), second: sa.bindparam("second")})
        )
        op.get_bind().execute(statement, changes)
