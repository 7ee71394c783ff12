"""Labels and drift on the storage. Implements the interface of the labels."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final, TypeVar

import structlog

from kyc_rtc.clock import Clock
from kyc_rtc.decision.drift import Drift, ReferenceScores, drift, iso_week, parse_reference
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.errors import KycError, ModelError
from kyc_rtc.ids import parse_session_id
from kyc_rtc.sessions.labels import (
    ErrorCounts,
    LabelStatistics,
    LabelView,
    NewLabel,
    SessionLabel,
    WeekView,
)
from kyc_rtc.storage.labels import UNSPECIFIED, WEEK_MS, LabelRepository, Outcome, week_start_ms
from kyc_rtc.storage.records import LabelRecord
from kyc_rtc.telemetry import Metrics

REFERENCE = Path(__file__).parent.parent / "weights" / "reference_scores.json"
"""Histogram of the calibration set's deepfake scores."""

MAX_WEEKS: Final = 26
_MEASURE_EVERY_MS: Final = 60_000.0
_PLAIN_BINS: Final = (0.5,)
"""Without a reference the scores are counted all the same."""

_Key = TypeVar("_Key", bound=Hashable)

log = structlog.get_logger(__name__)


def read_reference(path: Path = REFERENCE) -> ReferenceScores | None:
    """The calibration set's histogram; None where there is no such file.

    Raises:
        ModelError: the file is not a histogram, or cannot be read.
    """
    try:
        return parse_reference(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError, RecursionError) as error:
        raise ModelError(
            f"{path.name}: not a histogram of scores ({error})",
            hint='it holds {"edges": [...], "counts": [...]}; without the file no drift is measured',
        ) from None


class LabelService:
    """Implements `LabelInterface`."""

    def __init__(
        self,
        labels: LabelRepository,
        clock: Clock,
        metrics: Metrics,
        reference: ReferenceScores | None,
    ) -> None:
        self._labels = labels
        self._clock = clock
        self._metrics = metrics
        self._reference = reference
        self._measured_ms: float | None = None
        self._measuring = asyncio.Lock()

    async def label(self, session_id: str, label: NewLabel, new_id: str | None = None) -> LabelView:
        record = LabelRecord(
            session_id=parse_session_id(session_id),
            label=label.label.value,
            source=label.source.value,
            labelled_by=label.labelled_by,
            labelled_note=label.labelled_note,
            labelled_at_ms=self._clock.now_ms(),
            species=None if label.species is None else label.species.value,
            note=label.note,
            label_id=new_id,
            tenant_id=label.tenant_id,
        )
        record = await self._labels.add(record)
        log.info(
            "session_labelled",
            session_id=record.session_id,
            label=record.label,
            source=record.source,
        )
        return _view(record)

    async def statistics(self, tenant_id: str) -> LabelStatistics:
        outcomes = await self._labels.outcomes(tenant_id, by_source=False)
        by_source = await self._labels.outcomes(tenant_id, by_source=True)
        return LabelStatistics(
            total=_errors(outcomes),
            by_source=_grouped(by_source, lambda outcome: outcome.source or ""),
            by_species=_grouped(
                (o for o in outcomes if o.label == SessionLabel.ATTACK),
                lambda outcome: outcome.species or UNSPECIFIED,
            ),
            weeks=await self._weeks(outcomes, tenant_id),
            has_reference=self._reference is not None,
        )

    async def _weeks(self, outcomes: list[Outcome], tenant_id: str) -> tuple[WeekView, ...]:
        errors = _grouped(outcomes, lambda outcome: outcome.week_ms)
        since_ms = self._clock.now_ms() - MAX_WEEKS * WEEK_MS
        drifts = await self._drifts(since_ms, tenant_id)
        weeks = sorted(errors.keys() | drifts.keys())[-MAX_WEEKS:]
        return tuple(
            _week(week, errors.get(week, ErrorCounts()), drifts.get(week, Drift(0, None, None)))
            for week in weeks
        )

    async def _drifts(self, since_ms: int, tenant_id: str | None = None) -> dict[int, Drift]:
        reference = self._reference
        edges = _PLAIN_BINS if reference is None else reference.inner_edges
        histograms = await self._labels.weekly_scores(edges, week_start_ms(since_ms), tenant_id)
        return {
            week: Drift(sum(counts), None, None) if reference is None else drift(reference, counts)
            for week, counts in histograms.items()
        }

    async def measure(self) -> None:
        async with self._measuring:
            now_ms = self._clock.monotonic_ms()
            if self._measured_ms is not None and now_ms - self._measured_ms < _MEASURE_EVERY_MS:
                return
            try:
                self._show_errors(_errors(await self._labels.outcomes(by_source=False)))
                await self._show_drift()
            except KycError as error:
                log.warning("labels_not_measured", error=error.message)
                self._show_nothing()
                return
            self._measured_ms = now_ms

    def _show_errors(self, total: ErrorCounts) -> None:
        metrics = self._metrics
        metrics.labelled.labels(SessionLabel.BONA_FIDE.value).set(total.bona_fide)
        metrics.labelled.labels(SessionLabel.ATTACK.value).set(total.attacks)
        metrics.false_positives.set(total.false_positives)
        metrics.false_negatives.set(total.false_negatives)

    async def _show_drift(self) -> None:
        """This week and the last, which is whole; what is not known is NaN."""
        this_week_ms = week_start_ms(self._clock.now_ms())
        weeks = {"last": this_week_ms - WEEK_MS, "current": this_week_ms}
        drifts = await self._drifts(weeks["last"])
        for name, week_ms in weeks.items():
            found = drifts.get(week_ms, Drift(0, None, None))
            self._metrics.scored.labels(name).set(found.n)
            self._metrics.score_psi.labels(name).set(_or_nan(found.psi))
            self._metrics.score_psi_by_chance.labels(name).set(_or_nan(found.by_chance))

    def _show_nothing(self) -> None:
        metrics = self._metrics
        for gauge in (metrics.labelled, metrics.scored, metrics.score_psi):
            gauge.clear()
        metrics.score_psi_by_chance.clear()
        metrics.false_positives.set(math.nan)
        metrics.false_negatives.set(math.nan)


def _grouped(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], _Key]
) -> dict[_Key, ErrorCounts]:
    groups: dict[_Key, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[key(outcome)].append(outcome)
    return {name: _errors(members) for name, members in groups.items()}


def _errors(outcomes: Iterable[Outcome]) -> ErrorCounts:
    labelled = attacks = false_positives = false_negatives = 0
    for outcome in outcomes:
        attack = outcome.label == SessionLabel.ATTACK
        labelled += outcome.sessions
        attacks += outcome.sessions * attack
        if not attack and outcome.verdict_status == VerdictStatus.FAILED:
            false_positives += outcome.sessions
        if attack and outcome.verdict_status == VerdictStatus.PASSED:
            false_negatives += outcome.sessions
    return ErrorCounts(labelled, labelled - attacks, attacks, false_positives, false_negatives)


def _week(week_ms: int, errors: ErrorCounts, found: Drift) -> WeekView:
    return WeekView(iso_week(week_ms), errors, found.n, found.psi, found.by_chance)


def _view(record: LabelRecord) -> LabelView:
    values = asdict(record)
    del values["tenant_id"], values["label_id"]
    return LabelView(**values)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
