"""What a face is doing, and the ledger of values by moment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.detection.moments import Ledger, Moment, moments_of
from kyc_rtc.vision.observation import Face, HeadPose
from tests.unit.detection import synthetic

ALWAYS = (Moment.ALWAYS,)


def closed_eyes() -> Face:
    mesh = synthetic.face_mesh()
    for upper, lower in ((160, 144), (158, 153), (387, 373), (385, 380)):
        mesh[lower] = mesh[upper]
    return synthetic.face(mesh)


@pytest.mark.parametrize(
    ("yaw_deg", "expected"),
    [
        (0, set()),
        (-11, set()),
        (14, {Moment.TURNED}),
        (-30, {Moment.TURNED, Moment.FAR_TURNED}),
    ],
)
def test_the_turn_of_the_head(yaw_deg: float, expected: set[Moment]) -> None:
    face = synthetic.face(synthetic.face_mesh(), HeadPose(yaw_deg, 0, 0))
    turns = {Moment.TURNED, Moment.FAR_TURNED}
    found = set(moments_of(face, None, 0))
    assert found & turns == expected
    assert Moment.ALWAYS in found


def test_closed_eyes_blink_and_open_ones_do_not() -> None:
    assert Moment.BLINKING in moments_of(closed_eyes(), None, 0)
    assert Moment.BLINKING not in moments_of(synthetic.face(synthetic.face_mesh()), None, 0)


@pytest.mark.parametrize(
    ("yaw_deg", "step_ms", "moving"),
    [(5, 100, True), (1, 100, False), (5, 1_000, False), (5, 0, False)],
)
def test_motion_is_a_matter_of_time(yaw_deg: float, step_ms: float, moving: bool) -> None:
    mesh = synthetic.face_mesh()
    before, after = synthetic.face(mesh), synthetic.face(mesh, HeadPose(yaw_deg, 0, 0))
    assert (Moment.MOVING in moments_of(after, before, step_ms)) is moving


def test_an_empty_ledger_knows_nothing() -> None:
    ledger = Ledger()
    assert ledger.count("x") == 0
    for summary in (ledger.median, ledger.mean, ledger.deviation):
        assert math.isnan(summary("x"))


# Far beyond any feature, and the sum of two of them is still a number.
finite_floats = st.floats(-1e300, 1e300)
odd_floats = st.sampled_from([math.nan, math.inf, -math.inf])


@given(st.lists(finite_floats | odd_floats, max_size=60))
def test_what_is_not_finite_is_left_out(values: list[float]) -> None:
    ledger = Ledger()
    for value in values:
        ledger.add("x", value, ALWAYS)
    finite = [value for value in values if math.isfinite(value)]
    assert ledger.count("x") == len(finite)
    if len(finite) >= 3:
        assert ledger.median("x") == pytest.approx(float(np.median(finite)), rel=1e-9, abs=1e-300)


def test_the_ledger_is_bounded_and_keeps_the_latest() -> None:
    ledger = Ledger()
    for value in range(1_000):
        ledger.add("x", float(value), (Moment.ALWAYS, Moment.TURNED))
    assert ledger.count("x") == 300
    assert ledger.median("x", Moment.TURNED) == pytest.approx(849.5)
    assert ledger.count("x", Moment.MOVING) == 0
