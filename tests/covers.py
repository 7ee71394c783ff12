"""How often a bare face is called covered, and how often a cover is found: a table in docs/detection.md.

    python -m tests.covers --data FOLDER [--images TEXT] [--every N]

takes one picture of each bona fide recording, and with `--images` every fourth picture whose path holds
TEXT (portraits of different people), paints what `tests.support.covers` has on each, and counts. People are
ordered by the typology angle of their cheeks: of every four in this order the first two are those that
`OcclusionThresholds` was fitted on, and the other two are counted. The mesh is that of the bare face.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.evaluation.groups import typology_angle_deg
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.model_store import ModelStore
from kyc_rtc.vision.observation import Face
from kyc_rtc.vision.occlusion import OcclusionThresholds, covered_parts
from tests.support.covers import BARE, COVERS, DARKER, Canvas, Copy
from training.people import read_items
from training.recordings import pictures

IMAGES_EVERY = 4
_WIDTH_PX, _BORDER_PX = 360, 90
_MIN_FACE_PX = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """A picture with a bare face; `tone_deg` is the individual typology angle of its cheeks."""

    image_bgr: BgrImage
    face: Face
    tone_deg: float

    def canvas(self, seed: int) -> Canvas:
        return Canvas(self.image_bgr, self.face, np.random.default_rng(seed))


@dataclass(frozen=True, slots=True)
class Count:
    """How many of `n` copies are called covered, at all."""

    covered: int
    n: int

    def __str__(self) -> str:
        low, high = wilson_interval(self.covered, self.n)
        return f"{self.covered} of {self.n} ({100 * low:.0f}–{100 * high:.0f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.covers", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument("--images", default="", help="part of the path of portraits")
    parser.add_argument("--every", type=int, default=1, help="every N-th person only")
    options = parser.parse_args()
    model = ModelStore(None).fetch("face_landmarker")
    people = gather(options.data / "manifest.tsv", options.images, model)
    print(table(others(people)[:: options.every], covered))


def gather(manifest: Path, images: str, model: Path) -> list[Person]:
    """Everybody whose face and cheeks are seen, the darkest skin first."""
    found = [(p.image_bgr, p.face) for p in pictures(manifest, model) if p.face is not None]
    found += list(_portraits(manifest, images, model)) if images else []
    people = [
        Person(image_bgr, face, tone_deg)
        for image_bgr, face in found
        if face.width_px >= _MIN_FACE_PX
        and (tone_deg := typology_angle_deg(image_bgr, face)) is not None
    ]
    return sorted(people, key=lambda person: person.tone_deg)


def _portraits(manifest: Path, text: str, model: Path) -> Iterator[tuple[BgrImage, Face]]:
    """Pictures of the manifest, with room around the head, which crops lack."""
    paths = [i.path for i in read_items(manifest) if i.bona_fide and text in str(i.path)]
    for path in paths[::IMAGES_EVERY]:
        image = cv2.imread(str(path))
        if image is None:
            continue
        size = (_WIDTH_PX, round(_WIDTH_PX * image.shape[0] / image.shape[1]))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        room = _BORDER_PX
        padded = np.asarray(
            cv2.copyMakeBorder(image, room, room, room, room, cv2.BORDER_REPLICATE), np.uint8
        )
        with MediaPipeObserver(model) as observer:
            face = observer.observe(padded, 0, 0).face
        if face is not None:
            yield padded, face


def others(people: Sequence[Person]) -> list[Person]:
    """Those of each four on whom nothing was fitted."""
    return [person for number, person in enumerate(people) if number % 4 >= 2]


def covered(canvas: Canvas) -> bool:
    """Whether anything is called covered under the shipped limits."""
    return bool(covered_parts(canvas.image_bgr, canvas.face, OcclusionThresholds()))


def table(people: Sequence[Person], is_covered: Callable[[Canvas], bool]) -> str:
    """Markdown: every copy of the lighter and of the darker half, and of all recoloured to dark brown."""
    half = len(people) // 2
    columns: tuple[tuple[str, Sequence[Person], Copy], ...] = (
        ("lighter half", people[half:], BARE["as it is"]),
        ("darker half", people[:half], BARE["as it is"]),
        ("all, recoloured", people, DARKER),
    )
    lines = ["| | copy | " + " | ".join(name for name, _, _ in columns) + " |", "|---" * 5 + "|"]
    for kind, copies in (("bare", BARE), ("cover", COVERS)):
        for name, copy in copies.items():
            cells = [str(count(some, skin, copy, is_covered)) for _, some, skin in columns]
            lines.append(f"| {kind} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def count(
    people: Sequence[Person], skin: Copy, copy: Copy, is_covered: Callable[[Canvas], bool]
) -> Count:
    """The copies that are called covered; each person has a seed of their own."""
    flags = [is_covered(copy(skin(person.canvas(seed)))) for seed, person in enumerate(people)]
    return Count(sum(flags), len(flags))


if __name__ == "__main__":
    main()
