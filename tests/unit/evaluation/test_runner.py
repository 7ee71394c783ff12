"""Clips through the pipeline: a drawn applicant as video and as picture, and what is not a video."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import pytest

from kyc_rtc.__main__ import main
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.evaluation.manifest import COLUMNS, USE, Clip, Label, Use
from kyc_rtc.evaluation.results import UNREADABLE, ClipResult, Conditions
from kyc_rtc.evaluation.runner import Job, run_clips
from kyc_rtc.settings import Settings
from tests.support.applicant import PortraitApplicant
from tests.support.portrait_actions import blink, head_turn, sequence

FPS = 20


@pytest.fixture(scope="module")
def footage(face_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three seconds of the portrait, one picture of it, and two files of junk."""
    folder = tmp_path_factory.mktemp("footage")
    applicant = PortraitApplicant(face_model)
    applicant.act(sequence(head_turn("left"), blink(2)))
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 480, 360, "yuv420p"
        for number in range(3 * FPS):
            picture = av.VideoFrame.from_ndarray(
                applicant.draw(number * 1_000 / FPS), format="bgr24"
            )
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    cv2.imwrite(str(folder / "still.jpg"), applicant.draw(0.0))
    (folder / "junk.mp4").write_bytes(b"not a video")
    (folder / "junk.jpg").write_bytes(b"\xff\xd8junk")
    return folder


def clip(folder: Path, name: str) -> Clip:
    return Clip(name, folder / name, Label.ATTACK, "replay", name, "m", 3.0, "repo:x", Use.ANY)


def run(folder: Path, model: Path, conditions: Conditions, *names: str) -> list[ClipResult]:
    job = Job(model, Settings(), conditions)
    return run_clips([clip(folder, name) for name in names], job)


def test_a_clip_gives_everything_that_the_report_needs(footage: Path, face_model: Path) -> None:
    (result,) = run(footage, face_model, Conditions(), "a.mp4")
    assert result.frames.analysed == result.frames.with_face == 3 * FPS
    assert result.status in VerdictStatus
    assert result.reasons
    assert result.weights is not None
    assert len(result.weights) == len(result.reasons)
    assert {"texture", "blink", "temporal", "geometry"} <= set(result.evidence)
    assert {"convert", "observe", "texture"} <= set(result.cpu_ms)
    assert result.cpu_ms["observe"] > 0
    assert result.face.width_px is not None
    assert 60 < result.face.width_px < 400
    assert result.face.luma is not None
    assert result.face.ita_deg is not None
    assert (result.model, result.source, result.group) == ("m", "repo:x", "a.mp4")


def test_the_rate_and_the_loss_of_the_call_reach_the_analysis(
    footage: Path, face_model: Path
) -> None:
    (slower,) = run(footage, face_model, Conditions("vp8", 300, fps=10), "a.mp4")
    assert abs(slower.frames.analysed - 30) <= 1
    (lossy,) = run(footage, face_model, Conditions("h264", 300, fps=10, loss=0.6), "a.mp4")
    assert lossy.frames.analysed < slower.frames.analysed


def test_a_picture_is_shown_as_a_still_video(footage: Path, face_model: Path) -> None:
    (result,) = run(footage, face_model, Conditions("vp8", 600), "still.jpg")
    assert result.still
    assert 40 <= result.frames.analysed <= 45
    assert result.status is not VerdictStatus.PASSED


def test_what_cannot_be_decoded_is_a_non_response_and_stops_nothing(
    footage: Path, face_model: Path
) -> None:
    finished: list[str] = []
    job = Job(face_model, Settings(), Conditions(fps=5))
    names = ["junk.mp4", "a.mp4", "junk.jpg", "gone.mp4"]
    results = run_clips(
        [clip(footage, n) for n in names], job, done=lambda r: finished.append(r.name)
    )
    assert finished == [result.name for result in results] == names
    for place in (0, 2, 3):
        assert results[place].status is VerdictStatus.INCONCLUSIVE
        assert results[place].reasons == (UNREADABLE,)
        assert results[place].weights is None
        assert results[place].deepfake_score is None
    assert results[1].frames.analysed > 10


def test_processes_give_what_one_gives(footage: Path, face_model: Path) -> None:
    job = Job(face_model, Settings(), Conditions(fps=5))
    clips = [clip(footage, name) for name in ("a.mp4", "junk.mp4")]
    alone, shared = run_clips(clips, job), run_clips(clips, job, processes=2)
    assert [r.name for r in shared] == [r.name for r in alone]
    assert [r.deepfake_score for r in shared] == [r.deepfake_score for r in alone]
    assert [r.face for r in shared] == [r.face for r in alone]


@pytest.fixture
def manifest(footage: Path, tmp_path: Path) -> Path:
    path = footage / f"{tmp_path.name}.tsv"
    rows = [
        "a.mp4\tbona_fide\tbona_fide\tg\t\t3\tx\tany",
        "still.jpg\tattack\tprint_or_replay\tg\t\t\tx\tany",
    ]
    path.write_text("\n".join(["\t".join((*COLUMNS, USE)), *rows]))
    return path


def test_the_command_writes_the_report(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["--manifest", str(manifest), "--out", str(out), "--codec", "vp8", "--fps", "10"]
    assert main(["evaluate", *asked, "--images"]) == 0
    assert str(out / "report.md") in capsys.readouterr().out
    report = json.loads((out / "report.json").read_text())
    assert report["conditions"]["kbps"] == 600
    assert [clip["path"] for clip in report["clips"]] == ["a.mp4", "still.jpg"]
    assert set(report["sections"]) == {"video", "still"}


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (["--loss", "0.1"], "needs a codec"),
        (["--kbps", "300"], "needs a codec"),
        (["--limit", "0"], "at least one clip"),
        (["--limit", "-1"], "at least one clip"),
        (["--codec", "vp8", "--loss", "7"], "out of range"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(
    asked: list[str],
    complaint: str,
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["evaluate", "--manifest", str(manifest), "--out", str(tmp_path / "o"), *asked]
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err
