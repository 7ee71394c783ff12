"""Leave one source out: each repository's attacks, scored by nets that saw none of its clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from kyc_rtc.detection.net_views import VIEWS
from training.fit_nets import Gathered, item_folds, recapture_weights
from training.nets import balanced, fit_heads
from training.people import Item, origin
from training.recapture import NET_DECAY, fit_colour_head

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def leave_one_source_out(
    folder: Path, items: Sequence[Item], fold: Sequence[int]
) -> list[dict[str, Any]]:
    """A row for each source of recorded attacks that may be trained on: AUC of the mean of all views'
    answers, by clip, against bona fide clips of the same kind (videos or pictures); of recaptured
    pictures also that of the head on colour texture, `auc_colours`.

    The heads of each fold have seen nothing of the source, and no bona fide clip of that fold.
    """
    gathered = Gathered.load(folder)
    return without_source(gathered, items, fold, np.ones(len(gathered.notes), np.bool_))


def without_source(
    gathered: Gathered, items: Sequence[Item], fold: Sequence[int], keep: Mask
) -> list[dict[str, Any]]:
    """See `leave_one_source_out`; trained only on the crops of `keep` (n,)."""
    at = _Rows.of(gathered, items, fold)
    sources = sorted(
        {(at.source[i], at.task[i], bool(at.video[i])) for i in np.flatnonzero(at.attack)}
    )
    rows = []
    for source, task, video in sources:
        clips, found = _answers(gathered, items, at, keep, source, task, video=video)
        attack = np.isin(clips, list(at.attacks_of(source)))
        areas = {name: round(float(roc_auc_score(attack, one)), 3) for name, one in found.items()}
        rows.append(
            {
                "source": source,
                "attacks": task,
                "video": video,
                "n": int(attack.sum()),
                **areas,
            }
        )
    return rows


@dataclass(frozen=True, slots=True)
class _Rows:
    """What each of the n pairs is. `task` is empty where it is not a recorded attack to train on; `recorded`:
    it is one, or bona fide; `item` and `fold` are those of its clip or picture."""

    task: list[str]
    source: list[str]
    video: Mask
    attack: Mask
    recorded: Mask
    item: NDArray[np.int64]
    fold: NDArray[np.int64]

    @classmethod
    def of(cls, gathered: Gathered, items: Sequence[Item], fold: Sequence[int]) -> _Rows:
        owners = [items[note["item"]] for note in gathered.notes]
        recorded = np.array(
            [
                note["kind"] == "recorded" and one.use == "any"
                for note, one in zip(gathered.notes, owners, strict=True)
            ]
        )
        tasks = [
            (one.task or "") if usable else "" for one, usable in zip(owners, recorded, strict=True)
        ]
        return cls(
            task=tasks,
            source=[one.source for one in owners],
            video=np.array([one.is_video for one in owners]),
            attack=np.array([bool(task) for task in tasks]),
            recorded=recorded,
            item=np.array([note["item"] for note in gathered.notes]),
            fold=item_folds(gathered, fold),
        )

    def attacks_of(self, source: str) -> frozenset[int]:
        """The items of its attacks."""
        chosen = [i for i in np.flatnonzero(self.attack) if self.source[i] == source]
        return frozenset(int(self.item[i]) for i in chosen)


def _answers(
    gathered: Gathered,
    items: Sequence[Item],
    at: _Rows,
    keep: Mask,
    source: str,
    task: str,
    *,
    video: bool,
) -> tuple[list[int], dict[str, Floats]]:
    """Items, and the mean log-odds of each, by the net and where asked by colour texture: the source's
    attacks and all bona fide ones. A source that shares pictures with it is left out as well."""
    own = np.array([one == source for one in at.source])
    alike = at.video == video
    of_task = np.array([one == task for one in at.task])
    same = np.array([origin(one) == origin(source) for one in at.source])
    training = keep & at.recorded & (of_task | ~at.attack) & ~(same & at.attack)
    asked = at.recorded & alike & ((own & of_task) | ~at.attack)
    scorers = {"auc": _by_net}
    if task == "recapture" and not video:
        scorers["auc_colours"] = _by_colours
    clips = sorted({int(one) for one in at.item[asked]})
    found = {}
    for name, scorer in scorers.items():
        answers = np.full(len(asked), np.nan, np.float32)
        for number in np.unique(at.fold):
            train, held = training & (at.fold != number), asked & (at.fold == number)
            answers[held] = scorer(gathered, items, at, train, held)
        means = [float(answers[asked & (at.item == clip)].mean()) for clip in clips]
        found[name] = np.array(means, np.float32)
    return clips, found


def _by_net(
    gathered: Gathered, items: Sequence[Item], at: _Rows, train: Mask, asked: Mask
) -> Floats:
    """Log-odds of the rows of `asked`, the mean of the views that all of them have."""
    chosen = np.flatnonzero(train)
    labels = at.attack[chosen, None].astype(np.float32)
    shown = len(VIEWS) if at.video[asked].all() else 1
    statistics = gathered.statistics[0][:, :shown]
    if "recapture" in {at.task[i] for i in chosen}:
        heads = fit_heads(
            statistics[chosen], labels, recapture_weights(gathered, items, chosen), NET_DECAY
        )
    else:
        heads = fit_heads(
            statistics[chosen], labels, balanced(labels, [at.source[i] for i in chosen])
        )
    return np.asarray(heads.logits(statistics[asked])[..., 0].mean(axis=1), np.float32)


def _by_colours(
    gathered: Gathered, items: Sequence[Item], at: _Rows, train: Mask, asked: Mask
) -> Floats:
    """Log-odds of the rows of `asked` by the head on colour texture."""
    chosen = np.flatnonzero(train)
    weights = recapture_weights(gathered, items, chosen)
    head = fit_colour_head(gathered.textures[chosen], at.attack[chosen], weights)
    return head.log_odds(gathered.textures[asked]).astype(np.float32)
