"""Limits by a clock."""

from __future__ import annotations

import asyncio

import pytest

from kyc_rtc.clock import within
from tests.support.clock import ManualClock, settle


async def test_work_that_is_in_time_gives_its_result() -> None:
    clock = ManualClock()

    async def work() -> int:
        await clock.sleep_ms(99)
        return 7

    limited = asyncio.create_task(within(100, work(), clock))
    await clock.advance(99)
    assert limited.result() == 7
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_of_the_work_is_its_own() -> None:
    async def work() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await within(100, work(), ManualClock())


async def test_work_that_is_late_is_cancelled_and_nothing_is_left() -> None:
    clock = ManualClock()
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    limited = asyncio.create_task(within(100, work(), clock))
    await clock.advance(99)
    assert not limited.done()
    await clock.advance(1)
    with pytest.raises(TimeoutError):
        limited.result()
    assert ended == ["work"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_is_cancelled_takes_the_work_along() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    limited = asyncio.create_task(within(100, work(), ManualClock()))
    await settle()
    limited.cancel()
    with pytest.raises(asyncio.CancelledError):
        await limited
    assert ended == ["work"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
