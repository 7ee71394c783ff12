"""The animated portrait, measured with MediaPipe as the product uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import Blendshape, Face
from tests.support import portrait_actions as actions
from tests.support.portrait import AnimatedPortrait, Expression
from tests.support.portrait_actions import Action, Pulse

FPS = 15.0  # enough for all but a blink, which gets twice as many frames
REST_MS = 200.0  # of idling before and after each action
ACTIONS: dict[str, Action] = {
    "left": actions.head_turn("left"),
    "right": actions.head_turn("right"),
    "nod": actions.nod(),
    "blink": actions.blink(count=2),
    "smile": actions.smile(),
    "mouth_open": actions.mouth_open(),
}
CHANNELS: dict[str, Callable[[Face], float]] = {
    "yaw_deg": lambda face: face.pose.yaw_deg,
    "pitch_deg": lambda face: face.pose.pitch_deg,
    "blink_left": lambda face: face.blendshapes[Blendshape.EYE_BLINK_LEFT],
    "blink_right": lambda face: face.blendshapes[Blendshape.EYE_BLINK_RIGHT],
    "smile_left": lambda face: face.blendshapes[Blendshape.MOUTH_SMILE_LEFT],
    "smile_right": lambda face: face.blendshapes[Blendshape.MOUTH_SMILE_RIGHT],
    "jaw_open": lambda face: face.blendshapes[Blendshape.JAW_OPEN],
}


@dataclass(frozen=True, slots=True)
class Recording:
    """Faces seen per frame, and the measured channels over time, each of shape (frames,)."""

    t_ms: NDArray[np.float64]
    face_counts: list[int]
    channels: dict[str, NDArray[np.float64]]

    def swing(self, channel: str) -> float:
        """The largest departure from the first frame, with its sign."""
        moved = self.channels[channel] - self.channels[channel][0]
        return float(moved[np.argmax(np.abs(moved))])


@cache
def portrait(face_model: Path) -> AnimatedPortrait:
    return AnimatedPortrait(face_model)


@cache
def record(face_model: Path, name: str) -> Recording:
    """One action on top of idle motion, through MediaPipe's VIDEO mode."""
    action = ACTIONS[name]
    step_ms = 1000.0 / (2 * FPS if name == "blink" else FPS)
    t_ms = np.arange(0.0, action.duration_ms + 2 * REST_MS, step_ms)
    faces, counts = list[Face](), list[int]()
    with MediaPipeObserver(face_model) as observer:
        for i, t in enumerate(t_ms.tolist()):
            expression = actions.idle(t).plus(action.at(t - REST_MS))
            seen = observer.observe(portrait(face_model).render(expression), round(t), i)
            counts.append(len(seen.faces))
            faces += seen.faces[:1]
    table = {name: np.array([read(face) for face in faces]) for name, read in CHANNELS.items()}
    return Recording(t_ms, counts, table)


@pytest.mark.parametrize("name", ACTIONS)
def test_every_frame_shows_exactly_one_face(face_model: Path, name: str) -> None:
    recording = record(face_model, name)
    assert recording.face_counts == [1] * len(recording.t_ms)


def test_the_resting_face_is_neutral(face_model: Path) -> None:
    first = {name: float(row[0]) for name, row in record(face_model, "nod").channels.items()}
    assert abs(first["yaw_deg"]) < 5
    assert abs(first["pitch_deg"]) < 10
    assert max(first["blink_left"], first["blink_right"]) < 0.25
    assert max(first["smile_left"], first["smile_right"]) < 0.2
    assert first["jaw_open"] < 0.1


