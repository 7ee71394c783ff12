"""The analysers that a stream is judged by."""

from __future__ import annotations

from kyc_rtc.detection.blink import BlinkAnalyser
from kyc_rtc.detection.evidence import Analyser
from kyc_rtc.detection.geometry import GeometryAnalyser
from kyc_rtc.detection.temporal import TemporalAnalyser
from kyc_rtc.detection.texture import TextureAnalyser


def new_analysers() -> tuple[Analyser, ...]:
    """New analysers for one stream; each keeps what it has seen of it."""
    return (TextureAnalyser(), BlinkAnalyser(), TemporalAnalyser(), GeometryAnalyser())
