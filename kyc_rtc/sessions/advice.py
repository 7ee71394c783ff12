"""What is known of a stream's source apart from its pictures, joined to the stream's evidence.

It joins after the verdict was formed, so it cannot change one: it is for whoever reads the evidence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kyc_rtc.detection.capture import CaptureWatch, capture_settings
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.pipeline.analysis import FrameResult

STRONGEST_FIRST = (Sign.SEEN_BEFORE, Sign.CLIENT_MISMATCH, Sign.CAPTURE_MISMATCH)

_SCORE = _CONFIDENCE = 0.6
"""Of a statement with such a sign, at least: as much as the stream analyser ever says by itself."""


class Advice:
    """The signs of one session that came from elsewhere than an analyser."""

    def __init__(self) -> None:
        self._signs: set[Sign] = set()
        self._capture = CaptureWatch()

    def note(self, sign: Sign) -> None:
        """Add one of `STRONGEST_FIRST`; it stays."""
        self._signs.add(sign)

    def capture_reported(self, fields: Mapping[str, Any]) -> None:
        """The client sent a `capture_info`, whatever is in it."""
        self._capture.report(capture_settings(fields))

    def watch(self, result: FrameResult) -> None:
        """Compare one frame with what the client reported."""
        seen = result.observation
        if self._capture.update(seen.captured_at_ms, seen.sequence, seen.image_size):
            self.note(Sign.CAPTURE_MISMATCH)

    def joined_to(self, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
        """The evidence, with these signs in the stream's statement."""
        signs = tuple(sign for sign in STRONGEST_FIRST if sign in self._signs)
        if not signs:
            return tuple(evidence)
        if not any(e.analyser is AnalyserName.STREAM for e in evidence):
            evidence = (*evidence, Evidence(AnalyserName.STREAM, 0.5, 0.0, (0, 0)))
        return tuple(
            _joined(e, signs) if e.analyser is AnalyserName.STREAM else e for e in evidence
        )


def _joined(evidence: Evidence, signs: tuple[Sign, ...]) -> Evidence:
    return dataclasses.replace(
        evidence,
        score=max(evidence.score, _SCORE),
        confidence=max(evidence.confidence, _CONFIDENCE),
        signs=(*signs, *(sign for sign in evidence.signs if sign not in signs)),
    )
