"""Labels, wrong verdicts and drift, over a store in a file."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.decision.drift import ReferenceScores, iso_week
from kyc_rtc.errors import BadRequest, Conflict, KycError, ModelError, NotFound
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.sessions.label_service import LabelService, read_reference
from kyc_rtc.sessions.labels import (
    AttackSpecies,
    ErrorCounts,
    LabelSource,
    NewLabel,
    SessionLabel,
)
from kyc_rtc.sessions.states import FINAL
from kyc_rtc.storage import Database, Sealer, SqlLabelRepository, SqlSessionStore
from kyc_rtc.storage.labels import UNSPECIFIED, WEEK_MS, week_start_ms
from kyc_rtc.telemetry import Metrics
from tests.support.clock import ManualClock
from tests.support.memory_store import a_session

REFERENCE = ReferenceScores((0.0, 0.5, 1.0), (300, 100))
BONA_FIDE, ATTACK = SessionLabel.BONA_FIDE, SessionLabel.ATTACK


class LabelStage:
    """A label service, what lies under it, and sessions by verdict."""

    def __init__(self, database: Database, reference: ReferenceScores | None) -> None:
        self.clock = ManualClock()
        self.metrics = Metrics()
        self.database = database
        self.service = LabelService(
            SqlLabelRepository(database), self.clock, self.metrics, reference
        )
        self._sessions = SqlSessionStore(database, Sealer("a test's secret"), FINAL)

    async def judge(self, status: str | None, **changes: Any) -> str:
        values = {"verdict_status": status, "updated_at_ms": self.clock.now_ms()} | changes
        record = a_session(state="created" if status is None else status.lower(), **values)
        await self._sessions.open(record, ())
        return record.session_id

    async def label(self, session_id: str, label: SessionLabel, **changes: Any) -> None:
        values: dict[str, Any] = {"source": LabelSource.AGENT, "labelled_by": "agent-7"} | changes
        await self.service.label(session_id, NewLabel(label, **values))

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/store.sqlite3")
    await database.open()
    yield database
    await database.aclose()


@pytest.fixture
def stage(database: Database) -> LabelStage:
    return LabelStage(database, REFERENCE)


async def test_a_label_is_returned_as_stored(stage: LabelStage) -> None:
    session_id = await stage.judge("PASSED")
    new = NewLabel(ATTACK, LabelSource.CHARGEBACK, "fraud desk", AttackSpecies.FACE_SWAP, "see 7")
    view = await stage.service.label(session_id.upper(), new)
    assert (view.session_id, view.label, view.species) == (session_id, "attack", "face_swap")
    assert (view.source, view.labelled_by, view.note) == ("chargeback", "fraud desk", "see 7")
    assert view.labelled_at_ms == stage.clock.now_ms()


@pytest.mark.parametrize(
    "session_id", ["", "x", "../..", "\x00", "00000000-0000-4000-8000-000000000000"]
)
async def test_an_unknown_session_takes_no_label(stage: LabelStage, session_id: str) -> None:
    with pytest.raises(NotFound):
        await stage.label(session_id, BONA_FIDE)


async def test_before_the_verdict_there_is_nothing_to_label(stage: LabelStage) -> None:
    session_id = await stage.judge(None)
    with pytest.raises(Conflict):
        await stage.label(session_id, BONA_FIDE)
    with pytest.raises(BadRequest):
        await stage.label(await stage.judge("PASSED"), BONA_FIDE, labelled_by="nul\x00")
    assert (await stage.service.statistics(DEFAULT_TENANT)).total == ErrorCounts()


@pytest.mark.parametrize(
    ("label", "status", "false_positives", "false_negatives"),
    [
        (BONA_FIDE, "PASSED", 0, 0),
        (BONA_FIDE, "FAILED", 1, 0),
        (BONA_FIDE, "INCONCLUSIVE", 0, 0),
        (ATTACK, "PASSED", 0, 1),
        (ATTACK, "FAILED", 0, 0),
        (ATTACK, "INCONCLUSIVE", 0, 0),
    ],
)
async def test_what_is_a_wrong_verdict(
    stage: LabelStage, label: SessionLabel, status: str, false_positives: int, false_negatives: int
) -> None:
    await stage.label(await stage.judge(status), label)
    total = (await stage.service.statistics(DEFAULT_TENANT)).total
    assert (total.false_positives, total.false_negatives) == (false_positives, false_negatives)
    attacks = int(label is ATTACK)
    assert (total.labelled, total.bona_fide, total.attacks) == (1, 1 - attacks, attacks)


async def test_a_correction_takes_the_error_back(stage: LabelStage) -> None:
    session_id = await stage.judge("PASSED")
    await stage.label(session_id, ATTACK, species=AttackSpecies.REPLAY)
    await stage.label(session_id, ATTACK, source=LabelSource.OTHER)
    await stage.label(session_id, BONA_FIDE)
    found = await stage.service.statistics(DEFAULT_TENANT)
    assert found.total == ErrorCounts(1, 1, 0, 0, 0)
    assert found.by_source == {
        "agent": ErrorCounts(1, 1, 0, 0, 0),
        "other": ErrorCounts(1, 0, 1, 0, 1),
    }
    assert found.by_species == {}


async def test_attacks_are_counted_by_species(stage: LabelStage) -> None:
    for status, species in (
        ("PASSED", AttackSpecies.FACE_SWAP),
        ("FAILED", AttackSpecies.FACE_SWAP),
        ("PASSED", None),
    ):
        await stage.label(await stage.judge(status), ATTACK, species=species)
    assert (await stage.service.statistics(DEFAULT_TENANT)).by_species == {
        "face_swap": ErrorCounts(2, 0, 2, 0, 1),
        UNSPECIFIED: ErrorCounts(1, 0, 1, 0, 1),
    }


async def fill_week(stage: LabelStage, low: int, high: int, week_ms: int) -> None:
    for place in range(low + high):
        score = 0.2 if place < low else 0.8
        await stage.judge("PASSED", deepfake_score=score, updated_at_ms=week_ms)


async def test_drift_is_reported_by_week(stage: LabelStage) -> None:
    this_week = week_start_ms(stage.clock.now_ms())
    last_week = this_week - WEEK_MS
    await fill_week(stage, 25, 75, last_week)
    await fill_week(stage, 49, 0, this_week)
    await stage.judge("PASSED", deepfake_score=0.2, updated_at_ms=this_week - 30 * WEEK_MS)
    found = await stage.service.statistics(DEFAULT_TENANT)
    assert [week.week for week in found.weeks] == [iso_week(last_week), iso_week(this_week)]
    last, current = found.weeks
    assert last.scored == 100
    assert last.psi == pytest.approx(math.log(3))
    assert last.psi_by_chance == pytest.approx(3.841459 * (1 / 400 + 1 / 100))
    assert (current.scored, current.psi, current.psi_by_chance) == (49, None, None)
    assert found.has_reference


async def test_without_a_reference_scores_are_counted_only(database: Database) -> None:
    stage = LabelStage(database, None)
    week_ms = week_start_ms(stage.clock.now_ms())
    await fill_week(stage, 60, 10, week_ms)
    found = await stage.service.statistics(DEFAULT_TENANT)
    assert not found.has_reference
    assert [(week.scored, week.psi) for week in found.weeks] == [(70, None)]
    await stage.service.measure()
    assert stage.metric("kyc_scored_sessions", week="current") == 70
    assert math.isnan(stage.metric("kyc_score_psi", week="current") or 0.0)


async def test_the_metrics_follow_at_most_once_a_minute(stage: LabelStage) -> None:
    last_week = week_start_ms(stage.clock.now_ms()) - WEEK_MS
    await fill_week(stage, 25, 75, last_week)
    await stage.label(await stage.judge("FAILED"), BONA_FIDE)
    await stage.service.measure()
    assert stage.metric("kyc_false_positives") == 1
    assert stage.metric("kyc_labelled_sessions", label="bona_fide") == 1
    assert stage.metric("kyc_labelled_sessions", label="attack") == 0
    assert stage.metric("kyc_score_psi", week="last") == pytest.approx(math.log(3))
    assert stage.metric("kyc_scored_sessions", week="last") == 100
    assert math.isnan(stage.metric("kyc_score_psi", week="current") or 0.0)
    await stage.label(await stage.judge("PASSED"), ATTACK)
    await stage.service.measure()
    assert stage.metric("kyc_false_negatives") == 0
    stage.clock.tick(60_000)
    await stage.service.measure()
    assert stage.metric("kyc_false_negatives") == 1


async def test_without_the_store_the_metrics_say_nothing(
    stage: LabelStage, database: Database
) -> None:
    await stage.label(await stage.judge("FAILED"), BONA_FIDE)
    await stage.service.measure()
    await database.aclose()
    stage.clock.tick(60_000)
    await stage.service.measure()
    assert math.isnan(stage.metric("kyc_false_positives") or 0.0)
    assert stage.metric("kyc_labelled_sessions", label="bona_fide") is None
    with pytest.raises(KycError):
        await stage.service.statistics(DEFAULT_TENANT)


def test_the_reference_is_a_file_that_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "reference_scores.json"
    assert read_reference(path) is None
    path.write_text(json.dumps({"edges": [0.0, 0.5, 1.0], "counts": [300, 100]}))
    assert read_reference(path) == REFERENCE


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{}", b"[" * 100_000, b'{"edges": [], "counts": []}']
)
def test_a_broken_reference_is_reported_at_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reference_scores.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="reference_scores"):
        read_reference(path)
