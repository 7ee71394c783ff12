"""A verification and its attempts: which one counts, and whether another may follow."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.errors import Conflict
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.sessions.attempts import (
    attempt_that_counts,
    attempts_spent,
    may_retry,
    needs_review,
)
from kyc_rtc.sessions.interface import Command, CommandType, VerificationFilter
from kyc_rtc.sessions.states import SessionState
from kyc_rtc.sessions.views import applicants_view
from kyc_rtc.settings import Settings
from kyc_rtc.storage import SessionRecord
from tests.support.memory_store import a_session
from tests.unit.sessions.conftest import MakeStage, Stage

COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
JUDGED = {"passed", "failed", "inconclusive"}


def attempts(states: str) -> list[SessionRecord]:
    """A verification's attempts, by their states."""
    return [
        a_session(
            attempt=number,
            state=state,
            verdict_status=state.upper() if state in JUDGED else None,
        )
        for number, state in enumerate(states.split(), start=1)
    ]


@pytest.mark.parametrize(
    ("states", "counts"),
    [
        ("created", 1),
        ("connecting", 1),
        ("failed", 1),
        ("cancelled", 1),
        ("failed created", 1),  # who only opens "try again" takes no verdict away
        ("failed connecting", 2),
        ("failed challenging", 2),
        ("failed deciding", 2),
        ("failed passed", 2),
        ("passed created", 1),
        ("passed connecting", 1),
        ("passed failed", 1),
        ("failed inconclusive", 2),
        ("inconclusive failed created", 2),
        ("failed cancelled", 1),
        ("failed interrupted", 1),
        ("failed expired", 1),
        ("interrupted created", 2),
        ("cancelled interrupted", 2),
        ("interrupted failed cancelled", 2),
    ],
)
def test_the_attempt_that_counts(states: str, counts: int) -> None:
    assert attempt_that_counts(attempts(states)).attempt == counts


@pytest.mark.parametrize(
    ("states", "reasons", "needed"),
    [
        ("failed passed", ("deepfake_score_high", "face_swap"), True),
        ("failed cancelled passed", ("video_loop",), True),
        ("failed passed", ("challenge_timeout", "seen_before"), True),
        ("failed passed", ("face_changed",), True),
        ("failed passed", ("challenge_failed", "challenge_timeout"), False),
        ("failed", ("deepfake_score_high",), False),  # it is decided
        ("failed challenging", ("deepfake_score_high",), False),
        ("failed inconclusive", ("deepfake_score_high",), True),
        ("failed inconclusive", ("challenge_timeout",), False),
        ("failed inconclusive failed", ("deepfake_score_high",), False),
    ],
)
def test_a_later_attempt_does_not_settle_what_another_failed_for(
    states: str, reasons: tuple[str, ...], needed: bool
) -> None:
    first, *others = attempts(states)
    assert needs_review([replace(first, reasons=reasons), *others]) is needed


@pytest.mark.parametrize("states", ["inconclusive", "inconclusive passed", "passed"])
def test_what_one_attempt_asks_for_the_verification_needs(states: str) -> None:
    first, *others = attempts(states)
    assert not needs_review([first, *others])
    assert needs_review([replace(first, needs_review=True), *others])


