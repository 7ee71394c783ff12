"""How much life `LifeMeter` sees in people and in photographs of them, by size of the face: a table in
docs/detection.md, and what `kyc_rtc.detection.life` is fitted on.

    python -m tests.small_faces --data FOLDER [--every N] [--half 0|1]

plays the first 9 s of bona fide recordings at 15 frames a second through VP8, as they are and reduced until
the face is 100, 70 and 60 pixels wide, and one picture of each held before the camera, still or moved by
hand. The limits rest on half 0 of the people; half 1 is counted.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.detection.life import LifeMeter
from kyc_rtc.detection.temporal import ALIVE
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.model_store import ModelStore
from media.file_source import read_frames
from media.transcode import at_rate
from tests.support.film import sent
from training.people import folds, read_items

FPS, LENGTH_MS, LOOK_MS = 15, 9_000, 500
WIDTHS_PX = (0, 100, 70, 60)
"""Of the face; 0: as recorded, 640 pixels along the picture's longer side at most."""

KBPS = {width_px: 300 if width_px else 600 for width_px in WIDTHS_PX}
_LONG_SIDE_PX, _NOISE_SIGMA = 640, 3.0
_PHOTO_AT = 40
"""The number of the frame that is the photograph."""

Pictures = dict[int, BgrImage]
"""By media time in milliseconds."""

Motion = Callable[[BgrImage, float, np.random.Generator], BgrImage]


def held(photo: BgrImage, _t_s: float, _chance: np.random.Generator) -> BgrImage:
    return photo


def shaken(photo: BgrImage, _t_s: float, chance: np.random.Generator) -> BgrImage:
    """A tremor of 0.2% of the picture's width."""
    x, y = chance.normal(0, 0.002 * photo.shape[1], 2)
    return _warped(photo, np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64))


def waved(photo: BgrImage, t_s: float, _chance: np.random.Generator) -> BgrImage:
    """Moved, turned in its plane, and brought nearer, by hand."""
    return _warped(photo, _in_hand(photo, t_s))


def tilted(photo: BgrImage, t_s: float, _chance: np.random.Generator) -> BgrImage:
    """Moved, and tilted about both axes in perspective."""
    height, width = photo.shape[:2]
    yaw, pitch = math.radians(14) * math.sin(1.1 * t_s), math.radians(9) * math.sin(0.8 * t_s + 1)
    away = 1.1 * width
    to_middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    plane = np.array(
        [
            [math.cos(yaw), math.sin(yaw) * math.sin(pitch), 0],
            [0, math.cos(pitch), 0],
            [-math.sin(yaw), math.cos(yaw) * math.sin(pitch), away],
        ]
    )
    camera = np.array([[away, 0, width / 2], [0, away, height / 2], [0, 0, 1]])
    return _warped(photo, _in_hand(photo, t_s) @ camera @ plane @ to_middle)


def re_encoded(photo: BgrImage, t_s: float, chance: np.random.Generator) -> BgrImage:
    """Waved, and a JPEG of another quality in each frame."""
    quality = int(chance.integers(30, 80))
    moved = waved(photo, t_s, chance)
    _, packed = cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


MOTIONS: dict[str, Motion] = {
    "held": held,
    "shaken": shaken,
    "waved": waved,
    "tilted": tilted,
    "re-encoded": re_encoded,
}