@pytest.mark.parametrize(
    ("name", "channel", "least"),
    [
        ("left", "yaw_deg", 22.0),
        ("right", "yaw_deg", -22.0),
        ("nod", "pitch_deg", 10.0),
        ("blink", "blink_left", 0.5),
        ("blink", "blink_right", 0.5),
        ("smile", "smile_left", 0.35),
        ("smile", "smile_right", 0.35),
        ("mouth_open", "jaw_open", 0.4),
    ],
)
def test_an_action_moves_its_channel(
    face_model: Path, name: str, channel: str, least: float
) -> None:
    swing = record(face_model, name).swing(channel)
    assert np.sign(swing) == np.sign(least)
    assert abs(swing) >= abs(least)


# What an action may do to the channels that are not its own: yaw, pitch (degrees), blink, smile
# and jaw (of 1). None: its own.
@pytest.mark.parametrize(
    ("name", "yaw_deg", "pitch_deg", "blink", "smile", "jaw"),
    [
        ("left", None, 6.0, 0.25, 0.25, 0.25),
        ("right", None, 6.0, 0.25, 0.25, 0.25),
        ("nod", 6.0, None, 0.25, 0.25, 0.25),
        ("blink", 5.0, 5.0, None, 0.25, 0.1),
        ("smile", 5.0, 5.0, 0.3, None, 0.1),
        ("mouth_open", 5.0, 5.0, 0.25, 0.25, None),
    ],
)
def test_an_action_leaves_the_other_channels_quiet(
    face_model: Path,
    name: str,
    yaw_deg: float | None,
    pitch_deg: float | None,
    blink: float | None,
    smile: float | None,
    jaw: float | None,
) -> None:
    most = dict(zip(CHANNELS, (yaw_deg, pitch_deg, blink, blink, smile, smile, jaw), strict=True))
    recording = record(face_model, name)
    loud = {
        channel: recording.swing(channel)
        for channel, limit in most.items()
        if limit is not None and abs(recording.swing(channel)) > limit
    }
    assert loud == {}


@pytest.mark.parametrize("channel", ["blink_left", "blink_right"])
def test_two_blinks_are_two_closures_of_open_eyes(face_model: Path, channel: str) -> None:
    recording = record(face_model, "blink")
    closed = recording.channels[channel] >= 0.55
    begins = recording.t_ms[1:][closed[1:] & ~closed[:-1]]
    assert len(begins) == 2
    assert 500 <= begins[1] - begins[0] <= 700
    between = (recording.t_ms > REST_MS + 300) & (recording.t_ms < REST_MS + 550)
    assert recording.channels[channel][between].max() < 0.25


def test_rendering_is_a_function_of_the_expression_alone(face_model: Path) -> None:
    head = portrait(face_model)
    turned = head.render(Expression(yaw_deg=20))
    assert turned.shape == (480, 640, 3)
    assert turned.dtype == np.uint8
    neutral = head.render(Expression())
    assert np.array_equal(turned, head.render(Expression(yaw_deg=20)))
    assert np.abs(turned.astype(int) - neutral).mean() > 3


def test_the_background_stands_still(face_model: Path) -> None:
    neutral, turned = (
        portrait(face_model).render(Expression(yaw_deg=yaw, pitch_deg=yaw / 2)).astype(int)
        for yaw in (0.0, 30.0)
    )
    for corner in np.s_[:60, :60], np.s_[:60, -60:], np.s_[-60:, :60], np.s_[-60:, -60:]:
        assert np.abs(neutral[corner] - turned[corner]).max() <= 1


@pytest.mark.parametrize("size", [(320, 240), (480, 640), (1280, 720)])
def test_other_sizes_show_the_same_face(face_model: Path, size: tuple[int, int]) -> None:
    head = AnimatedPortrait(face_model, size)
    with MediaPipeObserver(face_model) as observer:
        picture = head.render(Expression(yaw_deg=20))
        face = observer.observe(picture, 0, 0).face
    assert picture.shape == (size[1], size[0], 3)
    assert face is not None
    assert face.width_px == pytest.approx(0.4 * min(size), rel=0.2)
    assert 12 < face.pose.yaw_deg < 28


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_begins_and_ends_at_rest(name: str) -> None:
    action = ACTIONS[name]
    for t_ms in (-50.0, 0.0, action.duration_ms, action.duration_ms + 50):
        assert action.at(t_ms) == Expression()


