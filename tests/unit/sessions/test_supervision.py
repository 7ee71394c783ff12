"""The tasks at the root of a process survive errors, and their death is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog.testing

from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.sessions.supervision import LATE_AFTER_MS, Supervisor
from tests.support.clock import ManualClock, settle
from tests.unit.sessions.conftest import Stage

EVERY_MS = 2_000.0


class Step:
    """A step that fails as the test says."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.runs = 0

    async def __call__(self) -> None:
        self.runs += 1
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def supervisor(clock: ManualClock) -> AsyncIterator[Supervisor]:
    made = Supervisor(clock)
    yield made
    await made.aclose()
    await made.aclose()
    assert made.problems() == ()


async def test_a_step_runs_after_each_interval(supervisor: Supervisor, clock: ManualClock) -> None:
    step = Step()
    supervisor.start("sweep", step, EVERY_MS)
    await clock.advance(EVERY_MS - 1)
    assert step.runs == 0
    await clock.advance(3 * EVERY_MS)
    assert step.runs == 3
    await supervisor.aclose()
    await clock.advance(10 * EVERY_MS)
    assert step.runs == 3


@pytest.mark.parametrize(
    ("failure", "event"),
    [
        (RuntimeError("a bug"), "root_task_failed"),
        (StorageUnavailable("the database is away"), "storage_unavailable"),
    ],
)
async def test_a_step_that_raises_is_logged_and_runs_again(
    supervisor: Supervisor, clock: ManualClock, failure: Exception, event: str
) -> None:
    step = Step()
    step.failure = failure
    supervisor.start("sweep", step, EVERY_MS)
    with structlog.testing.capture_logs() as logs:
        await clock.advance(2 * EVERY_MS)
    assert [(entry["event"], entry["task"]) for entry in logs] == [(event, "sweep")] * 2
    step.failure = None
    await clock.advance(EVERY_MS)
    assert step.runs == 3


async def test_a_step_without_success_for_long_is_a_problem_until_it_succeeds(
    supervisor: Supervisor, clock: ManualClock
) -> None:
    ill, well = Step(), Step()
    supervisor.start("sweep", ill, EVERY_MS)
    supervisor.start("lease", well, EVERY_MS)
    await clock.advance(EVERY_MS)
    ill.failure = RuntimeError("a bug")
    await clock.advance(EVERY_MS + LATE_AFTER_MS)
    assert supervisor.problems() == ()
    await clock.advance(1)
    assert supervisor.problems() == ("sweep",)
    ill.failure = None
    await clock.advance(EVERY_MS)
    assert supervisor.problems() == ()


async def test_a_step_that_hangs_is_a_problem(supervisor: Supervisor, clock: ManualClock) -> None:
    async def hang() -> None:
        await clock.sleep_ms(1e9)

    supervisor.start("sweep", hang, EVERY_MS)
    await clock.advance(EVERY_MS + LATE_AFTER_MS + 1)
    assert supervisor.problems() == ("sweep",)


async def test_a_step_that_died_is_a_problem_at_once(
    supervisor: Supervisor, clock: ManualClock
) -> None:
    supervisor.start("sweep", Step(), EVERY_MS)
    supervisor._watched["sweep"].task.cancel()
    await settle()
    assert supervisor.problems() == ("sweep",)


async def test_a_well_process_has_no_problems_and_an_ill_one_names_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.clock.advance(60_000)
    assert (await stage.service.health()).problems == ()

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(stage.store.processes, "interrupt_unknown", broken)
    await stage.clock.advance(13_000)
    assert (await stage.service.health()).problems == ("sweep",)
    monkeypatch.undo()
    await stage.clock.advance(2_000)
    assert (await stage.service.health()).problems == ()


async def test_an_outage_is_reported_and_forgotten(stage: Stage) -> None:
    stage.store.failure = StorageUnavailable("the database is away")
    await stage.clock.advance(15_000)
    problems = (await stage.service.health()).problems
    assert {"database", "lease", "sweep"} <= set(problems)
    stage.store.failure = None
    await stage.clock.advance(2_000)
    assert (await stage.service.health()).problems == ()
