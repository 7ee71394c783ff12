"""What others hear of a session's journal: the table, over all states and entries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.sessions.journal import EntryType
from kyc_rtc.sessions.states import FINAL, SessionState
from kyc_rtc.storage.topics import STATE_EVENT, TOPIC_OF_STATE, Topic, topics_of

QUIET = (
    SessionState.CREATED,
    SessionState.CHECKING_QUALITY,
    SessionState.CHALLENGING,
    SessionState.DECIDING,
)


def test_every_state_has_its_row() -> None:
    assert set(TOPIC_OF_STATE) == {state.value for state in SessionState}
    assert EntryType.STATE.value == STATE_EVENT


@pytest.mark.parametrize(
    ("state", "topics"),
    [
        (SessionState.CONNECTING, [Topic.STARTED]),
        (SessionState.PASSED, [Topic.COMPLETED]),
        (SessionState.FAILED, [Topic.COMPLETED]),
        (SessionState.INCONCLUSIVE, [Topic.COMPLETED]),
        (SessionState.EXPIRED, [Topic.EXPIRED]),
        (SessionState.CANCELLED, [Topic.CANCELLED]),
        (SessionState.INTERRUPTED, [Topic.INTERRUPTED]),
        *((state, []) for state in QUIET),
    ],
)
def test_a_state_has_its_topic(state: SessionState, topics: list[Topic]) -> None:
    payload = {"state": state.value, "previous": None}
    assert list(topics_of("state", payload, needs_review=False)) == topics
    reviewed = [*topics, Topic.NEEDS_REVIEW] if state in FINAL else topics
    assert list(topics_of("state", payload, needs_review=True)) == reviewed


@given(
    kind=st.sampled_from([kind.value for kind in EntryType if kind is not EntryType.STATE]),
    state=st.sampled_from([state.value for state in SessionState]),
    needs_review=st.booleans(),
)
def test_other_entries_have_none(kind: str, state: str, *, needs_review: bool) -> None:
    assert topics_of(kind, {"state": state}, needs_review=needs_review) == ()


@given(st.text().filter(lambda text: text not in TOPIC_OF_STATE))
def test_the_state_of_a_newer_program_has_none(state: str) -> None:
    assert topics_of("state", {"state": state}, needs_review=True) == ()
    assert topics_of("state", {}, needs_review=True) == ()
