"""Which tokens count: of the newest link, of a verification that exists, also while the database is away."""

from __future__ import annotations

import pytest

from kyc_rtc.errors import Conflict, LinkReplaced, NotFound, StorageUnavailable, Unauthorised
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.sessions import join_links
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.settings import LimitSettings, Settings
from tests.unit.sessions.conftest import MakeStage, Stage, while_time_passes

COMPLETE = Command(CommandType.COMPLETE)


async def opened(stage: Stage) -> str:
    return (await stage.service.open("customer")).session_id


async def ended(stage: Stage) -> str:
    """A verification whose only attempt was given up before it began: INCONCLUSIVE."""
    session_id = await opened(stage)
    await while_time_passes(stage, stage.service.command(session_id, COMPLETE))
    return session_id


async def test_a_new_link_ends_the_tokens_of_the_old_one(stage: Stage) -> None:
    session_id = await opened(stage)
    await stage.service.check_token(session_id, 1, after_end=False)
    assert (await stage.service.renew_link(session_id)).link_number == 2
    with pytest.raises(LinkReplaced):
        await stage.service.check_token(session_id, 1, after_end=True)
    with pytest.raises(LinkReplaced):
        await stage.service.check_token(session_id, 3, after_end=True)
    await stage.service.check_token(session_id, 2, after_end=False)


async def test_every_attempt_has_the_same_link(stage: Stage) -> None:
    first = await ended(stage)
    second = (await stage.service.retry(first)).session_id
    view = await stage.service.renew_link(first)
    assert (view.session_id, view.link_number) == (second, 2)
    for session_id in (first, second):
        with pytest.raises(LinkReplaced):
            await stage.service.check_token(session_id, 1, after_end=True)
    assert (await stage.service.retry(first)).link_number == 2


async def test_a_token_of_what_is_over_is_good_for_the_outcome_only(stage: Stage) -> None:
    session_id = await ended(stage)
    await stage.service.check_token(session_id, 1, after_end=True)
    with pytest.raises(Conflict, match="decided"):
        await stage.service.check_token(session_id, 1, after_end=False)


async def test_a_token_of_what_was_deleted_is_void(stage: Stage) -> None:
    session_id = await opened(stage)
    await stage.store.sessions.delete(SessionId(session_id))
    with pytest.raises(Unauthorised, match="deleted"):
        await stage.service.check_token(session_id, 1, after_end=True)


async def test_what_may_be_tried_again_gets_a_new_link_and_what_is_over_gets_none(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(session_attempts=2)))
    first = await ended(stage)
    assert (await stage.service.renew_link(first)).link_number == 2
    second = (await stage.service.retry(first)).session_id
    await while_time_passes(stage, stage.service.command(second, COMPLETE))
    with pytest.raises(Conflict, match="inconclusive"):
        await stage.service.renew_link(first)
    with pytest.raises(NotFound):
        await stage.service.renew_link(new_session_id())


async def test_what_has_expired_gets_no_new_link(stage: Stage) -> None:
    session_id = await opened(stage)
    stage.clock.tick(Settings().limits.session_expiry_ms)
    with pytest.raises(Conflict, match="expired"):
        await stage.service.renew_link(session_id)
    assert stage.row(session_id).link_number == 1


async def test_while_the_database_is_away_applicants_of_live_sessions_are_known(
    stage: Stage,
) -> None:
    session_id, waiting = await stage.join(), await opened(stage)
    for known in (session_id, waiting):
        await stage.service.check_token(known, 1, after_end=False)
    stage.store.failure = StorageUnavailable("the database is away")
    await stage.service.check_token(session_id, 1, after_end=False)
    with pytest.raises(StorageUnavailable):
        await stage.service.check_token(session_id, 2, after_end=False)
    with pytest.raises(StorageUnavailable):
        await stage.service.check_token(waiting, 1, after_end=False)


async def test_what_is_remembered_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join_links, "MAX_REMEMBERED", 2)
    session_id = await stage.join()
    others = [await opened(stage) for _ in range(2)]
    await stage.service.check_token(session_id, 1, after_end=False)
    await stage.service.check_token(others[0], 1, after_end=False)
    await stage.service.check_token(session_id, 1, after_end=False)  # the newest again
    await stage.service.check_token(others[1], 1, after_end=False)
    stage.store.failure = StorageUnavailable("the database is away")
    await stage.service.check_token(session_id, 1, after_end=False)
    stage.store.failure = None
    for other in others:
        await stage.service.check_token(other, 1, after_end=False)
    stage.store.failure = StorageUnavailable("the database is away")
    with pytest.raises(StorageUnavailable):
        await stage.service.check_token(session_id, 1, after_end=False)
