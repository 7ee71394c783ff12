"""Whether a face that comes nearer shows the depth of a head: tables in docs/detection.md.

    python -m tests.approaches --data FOLDER [--part rendered|recorded|grown …] [--people N] [--only WORD …]

`rendered`: heads of known depth at eight distances behind three lenses, and a flat picture of each that only
grows; how far the measured depth is off. `recorded`: every bona fide, replayed and swapped video of the
manifest in which the depth meter finds two distances, and how far the eye span sways in those of bona fide
people. `grown`: bona fide videos, each enlarged as a screen that is brought nearer, and moved by a hand.
Pictures as recorded, ten a second.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.detection.approach import Depth, DepthMeter
from kyc_rtc.detection.perspective import LENS, Look, compare, look_at
from kyc_rtc.errors import MediaError
from kyc_rtc.evaluation.manifest import Clip, read_manifest
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.face_quality import assess_face
from kyc_rtc.vision.geometry import eye_span_px, pose_free_shape
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.model_store import ModelStore
from kyc_rtc.vision.observation import FaceObservation
from media.file_source import read_frames
from media.transcode import at_rate
from tests.support.film import luma_of
from tests.support.rendered_head import SIZE, depth_of, enlarged, head_of, photographed

FPS = 10.0
SPECIES = ("bona_fide", "replay", "face_swap")
DISTANCES_CM = (25, 31, 38, 46, 54, 62, 71, 80)
PHOTO_CM = 46
LENSES = (0.65, 0.85, 1.05)
"""Focal lengths over the longer side: 75, 61 and 51 degrees across."""

RATIOS = (1.15, 1.8)
GROWTH, GROW_S = 1.4, 5.0
_FRONTAL_DEG, _LEAST_FACE_PX = 8.0, 170.0


@dataclass(frozen=True, slots=True)
class Rendered:
    """One head, or flat picture of it, behind one lens. `share`: its measured depth over the true one, both
    in widths of the head; `share_by_usual_lens`: the same where the lens is taken to be `LENS`."""

    is_flat: bool
    lens: float
    share: float
    share_by_usual_lens: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording. `sway`: least and largest eye span of ten seconds over that of the first 0.8 s."""

    species: str
    group: str
    name: str
    depth: Depth | None
    jitter: float
    sway: tuple[float, float] | None


# ── heads of known depth ──


def rendered(clip: Clip, model: Path) -> list[Rendered]:
    """One person's head, and their photograph; empty where no picture shows them from the front."""
    found = _frontal(clip, model)
    if found is None:
        return []
    picture, observation = found
    face = observation.face
    assert face is not None
    head, chance = head_of(picture, face), np.random.default_rng(1)
    true = depth_of(head.shape)
    results = []
    for lens in LENSES:
        focal_px = lens * SIZE[0]
        photo = photographed(head, PHOTO_CM, focal_px, chance)
        for is_flat in (False, True):
            pictures = [
                enlarged(photo, PHOTO_CM / cm, chance)
                if is_flat
                else photographed(head, cm, focal_px, chance)
                for cm in DISTANCES_CM
            ]
            measured = _depth_in_widths(pictures, lens, model)
            if measured is not None:
                usual = measured * LENS / lens
                results.append(Rendered(is_flat, lens, measured / true, usual / true))
    return results


def _frontal(clip: Clip, model: Path) -> tuple[BgrImage, FaceObservation] | None:
    with MediaPipeObserver(model) as observer:
        for frame in at_rate(read_frames(clip.path, SystemClock()), 2):
            picture = frame.to_bgr()
            seen = observer.observe(picture, frame.captured_at_ms, frame.sequence)
            face = seen.face
            if face is None or face.width_px < _LEAST_FACE_PX:
                continue
            if max(abs(face.pose.yaw_deg), abs(face.pose.pitch_deg)) < _FRONTAL_DEG:
                return picture, seen
    return None


