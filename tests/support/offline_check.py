"""A whole check without server and clock: pictures through VP8, analysers, challenges, the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

from kyc_rtc.decision.findings import Remarks
from kyc_rtc.decision.policy import MAX_UNASKED_ACTIONS, decide
from kyc_rtc.decision.verdict import Verdict
from kyc_rtc.detection.evidence import DETECTORS
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.liveness.events import ChallengeIssued, RunOutcome
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.pipeline.factory import new_analysis
from kyc_rtc.pipeline.verification import Ending, Verification, thresholds_of
from kyc_rtc.settings import Settings
from media.transcode import Codec, through_codec
from tests.support.clock import ManualClock

FPS, KBPS = 15, 1_000
"""A common rate of phones, and about what Chromium sends of such pictures."""

Draw = Callable[[float], BgrImage]
"""The picture at a moment of the camera, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check. `without_detectors`: the verdict on the same findings without the detectors that
    learnt from examples, as if nobody had learnt this attack."""

    outcome: RunOutcome
    verdict: Verdict
    without_detectors: Verdict

    @property
    def met(self) -> bool:
        """Whether the plan was met, without so many unasked actions as rule out a pass."""
        return self.outcome.all_passed and self.outcome.unasked_actions < MAX_UNASKED_ACTIONS


def analysed(draw: Draw, model: Path, length_ms: int) -> Iterator[FrameResult]:
    """What the analysers make of these pictures; each is drawn when it is needed, but for the first ten."""
    analysis = new_analysis(model, ManualClock())
    try:
        yield from map(analysis.analyse, through_codec(_filmed(draw, length_ms), Codec.VP8, KBPS))
    finally:
        analysis.close()


def _filmed(draw: Draw, length_ms: int) -> Iterator[Frame]:
    for number in range(length_ms * FPS // 1_000):
        at_ms = round(number * 1_000 / FPS)
        yield Frame(at_ms, float(at_ms), number, partial(draw, at_ms))


def checked(
    results: Iterable[FrameResult],
    issuer: Issuer,
    settings: Settings,
    tell: Callable[[Challenge], None] = lambda _: None,
) -> Checked:
    """Ask for a plan of the issuer's, with `tell`, at the moment of each prompt, until there is a verdict.

    A frame is received as it is captured, and prompts arrive at once. Where the frames end first, time is up.
    """
    ids = count()
    run = ChallengeRun(issuer.plan(), settings.liveness, lambda: str(next(ids)), issuer)
    verification = Verification(run, settings)
    for result in results:
        for event in verification.update(result):
            if isinstance(event, ChallengeIssued):
                verification.sent(result.received_at_ms)
                tell(event.challenge)
        if verification.is_settled:
            break
    verification.conclude(Ending.TIME_LIMIT)
    (decided,) = verification.decide(Remarks())
    unlearnt = tuple(e for e in verification.evidence if e.analyser not in DETECTORS)
    found = replace(verification.findings, evidence=unlearnt)
    return Checked(verification.outcome, decided.verdict, decide(found, thresholds_of(settings)))
