"""Pairs of crops to train on: every clip, and the attacks drawn into bona fide ones, through a live codec."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.detection.moments import Moment, moments_of
from kyc_rtc.detection.pairs import PAIR_PX, cut
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import Face
from media.file_source import read_frames
from media.transcode import Codec, at_rate, through_codec
from training.people import Item
from training.synthesis import AnimatedPhoto, Donor, Edit, MeshSwap, Recapture, Redrawn, SelfBlend

FPS, SECONDS = 15, 6
PAIRS_A_VARIANT = 10
CODEC_DRAWS = 2
_APART_FRAMES = (1, 1, 2)
"""Distances between the two pictures of a pair, drawn at random: 67 or 133 ms, as in serving."""

LONG_SIDE_PX = 640

SYNTHETIC = {
    "self_blend": "blended",
    "mesh_swap": "blended",
    "redrawn": "blended",
    "animated_photo": "animated",
    "recapture": "screen",
}
"""The attacks that are drawn into every bona fide clip, and the question of the net that each belongs to."""


@dataclass(frozen=True, slots=True)
class CropNote:
    """What a pair is. `item`: index in the manifest; `task`: None where bona fide.

    `kind`: "recorded" or a key of `SYNTHETIC`. `paired`: False where there is no second picture.
    `moments`: what the face does in the first one.
    """

    item: int
    task: str | None
    kind: str
    paired: bool
    kbps: int
    long_side_px: int
    moments: tuple[Moment, ...]


Seen = list[tuple[BgrImage, Face | None]]
Crops = list[tuple[BgrImage, CropNote]]


def gather(
    items: Sequence[Item], fold: Sequence[int], model: Path, out: Path, jobs: int = 2
) -> None:
    """Write `crops.npy` (n, 192, 192, 4), first BGR and second luma, uint8, and `crops.json` (n notes)."""
    out.mkdir(parents=True, exist_ok=True)
    donors: dict[int, list[Path]] = {}
    for item, number in zip(items, fold, strict=True):
        if item.is_video and item.task is None:
            donors.setdefault(number, []).append(item.path)
    work = [
        (index, item, tuple(donors.get(number, ())), model)
        for index, (item, number) in enumerate(zip(items, fold, strict=True))
        if item.is_video
    ]
    pictures = [(index, item) for index, item in enumerate(items) if not item.is_video]
    batches = [(pictures[at : at + 200], model) for at in range(0, len(pictures), 200)]
    with workers(jobs) as pool:
        clips = pool.map(_clip_crops, work)
        crops = [crop for made in clips for crop in made]
        crops += [crop for made in pool.map(_picture_crops, batches) for crop in made]
    np.save(out / "crops.npy", np.stack([image for image, _ in crops]))
    (out / "crops.json").write_text(json.dumps([asdict(note) for _, note in crops]))


def _clip_crops(work: tuple[int, Item, tuple[Path, ...], Path]) -> Crops:
    index, item, donors, model = work
    rng = np.random.default_rng(zlib.crc32(item.path.name.encode()))
    seen = observe(item.path, model)
    if sum(face is not None for _, face in seen) < 10:
        return []
    crops: Crops = []
    for _ in range(CODEC_DRAWS):
        crops += _sent(seen, [image for image, _ in seen], index, item.task, "recorded", rng)
    if item.task is None and item.use == "any":
        for kind, task in SYNTHETIC.items():
            edit = _new_edit(kind, donors, seen[0][0].shape, model, rng)
            if edit is not None:
                crops += _sent(seen, _edited(seen, edit), index, task, kind, rng)
    return crops


def observe(path: Path, model: Path) -> Seen:
    """The first 6 s at 15 frames a second, long side at most 640 pixels, each with its face."""
    seen: Seen = []
    with MediaPipeObserver(model) as observer:
        for frame in islice(at_rate(read_frames(path, SystemClock()), FPS), FPS * SECONDS):
            image = scaled(frame.to_bgr(), LONG_SIDE_PX)
            observed = observer.observe(image, frame.captured_at_ms, frame.sequence)
            seen.append((image, observed.face))
    return seen


def scaled(image: BgrImage, long_side_px: int) -> BgrImage:
    """The picture with its long side at most so long, sides even."""
    scale = long_side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (round(image.shape[1] * scale / 2) * 2, round(image.shape[0] * scale / 2) * 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _new_edit(
    kind: str,
    donors: Sequence[Path],
    shape: tuple[int, ...],
    model: Path,
    rng: np.random.Generator,
) -> Edit | None:
    """An attack of this kind for one clip of pictures of `shape`; None where no donor has a face."""
    match kind:
        case "self_blend":
            return SelfBlend(rng)
        case "mesh_swap":
            donor = _donor(donors[int(rng.integers(len(donors)))], model)
            return MeshSwap(donor, rng) if donor else None
        case "redrawn":
            return Redrawn(rng)
        case "animated_photo":
            return AnimatedPhoto(rng)
        case _:
            return Recapture(rng, shape)


def _donor(path: Path, model: Path) -> Donor | None:
    """The most frontal of a clip's first frames."""
    with MediaPipeObserver(model) as observer:
        best: tuple[float, Donor] | None = None
        for frame in islice(at_rate(read_frames(path, SystemClock()), 4), 8):
            image = scaled(frame.to_bgr(), LONG_SIDE_PX)
            face = observer.observe(image, frame.captured_at_ms, frame.sequence).face
            if face and (best is None or abs(face.pose.yaw_deg) < best[0]):
                best = abs(face.pose.yaw_deg), Donor(image, face.landmarks)
    return best[1] if best else None


