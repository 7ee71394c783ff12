"""The balance of two detectors, and what fusion costs: on scores of known worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("sklearn", reason="detectors are trained with requirements/train.txt")
pytest.importorskip("skl2onnx", reason="detectors are trained with requirements/train.txt")

from kyc_rtc.decision.findings import Findings, Mode
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName, Evidence
from kyc_rtc.detection.features import FEATURE_NAMES
from kyc_rtc.evaluation.results import FrameCounts
from tests.unit.evaluation.results import clip_result
from training.balance import balance
from training.crossfit import Rows
from training.losses import losses, softness

KINDS = ("bona_fide", "bona_fide", "face_swap", "talking_head")
COUNT = 240
Floats = NDArray[np.float64]


def rows() -> Rows:
    results = []
    for at in range(COUNT):
        found = clip_result(f"{at}.mp4", KINDS[at % 4], 0.1)
        texture = Evidence(AnalyserName.TEXTURE, 0.6, 0.8, (0, 9_000))
        findings = Findings(Mode.PASSIVE, evidence=(texture,))
        counts = FrameCounts(90, 90, 90)
        results.append(replace(found, findings=findings, frames=counts, group=f"{at // 4}"))
    features = np.random.default_rng(2).normal(size=(COUNT, len(FEATURE_NAMES)))
    return Rows(features, results, np.zeros(COUNT, np.int64))


def scores(kind: str, lift: float, seed: int) -> Floats:
    """Probabilities of which the logits are higher by `lift` for one kind of attack."""
    rng = np.random.default_rng(seed)
    attack = np.array([KINDS[at % 4] == kind for at in range(COUNT)])
    return np.asarray(1 / (1 + np.exp(-(rng.normal(size=COUNT) + lift * attack - lift / 2))))


SWAP, HEAD = scores("face_swap", 2.0, 3), scores("talking_head", 2.0, 4)


def test_alike_detectors_are_balanced_as_they_are() -> None:
    _, shift = balance(rows(), [(SWAP, HEAD)])
    assert abs(shift) <= 0.5


@pytest.mark.parametrize("louder", [-1.5, 1.5])
def test_a_detector_that_is_too_loud_is_lowered(louder: float) -> None:
    odds = np.exp(louder) * HEAD / (1 - HEAD)
    _, before = balance(rows(), [(SWAP, HEAD)])
    _, after = balance(rows(), [(SWAP, odds / (1 + odds))])
    assert (after - before) * louder < 0


def held(**values: Floats) -> dict[AnalyserName, Floats]:
    calm = np.full(COUNT, 0.01)
    return {name: values.get(name.value, calm) for name in SIGNS}


def test_fusion_with_calm_detectors_costs_nothing() -> None:
    table = losses(rows(), held(swap=SWAP), held(swap=SWAP))
    lines = [line for line in table.splitlines() if line.startswith("| fused (less the detector)")]
    assert len(lines) == 2
    assert "(+0.00, +0.00 to +0.00)" in lines[0]


def test_what_a_contribution_brings_is_seen_when_it_is_left_out() -> None:
    given = held(swap=SWAP, generated=HEAD)
    table = losses(rows(), given, given).splitlines()
    cells = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in table if "|" in line}
    whole = [float(cell.split()[0]) for cell in cells["fused (less the detector)"]]
    without = [float(cell) for cell in cells["fused without generated"]]
    assert without[0] > whole[0]  # swaps: one detector less hides them
    assert without[1] < whole[1] - 0.2  # heads: nobody is left who knows them


def test_a_score_that_follows_detail_is_told_apart() -> None:
    known = rows()
    detail = known.features[:, FEATURE_NAMES.index("fine_inner")]
    soft = 1 / (1 + np.exp(detail))
    found = softness(known, held(swap=soft, generated=HEAD)).splitlines()
    assert "| swap | -1.00 | 120 |" in found
    assert any(line.startswith("| generated | ") and "-1.00" not in line for line in found)