async def test_a_passed_retry_after_signs_of_an_attack_is_looked_at(stage: Stage) -> None:
    session_id = await stage.join()
    stage.seat()
    calm = stage.analysis.evidence
    swap = Evidence(AnalyserName.SWAP, 0.95, 1.0, (0, 1_000), (Sign.FACE_SWAP,))
    stage.analysis.evidence = (*calm, swap)
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(session_id)
    assert (view.status, view.needs_review) == ("FAILED", False)
    again = await stage.service.retry(session_id)
    stage.analysis.evidence = calm
    await stage.connect(again.session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(session_id)
    assert (view.status, view.needs_review) == ("PASSED", True)
    page = await stage.service.verifications(VerificationFilter(DEFAULT_TENANT), "", 10)
    assert [row.needs_review for row in page.verifications] == [True]
    assert not applicants_view(view).needs_review  # which says nothing of what a detector saw


def test_a_verification_has_an_attempt() -> None:
    with pytest.raises(ValueError, match="at least one"):
        attempt_that_counts([])


@pytest.mark.parametrize(
    ("states", "may"),
    [
        ("created", False),
        ("challenging", False),
        ("passed", False),
        ("failed", True),
        ("inconclusive", True),
        ("cancelled", True),
        ("interrupted", True),
        ("expired", False),
        ("failed created", False),
        ("failed challenging", False),
        ("failed passed", False),
        ("failed failed", True),
        ("failed expired", False),
        ("passed cancelled", False),
        ("failed failed failed", False),
        ("failed failed passed", False),
        ("failed failed created", False),
        ("interrupted interrupted interrupted interrupted", True),
        ("interrupted failed interrupted failed", True),
        ("interrupted failed failed interrupted failed", False),
        ("interrupted " * 12 + "interrupted", False),
    ],
)
def test_whether_another_may_follow(states: str, *, may: bool) -> None:
    assert may_retry(attempts(states), 3, 0) is may


@pytest.mark.parametrize("state", list(SessionState))
def test_what_the_server_interrupted_is_not_spent(state: SessionState) -> None:
    alone = attempts(state.value)
    assert attempts_spent(alone) == (state is not SessionState.INTERRUPTED)
    assert may_retry(alone, 1, 0) is (state is SessionState.INTERRUPTED)


def test_none_follows_one_that_has_expired() -> None:
    (failed,) = attempts("failed")
    assert may_retry([failed], 3, failed.expires_at_ms - 1)
    assert not may_retry([failed], 3, failed.expires_at_ms)


# Through the service


async def failed_once(stage: Stage) -> str:
    """A verification whose first attempt is INCONCLUSIVE."""
    session_id = await stage.join()
    await stage.show(2)
    await stage.service.command(session_id, COMPLETE)
    await stage.clock.advance(5_000)
    return session_id


async def test_the_first_id_names_the_verification_and_a_later_one_its_attempt(
    stage: Stage,
) -> None:
    first = await failed_once(stage)
    second = (await stage.service.retry(first)).session_id
    view = await stage.service.status(first)  # only opened: the verdict stands
    assert (view.attempt, view.status, view.can_retry) == (1, "INCONCLUSIVE", False)
    assert (await stage.service.status(second)).state == "created"
    await stage.connect(second)
    view = await stage.service.status(first)
    assert (view.session_id, view.attempt_id, view.state) == (first, second, "connecting")
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(first)
    assert (view.session_id, view.attempt_id, view.status) == (first, second, "PASSED")
    assert (view.verification_id, view.attempt, view.can_retry) == (first, 2, False)
    assert [(a.session_id, a.attempt, a.status) for a in view.attempts] == [
        (first, 1, "INCONCLUSIVE"),
        (second, 2, "PASSED"),
    ]
    later = await stage.service.status(second)
    assert (later.session_id, later.verification_id, later.attempts) == (
        second,
        first,
        view.attempts,
    )


async def test_once_it_has_passed_the_applicant_sees_that_under_each_id(stage: Stage) -> None:
    first = await failed_once(stage)
    second = (await stage.service.retry(first)).session_id
    assert (await stage.service.attempt(first)).status == "INCONCLUSIVE"
    assert (await stage.service.attempt(second)).status is None
    await stage.connect(second)
    assert (await stage.service.attempt(first)).state == "inconclusive"
    await stage.perform(lambda: stage.has_sent("verdict"))
    for session_id in (first, second):
        view = await stage.service.attempt(session_id)
        assert (view.session_id, view.attempt_id, view.status) == (session_id, second, "PASSED")
    with pytest.raises(Conflict):
        await stage.service.retry(second)


async def test_completing_reads_the_verdict_that_an_opened_retry_leaves_in_place(
    stage: Stage,
) -> None:
    first = await failed_once(stage)
    second = (await stage.service.retry(first)).session_id
    before = await stage.service.status(first)
    assert await stage.service.command(first, COMPLETE) == before
    assert await stage.state(second) == "created"


@pytest.mark.parametrize("joined", [False, True])
async def test_cancelling_the_verification_ends_the_attempt_to_come(
    stage: Stage, *, joined: bool
) -> None:
    first = await failed_once(stage)
    second = (await stage.service.retry(first)).session_id
    if joined:
        await stage.connect(second)
    view = await stage.service.command(first, CANCEL)
    assert (view.attempt, view.status) == (1, "INCONCLUSIVE")
    assert await stage.state(second) == "cancelled"


async def test_two_processes_that_retry_at_once_find_the_same_attempt(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings())
    other = await make_stage(Settings(), sharing=stage)
    first = await failed_once(stage)
    one, two = await asyncio.gather(stage.service.retry(first), other.service.retry(first))
    assert one.session_id == two.session_id != first
    assert [a.attempt for a in one.attempts] == [1, 2]
    assert len(stage.journal(one.session_id)) == 1
    again = await other.service.retry(first)
    assert again.session_id == one.session_id
