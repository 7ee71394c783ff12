"""A verification that is fed with written results."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from kyc_rtc.decision.findings import Mode, Remarks
from kyc_rtc.detection.evidence import DETECTORS, AnalyserName, Evidence
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.run import ChallengeIssued, ChallengeRun
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.pipeline.verification import ReadyToDecide, Verification, VerificationEvent
from kyc_rtc.settings import DetectionSettings, LivenessSettings, Settings
from kyc_rtc.vision.quality import FaceQuality, QualityIssue
from kyc_rtc.vision.tracking import TrackState
from tests.unit.liveness.fakes.actor import Actor, pulses_for
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.liveness.fakes.faces import make_face, make_observation

PLAN = (Challenge(ChallengeType.SMILE), Challenge(ChallengeType.MOUTH_OPEN))
SETTINGS = Settings(
    liveness=LivenessSettings(challenges=2, attempts=1, quality_time_limit_ms=5_000),
    detection=DetectionSettings(min_judgeable_frames=20),
)
CALM = tuple(
    Evidence(name, 0.05 if name in DETECTORS else 0.2, 0.9, (0, 1_000)) for name in AnalyserName
)
FRAME_MS = 40


def new_verification(mode: Mode = Mode.LIVE, plan: tuple[Challenge, ...] = PLAN) -> Verification:
    ids = (str(n) for n in itertools.count())
    liveness = SETTINGS.liveness
    run = ChallengeRun(plan, liveness, lambda: next(ids), seeded_issuer(liveness))
    return Verification(run, SETTINGS, mode)


def result(
    now_ms: int,
    actor: Actor | None,
    *,
    issues: tuple[QualityIssue, ...] = (),
    changed: bool = False,
    doubted: bool = False,
    compared: int | None = None,
    net_answers: int | None = None,
    evidence: tuple[Evidence, ...] = CALM,
) -> FrameResult:
    look = actor.look(now_ms) if actor else None
    issues = issues if look else (QualityIssue.NO_FACE,)
    return FrameResult(
        observation=make_observation(make_face(look) if look else None, now_ms),
        received_at_ms=float(now_ms),
        quality=FaceQuality(issues, None, 0.4),
        issues=issues,
        track=TrackState(
            present=look is not None,
            lost_for_ms=0,
            changed=changed,
            doubted=doubted,
            similarity=1.0,
            judged=now_ms // 100 if compared is None else compared,
            compared=now_ms // 100 if compared is None else compared,
        ),
        evidence=evidence,
        enhanced=False,
        cpu_ms={},
        net_answers=net_answers,
    )


def step(
    verification: Verification, result: FrameResult, gap_ms: float = 0.0
) -> tuple[VerificationEvent, ...]:
    """One result, as a session takes it that sends prompts at once and knows nothing else."""
    events = verification.update(result, gap_ms)
    if any(isinstance(event, ChallengeIssued) for event in events):
        verification.sent(result.received_at_ms)
    if any(isinstance(event, ReadyToDecide) for event in events):
        return (*events, *verification.decide(Remarks()))
    return events


def obedient(verification: Verification, limit_ms: int = 60_000) -> Iterator[VerificationEvent]:
    """Events of a session in which everything that is asked is done."""
    actor = Actor()
    for now_ms in range(0, limit_ms, FRAME_MS):
        for event in step(verification, result(now_ms, actor)):
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 500)
            yield event
