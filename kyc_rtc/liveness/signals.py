"""The few numbers of a face that challenges are judged by."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.vision.geometry import eye_openness, eye_span_px, mouth_openness
from kyc_rtc.vision.observation import Blendshape, Face


@dataclass(frozen=True, slots=True)
class Signals:
    """One face at one moment.

    `yaw_deg` positive towards the person's own left, `pitch_deg` positive downwards. `eye_opening`:
    eye aspect ratio, mean of both eyes. `eye_blink`, `smile`, `jaw_open`: blendshapes 0..1, mean of
    both sides. `mouth_gap`: inner lips over the distance of the outer eye corners. `eye_span`: distance
    of the outer eye corners as from the front, over the shorter side of the picture: it grows as the
    face comes nearer.
    """

    yaw_deg: float
    pitch_deg: float
    eye_opening: float
    eye_blink: float
    smile: float
    jaw_open: float
    mouth_gap: float
    eye_span: float


def read_signals(face: Face, image_size: tuple[int, int]) -> Signals:
    """Reduce `face` to the numbers that challenges are judged by. A missing blendshape is 0.

    `image_size`: (width, height) of its picture in pixels.
    """

    def both(left: Blendshape, right: Blendshape) -> float:
        shapes = face.blendshapes
        return (shapes.get(left, 0.0) + shapes.get(right, 0.0)) / 2

    left_eye, right_eye = eye_openness(face.landmarks)
    return Signals(
        yaw_deg=face.pose.yaw_deg,
        pitch_deg=face.pose.pitch_deg,
        eye_opening=(left_eye + right_eye) / 2,
        eye_blink=both(Blendshape.EYE_BLINK_LEFT, Blendshape.EYE_BLINK_RIGHT),
        smile=both(Blendshape.MOUTH_SMILE_LEFT, Blendshape.MOUTH_SMILE_RIGHT),
        jaw_open=face.blendshapes.get(Blendshape.JAW_OPEN, 0.0),
        mouth_gap=mouth_openness(face.landmarks),
        eye_span=eye_span_px(face.landmarks, face.pose) / min(image_size),
    )
