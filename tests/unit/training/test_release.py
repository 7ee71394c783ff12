"""What a release writes: hashes of the weights, moved probabilities, curves as they were fitted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="detectors are trained with requirements/train.txt")
pytest.importorskip("skl2onnx", reason="detectors are trained with requirements/train.txt")

from kyc_rtc.decision.findings import Thresholds
from kyc_rtc.pipeline import nets
from training.fit_detectors import Curve
from training.release import (
    FittedDetector,
    hashes,
    moved,
    moved_probability,
    within_budget,
)


def test_another_byte_is_another_hash(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"weights")
    before = hashes(tmp_path)
    assert before == f"{hashlib.sha256(b'weights').hexdigest()}  a.onnx\n"
    (tmp_path / "a.onnx").write_bytes(b"weightt")
    assert hashes(tmp_path) != before


BOUNDS = (np.array([-9.0]), np.array([9.0]))


def detector(values: list[float]) -> FittedDetector:
    curve = Curve(0.7, -0.4, np.array([0.5]), np.array([0.0]), *BOUNDS)
    found = np.array(values)
    return FittedDetector(found, found, found, curve, None)


@pytest.mark.parametrize("budget", [0.01, 0.1])
def test_a_detector_alone_fails_no_more_people_than_its_budget(budget: float) -> None:
    values = np.linspace(0.01, 0.99, 200).tolist()
    lowered = within_budget(detector(values), range(200), budget)
    failing = (lowered.by_source >= Thresholds().deepfake_threshold).mean()
    assert budget - 0.01 <= failing <= budget


def test_a_detector_within_its_budget_stays_as_it_is() -> None:
    calm = detector([0.1, 0.2, 0.3])
    lowered = within_budget(calm, range(3), 0.01)
    np.testing.assert_allclose(lowered.held_out, calm.held_out)
    assert lowered.curve.offset == calm.curve.offset


@pytest.mark.parametrize(
    ("probability", "shift", "scale", "expected"),
    [
        (0.5, 0.0, 3.0, 0.5),
        (0.8, 0.0, 2.0, 16 / 17),
        (0.2, 0.0, 2.0, 1 / 17),
        (0.8, -np.log(16), 2.0, 0.5),
        (0.8, -np.log(4), 1.0, 0.5),
    ],
)
def test_a_logit_is_scaled_and_then_moved(
    probability: float, shift: float, scale: float, expected: float
) -> None:
    assert moved_probability(probability, shift, scale) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_curve_moves_as_its_probabilities_do(scale: float) -> None:
    low, high = np.array([-1.0, 0.0]), np.array([1.5, 2.5])
    curve = Curve(0.7, -0.4, np.array([0.5, -0.2]), np.array([1.0, 2.0]), low, high)
    raw, linear_features = (
        np.array([-2.0, 0.3, 4.0]),
        np.array([[0.0, 1.0], [np.nan, 3.0], [2.0, 2.0]]),
    )
    before = curve.probability(raw, linear_features)
    found = moved(FittedDetector(before, before, before, curve, b""), -1.5, scale)
    np.testing.assert_allclose(found.held_out, found.curve.probability(raw, linear_features))
    np.testing.assert_allclose(found.additional, found.held_out)
    np.testing.assert_allclose(found.by_source, found.held_out)


@given(one=st.floats(0, 1), other=st.floats(0, 1), shift=st.floats(-6, 0))
def test_a_shift_lowers_and_keeps_the_order(one: float, other: float, shift: float) -> None:
    low, high = sorted((one, other))
    before, after = moved_probability(low, shift), moved_probability(high, shift)
    assert 0.0 <= before <= after <= 1.0
    assert after <= high + 1e-6


@given(
    raw=st.floats(-5, 5),
    slope=st.floats(0, 3),
    offset=st.floats(-4, 4),
    linear=st.lists(
        st.tuples(st.floats(-2, 2), *([st.floats(-3, 3)] * 2), st.floats(-2, 0), st.floats(0, 2)),
        max_size=3,
    ),
    missing=st.booleans(),
)
def test_what_is_served_is_what_was_fitted(
    raw: float,
    slope: float,
    offset: float,
    linear: list[tuple[float, float, float, float, float]],
    missing: bool,
) -> None:
    weights, mean, linear_features, low, high = np.array(linear, np.float64).reshape(-1, 5).T
    if missing:
        linear_features = np.full_like(linear_features, np.nan)
    fitted = Curve(slope, offset, weights, mean, low, high)
    expected = float(fitted.probability(np.array([raw]), linear_features[None])[0])
    names = [f"feature {at}" for at in range(len(linear))]
    parts = np.column_stack([weights, mean, low, high]).tolist()
    linear_parts = [nets.LinearFeature(*part) for part in parts]
    served = nets.Curve(slope, offset, dict(zip(names, linear_parts, strict=True)))
    features = dict(zip(names, linear_features.tolist(), strict=True))
    share = 1 / (1 + np.exp(-raw))
    assert served.probability(float(share), features) == pytest.approx(expected, abs=1e-9)
