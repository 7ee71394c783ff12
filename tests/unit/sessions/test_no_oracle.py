"""Whoever breaks a check off cannot read from the outcome what the detectors saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.policy import decide
from kyc_rtc.decision.verdict import Verdict, VerdictStatus
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.sessions.journal import EntryType, message_of, verdict_payload
from kyc_rtc.sessions.messages import Exposure
from kyc_rtc.storage.records import EventRecord
from kyc_rtc.vision.quality import QualityIssue
from tests.support.memory_store import a_session

HIDDEN = Exposure(scores=False, can_retry=True)

endings = st.fixed_dictionaries(
    {
        "link_lost": st.booleans(),
        "picture_lost": st.booleans(),
        "time_limit_reached": st.booleans(),
        "completed_early": st.booleans(),
        "several_faces": st.booleans(),
        "persistent_issue": st.none() | st.sampled_from(QualityIssue),
        "challenges_asked": st.just(3),
        "challenges_passed": st.integers(0, 3),
        "challenges_failed": st.integers(0, 2),
        "challenges_timed_out": st.integers(0, 2),
        "frames_judgeable": st.sampled_from([0, 39, 40, 280]),
    }
)
alarms = st.fixed_dictionaries(
    {
        "score": st.floats(0.5, 1.0),
        "signs": st.lists(st.sampled_from(Sign), unique=True, max_size=6).map(tuple),
    }
)


def verdict(ending: dict[str, Any], score: float, signs: tuple[Sign, ...]) -> Verdict:
    evidence = tuple(
        Evidence(name, score, 0.9, (0, 9_000), signs)
        for name in (AnalyserName.TEMPORAL, AnalyserName.TEXTURE)
    )
    findings = Findings(Mode.LIVE, evidence=evidence, frames_analysed=300, face_frames=300)
    return decide(replace(findings, **ending), Thresholds())


def fields_sent(of: Verdict) -> dict[str, Any]:
    entry = EventRecord(
        session_id=a_session().session_id,
        seq=1,
        at_ms=0,
        actor="server",
        type=EntryType.VERDICT.value,
        payload=verdict_payload(of, "webrtc"),
    )
    message = message_of(entry, HIDDEN, 0)
    assert message is not None
    return dict(message.fields)


@given(endings, alarms)
def test_an_alarm_changes_nothing_where_the_check_is_not_passed_anyway(
    ending: dict[str, Any], alarm: dict[str, Any]
) -> None:
    calm = verdict(ending, 0.1, ())
    if calm.status is not VerdictStatus.PASSED:
        assert fields_sent(verdict(ending, **alarm)) == fields_sent(calm)


@given(endings, alarms)
def test_there_are_two_outcomes(ending: dict[str, Any], alarm: dict[str, Any]) -> None:
    assert fields_sent(verdict(ending, **alarm))["status"] in ("PASSED", "INCONCLUSIVE")
