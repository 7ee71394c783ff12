"""Labelled sessions change what a detector is trained on, and no reported figure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kyc_rtc.detection.control import CHROMA_GRAIN
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.detection.features import FEATURE_NAMES
from kyc_rtc.evaluation.results import ClipResult
from kyc_rtc.pipeline.nets import CALIBRATION, COLOUR_HEAD, FACE_NET, SHIPPED, load_learned
from kyc_rtc.storage import LabelledFeatures
from tests.unit.evaluation.results import clip_result
from training.labelled import LabelledSamples, to_samples
from training.measure import CONDITIONS, Measured
from training.people import TASK_OF_SPECIES

pytest.importorskip("sklearn", reason="detectors are trained with requirements/train.txt")
pytest.importorskip("skl2onnx", reason="detectors are trained with requirements/train.txt")

from training import fit_detectors
from training import release as release_module
from training.crossfit import NET_ALONE, SPECIES, linear_features_of, rows_of
from training.fit_detectors import Table
from training.release import fit_detector, release
from training.samples import Additional, table_of_samples, with_samples

FIRST = FEATURE_NAMES[0]
SKIN = FEATURE_NAMES.index(CHROMA_GRAIN)
FOLDS = 3
KINDS = ("bona_fide", "face_swap", "bona_fide", "talking_head", "bona_fide", "replay")


def clips() -> Measured:
    """36 clips under each condition. No feature separates attacks; the grain of colour is 6 or -6"""
    rng = np.random.default_rng(5)
    results: dict[str, list[ClipResult]] = {}
    for name in CONDITIONS:
        results[name] = []
        for at in range(36):
            values = dict(zip(FEATURE_NAMES, rng.normal(size=len(FEATURE_NAMES)), strict=True))
            values[CHROMA_GRAIN] = 6.0 if at // 6 % 2 else -6.0
            kind = KINDS[at % 6]
            found = clip_result(f"{at}.mp4", kind, 0.1 + at / 100, evidence={"swap": (0.5, 0.9)})
            results[name].append(replace(found, features=dict(values)))
    return Measured(results, [at % 36 // 12 for at in range(36)])


def pictures() -> Table:
    """Twelve for the recapture detector, by the net alone."""
    features = np.full((12, len(FEATURE_NAMES)), np.nan)
    for name in NET_ALONE:
        features[:, FEATURE_NAMES.index(name)] = np.arange(12) % 2
    linear_features = linear_features_of(AnalyserName.RECAPTURE, features)
    return Table(
        features, linear_features, np.arange(12) % 2 == 1, np.arange(12) % FOLDS, np.ones(12)
    )


def additional() -> dict[AnalyserName, Additional]:
    """What the clips of `clips` do not have: pictures, and animated photographs."""
    features = np.random.default_rng(6).normal(size=(12, len(FEATURE_NAMES)))
    linear_features = linear_features_of(AnalyserName.ANIMATED, features)
    animated = Table(
        features, linear_features, np.ones(12, np.bool_), np.arange(12) % FOLDS, np.ones(12)
    )
    tables = {AnalyserName.RECAPTURE: pictures(), AnalyserName.ANIMATED: animated}
    return {name: Additional(table, table) for name, table in tables.items()}


def sessions(count: int = 60) -> LabelledSamples:
    """Labelled sessions: in swaps the grain of colour is high, and otherwise low."""
    rng = np.random.default_rng(9)
    records = []
    for at in range(count):
        values = dict(zip(FEATURE_NAMES, rng.normal(size=len(FEATURE_NAMES)), strict=True))
        values[CHROMA_GRAIN] = 6.0 if at % 2 else -6.0
        label, species = ("attack", "face_swap") if at % 2 else ("bona_fide", None)
        records.append(LabelledFeatures(at, f"customer-{at}", label, species, json.dumps(values)))
    return to_samples(records, FOLDS)


def one(species: str | None, **features: float) -> LabelledSamples:
    label = "attack" if species else "bona_fide"
    return to_samples([LabelledFeatures(1, "u", label, species, json.dumps(features))], FOLDS)


def test_every_species_that_a_label_may_name_has_its_detector() -> None:
    named = {species for species, task in TASK_OF_SPECIES.items() if task is not None}
    assert named == set().union(*SPECIES.values())


@pytest.mark.parametrize(
    ("species", "detectors"),
    [
        (None, {"swap": False, "generated": False, "animated": False, "recapture": False}),
        ("face_swap", {"swap": True}),
        ("talking_head", {"generated": True}),
        ("deepfake_other", {"generated": True}),
        ("animated_photo", {"animated": True}),
        ("replay", {"recapture": True}),
        ("print_or_replay", {"recapture": True}),
    ],
)
def test_a_session_trains_the_detectors_of_its_species(
    species: str | None, detectors: dict[str, bool]
) -> None:
    samples = one(species, **{FIRST: 1.0, NET_ALONE[0]: 2.0, CHROMA_GRAIN: 0.5})
    tables = {name.value: table_of_samples(samples, name) for name in SIGNS}
    assert {name: bool(t.attack[0]) for name, t in tables.items() if len(t.attack)} == detectors
    for name in detectors:
        table = tables[name]
        assert table.fold.tolist() == samples.fold.tolist()
        assert table.weight.tolist() == [1.0]
        # Recaptures and swaps have no trees; those of animated photographs do not see the net's answers.
        assert np.isnan(table.features[0, 0]) == (name in {"recapture", "swap"})
        net = table.features[0, FEATURE_NAMES.index(NET_ALONE[0])]
        assert np.isnan(net) == (name != "generated")


def test_a_row_without_any_feature_of_a_detector_does_not_train_it() -> None:
    samples = one(None, **{FIRST: 1.0})
    assert len(table_of_samples(samples, AnalyserName.GENERATED).attack) == 1
    assert len(table_of_samples(samples, AnalyserName.RECAPTURE).attack) == 0
    assert len(table_of_samples(samples, AnalyserName.SWAP).attack) == 0
    assert len(table_of_samples(one(None, **{CHROMA_GRAIN: 1.0}), AnalyserName.SWAP).attack) == 1


def test_without_samples_nothing_is_joined() -> None:
    more = Additional(pictures(), pictures())
    assert with_samples(AnalyserName.RECAPTURE, more, LabelledSamples()) is more


def test_samples_are_added_to_what_is_there() -> None:
    given = {AnalyserName.RECAPTURE: Additional(pictures(), pictures())}
    found = {name: with_samples(name, given.get(name), sessions(4)) for name in SIGNS}
    sizes = {
        name.value: [(len(t.attack), int(t.attack.sum())) for t in (one.groups, one.sources)]
        for name, one in found.items()
        if one is not None
    }
    assert sizes == {
        "swap": [(4, 2)] * 2,
        "generated": [(2, 0)] * 2,
        "animated": [(2, 0)] * 2,
        "recapture": [(14, 6)] * 2,
    }


def test_labelled_sessions_change_what_a_detector_says_of_clips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fit_detectors, "TREES", 60)
    rows = rows_of(clips())
    high = rows.features[:, SKIN] > 0
    more = with_samples(AnalyserName.SWAP, None, sessions())
    gaps = []
    for tables in (None, more):
        held_out = fit_detector(rows, rows, AnalyserName.SWAP, tables).held_out
        assert held_out.shape == (len(rows.results),)
        gaps.append(held_out[high].mean() - held_out[~high].mean())
    assert abs(gaps[0]) < 0.2
    assert gaps[1] > abs(gaps[0]) + 0.15


def test_the_release_is_trained_on_them_and_reports_on_clips_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[int] = []

    def write_report(results: list[ClipResult], _conditions: object, out: Path) -> None:
        reported.append(len(results))
        out.mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(fit_detectors, "TREES", 5)
    monkeypatch.setattr(release_module, "write_report", write_report)
    monkeypatch.setattr(
        release_module, "tables", lambda rows, _held_out, _size: str(len(rows.fold))
    )
    nets = tmp_path / "nets" / "release"
    nets.mkdir(parents=True)
    for file in (FACE_NET, COLOUR_HEAD):
        (nets / file).write_bytes((SHIPPED / file).read_bytes())
    detectors = {}
    for name, samples in (("without", LabelledSamples()), ("with", sessions())):
        release(clips(), clips(), additional(), samples, tmp_path, tmp_path / name)
        detectors[name] = (tmp_path / name / CALIBRATION).read_bytes()
        assert not (tmp_path / name / "swap.onnx").exists()
        report = (tmp_path / "reports" / "labelled.md").read_text()
        assert ("| face_swap | 30 |" in report) == (name == "with")
    assert reported == [36] * 2 * len(CONDITIONS)
    assert (tmp_path / "reports" / "tables.md").read_text().splitlines()[2] == str(
        36 * len(CONDITIONS)
    )
    assert detectors["with"] != detectors["without"]
    assert set(load_learned(tmp_path / "with").detectors) == set(SIGNS)
