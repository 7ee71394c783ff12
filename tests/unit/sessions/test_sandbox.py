"""The sandbox: every user id's outcome, and nothing of a test where it does not belong."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from kyc_rtc.alerts.rules import shipped_rules
from kyc_rtc.errors import BadRequest, OpensNoCamera
from kyc_rtc.ids import SessionId
from kyc_rtc.scopes import DEFAULT_TENANT, sandbox_of
from kyc_rtc.sessions.interface import Command, CommandType, Order, VerificationFilter
from kyc_rtc.sessions.sandbox import LOOK_EVERY_MS, OUTCOME_AFTER_MS, OUTCOMES, course_of
from kyc_rtc.sessions.states import MOVES, SessionState
from kyc_rtc.settings import Settings
from kyc_rtc.storage.topics import topics_of
from tests.support.memory_store import a_session
from tests.unit.sessions.conftest import MakeStage
from tests.unit.sessions.test_service import CLIENT, picture

SANDBOX = Order(tenant_id=sandbox_of(DEFAULT_TENANT))
PICTURE = picture()
NOW_MS = 1_700_000_000_000
EXPECTED = {
    "test-passed": ("passed", "PASSED", False, []),
    "test-failed": ("failed", "FAILED", False, ["critical"]),
    "test-inconclusive": ("inconclusive", "INCONCLUSIVE", False, ["low"]),
    "test-needs-review": ("inconclusive", "INCONCLUSIVE", True, ["medium"]),
    "test-expired": ("expired", None, False, []),
    "test-cancelled": ("cancelled", None, False, []),
}
TOPICS = {
    "test-passed": ["started", "completed"],
    "test-failed": ["started", "completed"],
    "test-inconclusive": ["started", "completed"],
    "test-needs-review": ["started", "completed", "needs_review"],
    "test-expired": ["expired"],
    "test-cancelled": ["started", "cancelled"],
}


def test_the_table_is_whole() -> None:
    assert set(EXPECTED) == set(TOPICS) == set(OUTCOMES)


@pytest.mark.parametrize("user_id", OUTCOMES)
def test_each_user_id_has_its_outcome(user_id: str) -> None:
    waiting = a_session(user_id=user_id, last_seq=1, tenant_id=SANDBOX.tenant_id)
    course = course_of(waiting, shipped_rules(), NOW_MS)
    record = course[-1].record
    alerts = [alert for commit in course for alert in commit.alerts]
    found = (
        record.state,
        record.verdict_status,
        record.needs_review,
        [alert.severity for alert in alerts],
    )
    assert found == EXPECTED[user_id]
    assert record.owner_id is None
    assert record.updated_at_ms == NOW_MS


@pytest.mark.parametrize("user_id", OUTCOMES)
def test_its_journal_is_one_of_a_session(user_id: str) -> None:
    waiting = a_session(user_id=user_id, last_seq=1)
    course = course_of(waiting, shipped_rules(), NOW_MS)
    entries = [entry for commit in course for entry in commit.events]
    assert [entry.seq for entry in entries] == list(range(2, len(entries) + 2))
    assert course[0].base_seq == 1
    states = ["created", *(str(e.payload["state"]) for e in entries if e.type == "state")]
    for before, after in pairwise(map(SessionState, states)):
        assert after in MOVES[before]
    topics = [
        topic.value.partition(".")[2]
        for commit in course
        for entry in commit.events
        for topic in topics_of(entry.type, entry.payload, needs_review=commit.record.needs_review)
    ]
    assert topics == TOPICS[user_id]


def test_a_user_id_that_is_known_no_more_comes_to_an_end() -> None:
    course = course_of(a_session(user_id="test-old", last_seq=1), shipped_rules(), NOW_MS)
    assert course[-1].record.state == "inconclusive"


async def test_a_test_ends_by_itself_some_seconds_after_its_start(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings())
    started = await stage.service.open("test-failed", SANDBOX)
    await stage.clock.advance(OUTCOME_AFTER_MS - LOOK_EVERY_MS)
    assert (await stage.service.status(started.session_id)).state == "created"
    await stage.clock.advance(2 * LOOK_EVERY_MS)
    view = await stage.service.status(started.session_id)
    assert (view.state, view.status, view.reasons[0]) == ("failed", "FAILED", "face_swap")
    (alert,) = await stage.service.session_alerts(started.session_id)
    assert alert.severity == "critical"
    assert len(await stage.service.journal(started.session_id, 0)) == 7
    assert (stage.store.footage_rows, stage.store.features_rows) == ({}, {})


async def test_nothing_of_it_is_there_for_the_tenant(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings())
    await stage.service.open("test-failed", SANDBOX)
    await stage.clock.advance(OUTCOME_AFTER_MS + LOOK_EVERY_MS)
    for tenant_id, count in ((DEFAULT_TENANT, 0), (SANDBOX.tenant_id, 1)):
        page = await stage.service.verifications(VerificationFilter(tenant_id), "", 10)
        statistics = await stage.service.alert_statistics(tenant_id)
        assert (len(page.verifications), statistics["total"]) == (count, count)


async def test_another_user_is_refused_with_the_list(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings())
    with pytest.raises(BadRequest) as refused:
        await stage.service.open("customer-4711", SANDBOX)
    assert all(name in refused.value.hint for name in OUTCOMES)
    assert (await stage.service.open("test-passed")).state == "created"  # just a name elsewhere


async def test_it_opens_no_camera_and_takes_no_picture(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings())
    started = await stage.service.open("test-passed", SANDBOX)
    with pytest.raises(OpensNoCamera):
        await stage.service.upload(started.session_id, PICTURE, CLIENT)
    with pytest.raises(OpensNoCamera):
        await stage.connect(started.session_id)
    assert stage.peers == []


async def test_it_can_be_cancelled_before(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings())
    started = await stage.service.open("test-passed", SANDBOX)
    view = await stage.service.command(started.session_id, Command(CommandType.CANCEL))
    assert view.state == "cancelled"
    await stage.clock.advance(OUTCOME_AFTER_MS + LOOK_EVERY_MS)
    assert (await stage.service.status(started.session_id)).state == "cancelled"


async def test_two_processes_end_it_once(make_stage: MakeStage) -> None:
    first = await make_stage(Settings())
    await make_stage(Settings(), first)
    started = await first.service.open("test-needs-review", SANDBOX)
    await first.clock.advance(OUTCOME_AFTER_MS + 2 * LOOK_EVERY_MS)
    assert len(await first.service.session_alerts(started.session_id)) == 1
    course = course_of(
        replace(first.store.session_rows[SessionId(started.session_id)], last_seq=1),
        shipped_rules(),
        NOW_MS,
    )
    assert not await first.store.sandbox.carry_out(course)
