"""Verdicts, alarms and covered faces of bona fide clips by skin tone, in few groups of many clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.detection.evidence import ADVISORY
from kyc_rtc.evaluation.groups import Band, band_of
from kyc_rtc.evaluation.metrics import Proportion, wilson_interval
from kyc_rtc.evaluation.results import ClipResult

TONE_GROUPS: tuple[Band, ...] = (
    ("light", 41.0, math.inf),
    ("intermediate", 28.0, 41.0),
    ("tan", 10.0, 28.0),
    ("dark", -math.inf, 10.0),
)
"""The six classes of the individual typology angle in degrees (Chardon 1991, `groups.SKIN_BANDS`), merged:
very light and light, intermediate, tan, brown and dark. Of 129 bona fide clips with an angle they hold 36,
31, 21 and 41, where the six classes have one of 11."""

_ALARM = 0.5
"""Above this score an analyser gives its sign."""

_ADVISORY = {name.value for name in ADVISORY}


def by_tone(results: Sequence[ClipResult], confidence_threshold: float) -> dict[str, Any]:
    """The bona fide clips of each group of skin tone, as plain values for JSON.

    `failed` and `inconclusive` are of all clips. `alarms` has, for each analyser that counts, the clips with
    a score above 0.5 of those that it judged with at least `confidence_threshold`. `occluded` is the mean
    share of frames with a face that is called covered, over the clips where that was counted; the frames of
    a clip are alike, so that its interval counts clips. Clips without an angle stand under `unknown`, a row
    that is there only if there are any.
    """
    clips = [clip for clip in results if clip.bona_fide]
    names = [band_of(clip.face.ita_deg, TONE_GROUPS) for clip in clips]
    rows = [name for name, _, _ in TONE_GROUPS] + (["unknown"] if "unknown" in names else [])
    return {
        row: _row(
            [clip for clip, name in zip(clips, names, strict=True) if name == row],
            confidence_threshold,
        )
        for row in rows
    }


def _row(clips: Sequence[ClipResult], confidence_threshold: float) -> dict[str, Any]:
    analysers = sorted({name for clip in clips for name in clip.evidence} - _ADVISORY)
    return {
        "n": len(clips),
        "failed": _share(clips, VerdictStatus.FAILED),
        "inconclusive": _share(clips, VerdictStatus.INCONCLUSIVE),
        "occluded": _occluded(clips),
        "alarms": {name: _alarms(clips, name, confidence_threshold) for name in analysers},
    }


def _share(clips: Sequence[ClipResult], status: VerdictStatus) -> dict[str, Any]:
    return Proportion(sum(clip.status is status for clip in clips), len(clips)).fields()


def _alarms(
    clips: Sequence[ClipResult], analyser: str, confidence_threshold: float
) -> dict[str, Any]:
    scores = [
        said.score
        for clip in clips
        if (said := clip.evidence.get(analyser)) is not None
        and said.confidence > 0
        and said.confidence >= confidence_threshold
    ]
    return Proportion(sum(score > _ALARM for score in scores), len(scores)).fields()


def _occluded(clips: Sequence[ClipResult]) -> dict[str, Any]:
    shares = [
        clip.frames.occluded / clip.frames.with_face
        for clip in clips
        if clip.frames.occluded is not None and clip.frames.with_face > 0
    ]
    covered = math.fsum(shares)
    return {
        "value": covered / len(shares) if shares else None,
        "interval_95": wilson_interval(covered, len(shares)) if shares else None,
        "n": len(shares),
    }
