"""What the detectors judged by is kept with a session that came to a verdict, and costs it nothing."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import structlog.testing

from kyc_rtc.errors import KycError
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.farewells import LINGER_MS
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.settings import DetectionSettings, Settings
from tests.support.clock import settle
from tests.unit.sessions.conftest import MakeStage, Stage
from tests.unit.sessions.test_service import CLIENT, picture

COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
MEASURED = {"jitter_nose": -4.25, "net_swap": 0.5, "net_swap.high": math.nan}


async def over(stage: Stage, command: Command = COMPLETE) -> str:
    """A session of three frames, ended by a command and closed."""
    session_id = await stage.join()
    await stage.show(3)
    await stage.service.command(session_id, command)
    await closed(stage)
    return session_id


async def closed(stage: Stage) -> None:
    await stage.clock.advance(LINGER_MS)
    await settle()


async def test_a_verdicts_features_are_kept_without_the_missing_ones(stage: Stage) -> None:
    stage.analysis.measured = MEASURED
    session_id = await over(stage)
    record = stage.store.features_rows[SessionId(session_id)]
    assert record.by_name == {"jitter_nose": -4.25, "net_swap": 0.5}
    assert stage.analysis.closed


async def test_those_of_pictures_that_were_uploaded_are_kept_too(stage: Stage) -> None:
    stage.analysis.measured = MEASURED
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.upload(session_id, picture(), CLIENT)
    await stage.service.command(session_id, COMPLETE)
    await settle()
    assert list(stage.store.features_rows) == [session_id]


@pytest.mark.parametrize(
    "measured", [{}, {"jitter_nose": math.nan, "net_swap": math.inf}], ids=["none", "not finite"]
)
async def test_where_nothing_was_measured_nothing_is_kept(
    stage: Stage, measured: dict[str, float]
) -> None:
    stage.analysis.measured = measured
    await over(stage)
    assert not stage.store.features_rows


async def test_a_session_without_a_verdict_keeps_none(stage: Stage) -> None:
    stage.analysis.measured = MEASURED
    await over(stage, CANCEL)
    unseen = (await stage.service.open("customer")).session_id
    await stage.service.command(unseen, COMPLETE)
    await settle()
    assert not stage.store.features_rows


async def test_the_setting_switches_it_off(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(detection=DetectionSettings(keep_features=False)))
    stage.analysis.measured = MEASURED
    await over(stage)
    assert not stage.store.features_rows


async def failing(*_: object) -> Any:
    raise KycError("the database failed")


async def unending(*_: object) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize("failure", [failing, unending])
async def test_a_store_that_fails_does_not_touch_the_verdict(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, failure: Callable[..., Any]
) -> None:
    stage.analysis.measured = MEASURED
    monkeypatch.setattr(stage.store.features, "add", failure)
    session_id = await stage.join()
    await stage.show(3)
    with structlog.testing.capture_logs() as logs:
        view = await stage.service.command(session_id, COMPLETE)
        assert (view.state, view.status) == ("inconclusive", "INCONCLUSIVE")
        assert stage.peer.last_sent("verdict")["status"] == "INCONCLUSIVE"
        await closed(stage)
        await stage.clock.advance(2_000)  # for so long the close waits
    assert stage.analysis.closed
    assert (await stage.service.status(session_id)).status == "INCONCLUSIVE"
    logged = [entry for entry in logs if entry["event"] == "features_not_kept"]
    assert [entry["session_id"] for entry in logged] == [session_id]
    assert "4.25" not in json.dumps(logs, default=str)


async def test_features_that_cannot_be_taken_or_stored_do_not_either(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, float]:
        raise ValueError("no shape")

    monkeypatch.setattr(stage.analysis, "features", broken)
    first = await over(stage)
    monkeypatch.setattr(stage.analysis, "features", lambda: {"x" * 65: 1.0})
    second = await over(stage)
    for session_id in (first, second):
        assert (await stage.service.status(session_id)).status == "INCONCLUSIVE"
    assert not stage.store.features_rows


async def test_nothing_is_asked_for_before_the_verdict_is_published(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_published: list[bool] = []

    def noted() -> dict[str, float]:
        was_published.append("verdict" in stage.peer.types_sent())
        return MEASURED

    monkeypatch.setattr(stage.analysis, "features", noted)
    await over(stage)
    assert was_published == [True]


async def test_the_detectors_begin_anew_with_the_challenges_and_only_once(stage: Stage) -> None:
    stage.seat()
    session_id = await stage.join()
    await stage.show(60)
    assert await stage.state(session_id) == "challenging"
    (seen_before,) = stage.analysis.begun_after
    assert 0 < seen_before < 40
