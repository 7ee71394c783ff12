"""How much the detector for generated heads adds to the one for swaps.

Both speak of every stream, so that each one's false alarms hide attacks that the other has found. Even
perfectly calibrated, two detectors with AUC 0.90 and 0.82 that err independently give a fused score with
0.85 and 0.77.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.crossfit import Rows
from training.tables import AGAINST, area, chosen_of, people_of

SCALES = (1.0, 1.5, 2.0)
SHIFTS = tuple(np.arange(-3.0, 1.1, 0.25).tolist())
_NEARLY = 0.01
_BPCER = 0.05

Floats = NDArray[np.float64]


def balance(rows: Rows, pairs: Sequence[tuple[Floats, Floats]]) -> tuple[float, float]:
    """The scale and the shift of the logit of the detector for heads, all conditions together.

    That which loses least of the AUC that each detector has alone, for the species that loses more; among
    all within 0.01 of it, that with the lowest APCER at a BPCER of 5%. `pairs`: probabilities (n,) of the
    detectors for swaps and for heads, groups apart and sources apart; each counts the same.
    """
    people = people_of(rows)
    swaps, heads = (chosen_of(rows, AGAINST[kind]) for kind in ("face swaps", "heads"))
    found: dict[tuple[float, float], tuple[float, float]] = {}
    for scale, shift in itertools.product(SCALES, SHIFTS):
        loss, missed = np.zeros(2), 0.0
        for swap, head in pairs:
            own = np.array([area(swap, people, swaps), area(head, people, heads)])
            together = _odds(swap) + np.exp(shift) * _odds(head) ** scale
            loss += own - [area(together, people, one) for one in (swaps, heads)]
            limit = np.quantile(together[people], 1 - _BPCER)
            missed += float(np.mean([(together[one] <= limit).mean() for one in (swaps, heads)]))
        found[scale, shift] = float(loss.max()) / len(pairs), missed / len(pairs)
    least = min(loss for loss, _ in found.values())
    near = {at: missed for at, (loss, missed) in found.items() if loss <= least + _NEARLY}
    return min(near, key=lambda at: near[at])


def _odds(probability: Floats) -> Floats:
    inside = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(inside / (1 - inside))
