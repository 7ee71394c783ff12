"""Whether the analysers saw the answers: who answers in a picture that nobody can judge is not seen."""

from __future__ import annotations

from collections.abc import Iterable

from kyc_rtc.liveness.events import ChallengeEnded, ChallengeIssued, LivenessEvent
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.vision.tracking import LEAST_FRAMES

LEAST_PAIRS = 2
"""The net sees two or three pairs a second, of frames that lie 55 to 140 ms apart (`pairs.py`): a challenge
takes a person a second or more."""


class AnswerWatch:
    """Counts challenges that were passed. `unseen`: detection could judge less than half of the try's frames
    with a face (none is seen of a head that is turned far); `too_few`: since the answer before, the face was
    compared in fewer than `LEAST_FRAMES` frames, or the net saw fewer than `LEAST_PAIRS` pairs. It does not
    say that they showed the answer itself."""

    def __init__(self) -> None:
        self.unseen = self.too_few = 0
        self._frames = self._judgeable = 0
        self._judged_before: int | None = None
        self._pairs = self._pairs_known = 0

    def update(self, result: FrameResult, events: Iterable[LivenessEvent]) -> None:
        """Take a frame, and what the run reported on it."""
        # Without the open window: a cut may still take its frames away.
        if self._judged_before is None:
            self._judged_before = result.track.judged
        self._frames += result.observation.face is not None
        self._judgeable += result.quality.judgeable
        self._count_pairs(result.net_answers)
        for event in events:
            if isinstance(event, ChallengeIssued):
                self._frames = self._judgeable = 0
            elif isinstance(event, ChallengeEnded) and event.passed:
                self.unseen += 2 * self._judgeable < self._frames
                compared = result.track.compared - self._judged_before
                unpaired = result.net_answers is not None and self._pairs < LEAST_PAIRS
                self.too_few += compared < LEAST_FRAMES or unpaired
                self._judged_before = result.track.judged
                self._pairs = 0

    def _count_pairs(self, net_answers: int | None) -> None:
        """Count what is new; the net's own count begins anew with the challenges."""
        if net_answers is not None:
            began_anew = net_answers < self._pairs_known
            self._pairs += net_answers - (0 if began_anew else self._pairs_known)
            self._pairs_known = net_answers
