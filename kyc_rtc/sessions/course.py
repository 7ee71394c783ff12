"""The course of a session's verification: frames and endings in, journal entries and effects out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kyc_rtc.alerts.policy import AlertDraft, alerts_for
from kyc_rtc.alerts.rules import AlertRules
from kyc_rtc.decision.cancelled import suspicion_left
from kyc_rtc.decision.findings import Remarks
from kyc_rtc.decision.verdict import Verdict
from kyc_rtc.detection.evidence import Evidence, Sign
from kyc_rtc.errors import Conflict
from kyc_rtc.ids import new_alert_id, new_challenge_id
from kyc_rtc.liveness.catalogue import MAX_EXCLUDED, Challenge, ChallengeType
from kyc_rtc.liveness.events import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeProgressed,
    ChallengeVoided,
    RestAwaited,
    RunFinished,
    VoidReason,
)
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.pipeline.verification import (
    Decided,
    Ending,
    Phase,
    PhaseChanged,
    QualityChanged,
    ReadyToDecide,
    Verification,
    VerificationEvent,
    thresholds_of,
)
from kyc_rtc.sessions import journal, messages
from kyc_rtc.sessions.advice import Advice
from kyc_rtc.sessions.effects import CompareFootage, Effect, Send
from kyc_rtc.sessions.events import FootageCompared, FootageMatch, FrameAnalysed, Now, Transport
from kyc_rtc.sessions.exclusions import refuse_excluded
from kyc_rtc.sessions.journal import APPLICANT, SERVER, EntryType
from kyc_rtc.sessions.ledger import Ledger
from kyc_rtc.sessions.link import Connection
from kyc_rtc.sessions.refusals import over
from kyc_rtc.sessions.states import SessionState, state_of
from kyc_rtc.sessions.wire import Outbound, Throttle
from kyc_rtc.settings import Settings
from kyc_rtc.storage.records import AlertRecord

MAX_CHALLENGES = 16
"""Planned, ordered and added ones together."""


class Course:
    """Judges one session. Every method that may change something returns the effects of it.

    `media_ms`: capture time of the latest analysed frame.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        issuer: Issuer,
        rules: AlertRules,
        cannot: tuple[ChallengeType, ...] = (),
    ) -> None:
        """`cannot`: what the applicant cannot do, as they said in earlier attempts."""
        self.connection = Connection()
        self.advice = Advice()
        self.media_ms = 0
        self._ledger = ledger
        self._settings, self._rules = settings, rules
        run = ChallengeRun(issuer.plan(), settings.liveness, new_challenge_id, issuer, cannot)
        self._verification = Verification(run, settings)
        self._asked: dict[str, dict[str, Any]] = {}
        self._prompt: ChallengeIssued | None = None
        self._prompt_seq = 0
        self._received_at_ms = 0.0
        self._first_frame_ms: float | None = None
        # Two kinds of telemetry share the ten messages a second that the protocol allows.
        interval_ms = 200.0 if settings.scores_exposed else 100.0
        self._progress_throttle = Throttle(interval_ms)
        self._frame_throttle = Throttle(interval_ms)

    @property
    def is_decided(self) -> bool:
        """Whether nothing can change the findings any more: the verdict is being formed."""
        return self._verification.is_settled

    @property
    def challenges_total(self) -> int:
        return self._verification.outcome.planned

    def snapshot(self) -> dict[str, Any]:
        """The fields of the record that follow from what was seen so far."""
        transport = self.connection.transport
        return {
            **self.measured(),
            "evidence": tuple(
                {"analyser": e.analyser.value, **messages.evidence_fields(e)}
                for e in self._evidence()
            ),
            "challenges": tuple(dict(asked) for asked in self._asked.values()),
            "transport": transport.value if transport else None,
            "connection": self.connection.facts(self._verification.outcome.answers_ms),
        }

    def measured(self) -> dict[str, Any]:
        """Those of them that change with every frame."""
        scores = self._verification.scores()
        return {
            "frames_processed": self._verification.frames,
            "face_detected": self._verification.face_seen,
            "liveness_score": scores.liveness,
            "deepfake_score": scores.deepfake,
        }

    # What may happen

    def take(self, event: FrameAnalysed, gap_ms: float, now: Now) -> list[Effect]:
        """Judge an analysed frame. `gap_ms`: the longest time without one, since the last."""
        result = event.result
        self.advice.watch(result)
        self.media_ms, self._received_at_ms = result.captured_at_ms, result.received_at_ms
        if self._first_frame_ms is None:
            self._first_frame_ms = now.monotonic_ms
        if self._ledger.state is SessionState.CONNECTING:
            self._ledger.move(SessionState.CHECKING_QUALITY, now)
        effects = self._act(self._verification.update(result, gap_ms), now)
        return effects + self._report(event, now)

    def check(self, last_frame_ms: float, now: Now) -> list[Effect]:
        """Time passed without a frame since `last_frame_ms`."""
        return self._act(self._verification.check(now.monotonic_ms, last_frame_ms), now)

    def peer_changed(self, now: Now) -> list[Effect]:
        """Another client answers from now on: what is asked is asked anew."""
        return self._act(self._verification.void(VoidReason.PEER), now)

    def uploads_begin(self) -> None:
        """Pictures arrive one by one: a client without WebRTC is slower."""
        self._verification.gap_limit_ms = self._settings.liveness.upload_void_after_ms

    def order(self, challenge: Challenge) -> None:
        """Ask for one more challenge.

        Raises:
            Conflict: too many were asked for, its type is excluded, or the verdict is near, or there.
        """
        if self._ledger.is_final:
            raise over(self._ledger.state)
        refuse_excluded(challenge.type, tuple(self._verification.excluded))
        if (
            self._verification.phase in (Phase.DECIDING, Phase.DECIDED)
            or self.challenges_total >= MAX_CHALLENGES
        ):
            raise Conflict("no further challenge fits into this session")
        self._verification.order(challenge)

    def cannot(self, challenge_id: object, now: Now) -> list[Effect]:
        """The applicant cannot do the challenge that is open. Ignored where it is not this one."""
        if self._ledger.is_final or not isinstance(challenge_id, str):
            return []
        return self._act(self._verification.cannot(challenge_id), now)

    def conclude(self, ending: Ending, now: Now) -> list[Effect]:
        """Bring it to its verdict with what was seen. Verdict and state are one commit: that it is
        being decided is not a state of its own here."""
        events = self._verification.conclude(ending)
        return self._act(tuple(e for e in events if not isinstance(e, PhaseChanged)), now)

    def cancel(self, actor: str, now: Now) -> None:
        """End without a verdict; ignored where it is over, or the verdict is being formed. Signs of an attack
        are not lost with it: a person has to look."""
        if self._ledger.is_final or self.is_decided:
            return
        left = suspicion_left(self._verification.findings, thresholds_of(self._settings))
        self._ledger.move(SessionState.CANCELLED, now, actor, needs_review=left is not None)
        if left is not None:
            self._raise(alerts_for(left, self._rules), now)

    def compared(self, event: FootageCompared, now: Now) -> list[Effect]:
        """Form the verdict, with what is known of earlier footage."""
        match = event.match
        if match is not None:
            self.advice.note(Sign.SEEN_BEFORE)
        uploaded = self.connection.transport is Transport.UPLOAD
        remarks = Remarks(
            uploaded=uploaded,
            uploads_need_review=uploaded and self._settings.uploads_mode == "review",
            seen_elsewhere=match is not None and not match.same_user,
            footage_unknown=not event.complete,
        )
        for decided in self._verification.decide(remarks):
            self._decide(decided.verdict, match if remarks.seen_elsewhere else None, now)
        return []

    def asks(self, seq: int) -> bool:
        """Whether the prompt with this entry is open, or about to be sent."""
        return self._prompt is not None and self._prompt_seq == seq

    def open_prompt(self, seq: int, now: Now) -> int | None:
        """The prompt with this entry is being sent: its clock starts. Media time now; None where the
        prompt was withdrawn meanwhile, and must not be sent."""
        if not self.asks(seq):
            return None
        self._verification.sent(now.monotonic_ms)
        return self.media_ms + max(0, round(now.monotonic_ms - self._received_at_ms))

    # How it becomes entries and messages

    def _act(  # noqa: C901 - one flat table
        self, events: tuple[VerificationEvent, ...], now: Now
    ) -> list[Effect]:
        effects: list[Effect] = []
        for event in events:
            match event:
                case PhaseChanged(phase):
                    self._ledger.move(SessionState(phase.value), now)
                case ChallengeIssued():
                    self._note_issued(event, now)
                case ChallengeVoided():
                    self._note_voided(event, now)
                case ChallengeEnded():
                    self._note_ended(event, now)
                case ChallengeProgressed():
                    if self._progress_throttle.allows(now.monotonic_ms):
                        effects.append(self._send(messages.progress(event)))
                case RestAwaited(hint):
                    effects.append(self._send(messages.rest_awaited(hint)))
                case QualityChanged():
                    effects.append(self._send(messages.quality(event)))
                case ReadyToDecide():
                    effects.append(CompareFootage())
                case Decided() | RunFinished():
                    pass  # the former comes from `compared` only
        return effects

    def _send(self, message: Outbound) -> Send:
        return Send(message, self.media_ms)

    def _note_issued(self, event: ChallengeIssued, now: Now) -> None:
        challenge = event.challenge
        self._asked[event.challenge_id] = {
            "challenge_id": event.challenge_id,
            "challenge_type": challenge.type.value,
            "direction": challenge.direction.value if challenge.direction else None,
            "count": challenge.count,
            "passed": None,
            "voided": None,
        }
        self._prompt = event
        can_exclude = len(self._verification.excluded) < MAX_EXCLUDED
        payload = journal.challenge_payload(event, can_exclude=can_exclude)
        self._prompt_seq = self._ledger.add(EntryType.CHALLENGE, payload, now)

    def _note_voided(self, event: ChallengeVoided, now: Now) -> None:
        self._prompt = None
        self._asked[event.challenge_id]["voided"] = event.reason.value
        if event.shown:
            self.connection.voided(event.reason)
        actor = APPLICANT if event.reason is VoidReason.CANNOT else SERVER
        self._ledger.add(EntryType.CHALLENGE_VOIDED, journal.voided_payload(event), now, actor)

    def _note_ended(self, event: ChallengeEnded, now: Now) -> None:
        self._prompt = None
        self._asked[event.challenge_id]["passed"] = event.passed
        self._ledger.add(EntryType.CHALLENGE_RESULT, journal.result_payload(event), now)

    def _decide(self, verdict: Verdict, elsewhere: FootageMatch | None, now: Now) -> None:
        """Verdict, alerts and entries: one commit."""
        transport = self.connection.transport
        self._ledger.move(
            state_of(verdict.status),
            now,
            verdict_status=verdict.status.value,
            needs_review=verdict.needs_review,
            reasons=tuple(code.value for code in verdict.reasons),
            reason_weights=verdict.weights,
        )
        payload = journal.verdict_payload(verdict, transport.value if transport else None)
        self._ledger.add(EntryType.VERDICT, payload, now)
        other = elsewhere.session_id if elsewhere else None
        # Where nobody ever came, nothing happened that anybody should look at.
        if transport:
            self._raise(alerts_for(verdict, self._rules, other_session_id=other), now)

    def _raise(self, drafts: Iterable[AlertDraft], now: Now) -> None:
        for draft in drafts:
            alert = AlertRecord(
                alert_id=new_alert_id(),
                session_id=self._ledger.record.session_id,
                type=draft.type.value,
                severity=draft.severity.value,
                message_key=draft.message_key,
                details=draft.details,
                created_at_ms=now.wall_ms,
                tenant_id=self._ledger.record.tenant_id,
            )
            self._ledger.raise_alert(alert, now)

    def _evidence(self) -> tuple[Evidence, ...]:
        return self.advice.joined_to(self._verification.evidence)

    def _report(self, event: FrameAnalysed, now: Now) -> list[Effect]:
        """The live view of a frame, where the settings expose scores."""
        if not self._settings.scores_exposed or not self._frame_throttle.allows(now.monotonic_ms):
            return []
        elapsed_ms = now.monotonic_ms - (self._first_frame_ms or now.monotonic_ms)
        message = messages.frame_message(
            event.result,
            self._verification.scores(),
            self._evidence(),
            analysed_fps=(self._verification.frames - 1) / max(elapsed_ms / 1000, 0.001),
            dropped=event.dropped,
            latency_ms=now.monotonic_ms - event.result.received_at_ms,
        )
        return [self._send(message)]
