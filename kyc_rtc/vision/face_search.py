"""Which way up a stream's pictures stand, and why no face is found in them.

A client that does not turn its camera's picture sends faces that lie on their side or stand on their
head. On their side, the observer finds most of them, with a roll of about 90 degrees; upside down it finds
none, or lays an upright mesh on the inverted face. So a face that is new is looked at the other way round
as well. How often: `training/orientation.py`, docs/detection.md.
"""

from __future__ import annotations

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.face_finder import SURE, FaceFinder, Look
from kyc_rtc.vision.observation import Face, FaceObservation
from kyc_rtc.vision.quality import FaceQuality, QualityIssue

LOOK_EVERY_MS = 1_000
"""Of media time: a second look costs as much as a frame."""

TURN_AFTER_MS = 700
"""For so long a picture has to lie the same way before it is turned."""

FORGET_AFTER_MS = 5_000
"""A face that has been gone for so long is new. A head that is turned into its profile as asked is gone
for 4 s at most."""

_TURN_FROM_ROLL_DEG = 60.0
"""More than the 45 from which a face is not judged: nobody who tilts the head is turned."""

_MIN_LEAD = 0.1
"""Of the way in which the picture is surely upright over the way in which it comes. Of 134 bona fide
recordings (`training/orientation.py`), 95% are ahead of the same upside down by 0.12 and more."""

_MIN_FACE_FRACTION = 0.2
"""Of the shorter side. Smaller faces that the observer does not find are too small for it: of faces of
0.17 at the median it finds 92 of 134 (the same script)."""

_MIN_OVERHANG = 0.05

_LIGHT = frozenset({QualityIssue.TOO_DARK, QualityIssue.TOO_BRIGHT})


class FaceSearch:
    """Follows one stream. All times are media time, which may go back: then all begins anew."""

    def __init__(self, finder: FaceFinder | None) -> None:
        """Without a finder, only faces that the observer sees on their side are turned."""
        self._finder = finder
        self._quarter_turns = 0
        self._further, self._further_since_ms = 0, 0
        self._looked_ms: int | None = None
        self._seen_ms: int | None = None
        self._known = False
        self._found: frozenset[QualityIssue] = frozenset()

    @property
    def quarter_turns(self) -> int:
        """By how many quarters anticlockwise (0 to 3) the next picture is to be turned."""
        return self._quarter_turns

    def update(
        self, observation: FaceObservation, quality: FaceQuality, image_bgr: BgrImage
    ) -> frozenset[QualityIssue]:
        """Take a picture that was turned by `quarter_turns`; what else is wrong with it."""
        now_ms, face = observation.captured_at_ms, observation.face
        self._keep_time(face, now_ms)
        if face is not None and abs(face.pose.roll_deg) >= _TURN_FROM_ROLL_DEG:
            self._found = frozenset()
            self._turn(round(face.pose.roll_deg / 90) % 4, now_ms)
        elif face is not None and (self._known or self._finder is None):
            self._found = frozenset()
            self._turn(0, now_ms)
        elif self._finder is not None and self._is_due(face, quality, now_ms):
            self._looked_ms = now_ms
            self._take(self._finder.look(image_bgr, far=face is None), face, now_ms)
        # Why no face was found does not matter any more where there is one.
        return self._found if face is None else self._found & {QualityIssue.NOT_UPRIGHT}

    def _keep_time(self, face: Face | None, now_ms: int) -> None:
        last_ms = self._seen_ms
        if face is not None or last_ms is None or now_ms < last_ms:
            self._seen_ms = now_ms
        if last_ms is not None and not 0 <= now_ms - last_ms < FORGET_AFTER_MS:
            self._known = False

    def _is_due(self, face: Face | None, quality: FaceQuality, now_ms: int) -> bool:
        """Never while a known face may come back, and never in a light in which none is found."""
        in_bad_light = face is None and _LIGHT.intersection(quality.issues)
        if self._known or in_bad_light:
            return False
        return self._looked_ms is None or not 0 <= now_ms - self._looked_ms < LOOK_EVERY_MS

    def _take(self, look: Look, face: Face | None, now_ms: int) -> None:
        further = upright_way(look)
        self._known = face is not None and further == 0
        self._found = frozenset() if self._known else _issues(look, further)
        self._turn(further, now_ms)

    def _turn(self, further: int, now_ms: int) -> None:
        """Turn by so many quarters more, once that has been right for long enough."""
        if further != self._further or now_ms < self._further_since_ms:
            self._further, self._further_since_ms = further, now_ms
        if further and now_ms - self._further_since_ms >= TURN_AFTER_MS:
            self._quarter_turns = (self._quarter_turns + further) % 4
            self._further, self._known, self._looked_ms = 0, False, None


def upright_way(look: Look) -> int:
    """By how many quarters anticlockwise (0 to 3) the picture has to be turned; 0 where that is not clear."""
    scores = [glimpse.score if glimpse is not None else 0.0 for glimpse in look.turned]
    best = max(range(4), key=lambda turns: scores[turns])
    clear = scores[best] >= max(SURE, scores[0] + _MIN_LEAD)
    return best if clear else 0


def _issues(look: Look, further: int) -> frozenset[QualityIssue]:
    if further:
        return frozenset({QualityIssue.NOT_UPRIGHT})
    seen = look.turned[0] or look.far
    if seen is None:
        return frozenset()
    if seen.width_fraction < _MIN_FACE_FRACTION:
        return frozenset({QualityIssue.FACE_TOO_SMALL})
    return frozenset({QualityIssue.CUT_OFF} if seen.overhang > _MIN_OVERHANG else {})
