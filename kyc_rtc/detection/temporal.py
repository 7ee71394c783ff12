"""The temporal analyser: frozen frames, loops, still photographs, and how a face's grain changes."""

from __future__ import annotations

from collections import deque
from statistics import median

from kyc_rtc.detection.calibration import score
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample, Sign
from kyc_rtc.detection.flicker import fine_change
from kyc_rtc.detection.frozen import FrozenRun
from kyc_rtc.detection.life import LifeMeter
from kyc_rtc.detection.loop import LoopFinder
from kyc_rtc.detection.regions import crop, regions
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face

_FROZEN_MS = 1_500
"""Bona fide recordings stand still for at most 0.7 s (n = 138)."""

_COPY_MISMATCH, _COPY_OTHERS = 0.06, 0.06
"""Bona fide recordings never come below a mismatch of 0.33 (n = 138); loops, through VP8 at 600 and 250
kbit/s, stay below 0.01 with all pictures copied (106 of 108). An animated portrait that turns and nods
twice alike reaches 0.002, with a share of others of 0.12 and more (n = 24)."""

_ALIKE_CONFIDENCE = 0.2
"""Too little to decide (`Thresholds.confidence_threshold`), and enough to bar a pass: whether a person does
an action again just so, or a loop had some of its pictures altered, somebody has to look."""

_LEAST_COMPARABLE = 1 / 3
"""Of the stretches that are searched for loops. Whoever sends gaps all the time would keep loops from being
found, and has not shown that there are none."""

_STILL, ALIVE = 1.05, 1.75
"""Of `Life`: between them nothing is known."""

_LIFE_EVERY_MS = 500

_CHANGE_EVERY = 5
"""Of this many frames, two in succession are compared."""

_MAX_PAIR_MS = 120
_MAX_CROP_SCALE = 1.25
_KEPT_CHANGES = 120
_MIN_CHANGES = 8
_FULL_SPAN_MS = 8_000

_HARD_SCORE, _HARD_CONFIDENCE = 0.95, 0.9


class TemporalAnalyser:
    """Judges how the picture changes over time. Only judgeable frames count.

    It is confident only once it has seen life (motion of eyelids, eyes or mouth that a moved
    photograph does not show) and could look for loops, or has found one of its hard signs: until then its
    confidence is 0, so that a picture which merely gives no cause for alarm does not pass.
    """

    name = AnalyserName.TEMPORAL

    def __init__(self) -> None:
        self._frozen = FrozenRun()
        self._loop = LoopFinder()
        self._life = LifeMeter()
        self._alike = self._copied = False
        self._life_seen_ms: int | None = None
        self._still = False
        self._next_life_ms = 0
        self._frames = 0
        self._changes: deque[float] = deque(maxlen=_KEPT_CHANGES)
        self._before: tuple[int, BgrImage] | None = None
        self._first_ms: int | None = None
        self._last_ms = 0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; about 1 ms at 640 by 480."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            self._before = None
            return
        now_ms = sample.observation.captured_at_ms
        if self._first_ms is None:
            self._first_ms = self._next_life_ms = now_ms
        self._last_ms = now_ms
        self._frozen.update(now_ms, sample.luma)
        self._loop.update(now_ms, sample.thumbnail)
        if self._loop.mismatch <= _COPY_MISMATCH:
            self._alike = True
            self._copied = self._copied or self._loop.others <= _COPY_OTHERS
        self._look_for_life(now_ms, face)
        self._look_at_grain(now_ms, sample.luma, face)

    def evidence(self) -> Evidence:
        """The statement on all judgeable frames so far."""
        span_ms = (self._first_ms or 0, self._last_ms)
        signs = self._hard_signs()
        if signs:
            return Evidence(self.name, _HARD_SCORE, _HARD_CONFIDENCE, span_ms, signs)
        if self._alike:
            signs = (Sign.VIDEO_LOOP,)
            return Evidence(self.name, _HARD_SCORE, _ALIKE_CONFIDENCE, span_ms, signs)
        if self._life_seen_ms is None or self._loop.comparable_share < _LEAST_COMPARABLE:
            return Evidence(self.name, 0.5, 0.0, span_ms)
        confidence = 0.4 + 0.6 * min(1.0, (span_ms[1] - span_ms[0]) / _FULL_SPAN_MS)
        value = self._grain_score()
        return Evidence(
            self.name, value, confidence, span_ms, (Sign.TEMPORAL,) if value > 0.5 else ()
        )

    def _hard_signs(self) -> tuple[Sign, ...]:
        found = {
            Sign.FROZEN_FRAMES: self._frozen.longest_ms >= _FROZEN_MS,
            Sign.VIDEO_LOOP: self._copied,
            Sign.NO_MOTION: self._still,
        }
        return tuple(sign for sign, seen in found.items() if seen)

    def _look_for_life(self, now_ms: int, face: Face) -> None:
        self._life.update(now_ms, face.landmarks)
        if now_ms < self._next_life_ms:
            return
        self._next_life_ms = now_ms + _LIFE_EVERY_MS
        life = self._life.life()
        if life is None:
            return
        if life.at_least >= ALIVE:
            # Later life clears a calm beginning; a photograph never shows any.
            self._life_seen_ms, self._still = now_ms, False
        elif life.at_most <= _STILL and self._life.full:
            self._still = True

    def _look_at_grain(self, now_ms: int, luma: BgrImage, face: Face) -> None:
        self._frames += 1
        turn = self._frames % _CHANGE_EVERY
        if turn > 1:
            return
        picture = crop(luma, face.landmarks)
        before, self._before = self._before, (now_ms, picture) if turn == 0 else None
        if turn == 0 or before is None or now_ms - before[0] > _MAX_PAIR_MS:
            return
        masks = regions(face.landmarks)
        if masks.scale <= _MAX_CROP_SCALE:
            self._changes.append(fine_change(before[1], picture, masks))

    def _grain_score(self) -> float:
        """Neutral until enough pairs were compared. Bona fide: median -0.2, 5% below -0.82."""
        if len(self._changes) < _MIN_CHANGES:
            return 0.5
        return score(median(self._changes), calm=-0.1, neutral=-0.6, clear=-1.35, ceiling=0.64)
