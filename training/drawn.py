"""Drawn attacks as whole clips: what experts learn beside the recorded ones, which are of few tools."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.evaluation.manifest import Clip, Label, Use
from kyc_rtc.evaluation.results import ClipResult, Conditions
from kyc_rtc.evaluation.runner import Job, run_clips
from kyc_rtc.frames import BgrImage
from kyc_rtc.settings import Settings
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from media.file_source import read_frames
from media.transcode import at_rate
from training.crops import new_edit, scaled
from training.people import Item

FPS, SECONDS = 15, 8
KINDS = (("mesh_swap", "puppet"), ("redrawn", "recapture"))
"""Each bona fide clip carries one of these pairs, in turn."""

CONDITIONS = Conditions("vp8", 500, float(FPS))
_QUALITY = {"crf": "12", "preset": "veryfast"}


def draw_all(
    items: Sequence[Item], fold: Sequence[int], model: Path, out: Path, jobs: int
) -> list[tuple[Clip, int]]:
    """Draw attacks into every bona fide clip and write them under `out`; each with its fold."""
    out.mkdir(parents=True, exist_ok=True)
    chosen = [
        (at, item)
        for at, item in enumerate(items)
        if item.is_video and item.task is None and item.use == "any"
    ]
    work = []
    for turn, (at, item) in enumerate(chosen):
        donors = tuple(i.path for i, f in zip(items, fold, strict=True)
                       if i.is_video and i.task is None and f == fold[at] and i is not item)  # fmt: skip
        work += [(item, kind, donors, model, out, fold[at]) for kind in KINDS[turn % len(KINDS)]]
    with ProcessPoolExecutor(jobs) as pool:
        return [made for made in pool.map(_draw, work) if made is not None]


def _draw(
    work: tuple[Item, str, tuple[Path, ...], Path, Path, int],
) -> tuple[Clip, int] | None:
    item, kind, donors, model, out, number = work
    cv2.setNumThreads(1)
    target = out / f"{kind}_{item.path.stem}.mp4"
    rng = np.random.default_rng(zlib.crc32(target.name.encode()))
    pictures: list[BgrImage] = []
    with MediaPipeObserver(model) as observer:
        edit = None
        for frame in islice(at_rate(read_frames(item.path, SystemClock()), FPS), FPS * SECONDS):
            image = scaled(frame.to_bgr(), 640)
            face = observer.observe(image, frame.captured_at_ms, frame.sequence).face
            edit = edit or new_edit(kind, donors, image.shape, model, rng)
            if edit is None:
                return None
            pictures.append(edit(image, face.landmarks) if face else image)
    if len(pictures) < 3 * FPS:
        return None
    _write(target, pictures)
    name = f"drawn/{target.name}"
    clip = Clip(name, target, Label.ATTACK, kind, item.path.stem, "", None, "drawn", Use.ANY)
    return clip, number


def _write(path: Path, pictures: Sequence[BgrImage]) -> None:
    with av.open(str(path), "w") as container:
        height, width = (side & ~1 for side in pictures[0].shape[:2])
        stream = container.add_stream("libx264", rate=FPS, options=_QUALITY)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture[:height, :width]), format="bgr24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def measure_drawn(
    clips: Sequence[tuple[Clip, int]], nets: Path, model: Path, out: Path, jobs: int
) -> None:
    """Run them through the serving pipeline, each with a net that has not seen its person."""
    found: list[ClipResult] = []
    for number in sorted({number for _, number in clips}):
        chosen = [clip for clip, of in clips if of == number]
        job = Job(model, Settings(), CONDITIONS, nets / f"fold{number}")
        found += run_clips(chosen, job, processes=jobs)
    out.write_bytes(pickle.dumps(found))
