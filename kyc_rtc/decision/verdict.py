"""The verdict on a verification, and the reasons that explain it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class VerdictStatus(StrEnum):
    """PASSED: bona fide. FAILED: an attack, or the challenges were not met. Else INCONCLUSIVE."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INCONCLUSIVE = "INCONCLUSIVE"


class ReasonCode(StrEnum):
    """Why a verdict is what it is. The sentence is `reason.<value>` in the catalogue."""

    CHALLENGES_PASSED = "challenges_passed"
    CHALLENGE_FAILED = "challenge_failed"
    CHALLENGE_TIMEOUT = "challenge_timeout"
    NOT_ASKED = "not_asked"
    UNASKED_ACTIONS = "unasked_actions"
    MOVEMENT_TOO_SMALL = "movement_too_small"
    MIRROR_UNSETTLED = "mirror_unsettled"
    CHALLENGES_EXCLUDED = "challenges_excluded"
    HEAD_LEFT_OUT = "head_left_out"
    NO_FACE = "no_face"
    POOR_QUALITY = "poor_quality"
    SEVERAL_FACES = "several_faces"
    FACE_CHANGED = "face_changed"
    FACE_DOUBTED = "face_doubted"
    LINK_LOST = "link_lost"
    TOO_FEW_FRAMES = "too_few_frames"
    LIFE_NOT_SEEN = "life_not_seen"
    TEXTURE = "texture"
    BLINK_PATTERN = "blink_pattern"
    TEMPORAL = "temporal"
    GEOMETRY = "geometry"
    FROZEN_FRAMES = "frozen_frames"
    VIDEO_LOOP = "video_loop"
    NO_MOTION = "no_motion"
    PLANAR_MOTION = "planar_motion"
    FACE_SWAP = "face_swap"
    GENERATED_FACE = "generated_face"
    ANIMATED_PHOTO = "animated_photo"
    RECAPTURE = "recapture"
    STREAM_TIMING = "stream_timing"
    REPEATED_FRAMES = "repeated_frames"
    SEEN_BEFORE = "seen_before"
    CLIENT_MISMATCH = "client_mismatch"
    CAPTURE_MISMATCH = "capture_mismatch"
    NO_PULSE = "no_pulse"
    DEEPFAKE_SCORE_HIGH = "deepfake_score_high"
    DEEPFAKE_SUSPECTED = "deepfake_suspected"
    LIVENESS_SCORE_LOW = "liveness_score_low"
    UPLOADED_PICTURES = "uploaded_pictures"
    NEEDS_REVIEW = "needs_review"
    COMPLETED_EARLY = "completed_early"
    TIME_LIMIT = "time_limit"
    INTERNAL_ERROR = "internal_error"


SUSPICIONS = frozenset(
    {
        ReasonCode.DEEPFAKE_SUSPECTED,
        ReasonCode.DEEPFAKE_SCORE_HIGH,
        ReasonCode.FROZEN_FRAMES,
        ReasonCode.VIDEO_LOOP,
        ReasonCode.NO_MOTION,
        ReasonCode.PLANAR_MOTION,
        ReasonCode.FACE_CHANGED,
        ReasonCode.FACE_DOUBTED,
        ReasonCode.SEEN_BEFORE,
    }
)
"""What speaks of an attack, and what a poor picture or a later attempt does not take back. The other signs
stand in a verdict only with one of these."""


NO_PASS = frozenset({ReasonCode.CHALLENGES_EXCLUDED, ReasonCode.HEAD_LEFT_OUT})
"""With one of these no attempt passes, whatever is answered: a person has to look, and no retry helps."""


class WeightWord(StrEnum):
    """A weight in a word. The sentence for the agent is `weight.<value>` in the catalogue."""

    DECISIVE = "decisive"
    STRONG = "strong"
    MODERATE = "moderate"
    SLIGHT = "slight"
    NONE = "none"

    @property
    def text(self) -> str:
        """The key of the sentence."""
        return f"weight.{self.value}"


def weight_word(weight: float) -> WeightWord:
    """The word for a weight of 0..1: decisive at 1, strong from 0.5 on, moderate from 0.25 on."""
    if weight >= 1.0:
        return WeightWord.DECISIVE
    if weight >= 0.5:
        return WeightWord.STRONG
    if weight >= 0.25:
        return WeightWord.MODERATE
    return WeightWord.SLIGHT if weight > 0.0 else WeightWord.NONE


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome. `reasons` stands in order of weight and is never empty.

    `liveness_score`: 0..1, higher is more surely a live person who answered. `deepfake_score`: 0..1,
    higher is more surely an attack. Either is None where nothing could be judged. `weights`: how much
    of the verdict rests on each reason, 0..1, in the order of `reasons`, the heaviest first; 1 decides
    alone, 0 is for context only.

    Raises:
        ValueError: not one weight in 0..1 for each reason, or a heavier one after a lighter one.
    """

    status: VerdictStatus
    reasons: tuple[ReasonCode, ...]
    liveness_score: float | None
    deepfake_score: float | None
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.reasons):
            raise ValueError(f"{len(self.weights)} weights for {len(self.reasons)} reasons")
        if not all(0.0 <= weight <= 1.0 for weight in self.weights):
            raise ValueError(f"weights lie in 0..1, not {self.weights}")
        if any(light < heavy for light, heavy in pairwise(self.weights)):
            raise ValueError(f"the heaviest reason comes first, not {self.weights}")

    @property
    def verified(self) -> bool:
        return self.status is VerdictStatus.PASSED

    @property
    def needs_review(self) -> bool:
        """A person has to look before anything follows from it: also where the picture was too poor to fail
        anybody for what was seen."""
        undecided = self.status is VerdictStatus.INCONCLUSIVE
        suspected = undecided and not SUSPICIONS.isdisjoint(self.reasons)
        return suspected or ReasonCode.NEEDS_REVIEW in self.reasons
