"""How recaptures are weighed and learnt: no source louder than another."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="heads are trained with requirements/train.txt")

from kyc_rtc.detection.colour_texture import TEXTURE_SIZE, standardised
from training.recapture import as_json, evened, fit_colour_head

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=40
)


def test_weights_of_a_table() -> None:
    attack = np.array([True, True, True, False, False, False, False, False])
    source = ["a", "a", "b", "a", "c", "c", "d", "e"]
    clip = np.array([False, False, True, False, False, False, True, True])
    expected = [1 / 8, 1 / 8, 1 / 4, 1 / 6, 1 / 12, 1 / 12, 1 / 12, 1 / 12]
    assert evened(attack, source, clip) == pytest.approx(expected)


@given(ROWS)
def test_classes_and_sources_weigh_the_same(rows: list[tuple[bool, str, bool]]) -> None:
    attack, clip = np.array([row[0] for row in rows]), np.array([row[2] for row in rows])
    source = np.array([row[1] for row in rows])
    weights = evened(attack, [*source], clip)
    assert (weights > 0).all()
    parts = (attack, ~attack & clip, ~attack & ~clip)
    for half in (attack, ~attack):
        assert weights[half].sum() == pytest.approx(0.5 if half.any() else 0.0)
    if parts[1].any() and parts[2].any():
        assert weights[parts[1]].sum() == pytest.approx(1 / 6)
    for part in parts:
        sums = [weights[part & (source == name)].sum() for name in np.unique(source[part])]
        assert sums == pytest.approx([sums[0]] * len(sums) if sums else [])


def test_the_head_finds_what_tells_attacks_and_is_written_as_it_answers() -> None:
    rng = np.random.default_rng(7)
    attack = np.arange(60) % 2 == 1
    textures = rng.uniform(0, 0.3, (60, TEXTURE_SIZE)).astype(np.float32)
    textures[attack, 5] += 0.3
    textures[:, 6] = 0.25
    weights = evened(attack, ["a"] * 60, np.zeros(60, np.bool_))
    head = fit_colour_head(textures, attack, weights)
    assert head.weights.argmax() == 5
    assert head.weights[6] == 0
    odds = head.log_odds(textures)
    assert odds[attack].min() > odds[~attack].max()
    fields = json.loads(as_json(head))
    assert fields["weights"] == head.weights.tolist()
    assert all(round(value, 6) == value for value in (*fields["spread"], fields["offset"]))
    again = fit_colour_head(textures, attack, weights)
    assert as_json(again) == as_json(head)


def test_the_head_is_where_its_loss_is_least() -> None:
    """Mean loss plus 0.3 times the squared norm: the gradient vanishes, but for the rounding."""
    rng = np.random.default_rng(8)
    attack = rng.random(80) < 0.4
    textures = rng.uniform(0, 0.3, (80, TEXTURE_SIZE)).astype(np.float32)
    weights = evened(attack, [*("ab" * 40)], rng.random(80) < 0.5)
    head = fit_colour_head(textures, attack, weights)
    beyond = weights * (1 / (1 + np.exp(-head.log_odds(textures))) - attack)
    slope = beyond @ standardised(textures, head.mean, head.spread) + 2 * 0.3 * head.weights
    assert np.abs(slope).max() < 1e-4
    assert abs(beyond.sum()) < 1e-4
