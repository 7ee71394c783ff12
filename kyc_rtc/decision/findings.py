"""Everything that a verdict rests on, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyc_rtc.detection.evidence import Evidence
from kyc_rtc.vision.quality import QualityIssue


class Mode(StrEnum):
    """LIVE: the applicant is asked for actions. PASSIVE: a recording, to which nobody can put any."""

    LIVE = "live"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class Remarks:
    """What is known of the footage apart from what it shows. `uploaded`: it came as single pictures;
    `uploads_need_review`: for that reason a person has to look; `seen_elsewhere`: the same footage came for
    another person; `footage_unknown`: it could not be compared with earlier footage."""

    uploaded: bool = False
    uploads_need_review: bool = False
    seen_elsewhere: bool = False
    footage_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What a verification has found.

    Challenge counts are of challenges, not of tries; `challenges_planned` are those that had to be asked,
    and `voids` those that were open when a gap, a poor picture or a new peer voided them. They say
    nothing against anybody. `challenges_unsettled`: head turns that were not answered where the picture may
    be mirrored; `challenges_too_small`: the asked movement was made, but too little of it. `cannot`: the
    applicant said of so many types of challenges that they cannot do them. `head_left_out`: neither a head
    turn nor a nod could be asked for.
    `unasked_actions` counts actions that nobody had asked for at the time.
    `response_ms`: media time from each passed challenge to its answer.
    `frames_judgeable`: frames on which detection could judge; `face_frames`: frames with a face.
    `face_changed`: the face is another one than at the start; `face_doubted`: for a moment it looked so.
    `answers_unseen`: challenges that were passed in a picture that detection could not judge;
    `answers_too_few`: those passed while too few frames could be compared, or put before the net.
    `persistent_issue`: the worst issue that stood for most of the time, or None. `link_lost`,
    `picture_lost`: given up because of the connection, or of a picture that could not be judged.
    """

    mode: Mode
    challenges_asked: int = 0
    challenges_passed: int = 0
    challenges_failed: int = 0
    challenges_timed_out: int = 0
    unasked_actions: int = 0
    response_ms: tuple[int, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    frames_analysed: int = 0
    frames_judgeable: int = 0
    face_frames: int = 0
    persistent_issue: QualityIssue | None = None
    several_faces: bool = False
    face_changed: bool = False
    face_doubted: bool = False
    link_lost: bool = False
    completed_early: bool = False
    time_limit_reached: bool = False
    internal_error: bool = False
    picture_lost: bool = False
    uploaded: bool = False
    uploads_need_review: bool = False
    seen_elsewhere: bool = False
    footage_unknown: bool = False
    voids: int = 0
    challenges_planned: int = 0
    challenges_too_small: int = 0
    challenges_unsettled: int = 0
    cannot: int = 0
    head_left_out: bool = False
    answers_unseen: int = 0
    answers_too_few: int = 0

    @property
    def challenges_unmet(self) -> int:
        """How many were not answered, whoever is to blame."""
        missed = self.challenges_failed + self.challenges_timed_out
        return missed + self.challenges_too_small + self.challenges_unsettled

    @property
    def challenges_needed(self) -> int:
        """How many have to be met: those that were planned, or more, where more were asked for."""
        return max(self.challenges_asked, self.challenges_planned)

    @property
    def all_met(self) -> bool:
        """Every challenge that had to be met was, and there was at least one."""
        return self.challenges_passed >= self.challenges_needed > 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a verdict is measured against; the names are those of the settings.

    A deepfake score from `deepfake_threshold` on fails; from `review_threshold` on it is not a pass.
    """

    liveness_threshold: float = 0.6
    deepfake_threshold: float = 0.65
    review_threshold: float = 0.5
    confidence_threshold: float = 0.3
    min_judgeable_frames: int = 40

    def __post_init__(self) -> None:
        fractions = (
            self.liveness_threshold,
            self.review_threshold,
            self.deepfake_threshold,
            self.confidence_threshold,
        )
        if not all(0.0 <= fraction <= 1.0 for fraction in fractions):
            raise ValueError(f"thresholds lie in 0..1, not {fractions}")
        if self.min_judgeable_frames < 1:
            raise ValueError(f"at least one judgeable frame, not {self.min_judgeable_frames}")
