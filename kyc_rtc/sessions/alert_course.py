"""How people work on alerts: assign, resolve, statistics. `service.py` acknowledges.

The interface and its service. Arguments and results are plain values; `by` is always the principal.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from kyc_rtc.alerts.catalogue import Resolution
from kyc_rtc.clock import Clock
from kyc_rtc.errors import Conflict
from kyc_rtc.ids import AlertId
from kyc_rtc.sessions.labels import LabelSource, SessionLabel
from kyc_rtc.storage.alert_course import AlertCourse
from kyc_rtc.storage.labels import LabelRepository
from kyc_rtc.storage.records import AlertRecord, LabelRecord

_LABELS: Final = uuid.UUID("8f4f5f0e-2a5c-5b59-8d3b-6b1f9a0d7c52")
"""Any UUID: the namespace of the ids of labels that alerts give, so that one alert gives one label."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AlertCourseView:
    """An alert with its course. Times are Unix milliseconds. `labelled`: whether its resolution just now
    gave the session the label bona_fide; an attempt without a verdict takes none."""

    alert_id: str
    session_id: str
    type: str
    severity: str
    message_key: str
    details: Mapping[str, object]
    created_at_ms: int
    acknowledged_at_ms: int | None
    acknowledged_by: str | None
    acknowledged_note: str | None
    assigned_at_ms: int | None
    assigned_to: str | None
    assigned_by: str | None
    resolved_at_ms: int | None
    resolved_by: str | None
    resolution: str | None
    resolution_note: str | None
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class AlertCourseCounts:
    """Alerts since a time, by what they are and when; `by_hour` of the day, UTC. How long they waited for
    their acknowledgement, in milliseconds: None where none was acknowledged."""

    total: int
    acknowledged: int
    resolved: int
    by_type: Mapping[str, int]
    by_severity: Mapping[str, int]
    by_hour: Mapping[int, int]
    by_tenant: Mapping[str, int]
    acknowledged_median_ms: int | None
    acknowledged_p95_ms: int | None


class AlertCourseInterface(Protocol):
    """Every method raises NotFound for an alert that the tenant does not have."""

    async def assign(self, tenant_id: str, alert_id: str, *, to: str, by: str) -> AlertCourseView:
        """Give it to somebody. Raises BadRequest: a name cannot be stored. Conflict: it is resolved."""

    async def resolve(
        self,
        tenant_id: str,
        alert_id: str,
        *,
        by: str,
        resolution: Resolution,
        note: str | None = None,
        may_label: bool = True,
    ) -> AlertCourseView:
        """Close it; the first resolution stays. A false positive gives the session the label bona_fide,
        once for each alert, where whoever closes it `may_label`. Raises BadRequest: the note cannot be
        stored."""

    async def statistics(self, tenant_id: str | None, since_ms: int) -> AlertCourseCounts:
        """Of one tenant; None: of all of them, for whoever may see all."""


class AlertCourseService:
    """Implements `AlertCourseInterface` on the storage."""

    def __init__(self, alerts: AlertCourse, labels: LabelRepository, clock: Clock) -> None:
        self._alerts = alerts
        self._labels = labels
        self._clock = clock

    async def assign(self, tenant_id: str, alert_id: str, *, to: str, by: str) -> AlertCourseView:
        now_ms = self._clock.now_ms()
        record = await self._alerts.assign(tenant_id, AlertId(alert_id), to, by, now_ms)
        log.info("alert_assigned", alert_id=alert_id)
        return course_view(record)

    async def resolve(
        self,
        tenant_id: str,
        alert_id: str,
        *,
        by: str,
        resolution: Resolution,
        note: str | None = None,
        may_label: bool = True,
    ) -> AlertCourseView:
        now_ms = self._clock.now_ms()
        record = await self._alerts.resolve(
            tenant_id, AlertId(alert_id), by, resolution.value, note, now_ms
        )
        log.info("alert_resolved", alert_id=alert_id, resolution=record.resolution)
        # Also where it was resolved so before: the label may be missing, after a crash in between.
        labels = may_label and record.resolution == Resolution.FALSE_POSITIVE
        return course_view(record, labelled=labels and await self._label(record))

    async def _label(self, alert: AlertRecord) -> bool:
        """Label the session bona fide. False where it takes no label."""
        label = LabelRecord(
            session_id=alert.session_id,
            label=SessionLabel.BONA_FIDE.value,
            source=LabelSource.AGENT.value,
            labelled_by=alert.resolved_by or "",
            labelled_at_ms=alert.resolved_at_ms or 0,
            note=alert.resolution_note,
            tenant_id=alert.tenant_id,
            label_id=str(uuid.uuid5(_LABELS, alert.alert_id)),
        )
        try:
            await self._labels.add(label)
        except Conflict as refusal:
            log.warning("alert_not_labelled", alert_id=alert.alert_id, why=refusal.message)
            return False
        return True

    async def statistics(self, tenant_id: str | None, since_ms: int) -> AlertCourseCounts:
        found = await self._alerts.course_statistics(tenant_id, since_ms)
        return AlertCourseCounts(
            total=found.total,
            acknowledged=found.acknowledged,
            resolved=found.resolved,
            by_type=found.by_type,
            by_severity=found.by_severity,
            by_hour=found.by_hour,
            by_tenant=found.by_tenant,
            acknowledged_median_ms=found.acknowledged_median_ms,
            acknowledged_p95_ms=found.acknowledged_p95_ms,
        )


def course_view(record: AlertRecord, *, labelled: bool = False) -> AlertCourseView:
    """An alert as others may know it."""
    return AlertCourseView(
        alert_id=record.alert_id,
        session_id=record.session_id,
        type=record.type,
        severity=record.severity,
        message_key=record.message_key,
        details=record.details,
        created_at_ms=record.created_at_ms,
        acknowledged_at_ms=record.acknowledged_at_ms,
        acknowledged_by=record.acknowledged_by,
        acknowledged_note=record.acknowledged_note,
        assigned_at_ms=record.assigned_at_ms,
        assigned_to=record.assigned_to,
        assigned_by=record.assigned_by,
        resolved_at_ms=record.resolved_at_ms,
        resolved_by=record.resolved_by,
        resolution=record.resolution,
        resolution_note=record.resolution_note,
        labelled=labelled,
    )
