"""What caution does to a probability."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="experts are trained with requirements/train.txt")
pytest.importorskip("skl2onnx", reason="experts are trained with requirements/train.txt")

from kyc_rtc.detection.experts import SIGNS
from training.release import CAUTION, lowered


def test_every_expert_has_its_caution() -> None:
    assert set(CAUTION) == set(SIGNS)


@given(told=st.floats(0, 1), more=st.floats(0, 1), caution=st.floats(0, 6))
def test_caution_lowers_and_keeps_the_order(told: float, more: float, caution: float) -> None:
    low, high = sorted((told, more))
    before, after = lowered(low, caution), lowered(high, caution)
    assert 0.0 <= before <= after <= 1.0
    assert after <= high + 1e-6