def _depth_in_widths(pictures: Sequence[BgrImage], lens: float, model: Path) -> float | None:
    """From the tip of the nose to the outline, by the change of perspective."""
    looks: list[Look] = []
    meshes = []
    with MediaPipeObserver(model) as observer:
        for number, picture in enumerate(pictures):
            face = observer.observe(picture, number * 100, number).face
            if face is not None:
                looks.append(look_at(luma_of(picture), face))
                meshes.append(depth_of(pose_free_shape(face.landmarks)[:468]))
    weight = total = 0.0
    for first, second in combinations(looks, 2):
        ratio = max(first.nearness, second.nearness) / min(first.nearness, second.nearness)
        relief = compare(first, second, lens) if RATIOS[0] <= ratio <= RATIOS[1] else None
        if relief is not None:
            information = (relief.expected / relief.error) ** 2
            weight += information
            total += information * relief.change / relief.expected
    return total / weight * float(np.median(meshes)) if weight else None


def rendered_table(found: Sequence[Rendered]) -> Iterator[str]:
    """How far the measured depth is off, for each lens and for all."""
    yield (
        "| before the camera | lens | n | depth / true depth: median (10%–90%) | median error "
        "| the same with the usual lens |"
    )
    yield "|---" * 6 + "|"
    for is_flat, lens in [(flat, lens) for flat in (False, True) for lens in (*LENSES, None)]:
        some = [one for one in found if one.is_flat is is_flat and lens in (one.lens, None)]
        if not some:
            continue
        true = 0.0 if is_flat else 1.0
        shares = np.array([one.share for one in some])
        usual = np.array([one.share_by_usual_lens for one in some])
        low, middle, high = np.percentile(shares, [10, 50, 90])
        name = "flat picture that grows" if is_flat else "head"
        yield (
            f"| {name} | {lens or 'all'} | {len(some)} | {middle:.2f} ({low:.2f}–{high:.2f}) "
            f"| {np.median(np.abs(shares - true)):.0%} | {np.median(np.abs(usual - true)):.0%} |"
        )


# ── recordings ──


def recorded(clip: Clip, model: Path, *, grown: bool = False) -> Recorded | None:
    """What the meter says of one recording; None where it cannot be decoded or shows no face.

    `grown`: each picture is enlarged, by up to `GROWTH` in `GROW_S`, as a screen is that comes nearer.
    """
    meter, spans = DepthMeter(), list[tuple[int, float]]()
    try:
        with MediaPipeObserver(model) as observer:
            for frame in at_rate(read_frames(clip.path, SystemClock()), FPS):
                at_ms, picture = frame.captured_at_ms, frame.to_bgr()
                if grown:
                    picture = _brought_nearer(picture, at_ms / 1000)
                seen = observer.observe(picture, at_ms, frame.sequence)
                if seen.face is None:
                    continue
                luma = luma_of(picture)
                spans.append((at_ms, eye_span_px(seen.face.landmarks, seen.face.pose)))
                if assess_face(seen, picture, luma=luma).judgeable:
                    meter.update(at_ms, luma, seen.face)
    except MediaError:
        return None
    if not spans:
        return None
    depth = meter.depth
    sway = _sway(spans)
    return Recorded(clip.species, clip.group, clip.path.stem, depth, meter.jitter, sway)


def _brought_nearer(picture: BgrImage, at_s: float) -> BgrImage:
    """Enlarged and moved by a hand that trembles and tilts; as large as before."""
    height, width = picture.shape[:2]
    ratio = GROWTH ** min(1.0, at_s / GROW_S)
    tilt_deg = 1.2 * math.sin(1.1 * at_s) + 0.4 * math.sin(3.7 * at_s)
    matrix = cv2.getRotationMatrix2D((width / 2, height * 0.45), tilt_deg, ratio)
    matrix[0, 2] += 0.012 * width * math.sin(0.9 * at_s + 1)
    matrix[1, 2] += 0.012 * height * math.sin(1.3 * at_s)
    mode = cv2.BORDER_REFLECT
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=mode), np.uint8)


def _sway(spans: Sequence[tuple[int, float]]) -> tuple[float, float] | None:
    """Least and largest span of ten seconds over the median of the first 0.8 s; None below four seconds."""
    begin_ms = spans[0][0]
    first = [span for at_ms, span in spans if at_ms < begin_ms + 800]
    ten = [span for at_ms, span in spans if at_ms < begin_ms + 10_800]
    if len(spans) < 4 * FPS:
        return None
    middle = float(np.median(first))
    return min(ten) / middle, max(ten) / middle


