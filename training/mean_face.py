"""`python -m training.mean_face --data FOLDER > kyc_rtc/detection/mean_face.py`: the mean mesh, flat."""

from __future__ import annotations

import argparse
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.clock import SystemClock
from kyc_rtc.evaluation.manifest import Clip, Label, Use, read_manifest
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.vision.geometry import pose_free_shape
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.model_store import ModelStore
from media.file_source import read_frames
from media.transcode import at_rate

_FPS, _SECONDS = 5.0, 6
_FRONTAL_DEG = 10.0
_LEAST_FACES = 5
_MESH = 468

Floats = NDArray[np.float64]


def main() -> None:
    """Print the module."""
    parser = argparse.ArgumentParser(prog="python -m training.mean_face", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    clips = [
        clip
        for clip in read_manifest(options.data / "manifest.tsv")
        if clip.label is Label.BONA_FIDE and clip.use is Use.ANY and not clip.still
    ]
    model = ModelStore(None).fetch("face_landmarker")
    with workers(options.jobs) as pool:
        shapes = [s for s in pool.map(partial(mean_shape, model=model), clips) if s is not None]
    print(module(np.median(shapes, axis=0), len(shapes)), end="")


def mean_shape(clip: Clip, model: Path) -> Floats | None:
    """Of the faces at the beginning of a clip that look into the camera: (468, 2); None of too few."""
    found = []
    with MediaPipeObserver(model) as observer:
        for frame in at_rate(read_frames(clip.path, SystemClock()), _FPS):
            if frame.captured_at_ms > _SECONDS * 1_000:
                break
            face = observer.observe(frame.to_bgr(), frame.captured_at_ms, frame.sequence).face
            if face and max(abs(face.pose.yaw_deg), abs(face.pose.pitch_deg)) < _FRONTAL_DEG:
                found.append(pose_free_shape(face.landmarks[:_MESH])[:, :2])
    return np.mean(found, axis=0) if len(found) >= _LEAST_FACES else None


def module(flat: Floats, count: int) -> str:
    """The source of the module, from the mean (468, 2) of so many recordings."""
    points = [f"({x},{y})," for x, y in np.round(flat * 1_000).astype(int).tolist()]
    rows = textwrap.fill(" ".join(points), 96, initial_indent="    ", subsequent_indent="    ")
    return f'''"""The mean mesh of faces that look into the camera. Made by `training/mean_face.py`."""

from __future__ import annotations

# fmt: off
MEAN_FACE = (
{rows}
)
# fmt: on
"""x and y of the 468 landmarks in thousandths of the distance of the outer eye corners, as
`kyc_rtc.vision.geometry.pose_free_shape` has them: the median over {count} recordings of bona fide people."""
'''


if __name__ == "__main__":
    main()
