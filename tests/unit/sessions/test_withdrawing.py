"""What an institution's cancel ends, and what the time of a verification ends."""

from __future__ import annotations

import pytest

from kyc_rtc.errors import Conflict, LinkReplaced
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.settings import LimitSettings
from tests.unit.sessions.conftest import Stage

COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
LIFETIME_MS = LimitSettings().session_expiry_ms


async def test_of_a_cancelled_verification_nothing_begins_any_more(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    view = await stage.service.command(session_id, CANCEL)
    assert (view.state, view.withdrawn, view.can_retry) == ("cancelled", True, False)
    for call in (stage.service.retry(session_id), stage.service.renew_link(session_id)):
        with pytest.raises(Conflict):
            await call
    with pytest.raises(Conflict):
        await stage.service.check_token(session_id, 1, after_end=False)
    await stage.service.check_token(
        session_id, 1, after_end=True
    )  # its applicant may read how it ended
    seen = await stage.service.attempt(session_id)
    assert (seen.state, seen.withdrawn, seen.can_retry) == ("cancelled", True, False)


async def test_an_attempt_that_failed_is_not_repeated_after_a_cancel(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    await stage.service.command(session_id, COMPLETE)
    assert (await stage.service.status(session_id)).can_retry
    view = await stage.service.command(session_id, CANCEL)
    assert (view.status, view.withdrawn, view.can_retry) == ("INCONCLUSIVE", True, False)
    with pytest.raises(Conflict):
        await stage.service.retry(session_id)


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_a_cancel_ends_the_latest_attempt_by_whichever_id(stage: Stage, which: int) -> None:
    ids = [await stage.join()]
    for _ in range(2):
        await stage.service.command(ids[-1], COMPLETE)
        ids.append((await stage.service.retry(ids[-1])).session_id)
    await stage.connect(ids[-1])
    await stage.service.command(ids[which], CANCEL)
    assert stage.row(ids[-1]).state == "cancelled"


async def test_an_attempt_that_was_opened_in_the_same_moment_cannot_be_joined(stage: Stage) -> None:
    first = await stage.join()
    await stage.service.command(first, COMPLETE)
    second = (await stage.service.retry(first)).session_id
    await stage.store.sessions.withdraw(stage.row(first).verification_id)
    with pytest.raises(Conflict):
        await stage.service.check_token(second, 1, after_end=False)


async def test_what_has_passed_stays_passed(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.command(session_id, CANCEL)
    assert (view.status, view.withdrawn) == ("PASSED", False)


async def test_an_applicant_who_stops_may_try_again(stage: Stage) -> None:
    session_id = await stage.join()
    stage.peer.say("cancel")
    await stage.clock.advance(1_000)
    view = await stage.service.status(session_id)
    assert (view.state, view.withdrawn, view.can_retry) == ("cancelled", False, True)


# Time


@pytest.mark.parametrize("ask", ["status", "attempt", "complete", "cancel"])
async def test_what_is_over_in_time_reads_so_before_the_sweep(stage: Stage, ask: str) -> None:
    session_id = (await stage.service.open("customer")).session_id
    stage.clock.tick(LIFETIME_MS)
    match ask:
        case "status":
            view = await stage.service.status(session_id)
        case "attempt":
            view = await stage.service.attempt(session_id)
        case _:
            view = await stage.service.command(session_id, Command(CommandType(ask)))
    assert (view.state, view.status) == ("expired", None)
    assert stage.alerts(session_id) == []


async def test_of_a_link_that_nobody_opened_nobody_is_alerted(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    view = await stage.service.command(session_id, COMPLETE)
    assert (view.status, "completed_early" in view.reasons) == ("INCONCLUSIVE", True)
    assert stage.alerts(session_id) == []


async def test_a_retry_after_its_time_says_that_it_expired(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.service.command(session_id, COMPLETE)
    stage.clock.tick(LIFETIME_MS)
    with pytest.raises(Conflict, match="expired"):
        await stage.service.retry(session_id)
    with pytest.raises(Conflict, match="expired"):
        await stage.service.renew_link(session_id)


async def test_a_replaced_link_says_so_before_anything_else(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.renew_link(session_id)
    with pytest.raises(LinkReplaced):
        await stage.service.check_token(session_id, 1, after_end=True)
