"""Puts an analysis together: the observer of the fetched model, the analysers, what was learned."""

from __future__ import annotations

from pathlib import Path

from kyc_rtc.clock import Clock
from kyc_rtc.detection.analysers import new_suite
from kyc_rtc.pipeline.analysis import FrameAnalysis
from kyc_rtc.pipeline.nets import SHIPPED, load_learned
from kyc_rtc.vision.face_finder import MediaPipeFinder
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver


def new_analysis(model_path: Path, clock: Clock, learned: Path = SHIPPED) -> FrameAnalysis:
    """A fresh analysis for one session; loads the model (25 to 70 ms), so call it on the pool.

    `learned` is the folder with the net and the detectors, loaded once for the process.

    Raises:
        ModelError: the file is not a face landmarker, or a net or a detector cannot be loaded.
    """
    suite = new_suite(load_learned(learned))
    observer, finder = MediaPipeObserver(model_path), MediaPipeFinder(model_path)
    return FrameAnalysis(observer, suite, clock, finder)
