"""What an applicant learns of a verdict's reasons: a class that helps an honest person, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from kyc_rtc.decision.verdict import NO_PASS, ReasonCode, VerdictStatus


class ReasonClass(StrEnum):
    """What to mend before the next try. The sentence is `reason.<value>` in the catalogue."""

    LIGHT = "light"
    FRAMING = "framing"
    CONNECTION = "connection"
    ACTION = "action"
    NOT_VERIFIED = "not_verified"


CLASS_OF: dict[ReasonCode, ReasonClass] = {
    ReasonCode.CHALLENGES_PASSED: ReasonClass.NOT_VERIFIED,
    ReasonCode.CHALLENGE_FAILED: ReasonClass.ACTION,
    ReasonCode.CHALLENGE_TIMEOUT: ReasonClass.ACTION,
    ReasonCode.TIME_LIMIT: ReasonClass.ACTION,
    ReasonCode.MOVEMENT_TOO_SMALL: ReasonClass.ACTION,
    ReasonCode.MIRROR_UNSETTLED: ReasonClass.ACTION,
    ReasonCode.CHALLENGES_EXCLUDED: ReasonClass.NOT_VERIFIED,
    ReasonCode.HEAD_LEFT_OUT: ReasonClass.NOT_VERIFIED,
    ReasonCode.NO_FACE: ReasonClass.FRAMING,
    ReasonCode.SEVERAL_FACES: ReasonClass.FRAMING,
    ReasonCode.POOR_QUALITY: ReasonClass.LIGHT,
    ReasonCode.LINK_LOST: ReasonClass.CONNECTION,
    ReasonCode.TOO_FEW_FRAMES: ReasonClass.FRAMING,
    ReasonCode.NOT_ASKED: ReasonClass.NOT_VERIFIED,
    ReasonCode.UNASKED_ACTIONS: ReasonClass.NOT_VERIFIED,
    ReasonCode.FACE_CHANGED: ReasonClass.NOT_VERIFIED,
    ReasonCode.FACE_DOUBTED: ReasonClass.NOT_VERIFIED,
    ReasonCode.LIFE_NOT_SEEN: ReasonClass.NOT_VERIFIED,
    ReasonCode.TEXTURE: ReasonClass.NOT_VERIFIED,
    ReasonCode.BLINK_PATTERN: ReasonClass.NOT_VERIFIED,
    ReasonCode.TEMPORAL: ReasonClass.NOT_VERIFIED,
    ReasonCode.GEOMETRY: ReasonClass.NOT_VERIFIED,
    ReasonCode.FROZEN_FRAMES: ReasonClass.NOT_VERIFIED,
    ReasonCode.VIDEO_LOOP: ReasonClass.NOT_VERIFIED,
    ReasonCode.NO_MOTION: ReasonClass.NOT_VERIFIED,
    ReasonCode.PLANAR_MOTION: ReasonClass.NOT_VERIFIED,
    ReasonCode.FACE_SWAP: ReasonClass.NOT_VERIFIED,
    ReasonCode.GENERATED_FACE: ReasonClass.NOT_VERIFIED,
    ReasonCode.ANIMATED_PHOTO: ReasonClass.NOT_VERIFIED,
    ReasonCode.RECAPTURE: ReasonClass.NOT_VERIFIED,
    ReasonCode.STREAM_TIMING: ReasonClass.NOT_VERIFIED,
    ReasonCode.REPEATED_FRAMES: ReasonClass.NOT_VERIFIED,
    ReasonCode.SEEN_BEFORE: ReasonClass.NOT_VERIFIED,
    ReasonCode.CLIENT_MISMATCH: ReasonClass.NOT_VERIFIED,
    ReasonCode.CAPTURE_MISMATCH: ReasonClass.NOT_VERIFIED,
    ReasonCode.NO_PULSE: ReasonClass.NOT_VERIFIED,
    ReasonCode.DEEPFAKE_SCORE_HIGH: ReasonClass.NOT_VERIFIED,
    ReasonCode.DEEPFAKE_SUSPECTED: ReasonClass.NOT_VERIFIED,
    ReasonCode.LIVENESS_SCORE_LOW: ReasonClass.NOT_VERIFIED,
    ReasonCode.UPLOADED_PICTURES: ReasonClass.NOT_VERIFIED,
    ReasonCode.NEEDS_REVIEW: ReasonClass.NOT_VERIFIED,
    ReasonCode.COMPLETED_EARLY: ReasonClass.NOT_VERIFIED,
    ReasonCode.INTERNAL_ERROR: ReasonClass.NOT_VERIFIED,
}
"""The class of every code, where the check was not passed."""


def is_left_open(status: str | None, classes: Iterable[str]) -> bool:
    """Whether a verdict is undecided and has nothing for the applicant to mend. It is what the applicant
    learns in the place of `needs_review`, which would say that a detector alarmed."""
    return status == VerdictStatus.INCONCLUSIVE and tuple(classes) == (ReasonClass.NOT_VERIFIED,)


def classes_of(codes: Iterable[str], *, passed: bool) -> tuple[ReasonClass, ...]:
    """What the applicant learns, in the order of `ReasonClass`; nothing of a check that passed.

    `not_verified` stands only alone: next to something to mend it would say that a detector alarmed. Who
    left out so much that nothing could be a pass has nothing to mend. Where nothing was asked, no action was
    wrong; and where the light or the link was bad, few pictures follow from it.
    """
    if passed:
        return ()
    known = {ReasonCode(code) for code in codes}
    if known & NO_PASS:
        return (ReasonClass.NOT_VERIFIED,)
    if known & {ReasonCode.POOR_QUALITY, ReasonCode.LINK_LOST}:
        known -= {ReasonCode.TOO_FEW_FRAMES}
    given = {CLASS_OF[code] for code in known}
    if ReasonCode.NOT_ASKED in known:
        given -= {ReasonClass.ACTION}
    to_mend = tuple(c for c in ReasonClass if c in given and c is not ReasonClass.NOT_VERIFIED)
    return to_mend or (ReasonClass.NOT_VERIFIED,)
