"""`python -m training.light --data FOLDER`: fits `kyc_rtc.vision.light.LightThresholds`, and counts by
skin tone who is called too dark, and too bright.

Copies of each picture: the face recoloured to darker skin (it reflects less, of blue least; eyes as they
are), then the whole at a share of its light (gamma 2.2), with noise and JPEG as a cheap camera adds them.
Limits are fitted on one half of the people and counted on the other; the shipped ones are rounded.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.evaluation.groups import SKIN_BANDS, band_of, typology_angle_deg
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.frames import BgrImage, ImageQuality, SceneLight, measure_scene
from kyc_rtc.vision.face_quality import measure_face
from kyc_rtc.vision.geometry import FACE_OVAL, LEFT_EYE, RIGHT_EYE
from kyc_rtc.vision.light import LightThresholds, face_light_issue
from kyc_rtc.vision.model_store import ModelStore
from kyc_rtc.vision.observation import Face
from kyc_rtc.vision.quality import QualityIssue
from training.recordings import pictures

SKINS: dict[str, tuple[float, float, float]] = {
    "dark brown": (0.42, 0.48, 0.60),
    "darker": (0.28, 0.32, 0.35),
    "darkest": (0.22, 0.26, 0.28),
}
"""What is left of blue, green and red, gamma encoded. Of light skin, `dark brown` is a fifth of the light,
as of real skin; the others go beyond any."""

LIGHTS = (2.0, 1.0, 0.46, 0.25, 0.1, 0.04, 0.02)
_GOOD, _BAD = 0.46, 0.04
"""At 46% a camera in its automatic mode is still content; at 4% blinks get lost."""

_RECOLOURED = {"very light", "light", "intermediate"}
_NOISE_SIGMA, _JPEG = 3.0, 70
_OLD_MIN_LUMA = 40.0
"""The limit of the face's mean luma that was used before: for comparison."""


@dataclass(frozen=True, slots=True)
class Row:
    """One copy: the band of the skin as seen in the original, the recolouring, the share of light."""

    half: int
    band: str
    skin: str
    light: float
    face: ImageQuality
    scene: SceneLight

    def signal(self, limits: LightThresholds) -> float:
        return self.face.spread - limits.noise_sigmas * self.face.noise_sigma


