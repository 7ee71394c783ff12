"""Leave one source out: each repository's attacks, scored by nets that saw none of its clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from kyc_rtc.detection.net_views import VIEWS
from training.fit_nets import Gathered, item_folds
from training.nets import balanced, fit_heads
from training.people import Item

Floats = NDArray[np.float32]

_LEAST = 8
"""Clips or pictures of which an AUC says something."""


def leave_one_source_out(
    folder: Path, items: Sequence[Item], fold: Sequence[int]
) -> list[dict[str, Any]]:
    """A row for each source of recorded attacks that may be taught: AUC of the mean of all views'
    answers, by clip, against bona fide clips of the same kind (videos or pictures).

    The heads of each fold have seen nothing of the source, and no bona fide clip of that fold.
    """
    gathered = Gathered.load(folder)
    at = _Rows.of(gathered, items, fold)
    sources = sorted(
        {(at.source[i], at.task[i], bool(at.video[i])) for i in np.flatnonzero(at.attack)}
    )
    rows = []
    for source, task, video in sources:
        clips, found = _answers(gathered, at, source, task, video=video)
        attack = np.isin(clips, list(at.attacks_of(source)))
        rows.append(
            {
                "source": source,
                "attacks": task,
                "video": video,
                "n": int(attack.sum()),
                "auc": round(float(roc_auc_score(attack, found)), 3),
                "enough": int(attack.sum()) >= _LEAST,
            }
        )
    return rows


class _Rows:
    """What each recorded pair is: arrays (n,)."""

    def __init__(self, task: list[str], source: list[str], video: NDArray[np.bool_]) -> None:
        self.task, self.source, self.video = task, source, video
        self.attack = np.array([bool(one) for one in task])
        self.recorded = np.zeros(0, np.bool_)
        self.item = np.zeros(0, np.int64)
        self.fold = np.zeros(0, np.int64)

    @classmethod
    def of(cls, gathered: Gathered, items: Sequence[Item], fold: Sequence[int]) -> _Rows:
        owners = [items[note["item"]] for note in gathered.notes]
        kinds = [note["kind"] for note in gathered.notes]
        tasks = [
            (one.task or "") if kind == "recorded" and one.use == "any" else ""
            for one, kind in zip(owners, kinds, strict=True)
        ]
        rows = cls(
            tasks, [one.source for one in owners], np.array([one.is_video for one in owners])
        )
        rows.recorded = np.array(
            [
                kind == "recorded" and one.use == "any"
                for one, kind in zip(owners, kinds, strict=True)
            ]
        )
        rows.item = np.array([note["item"] for note in gathered.notes])
        rows.fold = item_folds(gathered, fold)
        return rows

    def attacks_of(self, source: str) -> frozenset[int]:
        """The items of its attacks."""
        chosen = [i for i in np.flatnonzero(self.attack) if self.source[i] == source]
        return frozenset(int(self.item[i]) for i in chosen)


def _answers(
    gathered: Gathered, at: _Rows, source: str, task: str, *, video: bool
) -> tuple[list[int], Floats]:
    """Items, and the mean log-odds of each: the source's attacks and all bona fide ones."""
    own = np.array([one == source for one in at.source])
    of_task = np.array([one == task for one in at.task])
    alike = at.video == video
    label = np.where(of_task, 1.0, 0.0).astype(np.float32)
    teaching = at.recorded & (of_task | ~at.attack) & ~(own & at.attack)
    shown = len(VIEWS) if video else 1
    answers = np.full(len(label), np.nan, np.float32)
    for number in np.unique(at.fold):
        chosen = np.flatnonzero(teaching & (at.fold != number))
        labels = label[chosen][:, None]
        groups = [at.source[i] for i in chosen]
        statistics = gathered.statistics[0][chosen][:, :shown]
        heads = fit_heads(statistics, labels, balanced(labels, groups))
        asked = at.recorded & alike & (at.fold == number) & ((own & of_task) | ~at.attack)
        logits = heads.logits(gathered.statistics[0][asked][:, :shown])
        answers[asked] = logits[..., 0].mean(axis=1)
    told = np.isfinite(answers)
    clips = sorted({int(one) for one in at.item[told]})
    means = [float(answers[told & (at.item == clip)].mean()) for clip in clips]
    return clips, np.array(means, np.float32)
