"""Who may change a session: acquiring, committing, and being fenced off, over each store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from kyc_rtc.errors import Conflict, NotFound, OwnershipLost
from kyc_rtc.ids import new_session_id
from kyc_rtc.storage import SessionRecord
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import Owner, Store, a_commit, a_process, an_owned_session

SHORT_MS = 1
"""A lease that has run out by the next call."""


async def a_process_that_is_late(store: Store) -> Owner:
    """A process that held a lease, and does no more."""
    owner = await a_process(store)
    assert await store.processes.renew(owner.process_id, owner.epoch, SHORT_MS)
    await asyncio.sleep(0.02)
    return owner


async def let_run_out(store: Store, owner: Owner) -> None:
    await store.processes.renew(owner.process_id, owner.epoch, SHORT_MS)
    await asyncio.sleep(0.02)


async def sweep(store: Store) -> Owner:
    """Another process notices whose lease ran out."""
    other = await a_process(store)
    await store.processes.interrupt_orphans(other.process_id, other.epoch)
    return other


# Acquiring


async def test_of_two_processes_one_gets_a_session(store: Store) -> None:
    owners = [await a_process(store) for _ in range(2)]
    for _ in range(10):
        record = a_session()
        await store.sessions.open(record, [])
        calls = [
            store.sessions.acquire(record.session_id, one.process_id, one.epoch) for one in owners
        ]
        seen = await asyncio.gather(*calls)
        assert seen[0] == seen[1] == await store.sessions.get(record.session_id)
        assert seen[0].owner_id in {one.process_id for one in owners}
        assert seen[0].owner_epoch == 1


async def test_acquiring_again_changes_nothing(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    again = await store.sessions.acquire(record.session_id, owner.process_id, owner.epoch)
    assert again == record


async def test_a_session_that_is_over_is_not_acquired(store: Store) -> None:
    owner = await a_process(store)
    record = a_session(state="passed")
    await store.sessions.open(record, [])
    seen = await store.sessions.acquire(record.session_id, owner.process_id, owner.epoch)
    assert seen == record


async def test_acquiring_takes_a_lease(store: Store) -> None:
    good, late = await a_process(store), await a_process_that_is_late(store)
    free, taken = a_session(), await an_owned_session(store, good)
    await store.sessions.open(free, [])
    strangers = [late, Owner("nobody", 1), Owner(good.process_id, 2), Owner(good.process_id, 0)]
    for session in (free, taken):
        for owner in strangers:
            with pytest.raises(OwnershipLost):
                await store.sessions.acquire(session.session_id, owner.process_id, owner.epoch)
        assert await store.sessions.get(session.session_id) == session


# Committing


async def test_a_commit_changes_what_may_change(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    commit = a_commit(
        record,
        [an_alert(record.session_id)],
        events=3,
        state="live",
        updated_at_ms=5_000,
        expires_at_ms=99_000,
        frames_processed=30,
        face_detected=True,
        evidence=({"score": 0.5},),
        transport="upload",
        connection={"peers": 1},
        needs_review=True,
    )
    await store.sessions.commit(commit)
    assert await store.sessions.get(record.session_id) == commit.record
    assert await store.sessions.events(record.session_id) == list(commit.events)
    assert await store.alerts.of_session(record.session_id) == list(commit.alerts)


async def test_what_was_settled_at_the_opening_stays(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    changes: dict[str, Any] = {
        "verification_id": new_session_id(),
        "user_id": "somebody else",
        "created_at_ms": 7,
        "attempt": 3,
    }
    await store.sessions.commit(a_commit(record, state="live", **changes))
    kept = {name: getattr(record, name) for name in changes}
    expected = replace(record, state="live", last_seq=1, **kept)
    assert await store.sessions.get(record.session_id) == expected


async def test_a_commit_of_another_tenant_is_refused(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(a_commit(replace(record, tenant_id="bank-2"), state="live"))
    assert await store.sessions.get(record.session_id) == record


async def test_a_commit_of_an_unknown_session_is_not_found(store: Store) -> None:
    owner = await a_process(store)
    record = a_session(owner_id=owner.process_id, owner_epoch=owner.epoch)
    with pytest.raises(NotFound):
        await store.sessions.commit(a_commit(record))


@pytest.mark.parametrize("events", [0, 1, 3])
async def test_a_commit_said_again_changes_nothing(store: Store, events: int) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    alerts = [an_alert(record.session_id)]
    commit = a_commit(record, alerts if events else [], events, state="passed", updated_at_ms=9)
    for _ in range(3):
        await store.sessions.commit(commit)
    assert await store.sessions.get(record.session_id) == commit.record
    assert await store.sessions.events(record.session_id, record.last_seq) == list(commit.events)
    assert await store.alerts.of_session(record.session_id) == list(commit.alerts)


async def test_another_commit_of_the_same_number_is_refused(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    first = a_commit(record, state="passed")
    await store.sessions.commit(first)
    other = a_commit(record, [an_alert(record.session_id)], state="failed")
    skipping = a_commit(replace(first.record, last_seq=9), state="live")
    for commit in (other, skipping):
        with pytest.raises(OwnershipLost):
            await store.sessions.commit(commit)
    assert await store.sessions.get(record.session_id) == first.record
    assert await store.alerts.of_session(record.session_id) == []


@pytest.mark.parametrize("step", [-1, 1])
async def test_a_commit_goes_on_from_the_newest_entry_only(store: Store, step: int) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    stale = replace(record, last_seq=record.last_seq + step)
    commit = a_commit(stale, events=2, frames_processed=5)
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(commit)
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(a_commit(stale, events=0, frames_processed=5))
    assert await store.sessions.get(record.session_id) == record


async def test_of_fifty_verdicts_at_once_one_stands(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    verdicts = [a_commit(record, state="passed", frames_processed=n) for n in range(50)]
    verdicts = [replace(one, events=_marked(one.events, n)) for n, one in enumerate(verdicts)]
    outcomes = await asyncio.gather(*map(store.sessions.commit, verdicts), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes} == {type(None), OwnershipLost}
    stored = await store.sessions.get(record.session_id)
    assert stored == verdicts[outcomes.index(None)].record


def _marked(events: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return tuple(replace(event, payload={"n": number}) for event in events)


@pytest.mark.parametrize("state", ["passed", "failed", "expired", "interrupted"])
async def test_a_final_state_is_never_left(store: Store, state: str) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    ending = a_commit(record, state=state, expires_at_ms=1)
    await store.sessions.commit(ending)
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(a_commit(ending.record, state="live"))
    assert await store.sessions.expire(9_000) == []
    await store.processes.release(owner.process_id, owner.epoch)
    await sweep(store)
    assert await store.sessions.get(record.session_id) == ending.record


@pytest.mark.parametrize("place", ["first", "last", "twice"])
async def test_verdict_alerts_and_journal_are_stored_together_or_not(
    store: Store, place: str
) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    other = await an_owned_session(store, owner, state="live")
    taken = an_alert(other.session_id)
    await store.sessions.commit(a_commit(other, [taken]))
    fresh, spoilt = (
        an_alert(record.session_id),
        an_alert(record.session_id, alert_id=taken.alert_id),
    )
    alerts = {"first": [spoilt, fresh], "last": [fresh, spoilt], "twice": [fresh, fresh]}[place]
    with pytest.raises(Conflict) as refusal:
        await store.sessions.commit(a_commit(record, alerts, events=2, state="failed"))
    assert not isinstance(refusal.value, OwnershipLost)
    assert await store.sessions.get(record.session_id) == record
    assert await store.sessions.events(record.session_id, record.last_seq) == []
    assert await store.alerts.of_session(record.session_id) == []
    await store.sessions.commit(a_commit(record, [fresh], events=2, state="failed"))
    assert await store.alerts.of_session(record.session_id) == [fresh]


# Fencing


async def test_a_lease_that_ran_out_unnoticed_still_commits(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    await let_run_out(store, owner)
    commit = a_commit(record, frames_processed=5)
    await store.sessions.commit(commit)
    assert await store.processes.renew(owner.process_id, owner.epoch, 60_000) is not None
    await sweep(store)
    assert await store.sessions.get(record.session_id) == commit.record


async def test_after_a_sweep_nothing_is_committed(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    await let_run_out(store, owner)
    await sweep(store)
    interrupted = await store.sessions.get(record.session_id)
    assert interrupted.state == "interrupted"
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(a_commit(record, [an_alert(record.session_id)], state="passed"))
    with pytest.raises(OwnershipLost):
        await store.sessions.acquire(record.session_id, owner.process_id, owner.epoch)
    assert await store.processes.renew(owner.process_id, owner.epoch, 60_000) is None
    assert await store.sessions.get(record.session_id) == interrupted
    assert await store.alerts.of_session(record.session_id) == []


async def test_an_epoch_that_was_raised_fences_what_no_sweep_reached(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    assert await store.processes.register(owner.process_id, 60_000) == owner.epoch + 1
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(a_commit(record, state="passed"))
    again = replace(record, owner_epoch=owner.epoch + 1)
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(a_commit(again, state="passed"))
    assert await store.sessions.get(record.session_id) == record


async def test_a_verdict_whose_answer_was_lost_outlives_the_lease(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    commit = a_commit(record, state="passed")
    await store.sessions.commit(commit)
    await let_run_out(store, owner)
    await sweep(store)
    await store.sessions.commit(commit)  # said again by the process that was away
    assert await store.sessions.get(record.session_id) == commit.record


async def test_a_session_nobody_owns_takes_no_commit(store: Store) -> None:
    record = a_session()
    await store.sessions.open(record, [])
    for ours in (record, replace(record, owner_id="nobody", owner_epoch=1)):
        with pytest.raises(OwnershipLost):
            await store.sessions.commit(a_commit(ours, state="live"))
    assert await store.sessions.get(record.session_id) == record


@pytest.mark.parametrize("rounds", [12])
async def test_a_sweep_and_a_commit_that_meet_agree(store: Store, rounds: int) -> None:
    for _ in range(rounds):
        owner = await a_process(store)
        record = await an_owned_session(store, owner, state="live")
        await let_run_out(store, owner)
        other = await a_process(store)
        commit = a_commit(record, [an_alert(record.session_id)], state="passed")
        outcome, swept = await asyncio.gather(
            store.sessions.commit(commit),
            store.processes.interrupt_orphans(other.process_id, other.epoch),
            return_exceptions=True,
        )
        await _check_agreement(store, record, outcome, swept)


async def _check_agreement(
    store: Store, record: SessionRecord, outcome: object, swept: object
) -> None:
    stored = await store.sessions.get(record.session_id)
    journal = await store.sessions.events(record.session_id, record.last_seq)
    alerts = await store.alerts.of_session(record.session_id)
    assert [event.seq for event in journal] == [record.last_seq + 1] == [stored.last_seq]
    assert journal[0].payload["state"] == stored.state
    if outcome is None:
        assert (stored.state, len(alerts), swept) == ("passed", 1, [])
    else:
        assert isinstance(outcome, OwnershipLost)
        assert (stored.state, alerts, swept) == ("interrupted", [], [record.session_id])
