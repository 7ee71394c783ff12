"""Uploaded pictures of many sessions: how many are decoded at one time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest

from kyc_rtc.errors import BadImage
from kyc_rtc.frames.sizes import LARGEST_BYTES
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.sessions.ports import decoded_places
from kyc_rtc.settings import LimitSettings, Settings
from tests.unit.sessions.conftest import Stage, build_stage
from tests.unit.sessions.test_service import CLIENT, picture

T = TypeVar("T")
BROKEN = picture()[:-200]
SESSIONS = 6


class CountingPool:
    """Knows how many pictures are decoded and not analysed; the others get their turn before each."""

    def __init__(self) -> None:
        self.decoded = self.most = 0

    async def run(self, work: Callable[[], T]) -> T:
        for _ in range(20):
            await asyncio.sleep(0)  # a turn for every other session
        result = work()
        self.decoded += isinstance(result, np.ndarray)
        self.most = max(self.most, self.decoded)
        self.decoded -= isinstance(result, FrameResult)
        return result


def limits(places: int) -> LimitSettings:
    return LimitSettings(decoded_bytes_in_flight=places * LARGEST_BYTES + 4_000_000)


def test_places_are_pictures_of_the_largest_size() -> None:
    assert [decoded_places(limits(n))._value for n in (1, 2, 7)] == [1, 2, 7]


@pytest.mark.parametrize("places", [1, 2])
async def test_no_more_are_decoded_at_one_time_than_there_is_room_for(places: int) -> None:
    pool = CountingPool()
    stage = build_stage(Settings(limits=limits(places)), pool=pool)
    await stage.housekeeping.start()
    sessions = [(await stage.service.open(f"customer {n}")).session_id for n in range(SESSIONS)]
    try:
        views = await asyncio.gather(
            *(stage.service.upload(session_id, picture(), CLIENT) for session_id in sessions)
        )
        assert [view.analysed for view in views] == [True] * SESSIONS
        assert (pool.most, pool.decoded) == (places, 0)
    finally:
        await _closed(stage)


async def test_a_picture_that_cannot_be_decoded_gives_its_place_back() -> None:
    stage = build_stage(Settings(limits=limits(1)))
    await stage.housekeeping.start()
    session_id = (await stage.service.open("customer")).session_id
    try:
        for _ in range(3):
            with pytest.raises(BadImage):
                await stage.service.upload(session_id, BROKEN, CLIENT)
        assert (await stage.service.upload(session_id, picture(), CLIENT)).analysed
    finally:
        await _closed(stage)


async def _closed(stage: Stage) -> None:
    closing = asyncio.create_task(stage.service.aclose())
    await stage.clock.advance(10_000)
    async with asyncio.timeout(5):
        await closing
        await stage.housekeeping.aclose()
