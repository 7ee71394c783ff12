"""A verification: picture quality, then challenges, then the verdict. No I/O, no clock.

What people do is judged in media time (`captured_at_ms`); limits and waits run in real time
(`received_at_ms`, `now_ms`: milliseconds of a monotonic clock).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from kyc_rtc.decision.findings import Findings, Mode, Remarks, Thresholds
from kyc_rtc.decision.fusion import deepfake_score, liveness_score
from kyc_rtc.decision.policy import decide, enough_was_judged
from kyc_rtc.decision.verdict import Verdict, VerdictStatus
from kyc_rtc.detection.evidence import Evidence
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.events import LivenessEvent, RunFinished, RunOutcome, VoidReason
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.pipeline.answers import AnswerWatch
from kyc_rtc.pipeline.picture import PictureRules
from kyc_rtc.settings import Settings
from kyc_rtc.vision.quality import TOLERABLE, QualityIssue
from kyc_rtc.vision.tracking import TrackState

GOOD_PICTURE_MS = 700
"""For so long the picture has to be good before the first challenge."""

EXTRA_WATCH_MS = 4_000
"""After the last challenge, how much longer to watch for frames, or signs of life, that are lacking: real
time, of which a gap uses up no more than the longest that a challenge survives."""

_HEAD_MOVES = frozenset({ChallengeType.HEAD_TURN, ChallengeType.NOD})


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
    PICTURE_LOST = "picture_lost"
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
class ReadyToDecide:
    """The findings are complete and stay as they are: `decide` may be called, with what is known of the
    footage from elsewhere."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The verdict is there; nothing follows."""

    verdict: Verdict


VerificationEvent = PhaseChanged | QualityChanged | LivenessEvent | ReadyToDecide | Decided


@dataclass(frozen=True, slots=True)
class Scores:
    """The state of the evidence so far; None where nothing can be said yet."""

    liveness: float | None
    deepfake: float | None