def main() -> None:
    """Print fits and tables."""
    parser = argparse.ArgumentParser(prog="python -m training.light", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    options = parser.parse_args()
    rows = gather(options.data / "manifest.tsv", ModelStore(None).fetch("face_landmarker"))
    for half in (0, 1):
        fitted = fit([row for row in rows if row.half == half])
        other = [row for row in rows if row.half != half]
        print(f"\nfitted on half {half}: {fitted}\n\n{table(other, _too_dark(fitted))}")
    print(f"\nshipped, too dark:\n\n{table(rows, _too_dark(LightThresholds()))}")
    print(f"\nmean luma below {_OLD_MIN_LUMA}:\n\n{table(rows, _was_too_dark)}")
    print(f"\nshipped, too bright:\n\n{table(rows, _too_bright)}")


def gather(manifest: Path, model: Path) -> list[Row]:
    """Every copy of every picture with a face."""
    rows: list[Row] = []
    for number, picture in enumerate(pictures(manifest, model)):
        if picture.face is not None:
            noise = np.random.default_rng(number)
            rows += _copies(picture.image_bgr, picture.face, picture.half, noise)
    return rows


def _copies(image_bgr: BgrImage, face: Face, half: int, noise: np.random.Generator) -> list[Row]:
    band = band_of(typology_angle_deg(image_bgr, face), SKIN_BANDS)
    skins = {"as it is": image_bgr}
    if band in _RECOLOURED:
        skins |= {name: recoloured(image_bgr, face, share) for name, share in SKINS.items()}
    rows = []
    for skin, picture in skins.items():
        for light in LIGHTS:
            dimmed = in_light(picture, light, noise)
            luma = np.asarray(cv2.cvtColor(dimmed, cv2.COLOR_BGR2GRAY), np.uint8)
            measured = measure_face(luma, face)
            if measured is not None:
                rows.append(Row(half, band, skin, light, measured, measure_scene(luma)))
    return rows


def recoloured(image_bgr: BgrImage, face: Face, share: tuple[float, float, float]) -> BgrImage:
    """The same person with darker skin: the face without the eyes, times `share`."""
    mask = np.zeros(image_bgr.shape[:2], np.float32)
    for contour, value in ((FACE_OVAL, 1.0), (LEFT_EYE, 0.0), (RIGHT_EYE, 0.0)):
        cv2.fillPoly(mask, [face.landmarks[list(contour), :2].astype(np.int32)], (value,))
    weight = np.asarray(cv2.GaussianBlur(mask, (9, 9), 0))[..., None]
    mixed = image_bgr * (1 - weight) + image_bgr * np.array(share, np.float32) * weight
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def in_light(image_bgr: BgrImage, share: float, noise: np.random.Generator) -> BgrImage:
    """The picture at a share of its light, through a noisy camera and JPEG."""
    linear = np.minimum((np.arange(256) / 255) ** 2.2 * share, 1.0)
    table = (linear ** (1 / 2.2) * 255).astype(np.float32)
    grain = noise.normal(0.0, _NOISE_SIGMA, (*image_bgr.shape[:2], 1)).astype(np.float32)
    noisy = np.asarray(np.clip(np.rint(table[image_bgr] + grain), 0, 255), np.uint8)
    _, packed = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def fit(rows: Sequence[Row]) -> LightThresholds:
    """The limits that let 99% of faces in good light pass, and stop 99% of those in bad light.

    `min_scene_highlight` lies between good and bad light, of whatever skin; `lit_signal` above light skin
    in bad light; `min_signal` below the darkest skin in good light.
    """
    limits = LightThresholds()
    good = [row for row in rows if row.light == _GOOD]
    bad = [row for row in rows if row.light == _BAD]
    between = (
        np.percentile([row.scene.highlight for row in good], 1)
        + np.percentile([row.scene.highlight for row in bad], 99)
    ) / 2
    lit = np.percentile([row.signal(limits) for row in bad if row.skin == "as it is"], 99)
    least = np.percentile([row.signal(limits) for row in good if row.skin == "darkest"], 1)
    return replace(
        limits,
        min_scene_highlight=round(float(between), 1),
        lit_signal=round(float(lit), 1),
        min_signal=round(float(least), 1),
    )


def _too_dark(limits: LightThresholds) -> Callable[[Row], bool]:
    return lambda row: face_light_issue(row.face, row.scene, limits) is QualityIssue.TOO_DARK


def _too_bright(row: Row) -> bool:
    return face_light_issue(row.face, row.scene, LightThresholds()) is QualityIssue.TOO_BRIGHT


def _was_too_dark(row: Row) -> bool:
    return row.face.mean_luma < _OLD_MIN_LUMA


def table(rows: Sequence[Row], flagged: Callable[[Row], bool]) -> str:
    """Markdown: skin against light, with n and the share that is flagged in % (95% Wilson)."""
    groups = [(name, "as it is") for name, _, _ in SKIN_BANDS]
    groups += [("recoloured", skin) for skin in SKINS]
    lines = ["| skin | n | " + " | ".join(f"{light:.0%}" for light in LIGHTS) + " |"]
    lines.append("|---" * (len(LIGHTS) + 2) + "|")
    for band, skin in groups:
        ours = [row for row in rows if row.skin == skin and band in {row.band, "recoloured"}]
        cells = [_cell([flagged(row) for row in ours if row.light == light]) for light in LIGHTS]
        name = band if skin == "as it is" else f"recoloured, {skin}"
        lines.append(f"| {name} | {len(ours) // len(LIGHTS)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(flags: Sequence[bool]) -> str:
    if not flags:
        return "-"
    low, high = wilson_interval(sum(flags), len(flags))
    return f"{np.mean(flags):.0%} ({100 * low:.0f}–{100 * high:.0f})"


if __name__ == "__main__":
    main()
