"""Which way up the pictures stand, and why no face is found: on looks that are written down."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.face_finder import Glimpse, Look
from kyc_rtc.vision.face_search import (
    FORGET_AFTER_MS,
    LOOK_EVERY_MS,
    TURN_AFTER_MS,
    FaceSearch,
    upright_way,
)
from kyc_rtc.vision.observation import HeadPose
from kyc_rtc.vision.quality import FaceQuality, QualityIssue
from tests.support.faces import face, observation

IMAGE: BgrImage = np.zeros((48, 64, 3), np.uint8)
NOTHING = Look((None, None, None, None))
NO_FACE = FaceQuality((QualityIssue.NO_FACE,), None, 0.0)
DARK = NO_FACE.also([QualityIssue.TOO_DARK])
GOOD = FaceQuality((), None, 0.4)


def look(
    *scores: float, width: float = 0.4, overhang: float = 0.0, far: Glimpse | None = None
) -> Look:
    """Scores after 0, 1, 2 and 3 quarter turns; 0 for no face."""
    ways = [Glimpse(score, width, overhang) if score else None for score in scores]
    return Look((ways[0], ways[1], ways[2], ways[3]), far)


class Finder:
    """Gives set answers, and keeps the times at which it was asked."""

    def __init__(self, answer: Look = NOTHING) -> None:
        self.answer = answer
        self.asked: list[bool] = []

    def look(self, image_bgr: BgrImage, *, far: bool) -> Look:
        self.asked.append(far)
        return self.answer


class Stream:
    """A search that is fed ten pictures a second."""

    def __init__(self, answer: Look = NOTHING) -> None:
        self.finder = Finder(answer)
        self.search = FaceSearch(self.finder)
        self.now_ms = 0

    def show(
        self, for_ms: int, *, roll_deg: float | None = None, quality: FaceQuality | None = None
    ) -> frozenset[QualityIssue]:
        """Without a roll there is no face. The issues at the end."""
        found: frozenset[QualityIssue] = frozenset()
        for _ in range(for_ms // 100):
            faces = [] if roll_deg is None else [face(pose=HeadPose(0, 0, roll_deg))]
            seen = observation(*faces, captured_at_ms=self.now_ms)
            found = self.search.update(seen, quality or (GOOD if faces else NO_FACE), IMAGE)
            self.now_ms += 100
        return found


@pytest.mark.parametrize(
    ("scores", "turns"),
    [
        ((0.0, 0.0, 0.0, 0.0), 0),
        ((0.95, 0.0, 0.7, 0.0), 0),
        ((0.7, 0.0, 0.95, 0.0), 2),
        ((0.0, 0.9, 0.0, 0.6), 1),
        ((0.6, 0.0, 0.0, 0.9), 3),
        ((0.0, 0.0, 0.8, 0.0), 0),  # half a face at the lower edge
        ((0.85, 0.0, 0.9, 0.0), 0),  # no clear lead
    ],
)
def test_the_surest_way_is_upright_if_it_is_clear(scores: tuple[float, ...], turns: int) -> None:
    assert upright_way(look(*scores)) == turns


@pytest.mark.parametrize(
    ("answer", "issues"),
    [
        (NOTHING, set()),
        (look(0.9, 0, 0, 0), set()),
        (look(0.9, 0, 0, 0, width=0.1), {QualityIssue.FACE_TOO_SMALL}),
        (look(0.9, 0, 0, 0, overhang=0.2), {QualityIssue.CUT_OFF}),
        (look(0, 0, 0, 0, far=Glimpse(0.6, 0.1, 0.0)), {QualityIssue.FACE_TOO_SMALL}),
        (look(0, 0.9, 0, 0), {QualityIssue.NOT_UPRIGHT}),
    ],
)
def test_why_no_face_is_found(answer: Look, issues: set[QualityIssue]) -> None:
    stream = Stream(answer)
    assert stream.show(600) == issues
    assert stream.finder.asked == [True]


def test_the_reason_goes_as_soon_as_a_face_comes() -> None:
    stream = Stream(look(0.9, 0, 0, 0, width=0.1))
    assert stream.show(300) == {QualityIssue.FACE_TOO_SMALL}
    assert stream.show(100, roll_deg=0) == set()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_picture_that_stays_on_its_side_is_turned(turns: int) -> None:
    scores = [0.95 if way == turns else 0.6 for way in range(4)]
    stream = Stream(look(*scores))
    assert stream.show(LOOK_EVERY_MS) == {QualityIssue.NOT_UPRIGHT}
    assert stream.search.quarter_turns == 0
    stream.show(100)
    assert stream.search.quarter_turns == turns
    stream.finder.answer = look(0.95, 0.6, 0.6, 0.6)
    assert stream.show(3_000, roll_deg=0) == set()
    assert stream.search.quarter_turns == turns


def test_an_upright_mesh_on_an_inverted_face_is_found_out() -> None:
    stream = Stream(look(0.7, 0, 0.95, 0))
    assert stream.show(LOOK_EVERY_MS, roll_deg=0) == {QualityIssue.NOT_UPRIGHT}
    stream.show(100, roll_deg=0)
    assert stream.search.quarter_turns == 2
    assert stream.finder.asked == [False, False]


def test_a_known_face_is_looked_at_once() -> None:
    stream = Stream(look(0.95, 0, 0, 0))
    stream.show(10_000, roll_deg=3)
    assert stream.finder.asked == [False]


def test_a_head_in_profile_is_not_searched_for_and_nothing_is_turned() -> None:
    stream = Stream(look(0.95, 0, 0, 0))
    stream.show(1_000, roll_deg=0)
    stream.finder.answer = look(0, 0.95, 0, 0)
    assert stream.show(FORGET_AFTER_MS - 100) == set()
    assert stream.finder.asked == [False]
    stream.show(400)
    assert stream.finder.asked == [False, True]


@pytest.mark.parametrize(
    ("roll_deg", "for_ms", "turns"),
    [
        (59, 5_000, 0),
        (60, TURN_AFTER_MS, 0),
        (60, TURN_AFTER_MS + 100, 1),
        (90, TURN_AFTER_MS + 100, 1),
        (-90, TURN_AFTER_MS + 100, 3),
        (178, TURN_AFTER_MS + 100, 2),
        (-178, TURN_AFTER_MS + 100, 2),
    ],
)
def test_a_face_that_stays_on_its_side_is_turned_by_quarters(
    roll_deg: float, for_ms: int, turns: int
) -> None:
    stream = Stream(look(0.95, 0, 0, 0))
    stream.show(1_000, roll_deg=0)
    stream.show(for_ms, roll_deg=roll_deg)
    assert stream.search.quarter_turns == turns


def test_a_nod_to_the_side_is_not() -> None:
    stream = Stream(look(0.95, 0, 0, 0))
    for _ in range(5):
        stream.show(500, roll_deg=70)
        stream.show(500, roll_deg=0)
    assert stream.search.quarter_turns == 0


def test_without_a_finder_faces_on_their_side_are_turned_all_the_same() -> None:
    search = FaceSearch(None)
    for now_ms in range(0, 1_000, 100):
        seen = observation(face(pose=HeadPose(0, 0, 90)), captured_at_ms=now_ms)
        assert search.update(seen, GOOD, IMAGE) == set()
    assert search.quarter_turns == 1
    assert search.update(observation(captured_at_ms=9_000), NO_FACE, IMAGE) == set()


def test_nobody_looks_twice_a_second_nor_in_the_dark() -> None:
    stream = Stream()
    stream.show(20_000, quality=DARK)
    assert stream.finder.asked == []
    stream.show(20_000)
    assert len(stream.finder.asked) == 20


@given(
    st.lists(
        st.tuples(
            st.integers(-3_000, 3_000),
            st.none() | st.floats(-180, 180),
            st.lists(st.sampled_from([0.0, 0.6, 0.9]), min_size=4, max_size=4),
        ),
        max_size=60,
    )
)
def test_any_stream_is_followed(steps: list[tuple[int, float | None, list[float]]]) -> None:
    finder = Finder()
    search, now_ms, asked_ms = FaceSearch(finder), 0, list[int]()
    for step_ms, roll_deg, scores in steps:
        now_ms += step_ms
        finder.answer = look(*scores)
        faces = [] if roll_deg is None else [face(pose=HeadPose(0, 0, roll_deg))]
        before, turns = len(finder.asked), search.quarter_turns
        found = search.update(observation(*faces, captured_at_ms=now_ms), GOOD, IMAGE)
        assert found <= {
            QualityIssue.NOT_UPRIGHT,
            QualityIssue.CUT_OFF,
            QualityIssue.FACE_TOO_SMALL,
        }
        assert search.quarter_turns in range(4)
        asked_ms += [now_ms] * (len(finder.asked) - before)
        if search.quarter_turns != turns:
            asked_ms.clear()
    gaps = [b - a for a, b in pairwise(asked_ms)]
    assert all(gap < 0 or gap >= LOOK_EVERY_MS for gap in gaps)