def _in_hand(photo: BgrImage, t_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    height, width = photo.shape[:2]
    scale = 1.05 + 0.05 * math.sin(0.9 * t_s)
    moved = cv2.getRotationMatrix2D((width / 2, height / 2), 4 * math.sin(1.3 * t_s), scale)
    moved[0, 2] += 0.022 * width * math.sin(1.7 * t_s)
    moved[1, 2] += 0.014 * width * math.sin(2.3 * t_s)
    return np.vstack([moved, [0, 0, 1]])


def _warped(photo: BgrImage, matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> BgrImage:
    size = photo.shape[1::-1]
    edge = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpPerspective(photo, matrix, size, borderMode=edge), np.uint8)


@dataclass(frozen=True, slots=True)
class Job:
    """One recording; `seed` is that of what is done to its photograph."""

    path: Path
    seed: int
    model: Path


@dataclass(frozen=True, slots=True)
class Seen:
    """The most life that was seen, over that of a photograph; None where the face was seen too briefly."""

    kind: str
    width_px: int
    most: float | None


def look(job: Job) -> list[Seen]:
    """The recording, and two kinds of photographs of it, at each size that is a reduction."""
    clip = _recorded(job.path)
    kinds = list(MOTIONS)
    chosen = (kinds[job.seed % len(kinds)], kinds[(job.seed + 2) % len(kinds)])
    width_px, most = _watched(clip, KBPS[0], job.model)
    found = [Seen("people", 0, most)]
    for target_px in WIDTHS_PX:
        if target_px and (width_px is None or width_px < target_px):
            continue
        small = _reduced(clip, target_px / width_px if target_px and width_px else 1.0)
        if target_px:
            found.append(Seen("people", target_px, _watched(small, KBPS[target_px], job.model)[1]))
        for kind in chosen:
            still = _photographed(small, MOTIONS[kind], job.seed)
            found.append(Seen(kind, target_px, _watched(still, KBPS[target_px], job.model)[1]))
    return found


def _recorded(path: Path) -> Pictures:
    frames = at_rate(read_frames(path, SystemClock()), FPS)
    early = takewhile(lambda frame: frame.captured_at_ms <= LENGTH_MS, frames)
    clip = {frame.captured_at_ms: frame.to_bgr() for frame in early}
    long_side = max(max(picture.shape[:2]) for picture in clip.values())
    return _reduced(clip, min(1.0, _LONG_SIDE_PX / long_side))


def _reduced(clip: Pictures, scale: float) -> Pictures:
    return {
        at_ms: np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
        for at_ms, picture in clip.items()
    }


def _photographed(clip: Pictures, motion: Motion, seed: int) -> Pictures:
    """One picture of the clip for 9 s, with a camera's noise."""
    chance = np.random.default_rng(seed)
    photo = list(clip.values())[min(_PHOTO_AT, len(clip) - 1)]
    began_s = chance.uniform(0, 100)
    shown = {}
    for at_ms in (round(n * 1_000 / FPS) for n in range(FPS * LENGTH_MS // 1_000)):
        noise = chance.normal(0, _NOISE_SIGMA, (*photo.shape[:2], 1))
        moved = motion(photo, began_s + at_ms / 1_000, chance)
        shown[at_ms] = np.asarray(np.clip(moved + noise, 0, 255), np.uint8)
    return shown


def _watched(shown: Pictures, kbps: int, model: Path) -> tuple[float | None, float | None]:
    """The face's median width in pixels, and the most life in any window."""
    meter, widths_px, most, look_ms = LifeMeter(), [], None, 0
    with MediaPipeObserver(model) as observer:
        for frame in sent(shown, kbps, FPS):
            now_ms = frame.captured_at_ms
            face = observer.observe(frame.to_bgr(), now_ms, frame.sequence).face
            if face is None:
                continue
            widths_px.append(face.width_px)
            meter.update(now_ms, face.landmarks)
            if now_ms >= look_ms and (life := meter.life()) is not None:
                look_ms = now_ms + LOOK_MS
                most = max(most or 0.0, life.at_least)
    return (float(np.median(widths_px)) if widths_px else None), most


def table(found: Sequence[Seen]) -> str:
    """Markdown: for each kind and size who counts as alive, and how near photographs come to it."""
    head = ["as recorded" if not px else f"{px} px" for px in WIDTHS_PX]
    lines = ["| before the camera | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for kind in ("people", *MOTIONS):
        cells = list(_cells([seen for seen in found if seen.kind == kind]))
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(found: Sequence[Seen]) -> Iterator[str]:
    for width_px in WIDTHS_PX:
        lives = [s.most for s in found if s.width_px == width_px and s.most is not None]
        if not lives:
            yield "–"
            continue
        alive = sum(most >= ALIVE for most in lives)
        low, high = wilson_interval(alive, len(lives))
        interval = f"{100 * low:.0f}–{100 * high:.0f}%"
        yield f"{alive} of {len(lives)} alive ({interval}; highest {max(lives):.2f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.small_faces", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    items = read_items(given.data / "manifest.tsv")
    chosen = [
        item.path
        for item, half in zip(items, folds(items, 2), strict=True)
        if item.bona_fide and item.is_video and item.use == "any" and half == given.half
    ]
    model = ModelStore(None).path("face_landmarker")
    work = [Job(path, seed, model) for seed, path in enumerate(chosen[:: given.every])]
    with workers(given.jobs) as pool:
        print(table([seen for found in pool.map(look, work) for seen in found]))


if __name__ == "__main__":
    main()
