"""Whether a face can be judged: light, sharpness, size, place, cover, company."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from kyc_rtc.frames import ImageQuality


class QualityIssue(StrEnum):
    """What is wrong with the picture, in order of what to mend first. The hint key is `hint.<value>`.

    What may be the reason that no face is found stands before `NO_FACE`.
    """

    SEVERAL_FACES = "several_faces"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    NOT_UPRIGHT = "not_upright"
    CUT_OFF = "cut_off"
    FACE_TOO_SMALL = "face_too_small"
    NO_FACE = "no_face"
    FACE_TOO_LARGE = "face_too_large"
    OFF_CENTRE = "off_centre"
    OCCLUDED = "occluded"
    BLURRED = "blurred"

    @property
    def hint(self) -> str:
        """Key of the sentence that tells the applicant what to do."""
        return f"hint.{self.value}"


TOLERABLE = frozenset({QualityIssue.OFF_CENTRE, QualityIssue.FACE_TOO_LARGE})
"""What detection can live with."""


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """The issues of one frame, worst first, and the measures of the face's own pixels.

    `image` is None where there is no face. `face_fraction`: width of the face over the shorter side
    of the picture.
    """

    issues: tuple[QualityIssue, ...]
    image: ImageQuality | None
    face_fraction: float

    def also(self, found: Iterable[QualityIssue]) -> FaceQuality:
        """The same with more issues."""
        issues = {*self.issues, *found}
        return replace(self, issues=tuple(issue for issue in QualityIssue if issue in issues))

    @property
    def ok(self) -> bool:
        return not self.issues

    @property
    def judgeable(self) -> bool:
        """Whether detection may judge this frame: exactly one face, whole, lit, sharp, not covered."""
        return TOLERABLE.issuperset(self.issues)