def recorded_table(found: Sequence[Recorded]) -> Iterator[str]:
    """A row for each species that was measured at two distances 15% apart, and what each recording gave."""
    yield "| before the camera | n | of groups | depth: median (10%–90%) | error | head more likely |"
    yield "|---" * 6 + "|"
    for species in dict.fromkeys(one.species for one in found):
        some = [(one, one.depth) for one in found if one.species == species and one.depth]
        known = [(one, depth) for one, depth in some if depth.ratio >= RATIOS[0]]
        if not known:
            yield f"| {species} | 0 | | | | |"
            continue
        values = np.array([depth.value for _, depth in known])
        low, middle, high = np.percentile(values, [10, 50, 90])
        groups = len({one.group for one, _ in known})
        error = float(np.median([depth.error for _, depth in known]))
        heads = sum(depth.log_likelihood_ratio > 0 for _, depth in known)
        yield (
            f"| {species} | {len(known)} | {groups} | {middle:.2f} ({low:.2f}–{high:.2f}) "
            f"| {error:.2f} | {heads} of {len(known)} |"
        )
        for one, depth in known:
            sys.stderr.write(
                f"{one.species} {one.name[-40:]} ratio {depth.ratio:.2f} depth {depth.value:.2f} "
                f"± {depth.error:.2f} of {depth.pairs}, jitter {one.jitter:.1f}, "
                f"ln {depth.log_likelihood_ratio:.1f}\n"
            )
    yield from _spreads(found)


def _spreads(found: Sequence[Recorded]) -> Iterator[str]:
    """What the constants of `liveness/approach.py` and `detection/approach.py` come from."""
    sways = np.array([one.sway for one in found if one.species == "bona_fide" and one.sway])
    jitters = [one.jitter for one in found]
    if len(sways):
        nearer = np.percentile(sways[:, 1], [50, 95, 98])
        further = np.percentile(sways[:, 0], [50, 5, 2])
        yield f"\nsway, n = {len(sways)}: nearer {nearer.round(2)}, further {further.round(2)}"
    yield f"jitter, n = {len(jitters)}: {np.percentile(jitters, [10, 50, 90]).round(1)}"


def main() -> None:
    """The command line."""
    given = _options()
    model = ModelStore(None).fetch("face_landmarker")
    clips = [
        clip
        for clip in read_manifest(given.data / "manifest.tsv")
        if not clip.still and any(word in clip.name for word in given.only)
    ]
    people = _one_of_each_group([clip for clip in clips if clip.species == "bona_fide"])
    with workers(given.jobs) as pool:
        for part in given.part:
            match part:
                case "rendered":
                    heads = pool.map(partial(rendered, model=model), people[: given.people])
                    lines = rendered_table([one for some in heads for one in some])
                case "recorded":
                    wanted = [clip for clip in clips if clip.species in SPECIES]
                    some = pool.map(partial(recorded, model=model), wanted)
                    lines = recorded_table([one for one in some if one])
                case _:
                    moved = pool.map(
                        partial(recorded, model=model, grown=True), people[: given.people]
                    )
                    lines = recorded_table(
                        [replace(one, species="a screen that only grows") for one in moved if one]
                    )
            sys.stdout.writelines(f"{line}\n" for line in lines)
            sys.stdout.flush()


def _one_of_each_group(clips: Sequence[Clip]) -> list[Clip]:
    """The first of each group; what has no group is one of its own."""
    return list({clip.group or str(clip.path): clip for clip in reversed(clips)}.values())[::-1]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.approaches", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument(
        "--part", nargs="+", default=["rendered", "recorded", "grown"],
        choices=["rendered", "recorded", "grown"],
    )  # fmt: skip
    parser.add_argument("--people", type=int, default=40, help="of `rendered` and `grown`")
    parser.add_argument("--only", nargs="+", default=[""], help="of the recordings' names")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
