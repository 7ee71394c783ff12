"""The interface of the labels: what was found out about sessions after their verdict, in plain values.

It keeps the rule of the interface of the sessions: nothing that passes through it is
bound to this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kyc_rtc.scopes import DEFAULT_TENANT


class SessionLabel(StrEnum):
    """What the presentation was."""

    BONA_FIDE = "bona_fide"
    ATTACK = "attack"


class AttackSpecies(StrEnum):
    """The attack instrument's species, in the words of the evaluation's manifests."""

    FACE_SWAP = "face_swap"
    TALKING_HEAD = "talking_head"
    DEEPFAKE_OTHER = "deepfake_other"
    ANIMATED_PHOTO = "animated_photo"
    REPLAY = "replay"
    PRINT_OR_REPLAY = "print_or_replay"


class LabelSource(StrEnum):
    """Who found out. CHARGEBACK: the account was used for fraud."""

    AGENT = "agent"
    CHARGEBACK = "chargeback"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NewLabel:
    """A label of a tenant as it comes in: `labelled_by` a principal, whose caller gave the name
    `labelled_note`."""

    label: SessionLabel
    source: LabelSource
    labelled_by: str
    species: AttackSpecies | None = None
    note: str | None = None
    labelled_note: str | None = None
    tenant_id: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class LabelView:
    """A label as it is stored."""

    session_id: str
    label: str
    species: str | None
    source: str
    labelled_by: str
    labelled_note: str | None
    note: str | None
    labelled_at_ms: int


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Labelled sessions, and the verdicts among them that were wrong: bona fide presentations FAILED
    (false positives) and attacks PASSED (false negatives). INCONCLUSIVE is neither."""

    labelled: int = 0
    bona_fide: int = 0
    attacks: int = 0
    false_positives: int = 0
    false_negatives: int = 0


@dataclass(frozen=True, slots=True)
class WeekView:
    """One week of ISO 8601, by the time of the verdict.

    `scored`: verdicts with a deepfake score, labelled or not. `psi`: how far their scores are from the
    calibration set's; None without a reference or below 50 sessions. `psi_by_chance`: what it exceeds
    by chance in one week of twenty.
    """

    week: str
    errors: ErrorCounts
    scored: int
    psi: float | None
    psi_by_chance: float | None


@dataclass(frozen=True, slots=True)
class LabelStatistics:
    """`total` and `by_species` count each session once, by its newest label; `by_source` once for each
    source. `weeks`: the last 26 in which anything happened, the oldest first. `has_reference`: whether
    there is a calibration set to measure drift against."""

    total: ErrorCounts
    by_source: Mapping[str, ErrorCounts]
    by_species: Mapping[str, ErrorCounts]
    weeks: tuple[WeekView, ...]
    has_reference: bool


class LabelInterface(Protocol):
    """What the HTTP side knows of the labels."""

    async def label(self, session_id: str, label: NewLabel, new_id: str | None = None) -> LabelView:
        """Store a label, once for each `new_id`; it replaces the session's earlier one of the same
        source, which is kept as history.

        Raises `NotFound`, `Conflict` (no verdict yet, too many labels), `BadRequest`.
        """

    async def statistics(self, tenant_id: str) -> LabelStatistics:
        """Errors and drift of a tenant's sessions, as they stand."""

    async def measure(self) -> None:
        """Bring the metrics up to date, at most once a minute. Without the storage they read NaN."""
