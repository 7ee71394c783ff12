"""Frames as single pictures: what JPEG and PNG leave of them."""

from __future__ import annotations

import numpy as np
import pytest

from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.results import Conditions, Entrance
from kyc_rtc.evaluation.uploads import as_uploaded
from kyc_rtc.frames import Frame

NOISE = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
FRAME = Frame(40, 41.0, 1, lambda: NOISE)


def error(quality: int | None) -> float:
    (frame,) = as_uploaded(iter([FRAME]), quality)
    assert (frame.captured_at_ms, frame.sequence, frame.is_picture) == (40, 1, True)
    return float(np.abs(frame.to_bgr().astype(int) - NOISE).mean())


def test_png_keeps_everything_and_jpeg_less_with_less_quality() -> None:
    assert error(None) == 0.0
    assert 0 < error(100) < error(92) < error(80) < error(20)


@pytest.mark.parametrize(
    ("codec", "kbps", "path", "quality"),
    [
        ("vp8", 600, Entrance.REST, 80),
        (None, None, Entrance.WEBRTC, 80),
        (None, None, Entrance.REST, 0),
        (None, None, Entrance.REST, 101),
    ],
)
def test_conditions_that_contradict_are_refused(
    codec: str | None, kbps: int | None, path: Entrance, quality: int
) -> None:
    with pytest.raises(BadRequest):
        Conditions(codec, kbps, path=path, quality=quality)
