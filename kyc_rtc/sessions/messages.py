"""Messages of the data-channel protocol that are not journalled: greetings, quality, progress, scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kyc_rtc import __version__
from kyc_rtc.decision.verdict import ReasonCode, Verdict, weight_word
from kyc_rtc.detection.evidence import Evidence
from kyc_rtc.errors import KycError
from kyc_rtc.liveness.events import ChallengeProgressed
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.pipeline.verification import QualityChanged, Scores
from kyc_rtc.sessions.reason_classes import classes_of
from kyc_rtc.sessions.wire import TELEMETRY, Outbound


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a message may tell: `scores` only where settings expose them."""

    scores: bool
    can_retry: bool


def hello(
    session_id: str, state: str, challenges_total: int, last_event: int, *, expose_scores: bool
) -> Outbound:
    """The first message on every connect. `last_event`: the newest published journal entry."""
    return Outbound(
        "hello",
        {
            "session_id": session_id,
            "state": state,
            "challenges_total": challenges_total,
            "last_event": last_event,
            "expose_scores": expose_scores,
            "server": __version__,
        },
    )


def error(code: str, message: str, hint: str | None = None) -> Outbound:
    return Outbound("error", {"code": code, "message": message, "hint": hint})


def refusal(error: KycError) -> Outbound:
    """What is not used of what a client sends, with the key of a sentence for people."""
    return Outbound(
        "error", {"code": error.code, "message": error.message, "hint": f"hint.{error.code}"}
    )


STORAGE_WAITING = "storage_waiting"
"""A notice: the server waits for its database."""

NO_PICTURE = "no_picture"
"""A notice: the camera is connected, and no picture of it arrives that can be decoded."""

FEW_PICTURES = "few_pictures"
"""A notice: too few pictures a second come for the actions to be seen."""

READY_EXPECTED = "ready_expected"


def notice(code: str | None) -> Outbound:
    """Something that the applicant should know and that no journal entry says; None: it is over."""
    return Outbound("notice", {"code": code, "hint": f"hint.{code}" if code else None})


def rest_awaited(hint: Hint) -> Outbound:
    """The next prompt waits for the face to come to rest, or to make room for what it asks."""
    return notice(hint.value.removeprefix("hint."))


def ready_expected() -> Outbound:
    """To a client whose check waits for it."""
    return error(READY_EXPECTED, "the check begins when the client says `ready` on this channel")


def replaced(*, can_take_over: bool) -> Outbound:
    """The last message to a peer whose session another device took over."""
    fields = {"code": "continued_elsewhere", "hint": "hint.continued_elsewhere"}
    return Outbound("replaced", {**fields, "can_take_over": can_take_over})


def quality(event: QualityChanged) -> Outbound:
    """What is wrong with the picture now."""
    issues = [{"code": issue.value, "hint": issue.hint} for issue in event.issues]
    return Outbound("quality", {"ok": not issues, "issues": issues})


def progress(event: ChallengeProgressed) -> Outbound:
    """Where the open challenge stands."""
    return Outbound(
        "challenge_progress",
        {
            "challenge_id": event.challenge_id,
            "progress": round(event.progress, 3),
            "remaining_ms": round(event.remaining_ms),
            "paused": event.paused,
            "count_done": event.count_done,
            "hint": event.hint.value if event.hint else None,
        },
        TELEMETRY,
    )


def applicants_reasons(codes: Iterable[str], *, passed: bool) -> tuple[dict[str, str], ...]:
    """Reasons as an applicant may know them where scores are not exposed: classes, in a fixed order."""
    return _with_sentences(c.value for c in classes_of(codes, passed=passed))


def reasons_of(codes: Iterable[ReasonCode | str]) -> tuple[dict[str, str], ...]:
    """Reason codes with the keys of their sentences."""
    return _with_sentences(ReasonCode(code).value for code in codes)


def _with_sentences(values: Iterable[str]) -> tuple[dict[str, str], ...]:
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
