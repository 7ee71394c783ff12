"""Whether the face in the stream is still the one that it began with."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face, FaceObservation, HeadPose
from kyc_rtc.vision.signature import Histograms, Signature, edge_histograms, frame_similarity

_WINDOW_FRAMES, LEAST_FRAMES = 10, 5
_FRAME_SPACING_MS = 50
"""Frames of a window lie at least this far apart, so that it spans half a second and outlasts a blink. A
window that a cut ends is judged from the smaller number on."""

_MIN_CONTINUITY = 0.45
"""Two frames in a row that are less similar than this are the two sides of a cut, or of a turn."""

_MAX_TURN_DEG = 20.0
_MAX_TILT_DEG = 15.0
"""Frames beyond them (yaw and pitch; roll) are not described: too little of the face is left to
compare, or the light falls on it from another side."""

_MIN_FACE_PX = 48.0

_MIN_SIMILARITY = 0.5
"""Below it, a window may show another face, which is a doubt (`python -m tests.face_changes`;
docs/detection.md)."""

_FACING_DEG, _MIN_TURNED_SIMILARITY = 8.0, 0.4
"""Beyond such a yaw or pitch a window is doubted below this limit only: of one person, turned windows after
a low bitrate lie between the two."""

_STRANGE_SIMILARITY = 0.35
"""Below it, a window shows another face."""

_STRANGE_WINDOWS = 2
"""So many strange ones, with no like one between them, and the face is another."""

_NEW_LOOK = 0.75
"""A window less similar than this to every known look, and yet the same face, becomes a look."""

_MAX_LOOKS = 12


@dataclass(frozen=True, slots=True)
class TrackState:
    """Where the track stands after a frame.

    `present`: a face is in the frame · `lost_for_ms`: media time since a face was last seen (since
    the start, where none was), 0 while present · `changed`: another face has taken the place of the
    first one; false again once the first is back · `doubted`: some window may show another face, so that
    a person has to compare, whatever came later; or the open one may, until it is judged · `similarity`:
    of the last window to the first face's looks, 0 to 1; 1 before there are two windows · `judged`: how
    many frames are in windows that were compared · `compared`: the same with the open window; a cut takes
    away those of a window that it ends too soon.
    """

    present: bool
    lost_for_ms: int
    changed: bool
    doubted: bool
    similarity: float
    judged: int
    compared: int


class FaceTracker:
    """Follows the largest face of a stream and compares its look with the one at the start.

    A face is described over windows of some half a second of usable frames, whatever lies between them.
    The first window is the reference; later windows of the same face under another pose or light join it
    as further looks. Two windows that resemble none of them mean another face, and only what resembles the
    reference brings the first one back; one alone, or windows that resemble them little, are a doubt. No
    window spans a cut, where a frame does not resemble the frame before. Expression, pose and light do not
    count as a change. What it cannot see: a face that turns into another slowly, and another face that is
    never described: `compared` stands still meanwhile.
    """

    def __init__(self) -> None:
        self._looks: list[Signature] = []
        self._histograms: list[Histograms] = []
        self._poses: list[HeadPose] = []
        self._described_at_ms: int | None = None
        self._last_seen_ms: int | None = None
        self._strange_windows = self._compared = 0
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
            return self._state(now_ms, present=False)
        self._last_seen_ms = now_ms
        if usable and _describable(face):
            self._describe(face, image_bgr, now_ms)
        return self._state(now_ms, present=True)

    @property
    def _is_changed(self) -> bool:
        return self._strange_windows >= _STRANGE_WINDOWS

    def _state(self, now_ms: int, *, present: bool) -> TrackState:
        if self._last_seen_ms is None:
            self._last_seen_ms = now_ms
        lost_for_ms = 0 if present else max(now_ms - self._last_seen_ms, 0)
        return TrackState(
            present,
            lost_for_ms,
            self._is_changed,
            self._doubted or self._is_open_window_strange(),
            self._similarity,
            self._compared,
            self._compared + len(self._histograms),
        )

    def _describe(self, face: Face, image_bgr: BgrImage, now_ms: int) -> None:
        last_ms = self._described_at_ms
        if last_ms is not None and 0 <= now_ms - last_ms < _FRAME_SPACING_MS:
            return
        self._described_at_ms = now_ms
        histograms = edge_histograms(image_bgr, face)
        if (
            self._histograms
            and frame_similarity(self._histograms[-1], histograms) < _MIN_CONTINUITY
        ):
            self._end_window(LEAST_FRAMES)
        self._histograms.append(histograms)
        self._poses.append(face.pose)
        if len(self._histograms) == _WINDOW_FRAMES:
            self._end_window(_WINDOW_FRAMES)

    def _end_window(self, least: int) -> None:
        """Judge the window, if it has as many frames; begin another."""
        if len(self._histograms) >= least:
            self._judge(Signature.of(self._histograms, self._poses))
        self._histograms.clear()
        self._poses.clear()

    def _is_open_window_strange(self) -> bool:
        """Whether the open window would be a doubt if it ended now: a session may end within it. A few frames
        of a turned face are too little to tell."""
        if not self._looks or len(self._histograms) < LEAST_FRAMES:
            return False
        window = Signature.of(self._histograms, self._poses)
        return not _is_turned(window) and self._similarity_to_looks(window) < _MIN_SIMILARITY

    def _similarity_to_looks(self, window: Signature) -> float:
        return max(window.similarity(look) for look in self._looks)

    def _judge(self, window: Signature) -> None:
        self._compared += len(self._histograms)
        if not self._looks:
            self._looks.append(window)
            return
        similarity = self._similarity_to_looks(window)
        self._similarity = max(similarity, 0.0)
        self._doubted |= similarity < _least_similarity(window)
        if similarity < _STRANGE_SIMILARITY:
            self._strange_windows += 1
        elif similarity >= _MIN_SIMILARITY and (
            not self._is_changed or window.similarity(self._looks[0]) >= _MIN_SIMILARITY
        ):
            self._strange_windows = 0
            if similarity < _NEW_LOOK and len(self._looks) < _MAX_LOOKS and not self._doubted:
                self._looks.append(window)


def _least_similarity(window: Signature) -> float:
    return _MIN_TURNED_SIMILARITY if _is_turned(window) else _MIN_SIMILARITY


def _is_turned(window: Signature) -> bool:
    return max(abs(window.yaw_deg), abs(window.pitch_deg)) > _FACING_DEG


def _describable(face: Face) -> bool:
    turned = max(abs(face.pose.yaw_deg), abs(face.pose.pitch_deg)) > _MAX_TURN_DEG
    tilted = abs(face.pose.roll_deg) > _MAX_TILT_DEG
    return not turned and not tilted and face.width_px >= _MIN_FACE_PX
