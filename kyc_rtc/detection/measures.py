"""All measures of a stream that the experts judge by, as one vector."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.appearance import APPEARANCE_NAMES, AppearanceMeter
from kyc_rtc.detection.evidence import Sample
from kyc_rtc.detection.moments import Ledger, Moment, moments_of
from kyc_rtc.detection.movement import MOVEMENT_NAMES, MovementMeter
from kyc_rtc.detection.regions import EYE_DISTANCE
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import aligned_crop
from kyc_rtc.vision.observation import Face

QUESTIONS = ("swap", "blended", "generated", "puppet", "recapture", "screen")
"""What the net is asked, in the order of its outputs. The first of each pair was taught on recorded
attacks, which have the look of a few tools; the second on drawn ones, which have none but that of
what every such attack does. Experts weigh the two."""

NET_CROP_PX = 128
NET_EVERY_MS = 400
"""A net sees two or three faces a second: neighbouring frames tell it the same."""

_NET_MOMENTS = (Moment.FRONTAL, Moment.TURNED, Moment.MOVING, Moment.MOUTH_OPEN)

NET_NAMES = tuple(
    name
    for question in QUESTIONS
    for name in (
        f"net_{question}",
        f"net_{question}.high",
        f"net_{question}.low",
        f"net_{question}.spread",
        *(f"net_{question}.{moment.value}" for moment in _NET_MOMENTS),
    )
)
MEASURE_NAMES = (*MOVEMENT_NAMES, *APPEARANCE_NAMES, *NET_NAMES)


class FaceNet(Protocol):
    """A net that looks at one aligned face."""

    def logits(self, crop_bgr: BgrImage) -> NDArray[np.float32]:
        """Log-odds for each of `QUESTIONS`, shape (6,), of a crop (128, 128, 3)."""


class Measures:
    """Gathers the measures of one stream. Only judgeable frames count. Memory is bounded."""

    def __init__(self, net: FaceNet | None) -> None:
        self._net = net
        self._movement = MovementMeter()
        self._appearance = AppearanceMeter()
        self._answers = Ledger()
        self._before: tuple[int, Face] | None = None
        self._first_ms: int | None = None
        self._next_net_ms = 0
        self._last_ms = 0
        self._values: dict[str, float] | None = None

    @property
    def span_ms(self) -> tuple[int, int]:
        """Media time of the first and the last frame that counted."""
        return (self._first_ms or 0, self._last_ms)

    @property
    def net_answers(self) -> int:
        """How many faces the net has seen."""
        return self._answers.count(f"net_{QUESTIONS[0]}")

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; about 2 ms on average at 10 frames a second."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            self._before = None
            return
        now_ms = sample.observation.captured_at_ms
        self._values = None
        self._first_ms = now_ms if self._first_ms is None else self._first_ms
        self._last_ms = now_ms
        before = self._before
        moments = moments_of(
            face, before[1] if before else None, now_ms - before[0] if before else 0
        )
        if before is None or now_ms - before[0] >= 60:
            self._before = (now_ms, face)
        self._movement.update(now_ms, face, moments)
        self._appearance.update(now_ms, sample.image_bgr, face, moments)
        if self._net is not None and now_ms >= self._next_net_ms:
            self._next_net_ms = now_ms + NET_EVERY_MS
            self._ask(self._net, sample.image_bgr, face, moments)

    def _ask(self, net: FaceNet, image: BgrImage, face: Face, moments: tuple[Moment, ...]) -> None:
        crop = aligned_crop(image, face.landmarks, NET_CROP_PX, eye_distance=EYE_DISTANCE)
        for question, logit in zip(QUESTIONS, net.logits(crop), strict=True):
            self._answers.add(f"net_{question}", float(logit), moments)

    def values(self) -> dict[str, float]:
        """The measures of `MEASURE_NAMES`; NaN where too little was seen. About 5 ms after a frame."""
        if self._values is None:
            self._values = self._summed_up()
        return self._values

    def _summed_up(self) -> dict[str, float]:
        found = self._movement.values() | self._appearance.values()
        for name in (f"net_{question}" for question in QUESTIONS):
            found[name] = self._answers.mean(name)
            found[f"{name}.high"] = self._answers.quantile(name, 0.8)
            found[f"{name}.low"] = self._answers.quantile(name, 0.2)
            found[f"{name}.spread"] = self._answers.deviation(name)
            for moment in _NET_MOMENTS:
                found[f"{name}.{moment.value}"] = self._answers.mean(name, moment, least=2)
        return {name: found[name] for name in MEASURE_NAMES}
