"""What an analyser says about the stream, and the protocol that every analyser keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kyc_rtc.detection.thumbnail import Thumbnail
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import FaceObservation
from kyc_rtc.vision.quality import FaceQuality


class AnalyserName(StrEnum):
    """The analysers, by the names that settings, messages and reports use."""

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


DETECTORS = frozenset(
    {AnalyserName.SWAP, AnalyserName.GENERATED, AnalyserName.ANIMATED, AnalyserName.RECAPTURE}
)
"""The analysers that ask a detector. Their score is a probability; the others' is 0.5 without suspicion."""

ADVISORY = frozenset({AnalyserName.STREAM, AnalyserName.PULSE, AnalyserName.PERSPECTIVE})
"""For whoever reads the evidence, and never counted in a score or a verdict."""


class Sign(StrEnum):
    """What an analyser noticed. Each has a sentence under `reason.<value>` in the catalogue."""

    TEXTURE = "texture"
    BLINK_PATTERN = "blink_pattern"
    TEMPORAL = "temporal"
    GEOMETRY = "geometry"
    FROZEN_FRAMES = "frozen_frames"
    VIDEO_LOOP = "video_loop"
    NO_MOTION = "no_motion"
    PLANAR_MOTION = "planar_motion"
    FACE_SWAP = "face_swap"
    GENERATED_FACE = "generated_face"
    ANIMATED_PHOTO = "animated_photo"
    RECAPTURE = "recapture"
    STREAM_TIMING = "stream_timing"
    REPEATED_FRAMES = "repeated_frames"
    SEEN_BEFORE = "seen_before"
    CLIENT_MISMATCH = "client_mismatch"
    CAPTURE_MISMATCH = "capture_mismatch"
    NO_PULSE = "no_pulse"


@dataclass(frozen=True, slots=True)
class Evidence:
    """An analyser's statement.

    `score`: 0 looks bona fide … 1 looks like an attack. `confidence`: 0 cannot judge … 1 saw all it
    needs; evidence with confidence 0 never counts in either direction. `span_ms`: media time of the
    first and last frame it rests on. `signs`: what it noticed, strongest first; empty below 0.5.
    """

    analyser: AnalyserName
    score: float
    confidence: float
    span_ms: tuple[int, int]
    signs: tuple[Sign, ...] = ()

    def __post_init__(self) -> None:
        if not (0.0 <= self.score <= 1.0 and 0.0 <= self.confidence <= 1.0):
            raise ValueError(
                f"score and confidence lie in 0..1, not {self.score}, {self.confidence}"
            )


@dataclass(frozen=True, slots=True)
class Sample:
    """One analysed frame as the analysers get it.

    `image_bgr` is the picture as captured (before any enhancement), shape (height, width, 3) uint8;
    `luma` the same in grey, (height, width) uint8, and `thumbnail` that reduced. `quality.judgeable`
    is False where detection must not judge (too dark, blurred, small, occluded…). `received_at_ms`:
    the monotonic clock when the frame was delivered; with `observation.captured_at_ms` it shows how
    the source's clock runs. `is_picture`: it came as a single picture, and not out of a video stream.
    """

    image_bgr: BgrImage
    luma: BgrImage
    thumbnail: Thumbnail
    observation: FaceObservation
    quality: FaceQuality
    received_at_ms: float
    is_picture: bool = False


class Analyser(Protocol):
    """Gathers evidence over a stream. Fed in order of capture; never blocks, never does I/O."""

    @property
    def name(self) -> AnalyserName:
        """Which analyser this is."""

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account. Memory stays bounded however long the stream is."""

    def evidence(self) -> Evidence:
        """The statement on all that was seen so far. Cheap: called on every analysed frame."""
