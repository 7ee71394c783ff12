"""Puts an analysis together: the observer of the fetched model, and the analysers."""

from __future__ import annotations

from pathlib import Path

from kyc_rtc.clock import Clock
from kyc_rtc.detection.analysers import new_analysers
from kyc_rtc.pipeline.analysis import FrameAnalysis
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver


def new_analysis(model_path: Path, clock: Clock) -> FrameAnalysis:
    """A fresh analysis for one session; loads the model (25 to 70 ms), so call it on the pool.

    Raises:
        ModelError: the file is no face landmarker.
    """
    return FrameAnalysis(MediaPipeObserver(model_path), new_analysers(), clock)
