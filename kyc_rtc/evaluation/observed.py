"""What the observer sees in a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kyc_rtc.clock import SystemClock
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import FaceObservation
from media.file_source import read_frames
from media.transcode import at_rate


def observed(path: Path, model: Path, fps: float | None) -> Iterator[FaceObservation]:
    """Every frame of a video, or at most `fps` a second of it.

    Raises:
        ModelError: the model cannot be loaded. MediaError: the video cannot be read.
    """
    frames = read_frames(path, SystemClock())
    with MediaPipeObserver(model) as observer:
        for frame in frames if fps is None else at_rate(frames, fps):
            yield observer.observe(frame.to_bgr(), frame.captured_at_ms, frame.sequence)