@pytest.mark.parametrize(
    ("action", "duration_ms", "peak"),
    [
        (actions.head_turn("left"), 1400, Expression(yaw_deg=30)),
        (actions.head_turn("right", 20), 1400, Expression(yaw_deg=-20)),
        (actions.nod(), 1000, Expression(pitch_deg=18)),
        (actions.blink(), 250, Expression(blink=1)),
        (actions.smile(), 1500, Expression(smile=1)),
        (actions.mouth_open(), 1200, Expression(mouth_open=1)),
    ],
)
def test_an_action_rises_faster_than_it_falls(
    action: Action, duration_ms: float, peak: Expression
) -> None:
    assert action.duration_ms == duration_ms
    (pulse,) = action.pulses
    peak_ms = (duration_ms - pulse.hold_ms) * actions.RISE_SHARE + pulse.hold_ms / 2
    assert peak_ms < duration_ms / 2
    assert astuple(action.at(peak_ms)) == pytest.approx(astuple(peak))


@given(
    duration_ms=st.floats(100, 5000),
    hold_share=st.floats(0, 0.9),
    at_share=st.floats(-0.2, 1.2),
)
def test_a_pulse_is_smooth_and_rests_at_both_ends(
    duration_ms: float, hold_share: float, at_share: float
) -> None:
    pulse = Pulse(Expression(smile=1.0), duration_ms, hold_share * duration_ms)
    t_ms = at_share * duration_ms
    here = pulse.at(t_ms).smile
    assert 0 <= here <= 1
    assert pulse.at(0.0).smile == pulse.at(duration_ms).smile == pytest.approx(0.0, abs=1e-9)
    ramp_ms = (1 - hold_share) * duration_ms * actions.RISE_SHARE
    steepest = np.pi / 2 / ramp_ms  # of a raised cosine over the ramp
    assert abs(pulse.at(t_ms + 1).smile - here) <= steepest * 1.001


@pytest.mark.parametrize("hold_ms", [-1.0, 250.0, 300.0])
def test_a_pulse_needs_time_to_rise_and_fall(hold_ms: float) -> None:
    with pytest.raises(ValueError, match="hold_ms"):
        Pulse(Expression(blink=1), duration_ms=250.0, hold_ms=hold_ms)


def test_a_sequence_plays_one_action_after_the_other() -> None:
    script = actions.sequence(actions.nod(), actions.blink(2), pause_ms=400)
    assert script.duration_ms == 400 + 1000 + 400 + 850 + 400
    nod_peak_ms = 400 + 1000 * actions.RISE_SHARE
    assert script.at(nod_peak_ms).pitch_deg == pytest.approx(18)
    for shut_ms in (1800 + 100, 2400 + 100):
        assert script.at(shut_ms).blink == pytest.approx(1)
    for pause_ms in (200.0, 1600.0, 2850.0):
        assert script.at(pause_ms) == Expression()


def test_idle_motion_is_small_and_never_still() -> None:
    rows = np.array([astuple(actions.idle(t)) for t in np.arange(0, 30_000, 1000 / FPS)])
    assert np.all(np.abs(rows).max(axis=0) <= (2.0, 2.0, 0.05, 0.05, 0.0, 0.0))
    assert np.all(np.ptp(rows[:, :2], axis=0) > 1.0)
    assert np.all(np.abs(np.diff(rows[:, :2], axis=0)).sum(axis=1) > 0)


def test_expressions_add_channel_by_channel() -> None:
    total = Expression(yaw_deg=4, smile=0.5).plus(Expression(yaw_deg=-1, blink=1))
    assert total == Expression(yaw_deg=3, blink=1, smile=0.5)
    assert total.scaled(2) == Expression(yaw_deg=6, blink=2, smile=1)
