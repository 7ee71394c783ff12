"""A verification in media time: picture quality, then challenges, then the verdict. No I/O, no clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.fusion import deepfake_score, liveness_score
from kyc_rtc.decision.policy import decide, enough_was_judged
from kyc_rtc.decision.verdict import Verdict
from kyc_rtc.detection.evidence import Evidence
from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.liveness.run import ChallengeRun, LivenessEvent, RunFinished
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.settings import Settings
from kyc_rtc.vision.quality import QualityIssue

GOOD_PICTURE_MS = 700
"""For so long the picture has to be good before the first challenge."""

EXTRA_WATCH_MS = 4_000
"""After the last challenge, how much longer to watch for frames, or signs of life, that are lacking."""

_BLOCKING = frozenset(
    {
        QualityIssue.NO_FACE,
        QualityIssue.SEVERAL_FACES,
        QualityIssue.TOO_DARK,
        QualityIssue.TOO_BRIGHT,
        QualityIssue.FACE_TOO_SMALL,
        QualityIssue.OCCLUDED,
    }
)
"""Issues under which a challenge is not judged. The others come with the movements asked for."""


class Phase(StrEnum):
    """How far a verification is."""

    CHECKING_QUALITY = "checking_quality"
    CHALLENGING = "challenging"
    DECIDING = "deciding"
    DECIDED = "decided"


class Ending(StrEnum):
    """Why a verification is brought to its verdict before it got there by itself."""

    COMPLETED = "completed"
    LINK_LOST = "link_lost"
    TIME_LIMIT = "time_limit"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """The verification went on to another phase."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class QualityChanged:
    """The stable issues of the picture changed; empty when all is well."""

    issues: tuple[QualityIssue, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """The verdict is there; nothing follows."""

    verdict: Verdict


VerificationEvent = PhaseChanged | QualityChanged | LivenessEvent | Decided


@dataclass(frozen=True, slots=True)
class Scores:
    """The state of the evidence so far; None where nothing can be said yet."""

    liveness: float | None
    deepfake: float | None


class Verification:
    """Judges the frame results of one session, in order of capture.

    `LIVE` asks for the challenges of `run`; `PASSIVE` (a recording) only watches, and gets its
    verdict from `conclude`. Memory is bounded: nothing is kept per frame.
    """

    def __init__(self, run: ChallengeRun, settings: Settings, mode: Mode = Mode.LIVE) -> None:
        self._mode = mode
        self._settings = settings
        self._thresholds = Thresholds(
            liveness_threshold=settings.liveness_threshold,
            deepfake_threshold=settings.failing_deepfake_score,
            review_threshold=settings.reviewing_deepfake_score,
            confidence_threshold=settings.confidence_threshold,
            min_judgeable_frames=settings.detection.min_judgeable_frames,
        )
        self._run = run
        self._phase = Phase.CHECKING_QUALITY
        self._verdict: Verdict | None = None
        self._decided_on: Findings | None = None
        self._evidence: tuple[Evidence, ...] = ()
        self._issues: tuple[QualityIssue, ...] = ()
        self._issue_frames: Counter[QualityIssue] = Counter()
        self._frames = self._judgeable_frames = self._face_frames = 0
        self._face_changed = False
        self._started_ms: int | None = None
        self._good_since_ms: int | None = None
        self._watched_since_ms: int | None = None

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, once there is one; it never changes."""
        return self._verdict

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What the analysers last said."""
        return self._evidence

    @property
    def findings(self) -> Findings:
        """What the verdict rests on; before the verdict, what it would rest on now."""
        return self._decided_on or self._findings(None)

    @property
    def frames(self) -> int:
        """How many frames were analysed."""
        return self._frames

    @property
    def face_seen(self) -> bool:
        """Whether any frame showed a face."""
        return self._face_frames > 0

    def scores(self) -> Scores:
        """The scores as they stand, or those of the verdict."""
        if self._verdict is not None:
            return Scores(self._verdict.liveness_score, self._verdict.deepfake_score)
        findings = self._findings(None)
        # A challenge that is still open is neither met nor missed.
        unmet = findings.challenges_failed + findings.challenges_timed_out
        answered = replace(findings, challenges_asked=findings.challenges_passed + unmet)
        return Scores(
            liveness_score(answered),
            deepfake_score(self._evidence, self._settings.confidence_threshold),
        )

    def order(self, challenge: Challenge) -> None:
        """Ask for one more challenge, after those that are planned."""
        self._run.add(challenge)

    def update(self, result: FrameResult) -> tuple[VerificationEvent, ...]:
        """Take one frame's result into account; ignored after the verdict."""
        if self._phase is Phase.DECIDED:
            return ()
        self._count(result)
        events = self._quality_events(result)
        if self._face_changed:
            return (*events, *self._decide(None))
        if self._mode is Mode.PASSIVE:
            return events
        match self._phase:
            case Phase.CHECKING_QUALITY:
                return (*events, *self._check_quality(result))
            case Phase.CHALLENGING:
                return (*events, *self._challenge(result))
            case Phase.DECIDING | Phase.DECIDED:
                return (*events, *self._watch_on(result))

    def conclude(self, ending: Ending) -> tuple[VerificationEvent, ...]:
        """Bring it to the verdict that the evidence allows now."""
        return () if self._phase is Phase.DECIDED else self._decide(ending)

    def _count(self, result: FrameResult) -> None:
        self._frames += 1
        self._face_frames += result.observation.face is not None
        self._judgeable_frames += result.quality.judgeable
        self._issue_frames.update(result.issues)
        self._face_changed = self._face_changed or result.track.changed
        self._evidence = result.evidence
        if self._started_ms is None:
            self._started_ms = result.captured_at_ms

    def _quality_events(self, result: FrameResult) -> tuple[VerificationEvent, ...]:
        if result.issues == self._issues:
            return ()
        self._issues = result.issues
        return (QualityChanged(result.issues),)

    def _check_quality(self, result: FrameResult) -> tuple[VerificationEvent, ...]:
        now_ms = result.captured_at_ms
        if result.issues or not result.quality.ok:
            self._good_since_ms = None
        elif self._good_since_ms is None:
            self._good_since_ms = now_ms
        if self._good_since_ms is not None and now_ms - self._good_since_ms >= GOOD_PICTURE_MS:
            self._phase = Phase.CHALLENGING
            return (PhaseChanged(Phase.CHALLENGING),)
        waited_ms = now_ms - (self._started_ms or 0)
        if waited_ms > self._settings.liveness.quality_time_limit_ms:
            return self._decide(Ending.TIME_LIMIT)
        return ()

    def _challenge(self, result: FrameResult) -> tuple[VerificationEvent, ...]:
        usable = not _BLOCKING.intersection(result.issues)
        events = self._run.update(result.observation, usable)
        if not any(isinstance(event, RunFinished) for event in events):
            return events
        self._phase = Phase.DECIDING
        self._watched_since_ms = result.captured_at_ms
        return (*events, PhaseChanged(Phase.DECIDING), *self._watch_on(result))

    def _watch_on(self, result: FrameResult) -> tuple[VerificationEvent, ...]:
        """Decide as soon as detection has seen enough, or has had its time."""
        watched_ms = result.captured_at_ms - (self._watched_since_ms or 0)
        enough = enough_was_judged(self._findings(None), self._thresholds)
        if enough or watched_ms >= EXTRA_WATCH_MS:
            return self._decide(None)
        return ()

    def _decide(self, ending: Ending | None) -> tuple[VerificationEvent, ...]:
        self._phase = Phase.DECIDED
        self._decided_on = self._findings(ending)
        self._verdict = decide(self._decided_on, self._thresholds)
        return (Decided(self._verdict),)

    def _findings(self, ending: Ending | None) -> Findings:
        outcome = self._run.outcome
        worst = next(iter(self._issue_frames.most_common(1)), None)
        persistent = worst[0] if worst and worst[1] * 2 > self._frames else None
        return Findings(
            mode=self._mode,
            challenges_asked=outcome.asked,
            challenges_passed=outcome.passed,
            challenges_failed=outcome.failed_wrong,
            challenges_timed_out=outcome.timed_out,
            unasked_actions=outcome.unasked_actions,
            response_ms=outcome.responses_ms,
            evidence=self._evidence,
            frames_analysed=self._frames,
            frames_judgeable=self._judgeable_frames,
            face_frames=self._face_frames,
            persistent_issue=persistent,
            several_faces=self._issue_frames[QualityIssue.SEVERAL_FACES] * 5 > self._frames > 0,
            face_changed=self._face_changed,
            link_lost=ending is Ending.LINK_LOST,
            completed_early=ending is Ending.COMPLETED and self._mode is Mode.LIVE,
            time_limit_reached=ending is Ending.TIME_LIMIT,
            internal_error=ending is Ending.INTERNAL_ERROR,
        )
