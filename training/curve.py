"""Learning curves: how much more people, more crops of each, or more sources would improve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.features import QUESTIONS, net_name
from kyc_rtc.detection.net_views import VIEWS
from training.fit_nets import Gathered, fit, item_folds, summary
from training.nets_tables import means_by_task
from training.people import Item
from training.sources import without_source

Mask = NDArray[np.bool_]


def learning_curve(
    folder: Path, items: Sequence[Item], fold: Sequence[int], shares: Sequence[float], seeds: int
) -> list[dict[str, Any]]:
    """A row for each share of the training people, and of everybody's crops; each figure of it a list
    with one AUC for each of `seeds` draws: on unseen people, and on unseen sources."""
    gathered = Gathered.load(folder)
    rows = []
    for share in shares:
        for by in ("people", "crops"):
            row: dict[str, list[float]] = defaultdict(list)
            for seed in range(seeds):
                keep = _drawn(gathered, len(items), by, share, seed)
                found = _unseen_people(gathered, items, fold, keep)
                found |= means_by_task(without_source(gathered, items, fold, keep))
                for name, area in found.items():
                    row[name].append(area)
            rows.append({"share": share, "of": by, **row})
    return rows


def _drawn(gathered: Gathered, people: int, by: str, share: float, seed: int) -> Mask:
    """Which crops (n,) to train on."""
    rng = np.random.default_rng(seed)
    owner = np.array([note["item"] for note in gathered.notes])
    chance = rng.random(people)[owner] if by == "people" else rng.random(len(owner))
    return np.asarray(chance < share, np.bool_)


def _unseen_people(
    gathered: Gathered, items: Sequence[Item], fold: Sequence[int], keep: Mask
) -> dict[str, float]:
    """AUC on the clips of each fold by heads trained on the crops of `keep` in the others."""
    folds = item_folds(gathered, fold)
    answers = np.zeros((len(folds), len(VIEWS), len(QUESTIONS)), np.float32)
    for number in np.unique(folds):
        heads = fit(gathered, items, (folds != number) & keep)
        answers[folds == number] = heads.logits(gathered.statistics[0][folds == number])
    report = summary(gathered, items, answers)
    swaps, drawn = report["video face_swap any"], report["video mesh_swap"]
    found = {f"swap {view}": swaps[net_name(view, "swap")] for view in VIEWS}
    return found | {"blended motion": drawn[net_name("motion", "blended")]}
