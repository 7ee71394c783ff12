"""Sessions in the store: verifications, their attempts, and the journal of each attempt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final, Protocol

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import Conflict, NotFound, OwnershipLost
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.checks import check_first_attempt, check_further_attempt, was_committed
from kyc_rtc.storage.consents import Consent, consent_row
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.endings import MAX_AT_ONCE, end_sessions
from kyc_rtc.storage.leases import has_epoch, holds_lease
from kyc_rtc.storage.outbox import write_journal_of
from kyc_rtc.storage.pruning import delete_in_batches
from kyc_rtc.storage.records import Commit, EventRecord, SessionRecord
from kyc_rtc.storage.rows import (
    FIXED_FIELDS,
    event_of,
    read_session,
    session_of,
    session_row,
    sessions_with_people,
    verification_row,
)
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.tables import session_events, sessions, verifications
from kyc_rtc.storage.values import can_be_id, check_limit
from kyc_rtc.storage.verifications import change_verification

CREATED: Final = "created"
EXPIRED: Final = "expired"
MAX_EVENTS_LISTED: Final = 1_000


class SessionStore(Protocol):
    """Sessions, kept. A session in a final state never changes again."""

    async def open(self, record: SessionRecord, events: Sequence[EventRecord]) -> None:
        """Store a verification with its first attempt, whose id is the verification's too.

        Raises:
            BadRequest: the record is not a first attempt, or the events are not its journal.
            Conflict: it exists already.
        """

    async def add_attempt(self, record: SessionRecord, events: Sequence[EventRecord]) -> None:
        """Store a further attempt.

        Raises:
            BadRequest: the record is a first attempt, or the events are not its journal.
            NotFound: this applicant has no such verification.
            Conflict: it has an attempt of this number, or the session exists already.
        """

    async def get(self, session_id: SessionId) -> SessionRecord:
        """Raises NotFound."""

    async def attempts(self, verification_id: SessionId) -> list[SessionRecord]:
        """A verification's attempts in order; empty where there is no such verification."""

    async def acquire(self, session_id: SessionId, owner_id: str, epoch: int) -> SessionRecord:
        """Become the owner of a session that has none and is not final; the session as it is then.

        Who owns it already goes on owning it, even where it was being set free meanwhile. Whoever gets a
        record with another owner came too late.

        Raises:
            NotFound: no such session.
            OwnershipLost: the caller holds no lease under this epoch.
        """

    async def disown(self, record: SessionRecord) -> None:
        """Give a session back that nobody has joined: any process may own it then. Changes nothing
        where it has been joined, or has another owner."""

    async def commit(self, commit: Commit) -> None:
        """Write the record (everything but `FIXED_FIELDS`), its events and alerts, all or nothing.

        The same commit again, after an acknowledgement that was lost, changes nothing.

        Raises:
            NotFound: no such session.
            OwnershipLost: the session has another owner, its owner's epoch has passed, it is final, or
                its journal goes on otherwise.
            Conflict: an alert exists already.
        """

    async def events(
        self, session_id: SessionId, after: int = 0, limit: int = MAX_EVENTS_LISTED
    ) -> list[EventRecord]:
        """The journal from the entry behind `after` on, in order.

        Raises:
            BadRequest: a limit outside 1..1000.
        """

    async def expire(self, now_ms: int, limit: int = MAX_AT_ONCE) -> list[SessionId]:
        """Sessions that wait without an owner and are past `expires_at_ms` become `expired`, the oldest
        first, with an entry in their journal. Live ones without an owner become `interrupted` instead
        (`ProcessStore.interrupt_orphans`).

        At most `limit` (1..1000) at once: call again until the list is empty. The ids come in no
        particular order.

        Raises:
            BadRequest: another limit.
        """

    async def count_by_state(self) -> dict[str, int]:
        """How many sessions are in each state; a state without sessions is absent."""

    async def count_waiting(self, now_ms: int) -> int:
        """How many sessions nobody has joined yet, and somebody still may."""

    async def delete(self, verification_id: SessionId) -> bool:
        """Delete a verification with all that belongs to it. False where there is none."""

    async def renew_link(self, verification_id: SessionId) -> int:
        """End the verification's link; the number of the next one.

        Raises:
            NotFound: no such verification.
        """

    async def withdraw(self, verification_id: SessionId) -> None:
        """Note that the institution cancelled a verification: nothing of it may begin any more.

        Raises:
            NotFound: no such verification.
        """

    async def agree(self, verification_id: SessionId, consent: Consent) -> None:
        """Note what the applicant agreed to, in the place of an earlier consent.

        Raises:
            NotFound: no such verification.
        """

    async def keep_face(self, verification_id: SessionId, sealed: bytes) -> None:
        """Keep a face descriptor, sealed by the caller, in the place of an earlier one.

        Raises:
            NotFound: no such verification.
        """

    async def face(self, verification_id: SessionId) -> bytes | None:
        """The sealed face descriptor; None where there is none."""

    async def erase_face(self, verification_id: SessionId) -> None:
        """Erase the face descriptor, if there is one."""

    async def prune_events(self, before_ms: int) -> int:
        """Delete journal entries from before then, of sessions in final states, the oldest first; how many.

        Deletes batch by batch, and stops after many of them: the next call goes on.
        """


