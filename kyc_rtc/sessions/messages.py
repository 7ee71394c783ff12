"""What happened in a verification, as messages of the data-channel protocol."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kyc_rtc import __version__
from kyc_rtc.decision.verdict import ReasonCode, Verdict, weight_word
from kyc_rtc.detection.evidence import Evidence
from kyc_rtc.liveness.run import ChallengeEnded, ChallengeIssued, ChallengeProgressed, RunFinished
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.pipeline.verification import (
    Decided,
    PhaseChanged,
    QualityChanged,
    Scores,
    VerificationEvent,
)
from kyc_rtc.sessions.wire import TELEMETRY, Outbound


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a message may tell: `scores` only where settings expose them."""

    scores: bool
    can_retry: bool


def hello(session_id: str, state: str, challenges_total: int, *, expose_scores: bool) -> Outbound:
    """The first message on every connect."""
    return Outbound(
        "hello",
        {
            "session_id": session_id,
            "state": state,
            "challenges_total": challenges_total,
            "expose_scores": expose_scores,
            "server": __version__,
        },
    )


def state_changed(state: str, previous: str) -> Outbound:
    return Outbound("state", {"state": state, "previous": previous})


def error(code: str, message: str, hint: str | None = None) -> Outbound:
    return Outbound("error", {"code": code, "message": message, "hint": hint})


def from_event(event: VerificationEvent, exposure: Exposure) -> Outbound | None:
    """The message for an event; None where the event is not the applicant's concern by itself."""
    match event:
        case QualityChanged(issues):
            listed = [{"code": issue.value, "hint": issue.hint} for issue in issues]
            return Outbound("quality", {"ok": not issues, "issues": listed})
        case ChallengeIssued():
            return _challenge(event)
        case ChallengeProgressed():
            return _progress(event)
        case ChallengeEnded():
            return _result(event)
        case Decided(verdict):
            return verdict_message(verdict, exposure)
        case PhaseChanged() | RunFinished():
            return None


def _challenge(event: ChallengeIssued) -> Outbound:
    challenge = event.challenge
    return Outbound(
        "challenge",
        {
            "challenge_id": event.challenge_id,
            "challenge_type": challenge.type.value,
            "direction": challenge.direction.value if challenge.direction else None,
            "count": challenge.count,
            "hold_ms": challenge.hold_ms,
            "instruction": challenge.instruction,
            "index": event.index,
            "total": event.total,
            "attempt": event.attempt,
            "attempts": event.attempts,
            "time_limit_ms": event.time_limit_ms,
            "deadline_t_ms": event.deadline_ms,
        },
    )


def _progress(event: ChallengeProgressed) -> Outbound:
    return Outbound(
        "challenge_progress",
        {
            "challenge_id": event.challenge_id,
            "progress": round(event.progress, 3),
            "remaining_ms": round(event.remaining_ms),
            "paused": event.paused,
            "count_done": event.count_done,
        },
        TELEMETRY,
    )


def _result(event: ChallengeEnded) -> Outbound:
    return Outbound(
        "challenge_result",
        {
            "challenge_id": event.challenge_id,
            "challenge_type": event.challenge.type.value,
            "passed": event.passed,
            "hint": event.hint.value if event.hint else None,
            "will_retry": event.will_retry,
        },
    )


def verdict_message(verdict: Verdict, exposure: Exposure) -> Outbound:
    """The verdict as the applicant may know it."""
    fields: dict[str, Any] = {
        "status": verdict.status.value,
        "verified": verdict.verified,
        "reasons": list(reasons_of(verdict.reasons)),
        "can_retry": exposure.can_retry and not verdict.verified,
    }
    if exposure.scores:
        fields |= {
            "reasons": list(weighed_reasons_of(verdict)),
            "liveness_score": rounded(verdict.liveness_score),
            "deepfake_score": rounded(verdict.deepfake_score),
        }
    return Outbound("verdict", fields)


def reasons_of(codes: Iterable[ReasonCode | str]) -> tuple[dict[str, str], ...]:
    """Reason codes with the keys of their sentences."""
    values = (ReasonCode(code).value for code in codes)
    return tuple({"code": value, "text": f"reason.{value}"} for value in values)


def weighed_reasons_of(verdict: Verdict) -> tuple[dict[str, Any], ...]:
    """A verdict's reasons as above, with their weights of 0..1 and the keys of the words for these."""
    weighed = zip(reasons_of(verdict.reasons), verdict.weights, strict=True)
    return tuple(
        {**reason, "weight": weight, "weight_text": weight_word(weight).text}
        for reason, weight in weighed
    )


def frame_message(
    result: FrameResult,
    scores: Scores,
    evidence: Iterable[Evidence],
    *,
    analysed_fps: float,
    dropped: int,
    latency_ms: float,
) -> Outbound:
    """The live view of one analysed frame, for development and demonstrations."""
    face = result.observation.face
    width, height = result.observation.image_size
    box = None
    if face is not None:
        x0, y0, x1, y1 = face.box_xyxy
        box = [round(v, 4) for v in (x0 / width, y0 / height, x1 / width, y1 / height)]
    return Outbound(
        "frame",
        {
            "liveness_score": rounded(scores.liveness),
            "deepfake_score": rounded(scores.deepfake),
            "face_detected": face is not None,
            "yaw_deg": round(face.pose.yaw_deg, 1) if face else None,
            "pitch_deg": round(face.pose.pitch_deg, 1) if face else None,
            "roll_deg": round(face.pose.roll_deg, 1) if face else None,
            "box": box,
            "evidence": {e.analyser.value: evidence_fields(e) for e in evidence},
            "analysed_fps": round(analysed_fps, 1),
            "dropped": dropped,
            "latency_ms": round(latency_ms, 1),
        },
        TELEMETRY,
    )


def evidence_fields(evidence: Evidence) -> dict[str, Any]:
    """An analyser's statement in JSON."""
    return {
        "score": rounded(evidence.score),
        "confidence": rounded(evidence.confidence),
        "reasons": [sign.value for sign in evidence.signs],
    }


def rounded(value: float | None) -> float | None:
    """Three digits: more would be noise."""
    return None if value is None else round(value, 3)
