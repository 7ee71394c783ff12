"""The same face kept, another one noticed: by hand-made faces, the portrait, and recordings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import FaceObservation, HeadPose
from kyc_rtc.vision.signature import Signature, edge_histograms, frame_similarity
from kyc_rtc.vision.tracking import FaceTracker, TrackState
from tests.support import portrait_actions as actions
from tests.support.faces import face, observation
from tests.support.portrait import AnimatedPortrait
from tests.unit.test_image_quality import texture

FRAME_MS = 66
AHEAD = HeadPose(0, 0, 0)
TURNED_A_LITTLE, TURNED = HeadPose(15, 0, 0), HeadPose(30, 0, 0)


def person(seed: int, *, level: bool) -> BgrImage:
    """A picture whose structure, mostly level or mostly upright, stands for a person's look."""
    size = (2560, 640) if level else (640, 2560)
    grey = np.asarray(cv2.resize(texture(640, seed), size))[:480, :640]
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


ANNE, BERTA = person(1, level=True), person(2, level=False)
BETWEEN = np.asarray(cv2.addWeighted(ANNE, 0.37, BERTA, 0.63, 0), np.uint8)


class Stream:
    """Feeds a tracker frame by frame and keeps the media time."""

    def __init__(self) -> None:
        self.tracker = FaceTracker()
        self.now_ms = 0

    def show(
        self,
        image_bgr: BgrImage,
        ms: int = 1_500,
        *,
        x: float = 320,
        pose: HeadPose = AHEAD,
        usable: bool = True,
    ) -> TrackState:
        """The same picture for so long; the last state."""
        seen = face((x, 240), 200, pose)
        for _ in range(math.ceil(ms / FRAME_MS)):
            now = observation(seen, captured_at_ms=self.now_ms)
            state = self.tracker.update(now, image_bgr, usable=usable)
            self.now_ms += FRAME_MS
        return state

    def lose(self, ms: int) -> TrackState:
        for _ in range(math.ceil(ms / FRAME_MS)):
            state = self.tracker.update(observation(captured_at_ms=self.now_ms), ANNE)
            self.now_ms += FRAME_MS
        return state


def lit_from_the_side(image_bgr: BgrImage) -> BgrImage:
    shade = np.linspace(0.6, 1.3, image_bgr.shape[1])[:, None]
    return np.clip(image_bgr * shade * [0.8, 1.0, 1.1], 0, 255).astype(np.uint8)


def test_one_face_stays_itself() -> None:
    state = Stream().show(ANNE, 4_000)
    assert (state.present, state.lost_for_ms, state.changed) == (True, 0, False)
    assert state.similarity == pytest.approx(1)


@pytest.mark.parametrize(
    "image_bgr",
    [
        (ANNE * 0.4).astype(np.uint8),
        lit_from_the_side(ANNE),
        np.asarray(cv2.GaussianBlur(ANNE, (0, 0), 1.5), np.uint8),
    ],
)
def test_light_and_a_soft_lens_are_not_a_change(image_bgr: BgrImage) -> None:
    stream = Stream()
    stream.show(ANNE)
    state = stream.show(image_bgr, 3_000)
    assert not state.changed
    assert state.similarity > 0.6


def test_another_face_within_consecutive_frames_is_a_change() -> None:
    stream = Stream()
    stream.show(ANNE, 2_000)
    assert not stream.show(BERTA, 250).doubted  # too little to tell
    assert stream.show(BERTA, 250).doubted  # a session may end here
    state = stream.show(BERTA, 1_500)
    assert state.changed
    assert state.similarity < 0.5


def test_another_face_after_a_gap_is_a_change() -> None:
    stream = Stream()
    stream.show(ANNE)
    stream.lose(2_000)
    assert stream.show(BERTA, 2_000).changed


def test_the_first_face_after_a_gap_is_none() -> None:
    stream = Stream()
    stream.show(ANNE)
    stream.lose(2_000)
    assert not stream.show(ANNE, 2_000).changed


def test_the_change_ends_when_the_first_face_is_back() -> None:
    stream = Stream()
    stream.show(ANNE)
    assert stream.show(BERTA, 2_000).changed
    assert stream.show(BERTA, 5_000).changed  # however long the other one stays
    state = stream.show(ANNE)
    assert (state.changed, state.doubted) == (False, True)


