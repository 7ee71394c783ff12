"""How prints and screens are learnt, so that no source speaks for all of them.

Nearly all are single pictures, of eight projects, each with its own camera, screen and light. A head
that weighs pictures alike and bends freely learns the projects; these figures are the ones that separated
best on projects left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from kyc_rtc.detection.colour_texture import ColourHead, standardised

NET_DECAY, _COLOUR_DECAY = 5.0, 0.3
"""Weight of the squared norm that is added to the mean loss: for the net's head, and for colour texture."""

_CLIPS_SHARE = 1 / 3
"""Of the bona fide half. They are what a server sees; that the question is about pictures stays so."""

_LEAST_SPREAD = 1e-3
_DIGITS = 6

Floats = NDArray[np.float64]


def evened(attack: NDArray[np.bool_], sources: Sequence[str], clip: NDArray[np.bool_]) -> Floats:
    """Weights (n,): one half for attacks and for bona fide presentations, a third of the latter for
    clips (`clip`: no single picture); within each, the same for every source."""
    names = np.asarray(sources)
    weights = np.zeros(len(attack))
    bona_fide = {1 - _CLIPS_SHARE: ~attack & ~clip, _CLIPS_SHARE: ~attack & clip}
    for share, part in ((1.0, attack), *bona_fide.items()):
        members, counts = np.unique(names[part], return_counts=True)
        of_one = dict(zip(members, share / (len(members) * counts), strict=True))
        weights[part] = [of_one[name] for name in names[part]]
    for half in (attack, ~attack):  # where there are no clips, or nothing else, the others are all
        weights[half] *= 0.5 / max(weights[half].sum(), 1e-12)
    return weights


def fit_colour_head(
    textures: NDArray[np.float32], attack: NDArray[np.bool_], weights: Floats
) -> ColourHead:
    """Logistic regression of rows (n, 177), weights (n,) that sum to 1; rounded as it is written."""
    mean = np.round(textures.mean(axis=0, dtype=np.float64), _DIGITS)
    spread = np.round(textures.std(axis=0, dtype=np.float64) + _LEAST_SPREAD, _DIGITS)
    scaled = standardised(textures, mean, spread)
    # scikit-learn halves the squared norm and has its weight on the loss instead.
    model = LogisticRegression(C=1 / (2 * _COLOUR_DECAY), solver="newton-cholesky")
    model.fit(scaled, attack, sample_weight=weights)
    found = np.round(model.coef_[0], _DIGITS)
    return ColourHead(mean, spread, found, round(float(model.intercept_[0]), _DIGITS))


def as_json(head: ColourHead) -> str:
    """What `kyc_rtc.pipeline.nets` reads."""
    fields = {name: getattr(head, name).tolist() for name in ("mean", "spread", "weights")}
    return json.dumps(fields | {"offset": head.offset}) + "\n"
