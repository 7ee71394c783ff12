"""Pictures that say what a face in them would show: big grey blocks, read back by the faked analysis.

A picture is 128x96 pixels, four by three blocks. Two blocks are the black and the white that the others
are measured against, so that a codec, or another brightness, changes nothing; a third is a mark.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage
from tests.unit.liveness.fakes.faces import Look

_BLOCK_PX = 32
_COLUMNS, _ROWS = 4, 3
_BLACK, _WHITE = 16.0, 240.0
_MIN_CONTRAST = 60.0
"""Less between the two references: the picture is dark, or none of ours."""
_MARK, _MARK_SLACK = 0.25, 0.04
_YAW_DEG, _PITCH_DEG = 60.0, 45.0
"""The angles that white stands for; black is the same to the other side."""

_MIME = {".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture shows. `good`: it can be judged; `attack`: the detectors see an attack."""

    look: Look = field(default_factory=Look)
    face: bool = True
    good: bool = True
    attack: bool = False


def draw(shown: Shown) -> BgrImage:
    """The picture, shape (96, 128, 3), uint8."""
    look = shown.look
    levels = [
        0.0,
        1.0,
        _MARK,
        float(shown.face),
        float(shown.good),
        float(shown.attack),
        0.5 + look.yaw_deg / (2 * _YAW_DEG),
        0.5 + look.pitch_deg / (2 * _PITCH_DEG),
        look.shut,
        look.smile,
        look.jaw,
        _MARK,
    ]
    greys = _BLACK + (_WHITE - _BLACK) * np.clip(levels, 0.0, 1.0)
    blocks = np.rint(greys).astype(np.uint8).reshape(_ROWS, _COLUMNS)
    grey = np.kron(blocks, np.ones((_BLOCK_PX, _BLOCK_PX), np.uint8))
    return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))


def read(image_bgr: BgrImage) -> Shown | None:
    """What the picture shows; None where it is not one of these, or too dark to tell."""
    black, white, *rest = _block_means(image_bgr)
    if white - black < _MIN_CONTRAST:
        return None
    mark, face, good, attack, yaw, pitch, shut, smile, jaw, second_mark = (
        (mean - black) / (white - black) for mean in rest
    )
    if max(abs(mark - _MARK), abs(second_mark - _MARK)) > _MARK_SLACK:
        return None
    look = Look(
        yaw_deg=(2 * yaw - 1) * _YAW_DEG,
        pitch_deg=(2 * pitch - 1) * _PITCH_DEG,
        shut=shut,
        smile=smile,
        jaw=jaw,
    )
    return Shown(look, face > 0.5, good > 0.5, attack > 0.5)


def data_url(shown: Shown, suffix: Literal[".png", ".jpg"] = ".png") -> str:
    """The picture as `upload-video-frame` takes it."""
    _, encoded = cv2.imencode(suffix, draw(shown))
    return f"data:{_MIME[suffix]};base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _block_means(image_bgr: BgrImage) -> list[float]:
    """The mean of the middle of every block, row by row; the edges are where codecs err."""
    height, width = image_bgr.shape[0] / _ROWS, image_bgr.shape[1] / _COLUMNS
    return [
        float(image_bgr[_middle(row, height), _middle(column, width)].mean())
        for row in range(_ROWS)
        for column in range(_COLUMNS)
    ]


def _middle(number: int, size: float) -> slice:
    """The middle half of one of equal parts; at least a pixel."""
    begin = int((number + 0.25) * size)
    return slice(begin, max(int((number + 0.75) * size), begin + 1))
