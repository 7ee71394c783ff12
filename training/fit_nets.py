"""Train the face net for every fold and for release, and score each fold with its own net."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from kyc_rtc.detection.colour_texture import ColourHead, colour_texture
from kyc_rtc.detection.features import COLOURS, QUESTIONS, net_name
from kyc_rtc.detection.moments import Moment
from kyc_rtc.detection.net_views import VIEWS
from kyc_rtc.evaluation.matched import matched
from kyc_rtc.pipeline.nets import COLOUR_HEAD, FACE_NET
from training.crops import SYNTHETIC
from training.nets import (
    Backbone,
    FaceNet,
    Heads,
    balanced,
    export,
    fit_heads,
    refitted,
    shown_views,
    statistics_of,
)
from training.people import FACE_SWAP, Item
from training.recapture import NET_DECAY, as_json, evened, fit_colour_head

AUGMENTATIONS = (1,)
"""Seeds under which the heads learn from each pair once more, in addition to the pair as it is."""

_RECAPTURE = QUESTIONS.index("recapture")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The crops' notes, statistics (n, views, d): as served first, then augmented; and colour textures
    (n, 177) as served."""

    notes: list[dict[str, Any]]
    statistics: list[Floats]
    textures: Floats

    @classmethod
    def load(cls, folder: Path) -> Gathered:
        """What `crops.gather` wrote; what is computed of it is kept in the same folder."""
        notes = json.loads((folder / "crops.json").read_text())
        images = np.load(folder / "crops.npy", mmap_mode="r")
        paired = np.array([note["paired"] for note in notes])
        statistics = []
        for seed in (None, *AUGMENTATIONS):
            path = folder / f"statistics_{seed}.npy"
            if not path.exists():
                np.save(path, statistics_of(images, paired, seed))
            statistics.append(np.load(path))
        path = folder / "textures.npy"
        if not path.exists():
            np.save(path, textures_of(images))
        return cls(notes, statistics, np.load(path))

    def labels(self) -> Floats:
        """(n, questions): 1 attack, 0 bona fide, NaN not asked."""
        asked = [SYNTHETIC.get(note["kind"], note["task"]) for note in self.notes]
        return np.array(
            [[0.0 if a is None else 1.0 if a == q else np.nan for q in QUESTIONS] for a in asked],
            np.float32,
        )


def textures_of(pairs: NDArray[np.uint8]) -> Floats:
    """Colour textures (n, 177) of pairs (n, 192, 192, 4), of what the net sees of the first picture."""
    return np.stack([colour_texture(shown_views(pair, still=True)[0]) for pair in pairs])


def fit(gathered: Gathered, items: Sequence[Item], keep: NDArray[np.bool_]) -> Heads:
    """Heads trained on the crops of `keep` (n,), never by a row that is for testing only."""
    chosen = np.flatnonzero(keep & _usable(gathered, items))
    labels = gathered.labels()[chosen]
    groups = [
        f"{items[gathered.notes[at]['item']].source} {gathered.notes[at]['kind']}" for at in chosen
    ]
    count = len(gathered.statistics)
    statistics = np.concatenate([one[chosen] for one in gathered.statistics])
    targets = np.concatenate([labels] * count)
    heads = fit_heads(statistics, targets, np.concatenate([balanced(labels, groups)] * count))
    asked = ~np.isnan(labels[:, _RECAPTURE])
    weights = np.zeros(len(chosen))
    weights[asked] = recapture_weights(gathered, items, chosen[asked])
    weights = np.concatenate([weights] * count)
    return refitted(heads, _RECAPTURE, statistics, targets, weights, NET_DECAY)


def fit_colours(gathered: Gathered, items: Sequence[Item], keep: NDArray[np.bool_]) -> ColourHead:
    """The head on colour texture trained on the crops of `keep` (n,); see `fit`."""
    label = gathered.labels()[:, _RECAPTURE]
    chosen = np.flatnonzero(keep & _usable(gathered, items) & ~np.isnan(label))
    weights = recapture_weights(gathered, items, chosen)
    return fit_colour_head(gathered.textures[chosen], label[chosen] == 1, weights)