def test_a_face_that_is_only_a_little_alike_is_a_doubt_and_no_change() -> None:
    stream = Stream()
    stream.show(ANNE)
    state = stream.show(BETWEEN, 5_000)
    assert 0.4 < state.similarity < 0.5
    assert (state.changed, state.doubted) == (False, True)


def test_a_turned_face_that_is_only_a_little_alike_is_no_doubt_and_no_look() -> None:
    stream = Stream()
    stream.show(ANNE, pose=TURNED_A_LITTLE)
    state = stream.show(BETWEEN, 5_000, pose=TURNED_A_LITTLE)
    assert 0.4 < state.similarity < 0.5  # as a look it would be alike
    assert (state.changed, state.doubted) == (False, False)


@pytest.mark.parametrize("gap_ms", [FRAME_MS, 2_000])
def test_one_strange_window_is_a_doubt_and_no_change(gap_ms: int) -> None:
    stream = Stream()
    assert not stream.show(ANNE).doubted
    stream.lose(gap_ms)
    state = stream.show(BERTA, 900)
    assert (state.changed, state.doubted) == (False, True)
    state = stream.show(ANNE, 3_000)
    assert (state.changed, state.doubted) == (False, True)


@pytest.mark.parametrize("black_every", [2, 5, 9])
def test_black_frames_hide_nobody(black_every: int) -> None:
    stream = Stream()
    stream.show(ANNE, 3_000)
    for _ in range(5_000 // FRAME_MS // black_every):
        state = stream.show(BERTA, (black_every - 1) * FRAME_MS)
        stream.lose(FRAME_MS)
    assert state.changed


def test_a_face_that_comes_and_goes_is_doubted_or_not_compared() -> None:
    """Each cut ends a window, and a short one is not judged: then nothing is compared."""
    stream = Stream()
    before = stream.show(ANNE, 3_000).compared
    for _ in range(20):
        stream.show(BERTA, 4 * FRAME_MS)
        state = stream.show(ANNE, 2 * FRAME_MS)
    assert state.compared - before < 5
    for _ in range(5):
        stream.show(BERTA, 6 * FRAME_MS)
        state = stream.show(ANNE, 2 * FRAME_MS)
    assert state.doubted


@pytest.mark.parametrize("pose", [HeadPose(0, 0, 20), HeadPose(0, 25, 0), HeadPose(25, 0, 0)])
def test_who_is_not_described_is_not_compared(pose: HeadPose) -> None:
    stream = Stream()
    before = stream.show(ANNE, 2_000).compared
    assert stream.show(BERTA, 4_000, pose=pose).compared == before


def test_a_turn_the_other_way_makes_nobody_the_same() -> None:
    stream = Stream()
    stream.show(ANNE, 2_000, pose=HeadPose(-18, -18, 0))
    assert stream.show(BERTA, 2_000, pose=HeadPose(18, 18, 0)).changed


def test_only_the_first_face_ends_a_change() -> None:
    """Once there is a doubt, a window between two persons does not become a look of the first one."""
    stream = Stream()
    stream.show(ANNE)
    assert stream.show(BERTA, 2_000).changed
    between = cv2.addWeighted(ANNE, 0.37, BERTA, 0.63, 0)
    stream.show(np.asarray(between, np.uint8), 2_000)
    state = stream.show(BERTA, 3_000)
    assert state.changed


def test_a_jump_to_another_face_is_a_change_and_a_jump_alone_is_none() -> None:
    stream = Stream()
    stream.show(ANNE, x=150)
    wide = np.roll(ANNE, 300, axis=1)
    assert not stream.show(wide, x=450).changed
    assert stream.show(BERTA, 2_000, x=150).changed


def test_a_swap_behind_a_turned_head_is_seen_when_it_is_over() -> None:
    stream = Stream()
    stream.show(ANNE)
    assert not stream.show(BERTA, 2_000, pose=TURNED).changed
    assert stream.show(BERTA, 2_000).changed


def test_a_face_that_cannot_be_judged_is_followed_but_not_compared() -> None:
    stream = Stream()
    stream.show(ANNE)
    state = stream.show(BERTA, 3_000, usable=False)
    assert (state.present, state.lost_for_ms, state.changed) == (True, 0, False)
    assert state.similarity == pytest.approx(1)


def test_the_time_without_a_face_is_counted() -> None:
    stream = Stream()
    assert stream.lose(FRAME_MS) == TrackState(False, 0, False, False, 1.0, 0, 0)
    assert stream.lose(10 * FRAME_MS).lost_for_ms == 10 * FRAME_MS
    assert stream.show(ANNE, FRAME_MS).lost_for_ms == 0
    assert stream.lose(5 * FRAME_MS).lost_for_ms == 5 * FRAME_MS


def test_a_restarted_camera_begins_a_new_window() -> None:
    stream = Stream()
    stream.show(ANNE, 2_000)
    stream.now_ms = 0
    assert not stream.show(ANNE, 1_000).changed
    stream.now_ms = 0
    assert stream.show(BERTA, 2_000).changed


@settings(deadline=None, max_examples=50)
@given(
    frames=st.lists(
        st.tuples(
            st.integers(-200, 400),
            st.sampled_from(["anne", "berta", "nobody"]),
            st.floats(-100, 700),
            st.floats(2, 400),
        ),
        max_size=60,
    )
)
def test_any_stream_is_followed(frames: list[tuple[int, str, float, float]]) -> None:
    tracker, now_ms = FaceTracker(), 0
    for step_ms, who, x, width_px in frames:
        now_ms += step_ms
        faces = [] if who == "nobody" else [face((x, 240), width_px)]
        image_bgr = BERTA if who == "berta" else ANNE
        state = tracker.update(observation(*faces, captured_at_ms=now_ms), image_bgr)
        assert state.present is bool(faces)
        assert 0 <= state.similarity <= 1
        assert state.lost_for_ms >= 0


def test_a_signature_needs_a_frame() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Signature.of([], [])


def test_signatures_tell_looks_apart_and_allow_for_pose() -> None:
    anne, berta = (edge_histograms(picture, face()) for picture in (ANNE, BERTA))
    assert anne.shape == (8, 8, 8)
    assert frame_similarity(anne, anne) == pytest.approx(1)
    assert frame_similarity(anne, berta) < 0.5
    ahead, other = Signature.of([anne], [AHEAD]), Signature.of([berta], [AHEAD])
    turned = Signature.of([berta], [HeadPose(10, -5, 0)])
    assert ahead.similarity(ahead) == pytest.approx(1)
    assert ahead.similarity(turned) == pytest.approx(ahead.similarity(other) + 0.15)


def test_expressions_and_turns_of_the_portrait_are_not_a_change(face_model: Path) -> None:
    portrait, tracker = AnimatedPortrait(face_model), FaceTracker()
    action = actions.sequence(
        actions.head_turn("left"), actions.nod(), actions.smile(), actions.mouth_open()
    )
    with MediaPipeObserver(face_model) as observer:
        for t_ms in range(0, round(action.duration_ms), FRAME_MS):
            image_bgr = portrait.render(actions.idle(t_ms).plus(action.at(t_ms)))
            state = tracker.update(observer.observe(image_bgr, t_ms, t_ms), image_bgr)
            assert state.present
            assert not state.changed
    assert state.similarity > 0.6


def clip_frames(path: Path) -> Iterator[tuple[int, BgrImage]]:
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    try:
        for index in range(90):
            more, image_bgr = capture.read()
            if not more:
                return
            yield round(1000 * index / rate), np.asarray(image_bgr, np.uint8)
    finally:
        capture.release()


def track(
    tracker: FaceTracker, model: Path, path: Path, start_ms: int
) -> Iterator[tuple[FaceObservation, TrackState]]:
    with MediaPipeObserver(model) as observer:
        for t_ms, image_bgr in clip_frames(path):
            seen = observer.observe(image_bgr, start_ms + t_ms, t_ms)
            yield seen, tracker.update(seen, image_bgr)


@pytest.mark.shared_data
def test_recordings_keep_their_face_and_a_splice_is_noticed(
    face_model: Path, shared_data: Path
) -> None:
    clips = sorted((shared_data / "video" / "bona_fide").glob("KwaiVGI*driving*"))[:3]
    assert len(clips) == 3
    for first, second in pairwise(clips):
        tracker = FaceTracker()
        own = list(track(tracker, face_model, first, 0))
        assert not any(state.doubted for _, state in own)
        spliced = list(track(tracker, face_model, second, own[-1][0].captured_at_ms + 33))
        assert spliced[-1][1].changed
