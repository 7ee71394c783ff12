"""The state table: complete, and final states are never left."""

from __future__ import annotations

import pytest

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.sessions.states import FINAL, LIVE, MOVES, RETRYABLE, SessionState, state_of


def test_every_state_has_its_moves_and_final_states_have_none() -> None:
    assert set(MOVES) == set(SessionState)
    assert all((not MOVES[state]) == (state in FINAL) for state in SessionState)


def test_every_state_can_be_reached_and_every_live_one_can_be_left_for_every_ending() -> None:
    reached = {SessionState.CREATED}
    while more := {after for state in reached for after in MOVES[state]} - reached:
        reached |= more
    assert reached == set(SessionState)
    for state in LIVE:
        assert {SessionState.INTERRUPTED, SessionState.CANCELLED, SessionState.EXPIRED} <= MOVES[
            state
        ]


def test_live_final_and_created_cover_all() -> None:
    assert LIVE | FINAL | {SessionState.CREATED} == set(SessionState)
    assert not LIVE & FINAL
    assert RETRYABLE < FINAL
    assert SessionState.PASSED not in RETRYABLE


@pytest.mark.parametrize("status", list(VerdictStatus))
def test_verdicts_lead_to_final_states(status: VerdictStatus) -> None:
    assert state_of(status) in FINAL
