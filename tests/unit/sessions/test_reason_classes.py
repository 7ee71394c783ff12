"""The classes of reasons that an applicant may know."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.verdict import ReasonCode
from kyc_rtc.detection.evidence import Sign
from kyc_rtc.sessions.reason_classes import CLASS_OF, ReasonClass, classes_of
from kyc_rtc.sessions.views import applicants_view, session_view
from tests.support.memory_store import a_session

CODES = st.lists(st.sampled_from(ReasonCode), unique=True)


def test_every_code_has_a_class() -> None:
    assert set(CLASS_OF) == set(ReasonCode)
    assert set(CLASS_OF.values()) == set(ReasonClass)


def test_no_sign_of_an_analyser_has_a_class_of_its_own() -> None:
    signs = {sign.value for sign in Sign}
    assert {CLASS_OF[c] for c in ReasonCode if c.value in signs} == {ReasonClass.NOT_VERIFIED}


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), ("not_verified",)),
        (("face_swap", "deepfake_score_high"), ("not_verified",)),
        (("challenges_passed", "no_pulse"), ("not_verified",)),
        (("challenge_failed", "challenge_timeout"), ("action",)),
        (("link_lost", "no_face", "poor_quality"), ("light", "framing", "connection")),
        (("face_swap", "challenge_failed"), ("action",)),
        (("poor_quality", "time_limit", "too_few_frames", "not_asked"), ("light",)),
        (("link_lost", "too_few_frames"), ("connection",)),
        (("no_face", "time_limit", "too_few_frames", "not_asked"), ("framing",)),
        (("challenges_excluded", "challenge_timeout", "poor_quality"), ("not_verified",)),
        (("head_left_out", "no_face"), ("not_verified",)),
    ],
)
def test_codes_become_classes(codes: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert classes_of(codes, passed=False) == expected


@given(CODES)
def test_who_passed_gets_no_reason(codes: list[ReasonCode]) -> None:
    assert classes_of(codes, passed=True) == ()


@given(CODES, st.sampled_from(Sign))
def test_a_sign_more_is_not_noticed(codes: list[ReasonCode], sign: Sign) -> None:
    """Whoever did not pass reads the same, whether a detector spoke or not."""
    classes = classes_of(codes, passed=False)
    assert classes
    assert classes_of([*codes, sign.value], passed=False) == classes


@pytest.mark.parametrize(
    ("codes", "said"),
    [(("deepfake_suspected",), True), (("no_face", "deepfake_suspected"), False)],
)
def test_that_a_person_has_to_look_is_the_institutions(
    codes: tuple[str, ...], *, said: bool
) -> None:
    """Else an attacker would learn that a detector alarmed."""
    record = a_session(
        state="inconclusive",
        verdict_status="INCONCLUSIVE",
        reasons=codes,
        reason_weights=(1.0,) * len(codes),
    )
    records = [dataclasses.replace(record, needs_review=needed) for needed in (True, False)]
    shown = [applicants_view(session_view(one, [one], 3, 0)) for one in records]
    assert shown[0] == shown[1]
    assert shown[0].needs_review is said