def _edited(seen: Seen, edit: Edit) -> list[BgrImage]:
    return [image if face is None else edit(image, face.landmarks) for image, face in seen]


def _sent(
    seen: Seen,
    images: Sequence[BgrImage],
    index: int,
    task: str | None,
    kind: str,
    rng: np.random.Generator,
) -> Crops:
    """Crops of the clip as it arrives: scaled, through VP8 at a rate drawn for it."""
    kbps = int(np.exp(rng.uniform(np.log(180), np.log(1000))))
    side = int(rng.integers(320, LONG_SIDE_PX + 1))
    sent = [scaled(image, side) for image in images]
    ratio = sent[0].shape[1] / images[0].shape[1]
    frames = (
        Frame(at * 1000 // FPS, 0.0, at, lambda image=image: image)  # type: ignore[misc]
        for at, image in enumerate(sent)
    )
    arrived = {
        frame.sequence: frame
        for frame in through_codec(frames, Codec.VP8, kbps, FPS, 0.0, int(rng.integers(2**31)))
    }
    apart = int(rng.choice(_APART_FRAMES))
    usable = [at for at in sorted(arrived) if seen[at][1] is not None and at + apart in arrived]
    if not usable:
        return []
    picked = {usable[round(x)] for x in np.linspace(0, len(usable) - 1, PAIRS_A_VARIANT)}
    crops: Crops = []
    for at in sorted(picked):
        face = seen[at][1]
        if face is None:
            continue
        after = np.asarray(cv2.cvtColor(arrived[at + apart].to_bgr(), cv2.COLOR_BGR2GRAY), np.uint8)
        landmarks = face.landmarks * ratio
        pair = np.dstack([cut(arrived[at].to_bgr(), landmarks), cut(after, landmarks)])
        moments = moments_of(face, seen[at - 1][1] if at else None, 1000 / FPS)
        note = CropNote(index, task, kind, True, kbps, side, moments)
        crops.append((pair, note))
    return crops


def _picture_crops(work: tuple[Sequence[tuple[int, Item]], Path]) -> Crops:
    """One crop of each single picture with a face in it. The nets' own augmentation compresses it."""
    pictures, model = work
    crops: Crops = []
    with MediaPipeObserver(model) as observer:
        for number, (index, item) in enumerate(pictures):
            image = cv2.imread(str(item.path))
            if image is None:
                continue
            framed = _framed(scaled(np.asarray(image, np.uint8), LONG_SIDE_PX))
            # An empty picture between two makes the observer search anew instead of following.
            observer.observe(np.zeros_like(framed), 200 * number, 2 * number)
            face = observer.observe(framed, 200 * number + 100, 2 * number + 1).face
            if face is None or face.width_px < 40:
                continue
            crop = cut(framed, face.landmarks)
            pair = np.dstack([crop, np.zeros((PAIR_PX, PAIR_PX), np.uint8)])
            moments = moments_of(face, None, 0.0)
            note = CropNote(index, item.task, "recorded", False, 0, max(framed.shape), moments)
            crops.append((pair, note))
    return crops


def _framed(image: BgrImage) -> BgrImage:
    """The picture with a border of its own edge: the observer finds no face that fills the picture."""
    margin = max(image.shape[:2]) // 4
    return np.asarray(
        cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE), np.uint8
    )
