"""Alerts that people work on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kyc_rtc.alerts.catalogue import Resolution
from signaling.schemas.described import (
    AlertTypeName,
    Answer,
    Described,
    Request,
    SeverityName,
    Time,
)
from signaling.schemas.records import AlertBody

MAX_ASSIGNEE_LENGTH = 256
MAX_NOTE_LENGTH = 2_000

ResolutionName = Annotated[str, Described(Resolution)]


class AssignAlert(Request):
    """Whom an alert is given to."""

    assigned_to: str = Field(
        min_length=1, max_length=MAX_ASSIGNEE_LENGTH, description="name of a person or a team"
    )


class ResolveAlert(Request):
    """What came of an alert."""

    resolution: Resolution = Field(
        strict=False,
        description="`false_positive` also labels the attempt `bona_fide`",
    )
    note: str | None = Field(
        None, max_length=MAX_NOTE_LENGTH, description="why; without personal data"
    )


class AlertCourseBody(AlertBody):
    """An alert, and what became of it."""

    assigned_at: Time | None = Field(description="when it was given to somebody; else null")
    assigned_to: str | None = Field(description="who looks at it; else null")
    assigned_by: str | None = Field(description="the principal who gave it to them; else null")
    resolved_at: Time | None = Field(description="when it was closed; else null")
    resolved_by: str | None = Field(description="the principal who closed it; else null")
    resolution: ResolutionName | None = Field(description="what came of it; null while it is open")
    resolved_note: str | None = Field(description="why; else null")
    labelled: bool = Field(
        description="whether this call labelled the attempt `bona_fide`; an attempt without a verdict takes "
        "no label"
    )


class AlertCourseList(Answer):
    """A page of alerts, whatever became of them."""

    alerts: list[AlertCourseBody] = Field(description="the newest first")
    count: int = Field(description="how many are on this page")
    next: str | None = Field(description="`after` of the next page; null on the last")


class AlertCourseStatistics(Answer):
    """The tenant's alerts since a time, and how long they waited."""

    total: int = Field(description="all")
    acknowledged: int = Field(description="that somebody acknowledged")
    resolved: int = Field(description="that somebody closed")
    by_type: dict[AlertTypeName, int] = Field(description="all, by type")
    by_severity: dict[SeverityName, int] = Field(description="all, by severity")
    by_hour: dict[int, int] = Field(description="all, by the hour of the day (UTC)")
    by_tenant: dict[str, int] = Field(description="all, by tenant: your own")
    acknowledged_median_s: float | None = Field(
        description="from the alert to its acknowledgement, in seconds; null where there is none"
    )
    acknowledged_p95_s: float | None = Field(description="95th percentile of the same")