class Verification:
    """Judges the frame results of one session, in order of capture.

    `LIVE` asks for the challenges of `run`; when nothing is left to see it reports `ReadyToDecide`, and
    `decide` gives the verdict. `PASSIVE` (a recording) only watches, and gets its verdict at once from
    `conclude`. Memory is bounded: nothing is kept per frame.
    """

    def __init__(self, run: ChallengeRun, settings: Settings, mode: Mode = Mode.LIVE) -> None:
        self._mode = mode
        self._settings = settings
        self._thresholds = thresholds_of(settings)
        self._run = run
        self._phase = Phase.CHECKING_QUALITY
        self._verdict: Verdict | None = None
        self._decided_on: Findings | None = None
        self._evidence: tuple[Evidence, ...] = ()
        self._issues: tuple[QualityIssue, ...] = ()
        self._issue_frames: Counter[QualityIssue] = Counter()
        self._frames = self._judgeable_frames = self._face_frames = 0
        self._track: TrackState | None = None
        self._answers = AnswerWatch()
        self._rules = PictureRules()
        self._captured_at_ms = 0
        self._received_at_ms: float | None = None
        self._started_ms = 0.0
        self._good_since_ms: int | None = None
        self._watched_ms = 0.0

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def is_settled(self) -> bool:
        """Whether the findings are complete: nothing that comes changes them any more."""
        return self._decided_on is not None

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
        """What the verdict rests on; before they are complete, what it would rest on now."""
        return self._decided_on or self._findings(None)

    @property
    def outcome(self) -> RunOutcome:
        """The counts of the challenges so far."""
        return self._run.outcome

    @property
    def gap_limit_ms(self) -> float:
        """Real time without a picture, or with one that cannot be judged, that an open challenge
        survives."""
        return self._run.gap_limit_ms

    @gap_limit_ms.setter
    def gap_limit_ms(self, limit_ms: float) -> None:
        self._run.gap_limit_ms = limit_ms

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
        findings = self.findings
        # A challenge that is still open is neither met nor missed.
        unmet = findings.challenges_unmet
        answered = replace(findings, challenges_asked=findings.challenges_passed + unmet)
        return Scores(
            liveness_score(answered),
            deepfake_score(self._evidence, self._settings.confidence_threshold),
        )

    @property
    def excluded(self) -> frozenset[ChallengeType]:
        """The types of challenges that are not asked for."""
        return self._run.excluded

    def order(self, challenge: Challenge) -> None:
        """Ask for one more challenge, after those that are planned."""
        self._run.add(challenge)

    def update(self, result: FrameResult, gap_ms: float = 0.0) -> tuple[VerificationEvent, ...]:
        """Take one frame's result into account; ignored once the findings are complete.

        `gap_ms`: the longest real time between decoded frames, analysed or not, since the last call.
        """
        if self._decided_on is not None:
            return ()
        step_ms = self._count(result)
        events = self._quality_events(result)
        if self._mode is Mode.PASSIVE:
            return events
        match self._phase:
            case Phase.CHECKING_QUALITY:
                return (*events, *self._check_quality(result))
            case Phase.CHALLENGING:
                usable = self._rules.allow_judging(result.issues)
                reported = self._run.update(
                    result.observation, usable, result.received_at_ms, gap_ms
                )
                self._answers.update(result, reported)
                return (*events, *self._go_on(reported))
            case Phase.DECIDING | Phase.DECIDED:
                self._watched_ms += min(step_ms, self.gap_limit_ms)
                return (*events, *self._watch_on())

    def sent(self, now_ms: float) -> None:
        """The prompt that was issued last has been sent: its clock runs from `now_ms`, real time.
        Ignored where none waits to be."""
        if self._decided_on is None and self._received_at_ms is not None:
            since_ms = round(now_ms - self._received_at_ms)
            self._run.sent(now_ms, self._captured_at_ms + since_ms)

    def check(self, now_ms: float, last_frame_ms: float) -> tuple[VerificationEvent, ...]:
        """End what waits for frames that do not come. `last_frame_ms`: real time at which the last
        frame was decoded."""
        if self._decided_on is not None:
            return ()
        return self._go_on(self._run.check(now_ms, last_frame_ms))

    def void(self, reason: VoidReason) -> tuple[VerificationEvent, ...]:
        """Void the challenge that is open, if one is; another is drawn, or the run is given up."""
        return () if self._decided_on is not None else self._go_on(self._run.void(reason))

    def cannot(self, challenge_id: str) -> tuple[VerificationEvent, ...]:
        """The applicant cannot do the open challenge, if it is this one; another type takes its place."""
        return () if self._decided_on is not None else self._go_on(self._run.cannot(challenge_id))

    def conclude(self, ending: Ending) -> tuple[VerificationEvent, ...]:
        """Be content with what was seen: the findings are complete. Ignored if they were."""
        return () if self._decided_on is not None else self._complete(ending)

    def decide(self, remarks: Remarks) -> tuple[Decided, ...]:
        """The verdict on the findings and on what is known of the footage from elsewhere; nothing after
        the first call.

        Raises:
            RuntimeError: the findings are not complete.
        """
        if self._decided_on is None:
            raise RuntimeError("decided before the findings were complete")
        if self._verdict is not None:
            return ()
        self._decided_on = replace(
            self._decided_on,
            uploaded=remarks.uploaded,
            uploads_need_review=remarks.uploads_need_review,
            seen_elsewhere=remarks.seen_elsewhere,
            footage_unknown=remarks.footage_unknown,
        )
        self._phase = Phase.DECIDED
        self._verdict = decide(self._decided_on, self._thresholds)
        return (Decided(self._verdict),)

    def _count(self, result: FrameResult) -> float:
        """Count the frame; real time since the last one, in milliseconds."""
        last_ms = self._received_at_ms
        if last_ms is None:
            last_ms = self._started_ms = result.received_at_ms
        self._received_at_ms = result.received_at_ms
        self._captured_at_ms = result.captured_at_ms
        self._frames += 1
        self._face_frames += result.observation.face is not None
        self._judgeable_frames += result.quality.judgeable
        self._issue_frames.update(result.issues)
        self._track = result.track
        self._evidence = result.evidence
        return max(0.0, result.received_at_ms - last_ms)

    def _quality_events(self, result: FrameResult) -> tuple[VerificationEvent, ...]:
        issues = self._rules.to_be_mended(result.issues)
        if issues == self._issues:
            return ()
        self._issues = issues
        return (QualityChanged(issues),)

    def _check_quality(self, result: FrameResult) -> tuple[VerificationEvent, ...]:
        now_ms = result.captured_at_ms
        if result.issues or not result.quality.ok:
            self._good_since_ms = None
        elif self._good_since_ms is None:
            self._good_since_ms = now_ms
        if self._good_since_ms is not None and now_ms - self._good_since_ms >= GOOD_PICTURE_MS:
            self._phase = Phase.CHALLENGING
            return (PhaseChanged(Phase.CHALLENGING),)
        waited_ms = result.received_at_ms - self._started_ms
        if waited_ms > self._settings.liveness.quality_time_limit_ms:
            return self._complete(Ending.TIME_LIMIT)
        return ()

    def _go_on(self, reported: tuple[LivenessEvent, ...]) -> tuple[VerificationEvent, ...]:
        """What follows from what the run reported, or from its having been given up."""
        self._rules.note(reported)
        if self._phase is not Phase.CHALLENGING:
            return reported
        if self._run.aborted is not None:
            return (*reported, *self._complete(_ending_of(self._run.aborted)))
        if not any(isinstance(event, RunFinished) for event in reported):
            return reported
        self._phase = Phase.DECIDING
        return (*reported, PhaseChanged(Phase.DECIDING), *self._watch_on())

    def _watch_on(self) -> tuple[VerificationEvent, ...]:
        """Decide as soon as detection has seen enough, or has had its time. Whoever did all that was asked
        waits for the same time whatever bars the pass, and cannot read from it which analyser spoke."""
        findings = self._findings(None)
        if findings.all_met:
            enough = decide(findings, self._thresholds).status is VerdictStatus.PASSED
        else:
            enough = enough_was_judged(findings, self._thresholds)
        return self._complete(None) if enough or self._watched_ms >= EXTRA_WATCH_MS else ()

    def _complete(self, ending: Ending | None) -> tuple[VerificationEvent, ...]:
        """The findings stay as they are now."""
        self._decided_on = self._findings(ending)
        if self._mode is Mode.PASSIVE:
            return self.decide(Remarks())
        challenging = self._phase is Phase.CHALLENGING
        self._phase = Phase.DECIDING
        changed = (PhaseChanged(Phase.DECIDING),) if challenging else ()
        return (*changed, ReadyToDecide())

    def _findings(self, ending: Ending | None) -> Findings:
        outcome = self._run.outcome
        harmful = [issue for issue in QualityIssue if issue not in TOLERABLE]
        lasting = [issue for issue in harmful if self._issue_frames[issue] * 2 > self._frames]
        track = self._track
        persistent = lasting[0] if lasting else None
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
            face_changed=track is not None and track.changed,
            face_doubted=track is not None and track.doubted,
            answers_unseen=self._answers.unseen,
            answers_too_few=self._answers.too_few,
            link_lost=ending is Ending.LINK_LOST,
            picture_lost=ending is Ending.PICTURE_LOST,
            completed_early=ending is Ending.COMPLETED and self._mode is Mode.LIVE,
            time_limit_reached=ending is Ending.TIME_LIMIT,
            internal_error=ending is Ending.INTERNAL_ERROR,
            voids=outcome.voids,
            challenges_planned=outcome.planned,
            challenges_too_small=outcome.too_small,
            challenges_unsettled=outcome.unsettled,
            cannot=len(outcome.excluded),
            head_left_out=self._mode is Mode.LIVE and self._run.excluded >= _HEAD_MOVES,
        )


def thresholds_of(settings: Settings) -> Thresholds:
    """What verdicts are measured against under these settings."""
    return Thresholds(
        liveness_threshold=settings.liveness_threshold,
        deepfake_threshold=settings.failing_deepfake_score,
        review_threshold=settings.reviewing_deepfake_score,
        confidence_threshold=settings.confidence_threshold,
        min_judgeable_frames=settings.detection.min_judgeable_frames,
    )


def _ending_of(aborted: VoidReason) -> Ending:
    match aborted:
        case VoidReason.GAP | VoidReason.PEER:
            return Ending.LINK_LOST
        case VoidReason.PICTURE:
            return Ending.PICTURE_LOST
        case VoidReason.CANNOT | VoidReason.CALIBRATION:
            raise ValueError(f"nothing is given up for {aborted}")
        case _ as never:
            assert_never(never)
