"""The applicant's consent is the verification's, and its first time is kept."""

from __future__ import annotations

from kyc_rtc.sessions.interface import Command, CommandType, ConsentView
from tests.unit.sessions.conftest import Stage


async def test_the_first_time_for_one_text_is_kept(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    assert (await stage.service.status(session_id)).consent is None
    first = await stage.service.agree(session_id, "v1", "en")
    await stage.clock.advance(60_000)
    assert await stage.service.agree(session_id, "v1", "en") == first
    assert (await stage.service.status(session_id)).consent == first
    await stage.clock.advance(1_000)
    second = await stage.service.agree(session_id, "v2", "en")
    assert second == ConsentView("v2", "en", first.agreed_at_ms + 61_000)


async def test_the_next_attempt_has_the_consent_and_may_renew_it(stage: Stage) -> None:
    first = await stage.join()
    agreed = await stage.service.agree(first, "v1", "en")
    await stage.service.command(first, Command(CommandType.COMPLETE))
    second = (await stage.service.retry(first)).session_id
    assert (await stage.service.status(second)).consent == agreed
    renewed = await stage.service.agree(second, "v2", "en")
    assert (await stage.service.status(first)).consent == renewed
