"""Each cause for which a process is not ready, one at a time, and back; and that probes are cheap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.sessions.probe import ANSWER_LIMIT_MS, KEPT_MS, Probe
from kyc_rtc.sessions.readiness import free_bytes
from kyc_rtc.settings import LimitSettings, Settings
from tests.support.clock import ManualClock, settle
from tests.unit.sessions.conftest import MakeStage, Stage, while_time_passes

Spoil = Callable[[Stage, pytest.MonkeyPatch], Any]


async def refuse(*_: object) -> Any:
    raise StorageUnavailable("the database is full")


async def hang(*_: object) -> Any:
    await asyncio.Event().wait()


async def break_off(*_: object) -> Any:
    raise RuntimeError("a bug")


def writes(how: Callable[..., Any]) -> Spoil:
    return lambda stage, patch: patch.setattr(stage.store.processes, "check_writable", how)


def pool(how: Callable[..., Any]) -> Spoil:
    return lambda stage, patch: patch.setattr(stage.service._services.pool, "run", how)


def sweeps(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.store.processes, "interrupt_unknown", break_off)


def lease(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.store.processes, "renew", refuse)


def little_room(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.around, "free_bytes", 99_999_999)


def no_model(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.around, "model_is_intact", False)


def draining(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.service, "_draining", True)


CAUSES: list[tuple[str, Spoil]] = [
    ("database", writes(refuse)),
    ("database", writes(hang)),
    ("database", writes(break_off)),
    ("disk", little_room),
    ("model", no_model),
    ("pool", pool(hang)),
    ("pool", pool(break_off)),
    ("sweepers", sweeps),
    ("lease", lease),
    ("draining", draining),
]


async def causes(stage: Stage) -> tuple[str, ...]:
    return await while_time_passes(stage, stage.service.readiness())


@pytest.mark.parametrize(("cause", "spoil"), CAUSES)
async def test_one_cause_at_a_time_and_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, cause: str, spoil: Spoil
) -> None:
    assert await causes(stage) == ()
    await stage.clock.advance(60_000)
    with monkeypatch.context() as patch:
        spoil(stage, patch)
        # A lease ends after 8 s; a step that fails is late after its interval and 10 s.
        await stage.clock.advance(13_000 if cause == "sweepers" else 9_000)
        assert await causes(stage) == (cause,)
        health = await while_time_passes(stage, stage.service.health())
        assert health.problems == (("sweep",) if cause == "sweepers" else (cause,))
    for task in asyncio.all_tasks():
        if task.get_name() in ("probe-database", "probe-pool"):
            task.cancel()  # what hung comes to its end
    await settle()
    await stage.clock.advance(3_000)
    assert await causes(stage) == ()
    assert (await stage.service.health()).problems == ()


async def test_what_no_verdict_waits_for_is_shown_and_keeps_nobody_from_serving(
    stage: Stage,
) -> None:
    stage.around.others = ("delivery",)
    assert (await stage.service.health()).problems == ("delivery",)
    assert await causes(stage) == ()


async def test_the_room_that_is_asked_for_is_a_setting(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(min_free_disk_mb=5_000)))
    assert await causes(stage) == ("disk",)


def test_the_free_space_is_that_of_the_folder_or_of_where_it_would_be(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.2)
    assert free_bytes(tmp_path) > 0


async def test_while_everything_is_away_health_answers_within_a_second(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.store.processes, "check_writable", hang)
    monkeypatch.setattr(stage.store.sessions, "count_waiting", hang)
    pool(hang)(stage, monkeypatch)
    health = await while_time_passes(stage, stage.service.health(), limit_ms=1_000)
    assert health.waiting_sessions is None
    assert {"database", "pool"} <= set(health.problems)
    monkeypatch.undo()  # the stage has to close


# The probe itself


class Asked:
    """Counts how often it was asked, and how many times at once."""

    def __init__(self) -> None:
        self.times = self.now = self.most = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self) -> int:
        self.times += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go_on.wait()
        self.now -= 1
        return self.times


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_thousand_callers_ask_once_a_second(clock: ManualClock) -> None:
    asked = Asked()
    probe = Probe("x", asked, clock)
    answers = await asyncio.gather(*(probe.answer() for _ in range(1_000)))
    assert (set(answers), asked.times) == ({1}, 1)
    await clock.advance(KEPT_MS - 1)
    assert await probe.answer() == 1
    await clock.advance(1)
    assert (await probe.answer(), asked.times) == (2, 2)


async def test_what_hangs_is_asked_once_and_late_is_a_no(clock: ManualClock) -> None:
    asked = Asked()
    asked.go_on.clear()
    probe = Probe("x", asked, clock)
    waiting = [asyncio.create_task(probe.answer()) for _ in range(10)]
    await clock.advance(ANSWER_LIMIT_MS - 1)
    assert not any(task.done() for task in waiting)
    await clock.advance(1)
    assert [task.result() for task in waiting] == [None] * 10
    for _ in range(5):
        await clock.advance(10_000)
        assert await probe.answer() is None
    assert (asked.times, asked.most) == (1, 1)
    asked.go_on.set()
    await settle()
    assert await probe.answer() == 2
    await probe.aclose()


async def test_who_cannot_wait_gets_the_answer_before(clock: ManualClock) -> None:
    asked = Asked()
    probe = Probe("x", asked, clock)
    assert await probe.answer() == 1
    asked.go_on.clear()
    await clock.advance(KEPT_MS)
    hurried = asyncio.create_task(probe.answer(500))
    await clock.advance(500)
    assert hurried.result() == 1
    await clock.advance(ANSWER_LIMIT_MS)
    assert await probe.answer(500) is None
    await probe.aclose()
    await probe.aclose()


async def test_nothing_of_a_probe_is_left(clock: ManualClock) -> None:
    asked = Asked()
    asked.go_on.clear()
    probe = Probe("x", asked, clock)
    waiting = asyncio.create_task(probe.answer(0.5))
    await clock.advance(1)
    assert waiting.done()
    await probe.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
