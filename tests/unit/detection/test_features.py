"""The features that detectors judge by, on motion and pixels of known answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kyc_rtc.detection.analysers import Learned, Suite, new_suite
from kyc_rtc.detection.appearance import AppearanceMeter, change_features
from kyc_rtc.detection.colour_texture import TEXTURE_SIZE, ColourHead, colour_texture
from kyc_rtc.detection.detectors import DetectorAnalyser
from kyc_rtc.detection.evidence import AnalyserName, Sign
from kyc_rtc.detection.features import COLOURS, FEATURE_NAMES, Features
from kyc_rtc.detection.moments import Moment
from kyc_rtc.detection.movement import MOVEMENT_NAMES, MovementMeter
from kyc_rtc.detection.net_views import NET_PX, VIEWS, Views
from kyc_rtc.detection.regions import regions
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL, NOSE
from kyc_rtc.vision.observation import HeadPose
from tests.unit.detection import synthetic

ALWAYS = (Moment.ALWAYS,)
PICTURE = np.repeat(synthetic.as_luma(synthetic.texture())[..., None], 3, axis=2)


def moved(noise_px: float, points: tuple[int, ...], seed: int = 3) -> dict[str, float]:
    """What the meter says of a face that drifts, with jitter of some of its points."""
    meter, rng, mesh = MovementMeter(), np.random.default_rng(seed), synthetic.face_mesh()
    for index in range(60):
        shifted = mesh.copy()
        shifted[:, :2] += 3 * np.sin(index / 9)
        shifted[list(points), :2] += rng.normal(0, noise_px, (len(points), 2))
        meter.update(index * 100, synthetic.face(shifted), ALWAYS)
    return meter.values()


def test_every_name_has_a_value_and_the_other_way_round() -> None:
    assert set(MovementMeter().values()) == set(MOVEMENT_NAMES)
    assert list(Features(None).values()) == list(FEATURE_NAMES)
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert all(math.isnan(value) for value in Features(None).values().values())


def test_jitter_is_found_where_it_is() -> None:
    calm, nose, contour = moved(0.0, ()), moved(0.6, NOSE), moved(0.6, FACE_OVAL)
    assert nose["jitter_nose"] > calm["jitter_nose"] + 1
    assert contour["jitter_nose"] == pytest.approx(calm["jitter_nose"], abs=0.1)
    assert contour["jitter_contour_on_inner"] > calm["jitter_contour_on_inner"] + 1


def test_a_drift_alone_is_not_jitter() -> None:
    calm = moved(0.0, ())
    assert calm["jitter_bony"] < math.log(1e-4)


def test_noise_is_rough_and_a_swing_is_smooth() -> None:
    rough, smooth, rng = MovementMeter(), MovementMeter(), np.random.default_rng(1)
    for index in range(80):
        for meter, yaw_deg in ((rough, rng.normal(0, 5)), (smooth, 10 * math.sin(index / 12))):
            face = synthetic.face(synthetic.face_mesh(), HeadPose(yaw_deg, 0, 0))
            meter.update(index * 100, face, ALWAYS)
    assert rough.values()["rough_yaw"] > smooth.values()["rough_yaw"] + 1
    assert smooth.values()["range_yaw"] == pytest.approx(math.log(10 / math.sqrt(2)), abs=0.2)


def test_the_frame_rate_does_not_change_what_is_measured() -> None:
    found = []
    for step_ms in (33, 100):
        meter = MovementMeter()
        for now_ms in range(0, 8_000, step_ms):
            pose = HeadPose(10 * math.sin(now_ms / 1_200), 0, 0)
            meter.update(now_ms, synthetic.face(synthetic.face_mesh(), pose), ALWAYS)
        found.append(meter.values())
    assert found[0]["speed_yaw"] == pytest.approx(found[1]["speed_yaw"], abs=0.15)


def softened(picture: BgrImage, sigma: float) -> BgrImage:
    """The picture with a face that was drawn soft."""
    mask = np.zeros(picture.shape[:2], np.float32)
    oval = synthetic.face_mesh()[list(FACE_OVAL), :2].astype(np.int32)
    cv2.fillPoly(mask, [oval], 1.0)
    soft = cv2.GaussianBlur(picture, (0, 0), sigma)
    return np.asarray(picture + mask[..., None] * (soft.astype(np.float32) - picture), np.uint8)


def seen(pictures: Iterator[BgrImage]) -> dict[str, float]:
    meter, face = AppearanceMeter(), synthetic.face(synthetic.face_mesh())
    for index, picture in enumerate(pictures):
        meter.update(index * 67, picture, face, ALWAYS)
    return meter.values()


def noisy(picture: BgrImage, sigma: float = 3.0) -> Iterator[BgrImage]:
    rng = np.random.default_rng(8)
    for _ in range(60):
        noise = rng.normal(0, sigma, picture.shape)
        yield np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_a_face_that_was_drawn_soft_has_less_detail_than_its_surround() -> None:
    plain, soft = seen(noisy(PICTURE)), seen(softened(p, 2.5) for p in noisy(PICTURE))
    assert soft["detail_gap"] < plain["detail_gap"] - 0.3
    assert soft["fine_change_gap"] < plain["fine_change_gap"] - 0.3
    assert plain["fine_change_gap"] == pytest.approx(0.0, abs=0.1)


def test_a_face_of_another_colour_stands_out() -> None:
    tinted = PICTURE.copy()
    oval = 0.8 * (synthetic.face_mesh()[list(FACE_OVAL), :2] - synthetic.CENTRE) + synthetic.CENTRE
    mask = np.zeros(PICTURE.shape[:2], np.uint8)
    cv2.fillPoly(mask, [oval.astype(np.int32)], 1)
    tinted[mask > 0, 0] = np.clip(tinted[mask > 0, 0].astype(int) + 30, 0, 255)
    assert seen(noisy(tinted))["chroma_gap"] > seen(noisy(PICTURE))["chroma_gap"] + 3


def test_change_is_separated_by_area() -> None:
    masks = regions(synthetic.face(synthetic.face_mesh()).landmarks)
    before = np.zeros((160, 160), np.float32)
    after = before + 10.0 * masks.inner
    found = change_features(before, after, masks.inner, masks.ring)
    assert found["flicker"] == pytest.approx(10.0)
    assert found["change_gap"] == pytest.approx(math.log(10.1) - math.log(0.1))


class Asked:
    """A net that answers alike, and keeps what it was shown."""

    def __init__(self, *logits: float) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self._logits = logits

    def logits(self, views: Views) -> NDArray[np.float32]:
        self.shapes.append(views.shape)
        return np.array([np.add(self._logits, view) for view in range(len(VIEWS))], np.float32)


def test_the_net_is_asked_on_a_schedule_and_its_answers_are_kept() -> None:
    net = Asked(2.0, -1.0, 0.5, 0.0, 0.0, 0.0)
    features = Features(net)
    face = synthetic.face(synthetic.face_mesh())
    for now_ms in range(0, 4_000, 40):
        features.update(synthetic.sample(now_ms, PICTURE[..., 0], face))
    assert net.shapes == [(len(VIEWS), NET_PX, NET_PX, 3)] * 10
    found = features.values()
    colour = [found[f"net_colour_{question}"] for question in ("swap", "blended", "generated")]
    assert colour == [2.0, -1.0, 0.5]
    assert (found["net_motion_swap"], found["net_change_swap"]) == (3.0, 4.0)
    assert found["net_colour_swap.high"] == 2.0
    assert math.isnan(found["net_colour_swap.turned"])
    assert math.isnan(found[COLOURS])


class Painted(Asked):
    """A net that keeps the colours it was shown."""

    def __init__(self) -> None:
        super().__init__(0, 0, 0, 0, 0, 0)
        self.colours: list[BgrImage] = []

    def logits(self, views: Views) -> NDArray[np.float32]:
        self.colours.append(views[0])
        return super().logits(views)


def test_the_texture_of_every_pair_is_judged_by_its_head() -> None:
    rng = np.random.default_rng(11)
    ones = np.ones(TEXTURE_SIZE)
    head = ColourHead(0.1 * ones, ones, rng.normal(size=TEXTURE_SIZE), -0.5)
    net = Painted()
    features, face = Features(net, head), synthetic.face(synthetic.face_mesh())
    for now_ms, picture in zip(range(0, 4_000, 67), noisy(PICTURE, 20.0), strict=True):
        features.update(synthetic.sample(now_ms, picture[..., 0], face))
    expected = [float(head.log_odds(colour_texture(picture))) for picture in net.colours]
    assert len(expected) > 5
    assert len(set(expected)) > 1
    found = features.values()
    assert found[COLOURS] == pytest.approx(np.mean(expected))
    assert found[f"{COLOURS}.high"] == pytest.approx(np.quantile(expected, 0.8))


def test_nothing_is_measured_where_nothing_can_be_judged() -> None:
    net = Asked(0, 0, 0, 0, 0, 0)
    features = Features(net)
    face = synthetic.face(synthetic.face_mesh())
    for now_ms in range(0, 4_000, 40):
        features.update(synthetic.sample(now_ms, PICTURE[..., 0], face, synthetic.DARK))
    assert net.shapes == []
    assert features.net_answers == 0


class Opinion:
    """A detector of one opinion, which counts how often it is asked."""

    def __init__(self, probability: float) -> None:
        self.asked = 0
        self.of_pictures: bool | None = None
        self._probability = probability

    def probability(self, features: dict[str, float], *, pictures: bool) -> float:
        assert list(features) == list(FEATURE_NAMES)
        self.asked += 1
        self.of_pictures = pictures
        return self._probability


def judged(detector: Opinion, seconds: float, picture_at_ms: int = -1) -> DetectorAnalyser:
    features = Features(Asked(0, 0, 0, 0, 0, 0))
    analyser = DetectorAnalyser(AnalyserName.SWAP, features, detector)
    face = synthetic.face(synthetic.face_mesh())
    for now_ms in range(0, round(1_000 * seconds), 100):
        sample = synthetic.sample(now_ms, PICTURE[..., 0], face)
        features.update(replace(sample, is_picture=now_ms == picture_at_ms))
        analyser.update(sample)
    return analyser


@pytest.mark.parametrize(("picture_at_ms", "expected"), [(-1, False), (0, True), (2_000, True)])
def test_one_picture_makes_it_a_stream_of_pictures(picture_at_ms: int, expected: bool) -> None:
    detector = Opinion(0.2)
    judged(detector, 8, picture_at_ms)
    assert detector.of_pictures is expected


@pytest.mark.parametrize(
    ("probability", "score", "signs"),
    [
        (0.9, 0.9, (Sign.FACE_SWAP,)),
        (0.2, 0.2, ()),
        (math.nan, 0.5, ()),
        (7.0, 1.0, (Sign.FACE_SWAP,)),
    ],
)
def test_a_detector_is_heard(probability: float, score: float, signs: tuple[Sign, ...]) -> None:
    evidence = judged(Opinion(probability), 8).evidence()
    assert (evidence.score, evidence.signs) == (score, signs)
    assert evidence.confidence == pytest.approx(0.9)


def test_a_detector_is_asked_once_a_second_and_not_at_once() -> None:
    detector = Opinion(0.5)
    judged(detector, 6)
    assert detector.asked == 5
    early = judged(Opinion(0.9), 1.2).evidence()
    assert (early.confidence, early.score) == (0.0, 0.5)


@given(st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=25, deadline=None)
def test_whatever_a_detector_says_is_evidence(probability: float) -> None:
    evidence = judged(Opinion(probability), 3).evidence()
    assert 0.0 <= evidence.score <= 1.0


def test_detectors_that_begin_anew_know_nothing_of_what_came_before() -> None:
    net = Asked(0, 0, 0, 0, 0, 0)
    detector = Opinion(0.9)
    suite = new_suite(Learned(net, {AnalyserName.SWAP: detector}))
    face = synthetic.face(synthetic.face_mesh())

    def show(from_ms: int, suite: Suite) -> None:
        for now_ms, picture in zip(
            range(from_ms, from_ms + 4_000, 67), noisy(PICTURE, 20.0), strict=True
        ):
            shown = synthetic.sample(now_ms, picture[..., 0], face)
            suite.features.update(shown)
            for analyser in suite.analysers:
                analyser.update(shown)

    show(0, suite)
    anew = suite.with_new_detectors()
    by_name = {one.name: one.evidence() for one in anew.analysers}
    assert by_name[AnalyserName.SWAP].confidence == 0
    assert anew.features.net_answers == 0
    assert by_name[AnalyserName.TEMPORAL].span_ms[1] > 3_000
    show(4_000, anew)
    (swap,) = (one.evidence() for one in anew.analysers if one.name is AnalyserName.SWAP)
    assert (swap.score, swap.span_ms[0]) == (0.9, 4_000)
    assert swap.confidence > 0.5
