"""Animated photographs drawn as whole clips. Their detector is trained on them: no recorded ones exist.

Swaps, screens and redrawn faces are not drawn as whole clips: a detector trained on those found
recorded ones worse (docs/detection.md), or only such as were drawn by the same code.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.evaluation.manifest import Clip, Label, Use
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from media.file_source import read_frames
from media.transcode import at_rate
from training.crops import LONG_SIDE_PX, scaled
from training.people import ANIMATED_PHOTO
from training.synthesis import AnimatedPhoto, Edit, TurnedPhoto

_PREFIX = "animated_photo/"
_FPS, _SECONDS = 20, 12


def draw_animated_photos(clips: Sequence[Clip], model: Path, out: Path, jobs: int) -> list[Clip]:
    """Animate the first frame of every bona fide video, and write the clips to `out`. Every other one is
    turned in depth by a program; the rest follow the movements of their own video."""
    out.mkdir(parents=True, exist_ok=True)
    sources = [
        clip
        for clip in clips
        if clip.label is Label.BONA_FIDE and clip.use is Use.ANY and not clip.still
    ]
    drawn = [_drawn_clip(clip, out) for clip in sources]
    turned = [at % 2 == 1 for at in range(len(sources))]
    with workers(jobs) as pool:
        paths = [clip.path for clip in drawn]
        made = pool.map(partial(_draw, model=model), sources, paths, turned)
        return [clip for clip, ok in zip(drawn, made, strict=True) if ok]


def drawn_from(name: str) -> str:
    """The name of the clip that a drawn one was made of, and whose fold it shares."""
    return name.removeprefix(_PREFIX)


def _drawn_clip(clip: Clip, out: Path) -> Clip:
    return replace(
        clip,
        name=f"{_PREFIX}{clip.name}",
        path=out / f"animated_photo_{zlib.crc32(clip.name.encode()):08x}.mp4",
        label=Label.ATTACK,
        species=ANIMATED_PHOTO,
        source="drawn",
    )


def _draw(clip: Clip, path: Path, turned: bool, model: Path) -> bool:
    """Whether there was a face to animate."""
    if path.exists():
        return path.stat().st_size > 0
    images = list(_animated(clip, model, turned=turned))
    if len(images) < _FPS:
        path.touch()
        return False
    _write(images, path)
    return True


def _animated(clip: Clip, model: Path, *, turned: bool) -> Iterator[BgrImage]:
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    animate: Edit = TurnedPhoto(rng, _FPS) if turned else AnimatedPhoto(rng)
    hand = _Hand(rng)
    with MediaPipeObserver(model) as observer:
        for frame in at_rate(read_frames(clip.path, SystemClock()), _FPS):
            if frame.captured_at_ms > _SECONDS * 1_000:
                return
            image = scaled(frame.to_bgr(), LONG_SIDE_PX)
            face = observer.observe(image, frame.captured_at_ms, frame.sequence).face
            if face is not None:
                yield hand.held(animate(image, face.landmarks), frame.captured_at_ms / 1_000)


class _Hand:
    """A camera that drifts, or stands: a fake that moves as a whole must not pass for a living one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._size = rng.choice([0.0, rng.uniform(0.2, 1.0)]) * np.array([0.012, 0.012, 0.8])
        self._hertz = rng.uniform(0.08, 0.35, (2, 3))
        self._phase = rng.uniform(0, 2 * np.pi, (2, 3))

    def held(self, image: BgrImage, at_s: float) -> BgrImage:
        """The picture as it is filmed at a time: shifted by shares of its width, turned by degrees."""
        sway = np.sin(2 * np.pi * self._hertz * at_s + self._phase).sum(axis=0) / 2
        right, down, turn_deg = self._size * sway
        height, width = image.shape[:2]
        middle = (width / 2, height / 2)
        turned = np.asarray(cv2.getRotationMatrix2D(middle, turn_deg, 1.03), np.float64)
        shift = np.array([[0, 0, right * width], [0, 0, down * width]])
        filmed = cv2.warpAffine(
            image, turned + shift, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(filmed, np.uint8)


def _write(images: Sequence[BgrImage], path: Path) -> None:
    height, width = (side & ~1 for side in images[0].shape[:2])
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(_FPS), options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in images:
            picture = np.ascontiguousarray(image[:height, :width])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        file.mux(stream.encode())
