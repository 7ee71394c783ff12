"""What every store of sessions checks before it writes, and after a write that found nothing to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kyc_rtc.errors import BadRequest
from kyc_rtc.storage.records import Commit, EventRecord, SessionRecord


def check_first_attempt(record: SessionRecord, events: Iterable[EventRecord]) -> None:
    """Raise BadRequest unless the record can begin a verification, with this journal."""
    if record.attempt != 1 or record.verification_id != record.session_id:
        raise BadRequest("attempt: the first one is number 1 and gives the verification its id")
    Commit(record, 0, tuple(events))


def check_further_attempt(record: SessionRecord, events: Iterable[EventRecord]) -> None:
    """Raise BadRequest unless the record can go on with a verification, with this journal."""
    if record.attempt == 1 or record.verification_id == record.session_id:
        raise BadRequest("attempt: a further one has a higher number and an id of its own")
    Commit(record, 0, tuple(events))


def was_committed(commit: Commit, stored: SessionRecord, last: Sequence[EventRecord]) -> bool:
    """Whether the stored session, whose newest entry is `last`, is what this commit left.

    A commit without entries is recognised by the state and the time.
    """
    ours = commit.record
    same_owner = (stored.owner_id, stored.owner_epoch) == (ours.owner_id, ours.owner_epoch)
    if not same_owner or stored.owner_id is None or stored.last_seq != ours.last_seq:
        return False
    if commit.events:
        return list(last) == [commit.events[-1]]
    return (stored.state, stored.updated_at_ms) == (ours.state, ours.updated_at_ms)
