"""The analysers of one stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kyc_rtc.detection.approach import PerspectiveAnalyser
from kyc_rtc.detection.blink import BlinkAnalyser
from kyc_rtc.detection.colour_texture import ColourHead
from kyc_rtc.detection.detectors import Detector, DetectorAnalyser
from kyc_rtc.detection.evidence import Analyser, AnalyserName
from kyc_rtc.detection.features import FaceNet, Features
from kyc_rtc.detection.geometry import GeometryAnalyser
from kyc_rtc.detection.pulse import PulseAnalyser
from kyc_rtc.detection.stream import StreamAnalyser
from kyc_rtc.detection.temporal import TemporalAnalyser
from kyc_rtc.detection.texture import TextureAnalyser


@dataclass(frozen=True, slots=True)
class Learned:
    """The trained parts. A class of attack without a detector has no evidence of its own."""

    net: FaceNet | None = None
    detectors: Mapping[AnalyserName, Detector] = field(default_factory=dict)
    colours: ColourHead | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """The shared features of one stream, updated first, and its analysers."""

    features: Features
    analysers: tuple[Analyser, ...]
    learned: Learned = field(default_factory=Learned)

    def with_new_detectors(self) -> Suite:
        """The same analysers, but for the detectors and their features, which begin anew."""
        features, detectors = _new_detectors(self.learned)
        analysers = tuple(detectors.get(one.name, one) for one in self.analysers)
        return Suite(features, analysers, self.learned)


def new_suite(learned: Learned | None = None) -> Suite:
    """New analysers for one stream; each keeps what it has seen of it."""
    learned = learned or Learned()
    features, detectors = _new_detectors(learned)
    return Suite(
        features,
        (
            TextureAnalyser(),
            BlinkAnalyser(),
            TemporalAnalyser(),
            GeometryAnalyser(),
            *detectors.values(),
            StreamAnalyser(),
            PulseAnalyser(),
            PerspectiveAnalyser(),
        ),
        learned,
    )


def _new_detectors(learned: Learned) -> tuple[Features, Mapping[AnalyserName, Analyser]]:
    features = Features(learned.net, learned.colours)
    return features, {
        name: DetectorAnalyser(name, features, detector)
        for name, detector in learned.detectors.items()
    }
