"""The measurement itself: intervals, labels, and the judges on real people."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.evaluation.challenges import (
    evaluate_challenges,
    poisson_interval,
    read_labels,
)
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.liveness.catalogue import ChallengeType, Direction
from tests.unit.liveness.fakes.chance import DRAWN

LABELS = Path(__file__).parents[2] / "data" / "challenge_labels.tsv"
HEADER = "clip_sha256\taction\tkind\tdirection\tstart_ms\tend_ms\tnote\n"


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.278),
        (10, 10, 0.722, 1.0),
        (81, 263, 0.255, 0.366),
        (15, 148, 0.062, 0.160),
    ],
)
def test_wilsons_interval(hits: int, total: int, low: float, high: float) -> None:
    """The last two are from Newcombe, Statistics in Medicine 17, 1998, table I."""
    assert wilson_interval(hits, total) == pytest.approx((low, high), abs=6e-4)


@pytest.mark.parametrize(
    ("events", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)]
)
def test_the_poisson_interval(events: int, low: float, high: float) -> None:
    assert poisson_interval(events) == pytest.approx((low, high), rel=2e-3)


@settings(deadline=None)
@given(total=st.integers(1, 500), data=st.data())
def test_wilsons_interval_holds_the_share(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, total))
    low, high = wilson_interval(hits, total)
    assert 0.0 <= low <= hits / total + 1e-12
    assert hits / total - 1e-12 <= high <= 1.0
    assert low < high


def test_labels_are_read_and_comments_are_not(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text(
        f"# a comment\n{HEADER}"
        "00000000000000aa\thead_turn\tshown\tleft\t100\t900\tquick\n"
        "00000000000000ab\tblink\tabsent\t\t0\t5000\t\n"
    )
    turn, blink = read_labels(path)
    assert (turn.action, turn.kind) == (ChallengeType.HEAD_TURN, "shown")
    assert (turn.direction, turn.start_ms, turn.end_ms) == (Direction.LEFT, 100, 900)
    assert (blink.action, blink.direction, blink.kind) == (ChallengeType.BLINK, None, "absent")
    assert (turn.held_out, blink.held_out) == (False, True)


def test_the_label_file_of_the_repository_is_sound() -> None:
    rows = read_labels(LABELS)
    assert {row.kind for row in rows} == {"shown", "absent", "ambiguous"}
    assert {row.action for row in rows if row.kind == "shown"} == DRAWN
    for row in rows:
        assert 0 <= row.start_ms < row.end_ms
        turned = row.action is ChallengeType.HEAD_TURN and row.kind == "shown"
        assert (row.direction is not None) == turned or row.kind != "shown"


@pytest.mark.shared_data
def test_the_judges_recognise_real_people(
    tmp_path: Path, shared_data: Path, face_model: Path
) -> None:
    """Four actions in seven seconds of one clip, and a turn and back in another."""
    wanted = ("561c1f", "06a923")
    lines = [line for line in LABELS.read_text().splitlines() if line.startswith(wanted)]
    path = tmp_path / "labels.tsv"
    path.write_text(HEADER + "\n".join(lines) + "\n")
    report = evaluate_challenges(path, shared_data / "video" / "bona_fide", face_model, (None,))
    if not report["clips"]:
        pytest.skip("the labelled clips are not among the face videos")
    scores = report["as_recorded"]["all"]
    assert scores["head_turn"]["shown"] >= 3
    for kind in (ChallengeType.HEAD_TURN, ChallengeType.SMILE, ChallengeType.MOUTH_OPEN):
        assert scores[kind.value]["recognised"] == scores[kind.value]["shown"]
        assert scores[kind.value]["false_triggers"] == 0