class SqlSessionStore:
    """`SessionStore` on a `Database`."""

    def __init__(self, database: Database, sealer: Sealer, final_states: Collection[str]) -> None:
        """`final_states`: the states that never change; `expired` has to be one of them."""
        if EXPIRED not in final_states:
            raise ValueError("expired is a final state")
        self._database = database
        self._sealer = sealer
        self._final = sessions.c.state.in_(sorted(final_states))

    async def open(self, record: SessionRecord, events: Sequence[EventRecord]) -> None:
        check_first_attempt(record, events)
        try:
            async with self._database.begin(write=True) as connection:
                row = verification_row(record, self._sealer)
                await connection.execute(insert(verifications).values(row))
                await connection.execute(insert(sessions).values(session_row(record)))
                await write_journal_of(connection, record, events)
        except IntegrityError:
            raise Conflict("the session exists already") from None

    async def add_attempt(self, record: SessionRecord, events: Sequence[EventRecord]) -> None:
        check_further_attempt(record, events)
        statement = (
            update(verifications)
            .where(
                verifications.c.verification_id == record.verification_id,
                verifications.c.tenant_id == record.tenant_id,
                verifications.c.user_hmac == self._sealer.digest(record.user_id),
            )
            .values(expires_at_ms=record.expires_at_ms)
        )
        try:
            async with self._database.begin(write=True) as connection:
                if not (await connection.execute(statement)).rowcount:
                    raise NotFound("no such verification")
                await connection.execute(insert(sessions).values(session_row(record)))
                await write_journal_of(connection, record, events)
        except IntegrityError:
            raise Conflict("the verification has this attempt already") from None

    async def get(self, session_id: SessionId) -> SessionRecord:
        async with self._database.begin() as connection:
            return await read_session(connection, self._sealer, session_id)

    async def attempts(self, verification_id: SessionId) -> list[SessionRecord]:
        if not can_be_id(verification_id):
            return []
        statement = (
            sessions_with_people()
            .where(sessions.c.verification_id == verification_id)
            .order_by(sessions.c.attempt)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [session_of(row, self._sealer) for row in rows]

    async def acquire(self, session_id: SessionId, owner_id: str, epoch: int) -> SessionRecord:
        lease = holds_lease(owner_id, epoch)
        is_own = (sessions.c.owner_id == owner_id) & (sessions.c.owner_epoch == epoch)
        statement = (
            update(sessions)
            .where(
                sessions.c.session_id == session_id,
                # Its own row too: this waits for an `interrupt_unknown` that is setting it free.
                sessions.c.owner_id.is_(None) | is_own,
                ~self._final,
                lease,
            )
            .values(owner_id=owner_id, owner_epoch=epoch)
        )
        if not can_be_id(session_id):
            raise NotFound("no such session")
        async with self._database.begin(write=True) as connection:
            taken = (await connection.execute(statement)).rowcount
            record = await read_session(connection, self._sealer, session_id)
            if not taken and not await connection.scalar(select(lease)):
                raise OwnershipLost("this process holds no lease", hint="register it again")
        return record

    async def disown(self, record: SessionRecord) -> None:
        statement = (
            update(sessions)
            .where(
                sessions.c.session_id == record.session_id,
                sessions.c.owner_id == record.owner_id,
                sessions.c.owner_epoch == record.owner_epoch,
                sessions.c.state == CREATED,
            )
            .values(owner_id=None, owner_epoch=0)
        )
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)

    async def commit(self, commit: Commit) -> None:
        record = commit.record
        values = session_row(record)
        for name in FIXED_FIELDS:
            values.pop(name, None)
        statement = (
            update(sessions)
            .where(
                sessions.c.session_id == record.session_id,
                sessions.c.tenant_id == record.tenant_id,
                sessions.c.owner_id == record.owner_id,
                sessions.c.owner_epoch == record.owner_epoch,
                sessions.c.last_seq == commit.base_seq,
                ~self._final,
                has_epoch(record.owner_id or "", record.owner_epoch),
            )
            .values(values)
        )
        try:
            async with self._database.begin(write=True) as connection:
                written = (await connection.execute(statement)).rowcount
                if written:
                    await write_journal_of(connection, record, commit.events, commit.alerts)
        except IntegrityError:
            raise Conflict("an alert exists already") from None
        if not written:
            await self._check_committed(commit)

    async def _check_committed(self, commit: Commit) -> None:
        """Return where the commit was stored before; raise OwnershipLost where it was not."""
        stored = await self.get(commit.record.session_id)
        last = await self.events(stored.session_id, commit.record.last_seq - 1, 1)
        if not was_committed(commit, stored, last):
            raise OwnershipLost("the session is no longer this process's")

    async def events(
        self, session_id: SessionId, after: int = 0, limit: int = MAX_EVENTS_LISTED
    ) -> list[EventRecord]:
        check_limit(limit, MAX_EVENTS_LISTED)
        if not can_be_id(session_id):
            return []
        statement = (
            select(session_events)
            .where(session_events.c.session_id == session_id, session_events.c.seq > after)
            .order_by(session_events.c.seq)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [event_of(row) for row in rows]

    async def expire(self, now_ms: int, limit: int = MAX_AT_ONCE) -> list[SessionId]:
        check_limit(limit, MAX_AT_ONCE)
        due = (
            sessions.c.state == CREATED,
            sessions.c.expires_at_ms <= now_ms,
            sessions.c.owner_id.is_(None),
        )
        async with self._database.begin() as connection:
            if not await connection.scalar(select(exists().where(*due))):
                return []
        async with self._database.begin(write=True) as connection:
            return await end_sessions(connection, EXPIRED, now_ms, *due, limit=limit)

    async def count_by_state(self) -> dict[str, int]:
        statement = select(sessions.c.state, func.count()).group_by(sessions.c.state)
        async with self._database.begin() as connection:
            return dict((await connection.execute(statement)).all())

    async def count_waiting(self, now_ms: int) -> int:
        statement = select(func.count()).where(
            sessions.c.state == CREATED, sessions.c.expires_at_ms > now_ms
        )
        async with self._database.begin() as connection:
            return await connection.scalar(statement) or 0

    async def delete(self, verification_id: SessionId) -> bool:
        if not can_be_id(verification_id):
            return False
        statement = delete(verifications).where(verifications.c.verification_id == verification_id)
        async with self._database.begin(write=True) as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def renew_link(self, verification_id: SessionId) -> int:
        if not can_be_id(verification_id):
            raise NotFound("no such verification")
        statement = (
            update(verifications)
            .where(verifications.c.verification_id == verification_id)
            .values(link_number=verifications.c.link_number + 1)
            .returning(verifications.c.link_number)
        )
        async with self._database.begin(write=True) as connection:
            number: int | None = await connection.scalar(statement)
        if number is None:
            raise NotFound("no such verification")
        return number

    async def withdraw(self, verification_id: SessionId) -> None:
        await change_verification(self._database, verification_id, withdrawn=True)

    async def agree(self, verification_id: SessionId, consent: Consent) -> None:
        await change_verification(self._database, verification_id, **consent_row(consent))

    async def keep_face(self, verification_id: SessionId, sealed: bytes) -> None:
        await change_verification(self._database, verification_id, face_sealed=sealed)

    async def face(self, verification_id: SessionId) -> bytes | None:
        if not can_be_id(verification_id):
            return None
        statement = select(verifications.c.face_sealed).where(
            verifications.c.verification_id == verification_id
        )
        async with self._database.begin() as connection:
            return await connection.scalar(statement)

    async def erase_face(self, verification_id: SessionId) -> None:
        with suppress(NotFound):
            await change_verification(self._database, verification_id, face_sealed=None)

    async def prune_events(self, before_ms: int) -> int:
        due = (
            select(session_events.c.session_id, session_events.c.seq)
            .where(
                session_events.c.at_ms < before_ms,
                exists().where(sessions.c.session_id == session_events.c.session_id, self._final),
            )
            .order_by(session_events.c.at_ms)
        )
        return await delete_in_batches(self._database, session_events, due)
