"""Answers on alerts and labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kyc_rtc.sessions.labels import AttackSpecies, LabelSource, SessionLabel
from signaling.schemas.described import AlertTypeName, Answer, Described, SeverityName, Time
from signaling.schemas.facts import Details

_ATTEMPT = "the attempt (UUID)"


class AlertBody(Answer):
    """An alert on an attempt."""

    alert_id: str = Field(description="UUID")
    session_id: str = Field(description=_ATTEMPT)
    type: AlertTypeName = Field(description="what it is about")
    severity: SeverityName = Field(description="how urgent it is")
    message: str = Field(description="key of the sentence in the catalogue")
    details: Details = Field(description="what it rests on")
    created_at: Time = Field(description="when it was raised")
    acknowledged: bool = Field(description="whether somebody has seen it")
    acknowledged_at: Time | None = Field(description="when it was first acknowledged; else null")
    acknowledged_by: str | None = Field(description="name of the API key that acknowledged it")
    acknowledged_note: str | None = Field(
        description="`acknowledged_by` of the request that acknowledged it"
    )


class AlertList(Answer):
    """A page of alerts that nobody has acknowledged."""

    alerts: list[AlertBody] = Field(description="the newest first")
    count: int = Field(description="how many are on this page")
    next: str | None = Field(description="`after` of the next page; null on the last")


class AlertStatistics(Answer):
    """How many alerts there are."""

    total: int = Field(description="all")
    active: int = Field(description="that nobody acknowledged")
    acknowledged: int = Field(description="that somebody acknowledged")
    last_24_h: int = Field(description="raised within the last 24 h")
    by_severity: dict[SeverityName, int] = Field(description="all, by severity")
    by_type: dict[AlertTypeName, int] = Field(description="all, by type")


class LabelAnswer(Answer):
    """A label as it is stored."""

    session_id: str = Field(description=_ATTEMPT)
    label: Annotated[str, Described(SessionLabel)] = Field(description="what it was")
    species: Annotated[str, Described(AttackSpecies)] | None = Field(
        description="of an attack, where it was given; else null"
    )
    source: Annotated[str, Described(LabelSource)] = Field(description="who found out")
    labelled_by: str = Field(description="name of the API key that gave the label")
    labelled_note: str | None = Field(description="`labelled_by` of the request")
    note: str | None = Field(description="free text, as it was given")
    labelled_at: Time = Field(description="when the label was stored")


class LabelledCounts(Answer):
    """Labelled attempts, and wrong verdicts among them."""

    labelled: int = Field(description="attempts with a label")
    bona_fide: int = Field(description="of them bona fide")
    attacks: int = Field(description="of them attacks")
    false_positives: int = Field(description="bona fide, verdict FAILED")
    false_negatives: int = Field(description="attack, verdict PASSED")


class LabelWeek(LabelledCounts):
    """A week of ISO 8601 in UTC, by the time of the verdict."""

    week: str = Field(description="ISO 8601 week of the verdict, such as 2026-W07")
    scored: int = Field(description="verdicts with a deepfake score, labelled or not")
    psi: float | None = Field(description="population stability index; null below 50 scores")
    psi_by_chance: float | None = Field(
        description="what psi exceeds by chance in one week of twenty"
    )


class LabelStatisticsAnswer(LabelledCounts):
    """Wrong verdicts and drift of the scores."""

    by_source: dict[str, LabelledCounts] = Field(
        description="by the source of the label, each attempt once for each source"
    )
    by_species: dict[str, LabelledCounts] = Field(description="attacks by species")
    weeks: list[LabelWeek] = Field(description="the last 26 with a verdict, the oldest first")
    has_reference: bool = Field(description="whether there are scores to measure drift against")
