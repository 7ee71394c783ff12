"""Linear heads of the net: what is learnt anew changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="heads are trained with requirements/train.txt")
pytest.importorskip("efficientnet_lite_pytorch", reason="see requirements/train.txt")

from training.nets import balanced, fit_heads, refitted

ROWS, VIEWS, SIZE, QUESTIONS, AGAIN = 90, 2, 5, 3, 1


def test_one_question_learnt_anew_leaves_the_others_as_they_are() -> None:
    rng = np.random.default_rng(9)
    statistics = rng.normal(size=(ROWS, VIEWS, SIZE)).astype(np.float32)
    labels = (rng.random((ROWS, QUESTIONS)) < 0.5).astype(np.float32)
    statistics[:, 1, 2] += labels[:, AGAIN]
    labels[rng.random((ROWS, QUESTIONS)) < 0.2] = np.nan
    statistics[:10, 1] = np.nan
    before = fit_heads(statistics, labels, balanced(labels, ["a"] * ROWS))
    weights = np.full(ROWS, 1 / ROWS)
    free, stiff = (refitted(before, AGAIN, statistics, labels, weights, d) for d in (0.01, 5.0))
    others = [question for question in range(QUESTIONS) if question != AGAIN]
    for heads in (free, stiff):
        assert heads.mean is before.mean
        assert heads.deviation is before.deviation
        assert (heads.weights[..., others] == before.weights[..., others]).all()
        assert (heads.offsets[:, others] == before.offsets[:, others]).all()
    lengths = [float(np.abs(one.weights[1, :, AGAIN]).sum()) for one in (stiff, free)]
    assert 0 < lengths[0] < 0.2 * lengths[1]
    assert stiff.weights[1, :, AGAIN].argmax() == 2


def test_a_row_of_no_weight_trains_nothing() -> None:
    rng = np.random.default_rng(10)
    statistics = rng.normal(size=(ROWS, 1, SIZE)).astype(np.float32)
    labels = (rng.random((ROWS, 1)) < 0.5).astype(np.float32)
    before = fit_heads(statistics, labels, balanced(labels, ["a"] * ROWS))
    weights = (np.arange(ROWS) % 2).astype(np.float64)
    turned = labels.copy()
    turned[::2] = 1 - turned[::2]
    one, other = (refitted(before, 0, statistics, y, weights, 1.0) for y in (labels, turned))
    assert one.weights == pytest.approx(other.weights, abs=1e-6)


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_a_question_with_one_class_alone_stays_unanswered_and_spoils_no_other(only: float) -> None:
    rng = np.random.default_rng(11)
    statistics = rng.normal(size=(ROWS, 1, SIZE)).astype(np.float32)
    labels = (statistics[:, 0, :1] > 0).astype(np.float32)
    one_class = np.column_stack([labels, np.full((ROWS, 1), only, np.float32)])
    groups = ["a"] * ROWS
    alone = fit_heads(statistics, labels, balanced(labels, groups))
    heads = fit_heads(statistics, one_class, balanced(one_class, groups))
    assert (heads.logits(statistics)[..., 1] == 0).all()
    assert heads.weights[..., 0] == pytest.approx(alone.weights[..., 0], rel=0.2)
