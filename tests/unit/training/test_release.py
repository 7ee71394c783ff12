"""How bold an expert may be: its share of false alarms, dealt out beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="experts are trained with requirements/train.txt")
pytest.importorskip("skl2onnx", reason="experts are trained with requirements/train.txt")

from training.release import FALSE_ALARMS, MAX_BPCER, lowered, own_caution

ALONE = 0.722


def test_the_shares_of_false_alarms_sum_to_what_is_allowed() -> None:
    assert sum(FALSE_ALARMS.values()) == pytest.approx(MAX_BPCER)


def test_a_calm_expert_is_left_as_it_is() -> None:
    assert own_caution(np.full(200, 0.1), 0.01) == 0.0


@given(
    st.lists(st.floats(0.001, 0.999), min_size=20, max_size=300),
    st.sampled_from([0.003, 0.01, 0.05]),
)
def test_no_more_people_than_its_share_are_refused_by_an_expert_alone(
    told: list[float], share: float
) -> None:
    caution = own_caution(np.array(told), share)
    refused = sum(lowered(one, caution) >= ALONE for one in told)
    assert refused <= share * len(told)
