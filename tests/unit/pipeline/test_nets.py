"""The learned parts: what is shipped loads and answers; what is broken is refused and named."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.detection.colour_texture import colour_texture
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.detection.features import FEATURE_NAMES, QUESTIONS
from kyc_rtc.detection.net_views import NET_PX, VIEWS
from kyc_rtc.errors import ModelError
from kyc_rtc.pipeline.nets import (
    CALIBRATION,
    COLOUR_HEAD,
    FACE_NET,
    SHIPPED,
    Curve,
    LinearFeature,
    load_learned,
)

SHOWN = np.random.default_rng(4).integers(0, 255, (len(VIEWS), NET_PX, NET_PX, 3), np.uint8)
UNSEEN = dict.fromkeys(FEATURE_NAMES, math.nan)
LARGEST_BYTES = 5 * 2**20


def test_what_is_shipped_answers() -> None:
    learned = load_learned()
    assert set(learned.detectors) == set(SIGNS)
    assert learned.net is not None
    logits = learned.net.logits(SHOWN)
    assert logits.shape == (len(VIEWS), len(QUESTIONS))
    assert np.isfinite(logits).all()
    for detector in learned.detectors.values():
        assert 0.0 <= detector.probability(UNSEEN, pictures=False) <= 1.0


def test_nobody_is_accused_for_what_was_not_seen() -> None:
    for detector in load_learned().detectors.values():
        assert detector.probability(UNSEEN, pictures=False) < 0.5


def test_what_is_shipped_is_small() -> None:
    sizes = {path.name: path.stat().st_size for path in SHIPPED.glob("*.onnx")}
    assert set(sizes) == {FACE_NET, "generated.onnx", "animated.onnx"}
    assert max(sizes.values()) <= LARGEST_BYTES


def test_it_is_loaded_once() -> None:
    assert load_learned(SHIPPED) is load_learned(SHIPPED)


def test_the_net_looks_at_views_of_its_size_only() -> None:
    net = load_learned().net
    assert net is not None
    with pytest.raises(ValueError, match="3 views of 128 pixels"):
        net.logits(SHOWN[:, :64])


def test_the_net_sees_colours_in_their_order() -> None:
    net = load_learned().net
    assert net is not None
    assert not np.allclose(net.logits(SHOWN), net.logits(np.ascontiguousarray(SHOWN[..., ::-1])))


def test_an_empty_folder_has_nothing_to_say(tmp_path: Path) -> None:
    learned = load_learned(tmp_path)
    assert learned.net is None
    assert not learned.detectors


def copied(folder: Path) -> Path:
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    return folder


def without_detectors(folder: Path) -> Path:
    for name in (FACE_NET, COLOUR_HEAD):
        shutil.copyfile(SHIPPED / name, folder / name)
    return folder


def test_the_shipped_head_on_colours_answers(tmp_path: Path) -> None:
    learned = load_learned(without_detectors(tmp_path))
    assert learned.net is not None
    assert not learned.detectors
    assert learned.colours is not None
    assert np.isfinite(learned.colours.log_odds(colour_texture(SHOWN[0])))


JUNK_HEADS = {
    "empty": "",
    "list": "[]",
    "null": "null",
    "nothing": "{}",
    "deep": "[" * 99_999,
    "short": '{"mean": [0], "spread": [1], "weights": [1], "offset": 0}',
    "words": '{"mean": "a", "spread": "b", "weights": "c", "offset": 0}',
    "objects": '{"mean": {}, "spread": {}, "weights": {}, "offset": 0}',
    "ragged": '{"mean": [[1], [1, 2]], "spread": [1], "weights": [1], "offset": 0}',
    "huge": '{"mean": [1' + "0" * 999 + '], "spread": [1], "weights": [1], "offset": 0}',
}


@pytest.mark.parametrize("junk", JUNK_HEADS.values(), ids=JUNK_HEADS)
def test_a_head_that_is_none_is_refused_and_named(junk: str, tmp_path: Path) -> None:
    folder = without_detectors(tmp_path)
    (folder / COLOUR_HEAD).write_text(junk)
    with pytest.raises(ModelError, match=COLOUR_HEAD):
        load_learned(folder)


def test_a_head_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    folder = without_detectors(tmp_path)
    (folder / COLOUR_HEAD).unlink()
    with pytest.raises(ModelError, match=COLOUR_HEAD):
        load_learned(folder)
    (folder / COLOUR_HEAD).write_bytes(bytes(range(256)))
    with pytest.raises(ModelError, match=COLOUR_HEAD):
        load_learned(folder)


@pytest.mark.parametrize("spread", [0.0, -1.0, math.nan, math.inf])
def test_a_head_whose_spread_is_none_is_refused(spread: float, tmp_path: Path) -> None:
    folder = without_detectors(tmp_path)
    fields = json.loads((folder / COLOUR_HEAD).read_text())
    fields["spread"][3] = spread
    (folder / COLOUR_HEAD).write_text(json.dumps(fields))
    with pytest.raises(ModelError, match=COLOUR_HEAD):
        load_learned(folder)


def test_detectors_of_other_features_are_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    fields = json.loads((folder / CALIBRATION).read_text())
    fields["features"].reverse()
    (folder / CALIBRATION).write_text(json.dumps(fields))
    with pytest.raises(ModelError, match="of other features") as caught:
        load_learned(folder)
    assert caught.value.hint == "train again"


@pytest.mark.parametrize(
    "junk",
    ["", "[]", "null", "{}", '{"features": 1}', '{"features": [], "detectors": 3}', "{" * 9_999],
)
def test_a_table_that_is_none_is_refused(junk: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / CALIBRATION).write_text(junk)
    with pytest.raises(ModelError):
        load_learned(folder)


@pytest.mark.parametrize("name", [FACE_NET, f"{AnalyserName.GENERATED.value}.onnx"])
@pytest.mark.parametrize("content", [b"", b"junk" * 999, bytes(2**20)])
def test_a_net_that_is_none_is_refused_and_named(name: str, content: bytes, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        load_learned(folder)


@given(share=st.floats(0, 1), more=st.floats(0, 1), slope=st.floats(0, 5), offset=st.floats(-5, 5))
def test_more_trees_that_accuse_never_lower_the_probability(
    share: float, more: float, slope: float, offset: float
) -> None:
    low, high = sorted((share, more))
    curve = Curve(slope, offset)
    assert 0.0 <= curve.probability(low, {}) <= curve.probability(high, {}) <= 1.0


@given(value=st.floats(allow_nan=True, allow_infinity=True), weight=st.floats(-3, 3))
def test_whatever_the_net_answers_is_a_probability(value: float, weight: float) -> None:
    curve = Curve(1.0, 0.0, {"answer": LinearFeature(weight, 0.5, -4.0, 4.0)})
    found = curve.probability(0.5, {"answer": value})
    assert 0.0 <= found <= 1.0
    if math.isnan(value):
        assert found == 0.5


def test_a_linear_feature_counts_by_its_weight_and_distance_from_the_mean() -> None:
    curve = Curve(1.0, 0.0, {"answer": LinearFeature(2.0, 0.5, -4.0, 4.0)})
    assert curve.probability(0.5, {"answer": 1.0}) == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert curve.probability(0.5, {"answer": 0.5}) == 0.5


def test_beyond_what_was_trained_on_a_feature_adds_no_more() -> None:
    curve = Curve(1.0, 0.0, {"answer": LinearFeature(2.0, 0.5, 0.0, 1.0)})
    assert curve.probability(0.5, {"answer": 1e9}) == curve.probability(0.5, {"answer": 1.0})
    assert curve.probability(0.5, {"answer": -math.inf}) == curve.probability(0.5, {"answer": 0.0})


def test_what_linear_features_may_add_has_a_limit() -> None:
    curve = Curve(1.0, 0.0, {"answer": LinearFeature(2.0, 0.0, -9.0, 9.0)})
    limited = curve.probability(0.5, {"answer": 5.0}, 2.0)
    assert limited == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert curve.probability(0.5, {"answer": 0.5}, 2.0) == curve.probability(0.5, {"answer": 0.5})
    assert curve.probability(0.5, {"answer": -5.0}, 2.0) == curve.probability(0.5, {"answer": -5.0})


def test_only_the_detector_of_heads_is_limited_on_pictures() -> None:
    alike = UNSEEN | dict.fromkeys((n for n in FEATURE_NAMES if n.startswith("same_")), 4.0)
    detectors = load_learned().detectors
    said = {
        n: [e.probability(alike, pictures=p) for p in (False, True)] for n, e in detectors.items()
    }
    assert {name for name, (video, pictures) in said.items() if pictures < video} == {
        AnalyserName.GENERATED
    }


def test_the_shipped_files_are_those_that_were_released() -> None:
    listed = (SHIPPED / "SHA256SUMS").read_text("utf-8").splitlines()
    released = {name: digest for digest, name in (line.split("  ") for line in listed)}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in SHIPPED.iterdir()
        if file.suffix in {".onnx", ".json"}
    }
    assert found == released
