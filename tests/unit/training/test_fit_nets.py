"""From gathered crops to heads, cross-fitted answers and the table of sources, on a small made-up set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="heads are trained with requirements/train.txt")
pytest.importorskip("efficientnet_lite_pytorch", reason="see requirements/train.txt")
pytest.importorskip("sklearn", reason="heads are trained with requirements/train.txt")
pytest.importorskip("skl2onnx", reason="detectors are trained with requirements/train.txt")

from kyc_rtc.detection.colour_texture import TEXTURE_SIZE, colour_texture
from kyc_rtc.detection.features import COLOURS, QUESTIONS, net_name
from kyc_rtc.detection.net_views import VIEWS, views
from kyc_rtc.detection.pairs import PAIR_PX
from training.crossfit import NET_ALONE, table_of_pictures
from training.curve import learning_curve
from training.fit_nets import (
    Gathered,
    by_moment,
    fit,
    fit_colours,
    item_folds,
    recapture_weights,
    run_colours,
    summary,
    textures_of,
)
from training.nets import balanced, fit_heads
from training.nets_tables import UNSEEN, means_by_task
from training.people import FACE_SWAP, Item
from training.sources import leave_one_source_out

RECAPTURE, SIZE = QUESTIONS.index("recapture"), 4
PICTURES = ("one/a", "two/b", "three/c")
CLIPS = ("clips/d", "clips/e")
SOURCES = (*PICTURES, *CLIPS)
SEPARATING = 7
"""The bin of the texture that separates recaptures."""


def made_up() -> list[tuple[Item, str]]:
    """Recorded recaptures and bona fide items of every source, a swap, and one that only tests."""
    found = []
    for source in SOURCES:
        ending = "mp4" if source in CLIPS else "jpg"
        for at in range(20):
            task = "recapture" if at % 2 else None
            species = "replay" if task else "bona_fide"
            path = Path(f"{source}/{at}.{ending}")
            found.append((Item(path, species, task, frozenset(), source, "any"), "recorded"))
    person = found[-2][0]
    found += [
        (person, kind) for kind in ("recapture", "mesh_swap", "animated_photo") for _ in range(4)
    ]
    for task, species in (("swap", "face_swap"), ("generated", "talking_head")):
        for at in range(8):
            source = "more/f" if at % 2 else "more/g"
            path = Path(f"{species}/{at}.mp4")
            found.append((Item(path, species, task, frozenset(), source, "any"), "recorded"))
    test = Item(Path("test.jpg"), "print_or_replay", "recapture", frozenset(), "test/h", "test")
    return [*found, (test, "recorded")]


def written(folder: Path) -> tuple[list[Item], list[int]]:
    """The crops of all items as `Gathered.load` reads them, the items, and their folds: by turns, the
    sources of pictures each on one side."""
    rng = np.random.default_rng(12)
    rows = made_up()
    items = list(dict.fromkeys(item for item, _ in rows))
    notes = [
        {"item": items.index(item), "task": item.task, "kind": kind, "paired": item.is_video}
        for item, kind in rows
    ]
    attack = np.array([item.task == "recapture" and kind == "recorded" for item, kind in rows])
    statistics = rng.normal(size=(len(rows), len(VIEWS), SIZE)).astype(np.float32)
    statistics[attack, :, 1] += 3
    statistics[[not item.is_video for item, _ in rows], 1:] = np.nan
    textures = rng.uniform(0, 0.001, (len(rows), TEXTURE_SIZE)).astype(np.float32)
    textures[attack, SEPARATING] += 0.2
    folder.mkdir()
    (folder / "crops.json").write_text(json.dumps(notes))
    np.save(folder / "crops.npy", np.zeros((len(rows), 1), np.uint8))
    for seed in (None, 1):
        np.save(folder / f"statistics_{seed}.npy", statistics)
    np.save(folder / "textures.npy", textures)
    folds = [
        PICTURES.index(i.source) if i.source in PICTURES else n % 3 for n, i in enumerate(items)
    ]
    return items, folds


def everything(gathered: Gathered) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(gathered.notes), np.bool_)


def test_textures_are_of_what_the_net_sees() -> None:
    pairs = np.random.default_rng(13).integers(0, 256, (2, PAIR_PX, PAIR_PX, 4), np.uint8)
    found = textures_of(pairs)
    flow = np.zeros((PAIR_PX, PAIR_PX, 2), np.float32)
    for pair, texture in zip(pairs, found, strict=True):
        first, second = np.ascontiguousarray(pair[..., :3]), np.ascontiguousarray(pair[..., 3])
        assert (texture == colour_texture(views(first, second, flow)[0])).all()


def test_only_recapture_is_learnt_otherwise(tmp_path: Path) -> None:
    items, _ = written(tmp_path / "crops")
    gathered = Gathered.load(tmp_path / "crops")
    found = fit(gathered, items, everything(gathered))
    usable = [at for at, note in enumerate(gathered.notes) if items[note["item"]].use == "any"]
    labels = gathered.labels()[usable]
    notes = [gathered.notes[at] for at in usable]
    groups = [f"{items[note['item']].source} {note['kind']}" for note in notes]
    plain = fit_heads(
        np.concatenate([one[usable] for one in gathered.statistics]),
        np.concatenate([labels] * 2),
        np.concatenate([balanced(labels, groups)] * 2),
    )
    others = [at for at in range(len(QUESTIONS)) if at != RECAPTURE]
    assert np.array_equal(found.weights[..., others], plain.weights[..., others])
    assert np.array_equal(found.offsets[:, others], plain.offsets[:, others])
    stiff, free = (np.abs(one.weights[0, :, RECAPTURE]).sum() for one in (found, plain))
    assert 0 < stiff < 0.5 * free
    assert found.weights[0, :, RECAPTURE].argmax() == 1


def test_clips_and_sources_have_their_share(tmp_path: Path) -> None:
    items, _ = written(tmp_path / "crops")
    gathered = Gathered.load(tmp_path / "crops")
    chosen = np.arange(20 * len(SOURCES))
    weights = recapture_weights(gathered, items, chosen).reshape(len(SOURCES), 10, 2).sum(axis=1)
    assert weights[:, 1] == pytest.approx([1 / 10] * 5)
    assert weights[:, 0] == pytest.approx([1 / 9, 1 / 9, 1 / 9, 1 / 12, 1 / 12])


def test_what_is_for_testing_trains_no_head(tmp_path: Path) -> None:
    items, _ = written(tmp_path / "crops")
    gathered = Gathered.load(tmp_path / "crops")
    head = fit_colours(gathered, items, everything(gathered))
    gathered.textures[-1] = 9.0
    other = fit_colours(gathered, items, everything(gathered))
    assert head.weights.tolist() == other.weights.tolist()
    assert head.weights.argmax() == SEPARATING


def test_every_crop_is_answered_by_a_head_that_has_not_seen_its_fold(tmp_path: Path) -> None:
    items, fold = written(tmp_path / "crops")
    gathered, out = Gathered.load(tmp_path / "crops"), tmp_path / "nets"
    folds = item_folds(gathered, fold)
    log_odds = run_colours(gathered, items, folds, out)
    assert np.load(out / "colours.npy").tolist() == log_odds.tolist()
    for number in range(3):
        head = fit_colours(gathered, items, folds != number)
        assert log_odds[folds == number] == pytest.approx(
            head.log_odds(gathered.textures[folds == number])
        )
    names = {path.parent.name for path in out.glob("*/colour_texture.json")}
    assert names == {"fold0", "fold1", "fold2", "release"}
    answers = np.zeros((len(folds), len(VIEWS), len(QUESTIONS)), np.float32)
    answers[:, 1:][~np.array([note["paired"] for note in gathered.notes])] = np.nan
    found = summary(gathered, items, answers, log_odds)
    assert found["picture replay any"][COLOURS] > 0.9
    assert found["picture replay any"][net_name(VIEWS[0], "recapture")] == 0.5
    assert net_name(VIEWS[1], "recapture") not in found["picture replay any"]
    assert found["video replay any"][net_name(VIEWS[1], "recapture")] == 0.5
    assert COLOURS not in summary(gathered, items, answers)["picture replay any"]


def test_pictures_have_the_answers_of_both(tmp_path: Path) -> None:
    items, fold = written(tmp_path / "crops")
    notes = json.loads((tmp_path / "crops" / "crops.json").read_text())
    answers = np.random.default_rng(14).normal(size=(len(notes), len(VIEWS), len(QUESTIONS)))
    nets = tmp_path / "nets"
    nets.mkdir()
    np.save(nets / "answers.npy", answers)
    np.save(nets / "colours.npy", np.arange(len(notes), dtype=np.float64))
    table = table_of_pictures(items, fold, tmp_path / "crops", nets)
    rows = [at for at, note in enumerate(notes) if not note["paired"]]
    assert table.attack.tolist() == [items[notes[at]["item"]].task is not None for at in rows]
    linear = dict(zip(NET_ALONE, table.linear_features.T.tolist(), strict=True))
    assert linear[COLOURS] == rows
    assert linear[net_name(VIEWS[0], "recapture")] == answers[rows, 0, RECAPTURE].tolist()
    assert np.isfinite(table.linear_features).all()
    assert not table.has_trees


def test_each_source_is_judged_by_both_heads_where_it_has_pictures(tmp_path: Path) -> None:
    items, fold = written(tmp_path / "crops")
    found = leave_one_source_out(tmp_path / "crops", items, fold)
    rows = {(row["source"], row["attacks"]): row for row in found}
    assert set(rows) == {
        *((source, "recapture") for source in SOURCES),
        *((source, task) for source in ("more/f", "more/g") for task in ("swap", "generated")),
    }
    for source in PICTURES:
        row = rows[source, "recapture"]
        assert (row["n"], row["video"]) == (10, False)
        assert row["auc"] > 0.8
        assert row["auc_colours"] > 0.8
    assert "auc_colours" not in rows["clips/d", "recapture"]
    assert "auc_colours" not in rows["more/f", "swap"]


def test_a_learning_curve_ends_where_everybody_is_used(tmp_path: Path) -> None:
    items, fold = written(tmp_path / "crops")
    rows = learning_curve(tmp_path / "crops", items, fold, (0.5, 1.0), 2)
    assert [(row["share"], row["of"]) for row in rows] == [
        (share, by) for share in (0.5, 1.0) for by in ("people", "crops")
    ]
    assert all(len(row[f"{UNSEEN}recapture, pictures"]) == 2 for row in rows)
    *_, people, crops = rows
    assert people == crops | {"of": "people"}
    left_out = leave_one_source_out(tmp_path / "crops", items, fold)
    assert {name: [area] * 2 for name, area in means_by_task(left_out).items()} == {
        name: areas for name, areas in people.items() if name.startswith(UNSEEN)
    }


def test_matched_clips_are_separated_at_each_moment_by_itself() -> None:
    items = [
        Item(Path(f"{task}_{n}.mp4"), species, task, frozenset({f"group {n}"}), "x", "any")
        for species, task in (("bona_fide", None), (FACE_SWAP, "swap"))
        for n in range(2)
    ]
    lone = Item(Path("lone.mp4"), FACE_SWAP, "swap", frozenset({"group 9", "model m"}), "x", "any")
    items.append(lone)
    notes, answers = [], []
    for at, item in enumerate(items):
        swapped = item.task is not None
        for turned in (False, True):
            moments = ["always", "turned"] if turned else ["always"]
            notes.append({"item": at, "kind": "recorded", "paired": True, "moments": moments})
            answers.append(np.full((len(VIEWS), len(QUESTIONS)), float(swapped and turned)))
    drawn = {"item": 0, "kind": "mesh_swap", "paired": True, "moments": ["always", "turned"]}
    notes.append(drawn)
    answers.append(np.full((len(VIEWS), len(QUESTIONS)), 9.0))
    gathered = Gathered(notes, [], np.zeros((0, 0), np.float32))
    found = by_moment(gathered, items, np.array(answers, np.float32))
    name = net_name(VIEWS[0], "swap")
    assert found["turned"] == {"bona fide pairs": 2, "swapped pairs": 2} | {
        net_name(view, "swap"): 1.0 for view in VIEWS
    }
    assert (found["always"]["bona fide pairs"], found["always"][name]) == (4, 0.75)
    assert found["blinking"] == {"bona fide pairs": 0, "swapped pairs": 0}
