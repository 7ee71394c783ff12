"""A `Face` whose signals are chosen, and whose landmarks agree with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals, read_signals
from kyc_rtc.vision.observation import Blendshape, Face, FaceObservation, HeadPose, Landmarks

SIZE = (640, 480)
_OPEN_EYE = 0.3
_SHUT_EYE = 0.1
_SHUT_BLINK = 0.6


@dataclass(frozen=True, slots=True)
class Look:
    """What a face shows. `shut`: 0 for open eyes, 1 for shut ones; `jaw`: 0 closed, 1 wide open;
    `nearness`: log ratio of how much larger the face is than at 0."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    shut: float = 0.0
    smile: float = 0.0
    jaw: float = 0.0
    open_eye: float = _OPEN_EYE
    resting_blink: float = 0.05
    nearness: float = 0.0


def make_face(look: Look) -> Face:
    """The face that looks so, 200 pixels wide."""
    blink = look.resting_blink + look.shut * (_SHUT_BLINK - look.resting_blink)
    return Face(
        landmarks=_landmarks(look),
        blendshapes={
            Blendshape.EYE_BLINK_LEFT: blink,
            Blendshape.EYE_BLINK_RIGHT: blink,
            Blendshape.MOUTH_SMILE_LEFT: look.smile,
            Blendshape.MOUTH_SMILE_RIGHT: look.smile,
            Blendshape.JAW_OPEN: 0.8 * look.jaw,
        },
        pose=HeadPose(look.yaw_deg, look.pitch_deg, 0.0),
        box_xyxy=(200.0, 100.0, 400.0, 340.0),
    )


def make_signals(look: Look) -> Signals:
    return read_signals(make_face(look), SIZE)


def make_neutral(look: Look = Look()) -> NeutralFace:
    """The neutral face of somebody who rests like this."""
    signals = make_signals(look)
    return NeutralFace(
        yaw_deg=signals.yaw_deg,
        pitch_deg=signals.pitch_deg,
        eye_opening=signals.eye_opening,
        eye_blink=signals.eye_blink,
        smile=signals.smile,
        jaw_open=signals.jaw_open,
        mouth_gap=signals.mouth_gap,
        eye_span=signals.eye_span,
        settled=True,
    )


def make_observation(face: Face | None, captured_at_ms: int) -> FaceObservation:
    return FaceObservation(captured_at_ms, 0, SIZE, () if face is None else (face,))


def _landmarks(look: Look) -> Landmarks:
    """Only the eyes' and the lips' points matter; each eye is 40 pixels wide, 120 between them."""
    points = np.zeros((478, 3), np.float32)
    aspect = look.open_eye + look.shut * (_SHUT_EYE - look.open_eye)
    for outer, inner, upper, lower, x in (
        (33, 133, (160, 158), (144, 153), 240.0),
        (263, 362, (387, 385), (373, 380), 360.0),
    ):
        points[outer, :2] = x, 200
        points[inner, :2] = x + (40 if x < 300 else -40), 200
        points[list(upper), 1] = 200 - 20 * aspect
        points[list(lower), 1] = 200 + 20 * aspect
    points[[82, 13, 312], 1] = 280 - 20 * look.jaw
    points[[87, 14, 317], 1] = 280 + 20 * look.jaw
    centre = np.array([300, 240], np.float32)
    offset, yaw, size = points[:, :2] - centre, np.radians(look.yaw_deg), np.exp(look.nearness)
    points[:, 2] = size * np.sin(yaw) * offset[:, 0]
    points[:, :2] = centre + size * offset * (np.cos(yaw), 1.0)
    return points
