"""Alarms and covered faces by skin tone, from results made by hand; results of earlier versions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.evaluation.groups import SKIN_BANDS, band_of
from kyc_rtc.evaluation.markdown import to_markdown
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.evaluation.report import build_report
from kyc_rtc.evaluation.results import ClipResult, Conditions, FaceMeasures, FrameCounts
from kyc_rtc.evaluation.tone import TONE_GROUPS, by_tone
from tests.unit.evaluation.results import clip_result

DARK, LIGHT = FaceMeasures(ita_deg=-50.0), FaceMeasures(ita_deg=60.0)


def seen(clip: ClipResult, with_face: int, occluded: int | None) -> ClipResult:
    return replace(clip, frames=FrameCounts(100, 90, with_face, occluded))


def test_each_class_lies_in_one_merged_group() -> None:
    merged = {"very light": "light", "brown": "dark"}
    for name, low, high in SKIN_BANDS:
        inside = [max(low, -180.0), np.nextafter(min(high, 180.0), -np.inf)]
        assert {band_of(angle, TONE_GROUPS) for angle in inside} == {merged.get(name, name)}


def test_counts_by_hand() -> None:
    results = [
        seen(clip_result("1", score=0.9, face=DARK, evidence={"swap": (0.9, 0.8)}), 50, 25),
        seen(clip_result("2", score=0.1, face=DARK, evidence={"swap": (0.5, 0.8)}), 100, 0),
        clip_result("3", score=None, face=DARK, evidence={"swap": (0.9, 0.2), "pulse": (0.9, 1)}),
        seen(clip_result("4", score=0.1, face=LIGHT), 0, 0),
        clip_result("5", "replay", 0.9, face=DARK, evidence={"swap": (0.9, 0.8)}),
    ]
    rows = by_tone(results, 0.3)
    dark = rows["dark"]
    assert [row["n"] for row in rows.values()] == [1, 0, 0, 3]
    assert (dark["failed"]["hits"], dark["inconclusive"]["hits"]) == (1, 1)
    assert dark["failed"]["interval_95"] == wilson_interval(1, 3)
    assert set(dark["alarms"]) == {"swap"}
    assert (dark["alarms"]["swap"]["hits"], dark["alarms"]["swap"]["n"]) == (1, 2)
    assert (dark["occluded"]["value"], dark["occluded"]["n"]) == (0.25, 2)
    assert dark["occluded"]["interval_95"] == wilson_interval(0.5, 2)
    assert rows["light"]["occluded"] == {"value": None, "interval_95": None, "n": 0}


def test_a_clip_without_an_angle_has_a_row_of_its_own() -> None:
    assert by_tone([clip_result("1", face=FaceMeasures())], 0.3)["unknown"]["n"] == 1
    assert "unknown" not in by_tone([], 0.3)


def test_the_report_has_the_table() -> None:
    clip = seen(clip_result("1.mp4", face=DARK, evidence={"swap": (0.9, 0.8)}), 50, 25)
    text = to_markdown(build_report([clip], Conditions()))
    (row,) = [line for line in text.splitlines() if line.startswith("| dark |") and "n 1" in line]
    assert row.startswith("| dark | 1 | 0.0 (0.0 to 79.3) | 0.0 (0.0 to 79.3) | 50.0 ")
    assert "100.0 (20.7 to 100.0), n 1" in row


def test_a_result_of_an_earlier_version_is_read() -> None:
    plain = seen(clip_result("1", face=DARK, status=VerdictStatus.PASSED), 50, 25).fields()
    del plain["frames"]["occluded"], plain["face"]["ita_deg"]
    read = ClipResult.of_fields(plain)
    assert read.frames.occluded is read.face.ita_deg is None
    assert by_tone([read], 0.3)["unknown"]["occluded"]["n"] == 0


@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_of_a_mean_share_holds_it(shares: list[float]) -> None:
    low, high = wilson_interval(sum(shares), len(shares))
    assert 0 <= low <= sum(shares) / len(shares) <= high <= 1


@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_evidence_without_confidence_is_no_alarm(threshold: float) -> None:
    clip = clip_result("1", face=DARK, evidence={"swap": (0.9, 0.0)})
    assert by_tone([clip], threshold)["dark"]["alarms"]["swap"]["n"] == 0
