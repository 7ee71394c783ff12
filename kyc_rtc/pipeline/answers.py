"""Whether the analysers saw the answers: who answers in a picture that nobody can judge is not seen."""

from __future__ import annotations

from collections.abc import Iterable

from kyc_rtc.liveness.events import ChallengeEnded, ChallengeIssued, LivenessEvent
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.vision.tracking import LEAST_FRAMES


class AnswerWatch:
    """Counts challenges that were passed. `unseen`: detection could judge less than half of the try's frames
    with a face (none is seen of a head that is turned far); `uncompared`: fewer than `LEAST_FRAMES` frames
    were compared since the answer before. It does not say that they showed the answer itself."""

    def __init__(self) -> None:
        self.unseen = self.uncompared = 0
        self._frames = self._judgeable = 0
        self._judged_before: int | None = None

    def update(self, result: FrameResult, events: Iterable[LivenessEvent]) -> None:
        """Take a frame, and what the run reported on it."""
        # Without the open window: a cut may still take its frames away.
        if self._judged_before is None:
            self._judged_before = result.track.judged
        self._frames += result.observation.face is not None
        self._judgeable += result.quality.judgeable
        for event in events:
            if isinstance(event, ChallengeIssued):
                self._frames = self._judgeable = 0
            elif isinstance(event, ChallengeEnded) and event.passed:
                self.unseen += 2 * self._judgeable < self._frames
                self.uncompared += result.track.compared - self._judged_before < LEAST_FRAMES
                self._judged_before = result.track.judged
