"""Thumbnails: what is the same scene looks the same, however it is lit."""

from __future__ import annotations

import numpy as np

from kyc_rtc.detection.thumbnail import thumbnail


def test_a_thumbnail_ignores_exposure_and_contrast() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(40, 160, (240, 320)).astype(np.uint8)
    brighter = np.clip(picture.astype(float) * 1.2 + 20, 0, 255).astype(np.uint8)
    scene = np.kron(rng.integers(60, 160, (6, 8)), np.ones((40, 40))).astype(np.uint8)
    assert thumbnail(picture).shape == (256,)
    scene_brighter = np.clip(scene * 1.2 + 20, 0, 255).astype(np.uint8)
    np.testing.assert_allclose(thumbnail(scene), thumbnail(scene_brighter), atol=0.02)
    assert not np.allclose(thumbnail(brighter), thumbnail(scene), atol=0.3)
