"""`python -m training.orientation --data FOLDER`: what the limits of `kyc_rtc.vision.face_search` rest on.

Each picture as it is, turned by quarters, moved partly out of sight and made small; what the second look
says of it, and whether the observer finds the face by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage
from kyc_rtc.frames.orientation import turn_quarters
from kyc_rtc.vision.face_finder import Look, MediaPipeFinder
from kyc_rtc.vision.face_search import upright_way
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.model_store import ModelStore
from training.recordings import pictures

Bend = Callable[[BgrImage], BgrImage]


def moved(right: float, down: float) -> Bend:
    """Moved by shares of the picture's width and height."""
    return lambda image: _warped(image, 1.0, right * image.shape[1], down * image.shape[0])


def small(scale: float) -> Bend:
    """Made small, in the middle."""
    left = (1 - scale) / 2
    return lambda image: _warped(image, scale, left * image.shape[1], left * image.shape[0])


def _warped(image: BgrImage, scale: float, x: float, y: float) -> BgrImage:
    matrix = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    size = image.shape[1], image.shape[0]
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=border), np.uint8)


CASES: dict[str, Bend] = {
    "as it is": lambda image: image,
    "a quarter left": lambda image: turn_quarters(image, 1),
    "upside down": lambda image: turn_quarters(image, 2),
    "a quarter right": lambda image: turn_quarters(image, 3),
    "down by 45%": moved(0, 0.45),
    "up by 45%": moved(0, -0.45),
    "left by 45%": moved(-0.45, 0),
    "at 50%": small(0.5),
    "at 35%": small(0.35),
    "at 25%": small(0.25),
    "at 15%": small(0.15),
}


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(prog="python -m training.orientation", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    options = parser.parse_args()
    model = ModelStore(None).fetch("face_landmarker")
    finder = MediaPipeFinder(model)
    images = [one.image_bgr for one in pictures(options.data / "manifest.tsv", model) if one.face]
    print(
        "| picture | n | observer: upright / turned / none | turned by 0 / 1 / 2 / 3 | score | lead | far |"
    )
    print("|---" * 7 + "|")
    for name, bend in CASES.items():
        bent = [np.ascontiguousarray(bend(image)) for image in images]
        looks = [finder.look(image, far=True) for image in bent]
        print(f"| {name} | {len(bent)} | {_observed(bent, model)} | {_figures(looks)} |")


def _observed(images: list[BgrImage], model: Path) -> str:
    counts = [0, 0, 0]
    for image in images:
        with MediaPipeObserver(model) as observer:
            face = observer.observe(image, 0, 0).face
        counts[2 if face is None else int(abs(face.pose.roll_deg) > 45)] += 1
    return " / ".join(map(str, counts))


def _figures(looks: list[Look]) -> str:
    scores = np.array(
        [[glimpse.score if glimpse else 0.0 for glimpse in one.turned] for one in looks]
    )
    best, lead = scores.max(axis=1), scores.max(axis=1) - scores[:, 0]
    ways = np.bincount([upright_way(look) for look in looks], minlength=4)
    far = sum(look.far is not None for look in looks)
    return f"{' / '.join(map(str, ways))} | {_spread(best)} | {_spread(lead)} | {far}"


def _spread(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{low:.2f} {middle:.2f} {high:.2f}"


if __name__ == "__main__":
    main()
