"""A session's record and verification, kept in step: what is told was stored before."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import structlog

from kyc_rtc.alerts.policy import alerts_for
from kyc_rtc.decision.verdict import Verdict
from kyc_rtc.detection.evidence import Evidence, Sign
from kyc_rtc.errors import Conflict
from kyc_rtc.frames import Frame
from kyc_rtc.ids import SessionId, new_alert_id, new_challenge_id
from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.liveness.run import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeProgressed,
    ChallengeRun,
)
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.pipeline.verification import (
    Decided,
    Ending,
    Phase,
    PhaseChanged,
    Verification,
    VerificationEvent,
)
from kyc_rtc.sessions import messages
from kyc_rtc.sessions.advice import Advice
from kyc_rtc.sessions.footage import seen_before
from kyc_rtc.sessions.measures import keep_measures
from kyc_rtc.sessions.outbox import Outbox, Transmit
from kyc_rtc.sessions.ports import AnalysisPort, Services
from kyc_rtc.sessions.states import FINAL, MOVES, SessionState, state_of
from kyc_rtc.sessions.wire import Outbound, Throttle
from kyc_rtc.storage.records import AlertRecord, SessionRecord

MAX_CHALLENGES = 16
"""Planned and ordered ones together."""

log = structlog.get_logger(__name__)


class Judgement:
    """Takes frames one at a time, moves the record, tells the peer and the followers."""

    def __init__(self, record: SessionRecord, services: Services) -> None:
        self.record = record
        self.outbox = Outbox()
        self.media_ms = 0
        self._services = services
        self._clock = services.clock
        settings = services.settings
        self._planned = list(services.issuer.plan())
        run = ChallengeRun(self._planned, settings.liveness, new_challenge_id, services.issuer)
        self._verification = Verification(run, settings)
        self._advice = Advice()
        self._analysis: AnalysisPort | None = None
        self._one_at_a_time = asyncio.Lock()
        self._asked: dict[str, dict[str, Any]] = {}
        self._running: ChallengeIssued | None = None
        self._exposure = messages.Exposure(
            scores=settings.scores_exposed,
            can_retry=record.attempt < settings.limits.session_attempts,
        )
        # Two kinds of telemetry share the ten messages a second that the protocol allows.
        interval_ms = 200.0 if settings.scores_exposed else 100.0
        self._progress_throttle = Throttle(interval_ms)
        self._frame_throttle = Throttle(interval_ms)
        self._first_frame_ms: float | None = None

    @property
    def frames(self) -> int:
        """How many frames were analysed."""
        return self._verification.frames

    async def take(
        self, frame: Frame, transmit: Transmit | None, dropped: int
    ) -> FrameResult | None:
        """Analyse a frame and act on it; None after the verdict.

        An analysis that breaks ends the session as inconclusive: a frame that cannot be judged must
        not be skipped in silence.
        """
        async with self._one_at_a_time:
            if self.record.state in FINAL:
                return None
            try:
                analysis = await self._ensure_analysis()
                result = await self._services.pool.run(lambda: analysis.analyse(frame))
            except Exception:  # whatever the libraries raise: fail closed
                log.exception("analysis_failed", session_id=self.record.session_id)
                await self._act(self._verification.conclude(Ending.INTERNAL_ERROR), transmit)
                return None
            self._advice.watch(result)
            self.media_ms = result.captured_at_ms
            self._first_frame_ms = self._first_frame_ms or self._clock.monotonic_ms()
            if self.record.state == SessionState.CONNECTING:
                await self.move(SessionState.CHECKING_QUALITY, transmit)
            await self._act(self._verification.update(result), transmit)
            self._report(result, transmit, dropped)
            return result

    async def _ensure_analysis(self) -> AnalysisPort:
        if self._analysis is None:
            self._analysis = await self._services.pool.run(self._services.new_analysis)
        return self._analysis

    async def conclude(self, ending: Ending, transmit: Transmit | None) -> None:
        """Bring the session to its verdict now; nothing happens after one."""
        async with self._one_at_a_time:
            await self._act(self._verification.conclude(ending), transmit)

    def advise(self, sign: Sign) -> None:
        """Add a sign to the stream's evidence; it counts in no verdict."""
        self._advice.note(sign)

    def capture_reported(self, fields: Mapping[str, Any]) -> None:
        """The client said what its camera is set to."""
        self._advice.capture_reported(fields)

    def order(self, challenge: Challenge) -> None:
        """Ask for one more challenge.

        Raises:
            Conflict: too many were asked for, or the verdict is near.
        """
        late = self._verification.phase in (Phase.DECIDING, Phase.DECIDED)
        if late or len(self._planned) >= MAX_CHALLENGES:
            raise Conflict("no further challenge fits into this session")
        self._planned.append(challenge)
        self._verification.order(challenge)

    async def move(self, state: SessionState, transmit: Transmit | None) -> None:
        """Go to another state: store it, then tell it. A move that the table lacks is a bug."""
        previous = SessionState(self.record.state)
        if state not in MOVES[previous]:
            raise RuntimeError(f"no move from {previous} to {state}")
        await self._store(state=state.value)
        self.tell(messages.state_changed(state.value, previous.value), transmit)

    def greet(self, transmit: Transmit) -> None:
        """Say hello to a peer that has just connected, and tell it what is going on."""
        total = len(self._planned)
        hello = messages.hello(
            self.record.session_id, self.record.state, total, expose_scores=self._exposure.scores
        )
        self.tell(hello, transmit)
        if self._running is not None:
            self._tell_event(self._running, transmit)

    def tell(self, message: Outbound, transmit: Transmit | None) -> None:
        """Send a message to the peer and the followers."""
        self.outbox.send(message, self.media_ms, transmit)

    def challenges(self) -> tuple[Mapping[str, Any], ...]:
        """The challenges that were issued, in order, with their outcome."""
        return tuple(self._asked.values())

    async def aclose(self) -> None:
        """Keep the measures behind a verdict, free the detectors, end the followers. Idempotent."""
        async with self._one_at_a_time:
            analysis, self._analysis = self._analysis, None
            if analysis is not None:
                try:
                    if self.record.verdict_status is not None:
                        await keep_measures(analysis, self.record.session_id, self._services)
                finally:
                    await self._services.pool.run(analysis.close)
        self.outbox.close()

    async def _act(self, events: tuple[VerificationEvent, ...], transmit: Transmit | None) -> None:
        for event in events:
            match event:
                case PhaseChanged(phase):
                    await self.move(SessionState(phase.value), transmit)
                case ChallengeIssued():
                    self._note_issued(event)
                case ChallengeEnded():
                    self._note_ended(event)
                case Decided(verdict):
                    await self._look_back()
                    if self.record.state in FINAL:
                        return  # given up, or stopped, while that was looked up
                    await self._decide(verdict, transmit)
                case _:
                    pass
            self._tell_event(event, transmit)

    def _tell_event(self, event: VerificationEvent, transmit: Transmit | None) -> None:
        progress = isinstance(event, ChallengeProgressed)
        if progress and not self._progress_throttle.allows(self._clock.monotonic_ms()):
            return
        message = messages.from_event(event, self._exposure)
        if message is not None:
            self.tell(message, transmit)

    def _note_issued(self, event: ChallengeIssued) -> None:
        self._running = event
        challenge = event.challenge
        self._asked[event.challenge_id] = {
            "challenge_id": event.challenge_id,
            "challenge_type": challenge.type.value,
            "direction": challenge.direction.value if challenge.direction else None,
            "count": challenge.count,
            "passed": None,
        }

    def _note_ended(self, event: ChallengeEnded) -> None:
        self._running = None
        self._asked[event.challenge_id]["passed"] = event.passed

    async def _look_back(self) -> None:
        """Compare with earlier sessions. The verdict is formed, and stands without it."""
        record = self._analysis.record() if self._analysis is not None else b""
        if not record:
            return
        session_id = SessionId(self.record.session_id)
        try:
            if await seen_before(record, session_id, self._services):
                self._advice.note(Sign.SEEN_BEFORE)
        except Exception:  # advice of any kind that breaks must not cost the verdict
            log.exception("footage_not_compared", session_id=session_id)

    def _evidence(self) -> tuple[Evidence, ...]:
        return self._advice.joined_to(self._verification.evidence)

    async def _decide(self, verdict: Verdict, transmit: Transmit | None) -> None:
        """Store the verdict and its alerts, then let it be told."""
        previous, state = self.record.state, state_of(verdict.status)
        await self._store(
            state=state.value,
            liveness_score=verdict.liveness_score,
            deepfake_score=verdict.deepfake_score,
            verdict_status=verdict.status.value,
            reasons=tuple(code.value for code in verdict.reasons),
            reason_weights=verdict.weights,
        )
        await self._services.archive.raise_alerts(self._alerts(verdict))
        self._services.metrics.verdicts.labels(verdict.status.value).inc()
        log.info(
            "verdict",
            session_id=self.record.session_id,
            status=verdict.status.value,
            reasons=self.record.reasons,
        )
        self.tell(messages.state_changed(state.value, previous), transmit)

    def _alerts(self, verdict: Verdict) -> tuple[AlertRecord, ...]:
        return tuple(
            AlertRecord(
                alert_id=new_alert_id(),
                session_id=SessionId(self.record.session_id),
                type=draft.type.value,
                severity=draft.severity.value,
                message_key=draft.message_key,
                details=draft.details,
                created_at_ms=self._clock.now_ms(),
            )
            for draft in alerts_for(verdict)
        )

    async def _store(self, **changes: Any) -> None:
        scores = self._verification.scores()
        fields: dict[str, Any] = {
            "updated_at_ms": self._clock.now_ms(),
            "frames_processed": self._verification.frames,
            "face_detected": self._verification.face_seen,
            "liveness_score": scores.liveness,
            "deepfake_score": scores.deepfake,
            "evidence": tuple(
                {"analyser": e.analyser.value, **messages.evidence_fields(e)}
                for e in self._evidence()
            ),
            "challenges": tuple(dict(asked) for asked in self._asked.values()),
        }
        self.record = dataclasses.replace(self.record, **(fields | changes))
        await self._services.archive.save(self.record)

    def _report(self, result: FrameResult, transmit: Transmit | None, dropped: int) -> None:
        now_ms = self._clock.monotonic_ms()
        latency_ms = now_ms - result.received_at_ms
        self._services.metrics.frames.labels("analysed").inc()
        self._services.metrics.analysis_seconds.observe(latency_ms / 1000)
        if not self._exposure.scores or not self._frame_throttle.allows(now_ms):
            return
        elapsed_s = max((now_ms - (self._first_frame_ms or now_ms)) / 1000, 0.001)
        message = messages.frame_message(
            result,
            self._verification.scores(),
            self._evidence(),
            analysed_fps=(self._verification.frames - 1) / elapsed_s,
            dropped=dropped,
            latency_ms=latency_ms,
        )
        self.tell(message, transmit)
