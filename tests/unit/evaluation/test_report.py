"""Reports from results that were made by hand: figures, tables, pictures, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.evaluate import write_report
from kyc_rtc.evaluation.manifest import Use
from kyc_rtc.evaluation.markdown import to_markdown
from kyc_rtc.evaluation.plots import draw_det, draw_scores
from kyc_rtc.evaluation.report import build_report, sections
from kyc_rtc.evaluation.results import ClipResult, Conditions
from tests.unit.evaluation.results import clip_result

CONDITIONS = Conditions(codec="vp8", kbps=600, fps=30)


def mixed() -> list[ClipResult]:
    """Ten bona fide (one FAILED, one silent), four swaps, two heads, one still, one test clip."""
    low = [clip_result(f"b{n}.mp4", score=n / 10) for n in range(8)]
    silent = clip_result("b8.mp4", score=0.3, status=VerdictStatus.INCONCLUSIVE)
    return [
        *low,
        silent,
        clip_result("b9.mp4", score=None),
        *(clip_result(f"s{n}.mp4", "face_swap", s) for n, s in enumerate((0.5, 0.6, 0.8, 0.9))),
        clip_result("h0.mp4", "talking_head", 0.1),
        clip_result("h1.mp4", "talking_head", None),
        clip_result("p.jpg", "print_or_replay", 0.9),
        clip_result("t.mp4", "talking_head", 1.0, use=Use.TEST),
    ]


def report_of(results: list[ClipResult]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(json.dumps(build_report(results, CONDITIONS)))
    return report


def test_sections_keep_stills_and_test_clips_apart() -> None:
    found = sections(mixed())
    assert {name: len(clips) for name, clips in found.items()} == {
        "video": 16,
        "still": 1,
        "test_only": 11,
    }
    assert all(clip.use is Use.ANY for clip in found["video"])
    assert all(clip.bona_fide or clip.use is Use.TEST for clip in found["test_only"])
    assert len(report_of(mixed())["clips"]) == len(mixed())


def test_rates_by_hand() -> None:
    section = report_of(mixed())["sections"]["video"]
    bona_fide, swaps = section["bona_fide"], section["species"]["face_swap"]
    assert (bona_fide["bpcer"]["hits"], bona_fide["bpcer"]["n"]) == (1, 8)
    assert (bona_fide["bpnrr"]["hits"], bona_fide["bpnrr"]["n"]) == (2, 10)
    assert bona_fide["passed_of_all"]["value"] == 0.7
    assert (swaps["apcer"]["hits"], swaps["apcer"]["n"]) == (2, 4)
    assert swaps["apnrr"]["hits"] == 0
    assert swaps["acer"] == pytest.approx((1 / 2 + 1 / 8) / 2)
    # bona fide scores: 0.0 to 0.7 and 0.3 again
    assert swaps["auc"] == pytest.approx((6.5 + 7.5 + 9 + 9) / 36)
    assert swaps["scored"] == {"bona_fide": 9, "attack": 4}
    heads = section["species"]["talking_head"]
    assert (heads["n"], heads["scored"]["attack"], heads["apcer"]["value"]) == (2, 1, 1.0)
    assert heads["apnrr"]["value"] == 0.5
    assert section["worst_apcer"] == 1.0
    assert section["acer"] == pytest.approx((1 + 1 / 8) / 2)
    assert section["all_attacks"]["n"] == 6


def test_worst_clips_come_first() -> None:
    worst = report_of(mixed())["sections"]["video"]["worst"]
    assert [clip["path"] for clip in worst["bona_fide"][:2]] == ["b7.mp4", "b6.mp4"]
    assert [clip["path"] for clip in worst["attack"][:2]] == ["h0.mp4", "s0.mp4"]


def test_cpu_is_the_mean_over_frames() -> None:
    means = report_of(mixed())["sections"]["video"]["cpu_ms_per_frame"]
    assert means == {"observe": 8.0, "texture": 1.0, "total": 9.0}


@pytest.mark.parametrize(
    ("left", "right", "area", "right_way"),
    [([0.1, 0.2], [0.3, 0.4], 1.0, 1.0), ([0.1, 0.6], [0.2, 0.5], 0.5, 0.5), ([], [], None, None)],
)
def test_attacks_are_matched_with_bona_fide_clips_of_their_group(
    left: list[float], right: list[float], area: float | None, right_way: float | None
) -> None:
    results = [clip_result(f"b{n}.mp4", score=s, group=f"g{n}") for n, s in enumerate(left)]
    results += [
        clip_result(f"s{n}.mp4", "face_swap", s, group=f"g{n}") for n, s in enumerate(right)
    ]
    # Alone in its group, without a score, or of another species: no pair.
    results.append(clip_result("alone.mp4", score=0.99))
    results.append(clip_result("silent.mp4", score=None, group="g0"))
    results.append(clip_result("head.mp4", "talking_head", 0.9, group="g0"))
    results.append(clip_result("swap.mp4", "face_swap", 0.01))
    matched = report_of(results)["sections"]["video"]["matched"]["face_swap"]
    assert (matched["pairs"], matched["auc"]) == (len(left), area)
    assert matched["right_way_round"] == right_way


def test_what_an_analyser_adds_is_the_fused_auc_less_that_without_it() -> None:
    def scored(name: str, species: str, swap: float, confidence: float = 0.9) -> ClipResult:
        return clip_result(
            name, species, 0.5, evidence={"swap": (swap, confidence), "texture": (0.6, 0.9)}
        )

    results = [
        scored("b0.mp4", "bona_fide", 0.1),
        scored("b1.mp4", "bona_fide", 0.2),
        scored("s0.mp4", "face_swap", 0.9),
        scored("s1.mp4", "face_swap", 0.7),
        scored("s2.mp4", "face_swap", 0.0, confidence=0.0),
    ]
    section = report_of(results)["sections"]["video"]
    alone = section["analysers"]["swap"]["face_swap"]
    assert (alone["auc"], alone["bona_fide"], alone["attack"]) == (1.0, 2, 2)
    without = section["fusion_without"]["swap"]["face_swap"]
    assert without["auc"] == 0.5
    assert without["adds"] == pytest.approx(4 / 6 - 0.5)
    assert section["fusion_without"]["texture"]["face_swap"]["adds"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    "results",
    [
        [],
        [clip_result("b.mp4")],
        [clip_result("b.mp4", score=None)],
        [clip_result("a.mp4", "face_swap", None)],
        [clip_result("a.mp4", "face_swap", 0.1), clip_result("p.jpg", "replay")],
        [clip_result("t.mp4", "replay", use=Use.TEST)],
    ],
)
def test_empty_and_one_class_reports_are_written(results: list[ClipResult], tmp_path: Path) -> None:
    write_report(results, CONDITIONS, tmp_path / "deep" / "out")
    written = json.loads((tmp_path / "deep" / "out" / "report.json").read_text())
    assert len(written["clips"]) == len(results)
    assert (tmp_path / "deep" / "out" / "report.md").read_text().startswith("# Evaluation")


def test_every_file_that_the_tables_name_is_written(tmp_path: Path) -> None:
    write_report(mixed(), CONDITIONS, tmp_path)
    text = (tmp_path / "report.md").read_text()
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert {"det.png", "scores.png", "still_det.png", "test_only_scores.png"} <= pictures
    assert all(f"]({name})" in text for name in pictures)
    for name in pictures:
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 500


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadRequest, match="cannot be written"):
        write_report([], CONDITIONS, tmp_path / "file")


def test_what_a_manifest_holds_is_not_markup() -> None:
    name = "a|b](x)<img src=x> `c`.mp4"
    text = to_markdown(report_of([clip_result(name)]))
    row = next(line for line in text.splitlines() if "img src" in line)
    assert row.replace("\\|", "").count("|") == 6
    assert "\\<img src=x\\>" in row


def test_curves_and_histograms_differ_with_the_scores(tmp_path: Path) -> None:
    def drawn(shift: float) -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        clips = [
            clip_result(f"{kind}{n}.mp4", kind, float(np.clip(rng.normal(mean, 0.1), 0, 1)))
            for kind, mean in (("bona_fide", 0.3), ("face_swap", 0.3 + shift))
            for n in range(40)
        ]
        draw_det(clips, tmp_path / "d.png", "title")
        draw_scores(clips, tmp_path / "s.png", "title", 0.65)
        with Image.open(tmp_path / "d.png") as det, Image.open(tmp_path / "s.png") as scores:
            return np.asarray(det.convert("L")), np.asarray(scores.convert("L"))

    near, far = drawn(0.1), drawn(0.4)
    assert (near[0] != far[0]).any()
    assert (near[1] != far[1]).any()


@pytest.mark.parametrize(
    ("codec", "kbps", "fps", "loss"),
    [
        (None, 600, 30.0, 0.0),
        (None, None, 30.0, 0.1),
        ("vp8", None, 30.0, 0.0),
        ("vp8", 5, 30.0, 0.0),
        ("vp8", 600, 0.0, 0.0),
        ("vp8", 600, float("nan"), 0.0),
        ("vp8", 600, 30.0, 1.0),
        ("vp8", 600, 30.0, float("nan")),
    ],
)
def test_conditions_that_make_no_sense_are_refused(
    codec: str | None, kbps: int | None, fps: float, loss: float
) -> None:
    with pytest.raises(BadRequest):
        Conditions(codec, kbps, fps, loss)


@given(score=st.floats(0, 1), deg=st.none() | st.floats(-180, 180))
def test_a_result_survives_json(score: float, deg: float | None) -> None:
    result = clip_result("a.mp4", score=score, evidence={"texture": (score, 1.0)})
    fields = json.loads(json.dumps(result.fields(), allow_nan=False))
    assert fields["path"] == "a.mp4"
    assert fields["deepfake_score"] == pytest.approx(score, abs=1e-6)
    assert fields["evidence"]["texture"] == {
        "score": fields["deepfake_score"],
        "confidence": 1.0,
        "signs": [],
    }


def test_a_result_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        clip_result("a.mp4", evidence={"texture": (float("nan"), 1.0)}).fields()