def recapture_weights(
    gathered: Gathered, items: Sequence[Item], chosen: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Weights of crops that are recorded recaptures or bona fide; see `evened`."""
    owners = [items[gathered.notes[at]["item"]] for at in chosen]
    attack = np.array([owner.task is not None for owner in owners])
    clip = np.array([owner.is_video for owner in owners])
    return evened(attack, [owner.source for owner in owners], clip)


def _usable(gathered: Gathered, items: Sequence[Item]) -> NDArray[np.bool_]:
    return np.array([items[note["item"]].use == "any" for note in gathered.notes])


def item_folds(gathered: Gathered, fold: Sequence[int]) -> NDArray[np.int64]:
    """The fold of each crop."""
    return np.array([fold[note["item"]] for note in gathered.notes])


def run(folder: Path, items: Sequence[Item], fold: Sequence[int], out: Path) -> dict[str, Any]:
    """Train and export the net of every fold and the one for release; figures of the held-out crops."""
    gathered = Gathered.load(folder)
    folds = item_folds(gathered, fold)
    answers = np.zeros((len(folds), len(VIEWS), len(QUESTIONS)), np.float32)
    for number in np.unique(folds):
        heads = fit(gathered, items, folds != number)
        answers[folds == number] = heads.logits(gathered.statistics[0][folds == number])
        _export(heads, out / f"fold{number}")
    _export(fit(gathered, items, np.ones(len(folds), np.bool_)), out / "release")
    np.save(out / "answers.npy", answers)
    colours = run_colours(gathered, items, folds, out)
    found = summary(gathered, items, answers, colours)
    return found | {"matched by moment": by_moment(gathered, items, answers)}


def run_colours(
    gathered: Gathered, items: Sequence[Item], folds: NDArray[np.int64], out: Path
) -> NDArray[np.float64]:
    """Fit and write the head on colour texture of every fold and the one for release; the log-odds of
    every crop (n,), each by a head that has not seen its fold."""
    answers = np.zeros(len(folds))
    for number in np.unique(folds):
        head = fit_colours(gathered, items, folds != number)
        answers[folds == number] = head.log_odds(gathered.textures[folds == number])
        _write(head, out / f"fold{number}")
    _write(fit_colours(gathered, items, np.ones(len(folds), np.bool_)), out / "release")
    np.save(out / "colours.npy", answers)
    return answers


def _export(heads: Heads, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    export(FaceNet(Backbone(), heads), folder / FACE_NET)


def _write(head: ColourHead, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / COLOUR_HEAD).write_text(as_json(head), "utf-8")


def summary(
    gathered: Gathered,
    items: Sequence[Item],
    answers: Floats,
    colours: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """AUC by clip, all folds together, of each answer for each kind of attack."""
    names = [net_name(view, question) for view in VIEWS for question in QUESTIONS]
    logits = answers.reshape(len(answers), -1)
    if colours is not None:
        names, logits = [*names, COLOURS], np.column_stack([logits, colours.astype(np.float32)])
    clips: dict[tuple[int, str], list[Floats]] = defaultdict(list)
    for note, row in zip(gathered.notes, logits, strict=True):
        clips[note["item"], note["kind"]].append(row)
    means = {key: np.mean(rows, axis=0) for key, rows in clips.items()}
    report: dict[str, Any] = {}
    for video in (True, False):
        kinds: dict[str, list[Floats]] = defaultdict(list)
        for (index, kind), row in means.items():
            item = items[index]
            if item.is_video == video:
                name = kind if kind != "recorded" else f"{item.species} {item.use}"
                kinds[name].append(row)
        bona_fide = np.array(kinds.pop("bona_fide any"))
        for name, rows in sorted(kinds.items()):
            found = {
                answer: round(_auc(bona_fide[:, at], np.array(rows)[:, at]), 3)
                for at, answer in enumerate(names)
                if np.isfinite(bona_fide[:, at]).all()  # no picture has the views of change
            }
            report[f"{'video' if video else 'picture'} {name}"] = {"n": len(rows), **found}
    return report


def by_moment(
    gathered: Gathered, items: Sequence[Item], answers: Floats
) -> dict[str, dict[str, float]]:
    """AUC by pair of pictures, not by clip, of face swaps against the bona fide clips of the same footage,
    for each moment that the first picture belongs to; n counts the pairs of either side."""
    swap = QUESTIONS.index("swap")
    videos = [item for item in items if item.is_video]
    sides = [_pairs_of(gathered, items, set(side)) for side in matched(videos, FACE_SWAP)]
    report: dict[str, dict[str, float]] = {}
    for moment in Moment:
        left, right = (
            answers[[at for at in pairs if moment in gathered.notes[at]["moments"]]][:, :, swap]
            for pairs in sides
        )
        found: dict[str, float] = {"bona fide pairs": len(left), "swapped pairs": len(right)}
        if len(left) and len(right):
            for at, view in enumerate(VIEWS):
                found[net_name(view, "swap")] = round(_auc(left[:, at], right[:, at]), 3)
        report[moment.value] = found
    return report


def _pairs_of(gathered: Gathered, items: Sequence[Item], chosen: Set[Item]) -> list[int]:
    """The recorded pairs of pictures of these items."""
    return [
        at
        for at, note in enumerate(gathered.notes)
        if note["kind"] == "recorded" and note["paired"] and items[note["item"]] in chosen
    ]


def _auc(bona_fide: Floats, attacks: Floats) -> float:
    truth = np.r_[np.zeros(len(bona_fide)), np.ones(len(attacks))]
    return float(roc_auc_score(truth, np.r_[bona_fide, attacks]))
