"""The analysis keeps a record of the footage, whether or not it shows a face."""

from __future__ import annotations

from functools import partial

import numpy as np

from kyc_rtc.detection.analysers import Suite
from kyc_rtc.detection.features import Features
from kyc_rtc.detection.recurrence import MAX_RECORD_BYTES, SURE, recurs
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.pipeline.analysis import FrameAnalysis
from kyc_rtc.vision.observation import FaceObservation
from tests.support.clock import ManualClock


class NobodySeen:
    """A `FaceObserver` that finds no face."""

    def observe(self, image_bgr: BgrImage, captured_at_ms: int, sequence: int) -> FaceObservation:
        height, width = image_bgr.shape[:2]
        return FaceObservation(captured_at_ms, sequence, (width, height), ())

    def close(self) -> None:
        """Nothing to free."""


def recorded(seed: int, *, first: int, count: int) -> bytes:
    """The record of a session that shows pictures `first` to `first + count` of a footage."""
    analysis = FrameAnalysis(NobodySeen(), Suite(Features(None), ()), ManualClock())
    for index in range(count):
        chance = np.random.default_rng((seed, first + index))
        cells = chance.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture = np.kron(cells, np.ones((12, 12, 1), np.uint8))
        analysis.analyse(Frame(200 * index, 200.0 * index, index, partial(np.copy, picture)))
    analysis.close()
    return analysis.record()


def test_one_session_recognises_the_footage_of_another() -> None:
    earlier = recorded(1, first=0, count=60)
    assert 0 < len(earlier) <= MAX_RECORD_BYTES
    assert recurs(recorded(1, first=20, count=40), earlier) >= SURE
    assert recurs(recorded(2, first=20, count=40), earlier) < SURE


def test_no_frame_leaves_no_record() -> None:
    assert recorded(1, first=0, count=0) == b""
