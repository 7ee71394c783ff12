"""Which issues of the picture stand in the way of a challenge, and which the challenge itself brings."""

from __future__ import annotations

from collections.abc import Iterable

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeIssued, ChallengeVoided, LivenessEvent
from kyc_rtc.vision.quality import QualityIssue

_BLOCKING = frozenset(
    {
        QualityIssue.NO_FACE,
        QualityIssue.SEVERAL_FACES,
        QualityIssue.TOO_DARK,
        QualityIssue.TOO_BRIGHT,
        QualityIssue.NOT_UPRIGHT,
        QualityIssue.FACE_TOO_SMALL,
        QualityIssue.OCCLUDED,
    }
)
"""Issues under which a challenge is not judged. The others come with the movements asked for."""

_BROUGHT = {
    ChallengeType.COME_CLOSER: frozenset(
        {QualityIssue.FACE_TOO_LARGE, QualityIssue.CUT_OFF, QualityIssue.OFF_CENTRE}
    ),
    ChallengeType.STEP_BACK: frozenset({QualityIssue.FACE_TOO_SMALL}),
}
"""What comes with doing as asked: to be told to move back would contradict the prompt."""


class PictureRules:
    """Knows which challenge is asked for, by what the run reports."""

    def __init__(self) -> None:
        self._asked: ChallengeType | None = None

    def note(self, events: Iterable[LivenessEvent]) -> None:
        """Take what the run reported."""
        for event in events:
            match event:
                case ChallengeIssued():
                    self._asked = event.challenge.type
                case ChallengeEnded() | ChallengeVoided():
                    self._asked = None
                case _:
                    pass

    def allow_judging(self, issues: Iterable[QualityIssue]) -> bool:
        """Whether a challenge is judged in a picture with these issues."""
        return not _BLOCKING.intersection(self.to_be_mended(issues))

    def to_be_mended(self, issues: Iterable[QualityIssue]) -> tuple[QualityIssue, ...]:
        """The issues that the applicant sees, in their order."""
        if self._asked is None:
            return tuple(issues)
        brought = _BROUGHT.get(self._asked, frozenset())
        return tuple(issue for issue in issues if issue not in brought)
