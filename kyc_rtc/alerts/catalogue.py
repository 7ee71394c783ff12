"""The alerts that exist, and how severe one can be."""

from __future__ import annotations

from enum import StrEnum


class AlertType(StrEnum):
    """What an alert tells. The sentence is `alert.<value>` in the catalogue."""

    DEEPFAKE_DETECTED = "deepfake_detected"
    REPLAY_DETECTED = "replay_detected"
    ATTACK_SUSPECTED = "attack_suspected"
    FOOTAGE_SEEN_BEFORE = "footage_seen_before"
    FACE_CHANGED = "face_changed"
    SEVERAL_FACES = "several_faces"
    REVIEW_NEEDED = "review_needed"
    LIVENESS_FAILED = "liveness_failed"
    VERIFICATION_FAILED = "verification_failed"
    QUALITY_POOR = "quality_poor"
    SESSION_INTERRUPTED = "session_interrupted"
    INTERNAL_ERROR = "internal_error"
    CHANNEL_FAILING = "channel_failing"
    """About no verdict: a channel of alerts keeps failing. Its session is one whose alert did not arrive."""

    @property
    def message_key(self) -> str:
        """Key of the sentence that says it."""
        return f"alert.{self.value}"


class Severity(StrEnum):
    """From `low`, for the record, to `critical`, for now."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (low) to 3 (critical)."""
        return list(Severity).index(self)


class Resolution(StrEnum):
    """Why an alert is closed. The sentence is `resolution.<value>` in the catalogue."""

    CONFIRMED_ATTACK = "confirmed_attack"
    FALSE_POSITIVE = "false_positive"
    HANDLED = "handled"
    DUPLICATE = "duplicate"
    NOT_RELEVANT = "not_relevant"
