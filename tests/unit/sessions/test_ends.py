"""Ends without a verdict, counts that follow what is stored, and lists of verifications and alerts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import AlertId, SessionId, new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.sessions import lists
from kyc_rtc.sessions.interface import (
    AlertFilter,
    Command,
    CommandType,
    VerificationFilter,
)
from kyc_rtc.sessions.states import FINAL, LIVE, SessionState, outcome, states_with
from kyc_rtc.settings import Settings
from kyc_rtc.storage import Position
from kyc_rtc.storage.cursors import cursor_of, position_of
from tests.support.clock import settle
from tests.support.memory_store import a_session, an_alert
from tests.unit.sessions.conftest import MakeStage, Stage

CANCEL, COMPLETE = Command(CommandType.CANCEL), Command(CommandType.COMPLETE)
ANY, ANY_ALERT = VerificationFilter(DEFAULT_TENANT), AlertFilter(DEFAULT_TENANT)
PASSED = {"state": "passed", "verdict_status": "PASSED"}
FAILED = {"state": "failed", "verdict_status": "FAILED"}


async def put(stage: Stage, *attempts: dict[str, Any], **changes: Any) -> str:
    """A verification that is stored with these attempts; its id."""
    first = a_session(**changes, **attempts[0])
    await stage.store.sessions.open(first, [])
    for number, attempt in enumerate(attempts[1:], 2):
        values = {"user_id": first.user_id, **changes, **attempt}
        further = a_session(
            session_id=new_session_id(), verification_id=first.session_id, attempt=number, **values
        )
        await stage.store.sessions.add_attempt(further, [])
    return first.session_id


@pytest.mark.parametrize(
    ("state", "verdict", "status"),
    [
        ("created", None, "active"),
        ("challenging", None, "active"),
        ("passed", "PASSED", "PASSED"),
        ("inconclusive", "INCONCLUSIVE", "INCONCLUSIVE"),
        ("cancelled", None, "INCONCLUSIVE"),
        ("interrupted", None, "INCONCLUSIVE"),
        ("expired", None, "INCONCLUSIVE"),
    ],
)
def test_what_the_institution_reads_of_an_end(state: str, verdict: str | None, status: str) -> None:
    assert outcome(state, verdict) == status
    assert state in states_with(status)


def test_every_state_has_one_status() -> None:
    known = [states_with(s) for s in ("active", "PASSED", "FAILED", "INCONCLUSIVE")]
    assert Counter(state for states in known for state in states) == Counter(SessionState)
    assert states_with("junk") == frozenset()


async def test_a_cancelled_session_says_so_everywhere(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.service.command(session_id, CANCEL)
    view = await stage.service.command(session_id, COMPLETE)
    for seen in (view, await stage.service.status(session_id)):
        assert (seen.state, seen.outcome, seen.status) == ("cancelled", "INCONCLUSIVE", None)
        assert (seen.reasons, seen.reason_weights) == (("cancelled",), (1.0,))
        assert [(a.state, a.outcome) for a in seen.attempts] == [("cancelled", "INCONCLUSIVE")]
    applicant = await stage.service.attempt(session_id)
    assert (applicant.state, applicant.status) == ("cancelled", None)
    assert stage.row(session_id).state == "cancelled"
    assert stage.journal(session_id)[-1].payload["state"] == "cancelled"
    assert stage.peer.last_sent("state")["state"] == "cancelled"
    [row] = (await stage.service.verifications(ANY, "", 10)).verifications
    assert (row.state, row.outcome) == ("cancelled", "INCONCLUSIVE")


@pytest.mark.parametrize("by_applicant", [True, False])
@pytest.mark.parametrize(
    ("evidence", "raised"),
    [
        (Evidence(AnalyserName.TEMPORAL, 0.6, 0.9, (0, 900), (Sign.VIDEO_LOOP,)), ["video_loop"]),
        (
            Evidence(AnalyserName.SWAP, 0.9, 0.9, (0, 900), (Sign.FACE_SWAP,)),
            ["deepfake_score_high"],
        ),
        (Evidence(AnalyserName.SWAP, 0.6, 0.9, (0, 900), (Sign.FACE_SWAP,)), []),
        (Evidence(AnalyserName.TEMPORAL, 0.1, 0.9, (0, 900)), []),
    ],
    ids=["a hard sign", "a high score", "a doubt", "nothing"],
)
async def test_a_cancel_hides_no_attack(
    make_stage: MakeStage, evidence: Evidence, raised: list[str], *, by_applicant: bool
) -> None:
    stage = await make_stage(Settings(expose_scores=False))
    session_id = await stage.join()
    stage.seat()
    stage.analysis.evidence = (evidence,)
    await stage.show(50)
    if by_applicant:
        stage.peer.say("cancel")
        await settle()
    else:
        await stage.service.command(session_id, CANCEL)
    view = await stage.service.status(session_id)
    assert (view.state, view.status, view.needs_review) == ("cancelled", None, bool(raised))
    alerts = stage.alerts(session_id)
    assert [alert.details["reasons"] for alert in alerts] == ([raised] if raised else [])
    assert {(alert.type, alert.severity) for alert in alerts} <= {("attack_suspected", "medium")}
    applicant = await stage.service.attempt(session_id)
    assert not applicant.needs_review  # it would say that a detector alarmed


async def test_the_applicant_knows_an_end_by_its_state_in_production_too(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings(expose_scores=False))
    session_id = await stage.join()
    await stage.service.command(session_id, CANCEL)
    applicant = await stage.service.attempt(session_id)
    assert (applicant.state, applicant.status, applicant.reasons) == ("cancelled", None, ())


@pytest.mark.parametrize("state", ["interrupted", "expired"])
async def test_other_ends_have_their_reason(stage: Stage, state: str) -> None:
    session_id = await put(stage, {"state": state})
    view = await stage.service.command(session_id, COMPLETE)
    assert (view.state, view.outcome, view.reasons) == (state, "INCONCLUSIVE", (state,))


async def test_a_verdict_keeps_its_own_reasons(stage: Stage) -> None:
    session_id = await put(stage, FAILED | {"reasons": ("texture",)}, {"state": "cancelled"})
    view = await stage.service.status(session_id)
    assert (view.outcome, view.reasons) == ("FAILED", ("texture",))


# Counts


async def test_health_counts_what_is_stored(stage: Stage) -> None:
    async def agree() -> tuple[int, int | None]:
        await stage.clock.advance(1_001)  # what probes found is kept for a second
        health = await stage.service.health()
        states = await stage.store.sessions.count_by_state()
        assert health.live_sessions == sum(states.get(state.value, 0) for state in LIVE)
        assert health.waiting_sessions == states.get("created", 0)
        live = stage.metrics.registry.get_sample_value("kyc_live_sessions")
        assert live == health.live_sessions
        return health.live_sessions, health.waiting_sessions

    waiting = (await stage.service.open("a")).session_id
    assert await agree() == (0, 1)
    await stage.connect(waiting)
    other = await stage.join("b")
    assert await agree() == (2, 0)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(other).state in FINAL
    assert await agree() == (1, 0), "its peer lingers, and the session is over"
    await stage.service.command(waiting, CANCEL)
    assert await agree() == (0, 0)


async def test_who_waits_for_too_long_is_not_counted(stage: Stage) -> None:
    await put(stage, {"state": "created"}, expires_at_ms=stage.clock.now_ms())
    assert (await stage.service.health()).waiting_sessions == 0


async def test_statistics_follow_the_alerts(stage: Stage) -> None:
    session_id = SessionId(await put(stage, FAILED))
    now_ms = stage.clock.now_ms()
    for number, age_ms in enumerate((0, 86_399_999, 86_400_000)):
        alert = an_alert(session_id, alert_id=f"alert-{number}", created_at_ms=now_ms - age_ms)
        stage.store.alert_rows[AlertId(f"alert-{number}")] = alert
    await stage.service.acknowledge_alert("alert-0", DEFAULT_TENANT, "somebody")
    found = await stage.service.alert_statistics(DEFAULT_TENANT)
    counts = {name: found[name] for name in ("total", "active", "acknowledged", "last_24_h")}
    assert counts == {"total": 3, "active": 2, "acknowledged": 1, "last_24_h": 2}
    stage.clock.tick(1)
    assert (await stage.service.alert_statistics(DEFAULT_TENANT))["last_24_h"] == 1


async def test_alerts_of_a_session_are_that_sessions(stage: Stage) -> None:
    """Of the attempt that counts, where the verification is asked about; of no other one."""
    key = await put(stage, FAILED, {"state": "created"})
    retry = stage.store.sessions
    attempts = await retry.attempts(SessionId(key))
    other = await put(stage, FAILED)
    for number, session_id in enumerate((key, attempts[1].session_id, other)):
        alert = an_alert(SessionId(session_id), alert_id=f"alert-{number}")
        stage.store.alert_rows[AlertId(f"alert-{number}")] = alert
    view = await stage.service.status(key)
    found = await stage.service.session_alerts(view.attempt_id)
    assert [alert.alert_id for alert in found] == ["alert-0"]
    page = await stage.service.active_alerts(AlertFilter(DEFAULT_TENANT, session_id=other), "", 10)
    assert [alert.alert_id for alert in page.alerts] == ["alert-2"]


# Lists


async def test_verifications_are_listed_by_the_attempt_that_counts(stage: Stage) -> None:
    failed = await put(stage, FAILED, {"state": "created"}, user_id="Ada", created_at_ms=1)
    passed = await put(stage, FAILED, PASSED, user_id="Ada", created_at_ms=2)
    waits = await put(stage, {"state": "created"}, user_id="Ben", created_at_ms=3)
    gone = await put(stage, {"state": "expired"}, user_id="Ben", created_at_ms=4)

    async def ids(**wanted: Any) -> list[str]:
        page = await stage.service.verifications(
            VerificationFilter(DEFAULT_TENANT, **wanted), "", 10
        )
        assert page.next is None
        return [row.session_id for row in page.verifications]

    assert await ids() == [gone, waits, passed, failed]
    assert await ids(status="FAILED") == [failed]
    assert await ids(state="failed") == [failed]
    assert await ids(status="PASSED") == [passed]
    assert await ids(status="active") == [waits]
    assert await ids(status="INCONCLUSIVE") == [gone]
    assert await ids(state="created") == [waits]
    assert await ids(state="created", status="PASSED") == []
    assert await ids(user_id="Ada", status="FAILED") == [failed]
    assert await ids(from_ms=2, to_ms=4) == [waits, passed]
    rows = (
        await stage.service.verifications(VerificationFilter(DEFAULT_TENANT, user_id="Ada"), "", 1)
    ).verifications
    assert (rows[0].attempt, rows[0].attempts, rows[0].outcome) == (2, 2, "PASSED")


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_of_what_a_filter_leaves(stage: Stage, limit: int) -> None:
    """Others lie between, whose attempts other than the one that counts fit the filter."""
    wanted = []
    for number in range(12):
        if number % 3 == 0:
            wanted.append(await put(stage, FAILED, created_at_ms=number))
        else:
            await put(stage, FAILED, PASSED, created_at_ms=number)
    found, after = [], ""
    while True:
        page = await stage.service.verifications(
            VerificationFilter(DEFAULT_TENANT, status="FAILED"), after, limit
        )
        assert len(page.verifications) <= limit
        found += [row.session_id for row in page.verifications]
        await put(stage, FAILED, created_at_ms=1_000)  # newer ones move nothing
        if page.next is None:
            break
        after = page.next
    assert found == wanted[::-1]


async def test_a_page_of_what_is_rare_is_short_and_has_a_next_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "READ_FILTERED", 2)
    monkeypatch.setattr(lists, "MAX_ROUNDS", 2)
    rare = await put(stage, FAILED, created_at_ms=1)
    for number in range(2, 8):
        await put(stage, FAILED, PASSED, created_at_ms=number)
    found, after, pages = [], "", 0
    while pages == 0 or after:
        page = await stage.service.verifications(
            VerificationFilter(DEFAULT_TENANT, status="FAILED"), after, 1
        )
        found += [row.session_id for row in page.verifications]
        after, pages = page.next or "", pages + 1
    assert (found, pages) == ([rare], 2)


async def test_alerts_are_paged(stage: Stage) -> None:
    session_id = SessionId(await put(stage, FAILED))
    for number in range(5):
        alert = an_alert(session_id, alert_id=f"alert-{number}", created_at_ms=number // 2)
        stage.store.alert_rows[AlertId(f"alert-{number}")] = alert
    found, after, pages = [], "", 0
    while pages == 0 or after:
        page = await stage.service.active_alerts(ANY_ALERT, after, 2)
        found += [alert.alert_id for alert in page.alerts]
        after, pages = page.next or "", pages + 1
    assert found == ["alert-4", "alert-2", "alert-3", "alert-0", "alert-1"]
    assert pages == 3


@given(st.integers(0, 2**63 - 1), st.uuids())
def test_a_cursor_stands_for_its_position(at_ms: int, key: Any) -> None:
    position = Position(at_ms, str(key))
    cursor = cursor_of("v", position)
    assert cursor.isascii()
    assert position_of("v", cursor) == position
    with pytest.raises(BadRequest, match="after"):
        position_of("a", cursor)
    for changed in (cursor + "=", f" {cursor}", cursor + "\u00e9", cursor[:9]):
        with pytest.raises(BadRequest, match="after"):
            position_of("v", changed)


@given(st.text(min_size=1))
def test_junk_is_not_a_cursor(text: str) -> None:
    with pytest.raises(BadRequest, match="after"):
        position_of("v", text)


async def test_junk_is_refused_and_not_ignored(stage: Stage) -> None:
    with pytest.raises(BadRequest, match="after"):
        await stage.service.verifications(ANY, "junk", 10)
    with pytest.raises(BadRequest, match="after"):
        await stage.service.active_alerts(ANY_ALERT, cursor_of("v", Position(1, "x")), 10)
    with pytest.raises(BadRequest, match="session_id"):
        await stage.service.active_alerts(AlertFilter(DEFAULT_TENANT, session_id="junk"), "", 10)
