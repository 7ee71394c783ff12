"""One frame through the analysers: observation, quality, identity, evidence, with the time of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from kyc_rtc.clock import Clock
from kyc_rtc.detection.analysers import Suite
from kyc_rtc.detection.evidence import Evidence, Sample
from kyc_rtc.detection.recurrence import FootageRecorder
from kyc_rtc.detection.thumbnail import thumbnail
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.frames.orientation import turn_quarters
from kyc_rtc.vision.enhance import Enhancer
from kyc_rtc.vision.face_finder import FaceFinder
from kyc_rtc.vision.face_quality import QualityGate, assess_face
from kyc_rtc.vision.face_search import FaceSearch
from kyc_rtc.vision.observation import FaceObservation, FaceObserver
from kyc_rtc.vision.quality import FaceQuality, QualityIssue
from kyc_rtc.vision.tracking import FaceTracker, TrackState

MAX_SIDE_PX = 1280
"""Larger pictures are reduced: the nets look at 256 pixels of face, and the cost grows with the area."""

MOST_BEFORE_MS = 4_000
"""Of judged frames before the first prompt. A person is asked after one or two seconds; and what stays the
same for some seconds is what betrays an animated photograph, so that these are kept."""


class Stage(StrEnum):
    """The stages whose cost is reported."""

    CONVERT = "convert"
    ENHANCE = "enhance"
    OBSERVE = "observe"
    QUALITY = "quality"
    TRACK = "track"
    FEATURES = "features"
    TEXTURE = "texture"
    BLINK = "blink"
    TEMPORAL = "temporal"
    GEOMETRY = "geometry"
    SWAP = "swap"
    GENERATED = "generated"
    ANIMATED = "animated"
    RECAPTURE = "recapture"
    STREAM = "stream"
    PULSE = "pulse"
    PERSPECTIVE = "perspective"


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What one analysed frame gave.

    `issues` are the stable ones (they have lasted), worst first. `evidence` is on all that was seen
    so far. `cpu_ms` maps each stage to the CPU milliseconds of the analysing thread. `quarter_turns`: by
    how many quarters anticlockwise the picture was turned before it was observed. `net_answers`: pairs of
    frames that the net has seen since the detectors began; None without a net.
    """

    observation: FaceObservation
    received_at_ms: float
    quality: FaceQuality
    issues: tuple[QualityIssue, ...]
    track: TrackState
    evidence: tuple[Evidence, ...]
    enhanced: bool
    cpu_ms: dict[Stage, float]
    quarter_turns: int = 0
    net_answers: int | None = None

    @property
    def captured_at_ms(self) -> int:
        return self.observation.captured_at_ms


class FrameAnalysis:
    """The analysers of one session, with their memory. One call at a time; `close` frees them."""

    def __init__(
        self,
        observer: FaceObserver,
        suite: Suite,
        clock: Clock,
        finder: FaceFinder | None = None,
    ) -> None:
        """`finder` looks again where no face, or a new one, is seen; without it nobody does."""
        self._observer = observer
        self._search = FaceSearch(finder)
        self._suite = suite
        self._clock = clock
        self._enhancer = Enhancer()
        self._gate = QualityGate()
        self._tracker = FaceTracker()
        self._footage = FootageRecorder()
        self._previous_quality: FaceQuality | None = None

    def analyse(self, frame: Frame) -> FrameResult:
        """Analyse one frame. CPU-heavy (about 15 ms at 640×480): call it on the pool."""
        cpu_ms: dict[Stage, float] = {}
        with self._timed(cpu_ms, Stage.CONVERT):
            turns = self._search.quarter_turns
            image = turn_quarters(_bounded(frame.to_bgr()), turns)
            luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
            small = thumbnail(luma)
            self._footage.update(frame.captured_at_ms, small)
        with self._timed(cpu_ms, Stage.ENHANCE):
            # The last frame's face tells whether this one needs help: light changes slowly.
            last = self._previous_quality.image if self._previous_quality else None
            shown = self._enhancer.apply(image, last)
        with self._timed(cpu_ms, Stage.OBSERVE):
            observation = self._observer.observe(shown, frame.captured_at_ms, frame.sequence)
        with self._timed(cpu_ms, Stage.QUALITY):
            quality = assess_face(observation, image, luma=luma)
            quality = quality.also(self._search.update(observation, quality, image))
            issues = self._gate.update(quality, frame.captured_at_ms)
        with self._timed(cpu_ms, Stage.TRACK):
            track = self._tracker.update(observation, image, usable=quality.judgeable)
        sample = Sample(
            image, luma, small, observation, quality, frame.received_at_ms, frame.is_picture
        )
        with self._timed(cpu_ms, Stage.FEATURES):
            self._suite.features.update(sample)
        for analyser in self._suite.analysers:
            with self._timed(cpu_ms, Stage(analyser.name.value)):
                analyser.update(sample)
        self._previous_quality = quality
        return FrameResult(
            observation=observation,
            received_at_ms=frame.received_at_ms,
            quality=quality,
            issues=issues,
            track=track,
            evidence=tuple(analyser.evidence() for analyser in self._suite.analysers),
            enhanced=shown is not image,
            cpu_ms=cpu_ms,
            quarter_turns=turns,
            net_answers=self._suite.features.net_answers,
        )

    def begin_challenges(self) -> None:
        """Let the detectors begin anew where much was shown before anything was asked: they judge by means
        over all that they have seen, and that would dilute them. Not during `analyse`."""
        first_ms, last_ms = self._suite.features.span_ms
        if last_ms - first_ms > MOST_BEFORE_MS:
            self._suite = self._suite.with_new_detectors()

    def features(self) -> dict[str, float]:
        """What the detectors judge by, so far; NaN where too little was seen."""
        return self._suite.features.values()

    def record(self) -> bytes:
        """The record of the footage so far, for `detection.recurrence.recurs`."""
        return self._footage.record()

    def close(self) -> None:
        """Free the observer. Idempotent."""
        self._observer.close()

    @contextmanager
    def _timed(self, cpu_ms: dict[Stage, float], stage: Stage) -> Iterator[None]:
        start_ms = self._clock.cpu_ms()
        yield
        cpu_ms[stage] = self._clock.cpu_ms() - start_ms


def _bounded(image: BgrImage) -> BgrImage:
    scale = MAX_SIDE_PX / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
