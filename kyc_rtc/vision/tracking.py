"""Whether the face in the stream is still the one that it began with."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face, FaceObservation, HeadPose
from kyc_rtc.vision.signature import Histograms, Signature, edge_histograms, frame_similarity

_WINDOW_FRAMES = 10
_FRAME_SPACING_MS = 50
"""Frames of a window lie this far apart, so that it spans half a second and outlasts a blink."""

_MAX_SPACING_MS = 300
"""Frames farther apart (the head was turned, frames were dropped) do not share a window."""

_CUT_SPACING_MS = 150
_MIN_CONTINUITY = 0.45
"""Two frames this near in time and less similar than this are the two sides of a cut."""

_MAX_TURN_DEG = 20.0
_MAX_TILT_DEG = 15.0
"""Frames beyond them (yaw and pitch; roll) are not described: too little of the face is left to
compare, or the light falls on it from another side."""

_MIN_FACE_PX = 48.0

_MIN_SIMILARITY = 0.5
"""Below it, a window shows another face. Over 135 bona fide recordings of one person, also under
changed light, none is taken for two; of 116 splices of two persons with 1.5 s of usable frames each,
114 are noticed, half of them within 0.8 s. All limits here were set on these same recordings."""

_STRANGE_WINDOWS = 2
"""So many in a row, and the face is another. One alone has accused honest people after a head turn."""

_NEW_LOOK = 0.75
"""A window less similar than this to every known look, and yet the same face, becomes a look."""

_MAX_LOOKS = 12
_JUMP_WITHIN_MS = 200


@dataclass(frozen=True, slots=True)
class TrackState:
    """Where the track stands after a frame.

    `present`: a face is in the frame · `lost_for_ms`: media time since a face was last seen (since
    the start, where none was), 0 while present · `changed`: another face has taken the place of the
    first one; false again once the first is back · `doubted`: some window showed another face, so that
    a person has to compare, whatever came later · `similarity`: of the last complete window to the
    first face's looks, 0 to 1; 1 before there are two windows.
    """

    present: bool
    lost_for_ms: int
    changed: bool
    doubted: bool
    similarity: float


class FaceTracker:
    """Follows the largest face of a stream and compares its look with the one at the start.

    A face is described over windows of some half a second of usable frames. The first window is the
    reference; later windows of the same face under another pose or light join it as further looks.
    Two windows in a row that resemble none of them mean another face; one alone is a doubt. No window
    spans a break: the face was lost, jumped, or changed its look from one frame to the next. Expression,
    pose and light do not count as a change. What it cannot see: a face that turns into another slowly,
    and another face that never looks at the camera.
    """

    def __init__(self) -> None:
        self._looks: list[Signature] = []
        self._histograms: list[Histograms] = []
        self._poses: list[HeadPose] = []
        self._described_at_ms: int | None = None
        self._last_histograms: Histograms | None = None
        self._last_face: Face | None = None
        self._last_seen_ms: int | None = None
        self._strange_windows = 0
        self._doubted = False
        self._similarity = 1.0

    def update(
        self, observation: FaceObservation, image_bgr: BgrImage, *, usable: bool = True
    ) -> TrackState:
        """Take the next frame, shape (height, width, 3), uint8.

        `usable` is False where the face cannot be judged (dark, blurred, covered): it is followed,
        but not described.
        """
        now_ms, face = observation.captured_at_ms, observation.face
        if face is None:
            if self._last_face is not None:
                self._forget_window()
            self._last_face = None
            return self._state(now_ms, present=False)
        if self._jumped(face, now_ms):
            self._forget_window()
        self._last_face, self._last_seen_ms = face, now_ms
        if usable and _describable(face):
            self._describe(face, image_bgr, now_ms)
        return self._state(now_ms, present=True)

    def _state(self, now_ms: int, *, present: bool) -> TrackState:
        if self._last_seen_ms is None:
            self._last_seen_ms = now_ms
        lost_for_ms = 0 if present else max(now_ms - self._last_seen_ms, 0)
        changed = self._strange_windows >= _STRANGE_WINDOWS
        return TrackState(present, lost_for_ms, changed, self._doubted, self._similarity)

    def _forget_window(self) -> None:
        self._histograms.clear()
        self._poses.clear()

    def _jumped(self, face: Face, now_ms: int) -> bool:
        """Whether the face moved by more than its width faster than a head can.

        Time that goes back means a restarted camera, which is a jump as well.
        """
        last = self._last_face
        if last is None or self._last_seen_ms is None:
            return False
        elapsed_ms = now_ms - self._last_seen_ms
        if elapsed_ms < 0:
            return True
        (x, y), (last_x, last_y) = face.centre_xy, last.centre_xy
        distance = ((x - last_x) ** 2 + (y - last_y) ** 2) ** 0.5
        return elapsed_ms <= _JUMP_WITHIN_MS and distance > last.width_px

    def _describe(self, face: Face, image_bgr: BgrImage, now_ms: int) -> None:
        last_ms, last = self._described_at_ms, self._last_histograms
        spacing_ms = now_ms - last_ms if last_ms is not None else _FRAME_SPACING_MS
        if 0 <= spacing_ms < _FRAME_SPACING_MS:
            return
        histograms = edge_histograms(image_bgr, face)
        self._described_at_ms, self._last_histograms = now_ms, histograms
        apart = not 0 <= spacing_ms <= _MAX_SPACING_MS
        if apart or (last is not None and _is_cut(last, histograms, spacing_ms)):
            self._forget_window()
        self._histograms.append(histograms)
        self._poses.append(face.pose)
        if len(self._histograms) == _WINDOW_FRAMES:
            self._judge(Signature.of(self._histograms, self._poses))
            self._forget_window()

    def _judge(self, window: Signature) -> None:
        if not self._looks:
            self._looks.append(window)
            return
        similarity = max(window.similarity(look) for look in self._looks)
        self._similarity = max(similarity, 0.0)
        if similarity < _MIN_SIMILARITY:
            self._strange_windows += 1
            self._doubted = True
            return
        self._strange_windows = 0
        if similarity < _NEW_LOOK and len(self._looks) < _MAX_LOOKS:
            self._looks.append(window)


def _is_cut(before: Histograms, after: Histograms, spacing_ms: int) -> bool:
    near = spacing_ms <= _CUT_SPACING_MS
    return near and frame_similarity(before, after) < _MIN_CONTINUITY


def _describable(face: Face) -> bool:
    turned = max(abs(face.pose.yaw_deg), abs(face.pose.pitch_deg)) > _MAX_TURN_DEG
    tilted = abs(face.pose.roll_deg) > _MAX_TILT_DEG
    return not turned and not tilted and face.width_px >= _MIN_FACE_PX
