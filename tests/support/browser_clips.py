"""A recorded person before the browser's camera: each prompt is answered with the footage that fits."""

from __future__ import annotations

import asyncio
import bisect
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from media.file_source import read_frames
from tests.support.browser_camera import Prompt
from tests.support.browser_people import held_in_a_hand
from tests.support.film import framed

_REACTION_MS = 500.0
_FADE_MS = 160.0
_IDLE_PACE = 0.7
_RAMPS_MS = 500
"""Of a take, what is not a smile yet or any more; all takes are longer than that."""

Asked = tuple[ChallengeType, Direction | None]
Span = tuple[int, int]
"""From and to, media time of the clip in milliseconds; backwards where `to` is the smaller."""
Footage = list[tuple[int, BgrImage]]


@dataclass(frozen=True, slots=True)
class Takes:
    """Which spans of a clip show what. `clip`: first 16 hex digits of the file's SHA-256.

    `idle` are calm spans; between the prompts they are played one after the other. Several or long ones,
    for footage that comes again is what an attack shows, and a person never. `middle` says where the
    face is, of the picture's width and height, and `height` how much of the height is shown.
    """

    clip: str
    idle: tuple[Span, ...]
    answers: Mapping[Asked, tuple[Span, ...]]
    middle: tuple[float, float] = (0.5, 0.5)
    height: float = 1.0

    def shows(self, challenge: Challenge) -> bool:
        """Whether there is a take for it, of the length that is asked."""
        spans = self.answers.get((challenge.type, challenge.direction), ())
        length_ms = _length_ms(spans)
        return length_ms > 0 and length_ms >= challenge.hold_ms + _RAMPS_MS

    def kinds(self) -> list[ChallengeType]:
        """What can be asked in addition to a turn of the head."""
        return [kind for kind, side in self.answers if side is None]


WEBCAM = Takes(
    clip="c26d92d24ed2a18d",
    idle=((0, 1_000), (7_950, 8_950), (5_900, 6_700)),
    answers={
        (ChallengeType.HEAD_TURN, Direction.LEFT): ((2_300, 3_330),),
        # Turned to the right, the person goes on to look up; the way back is the way there, reversed.
        (ChallengeType.HEAD_TURN, Direction.RIGHT): ((3_330, 4_100), (4_100, 3_330)),
        (ChallengeType.SMILE, None): ((1_000, 2_300),),
        (ChallengeType.NOD, None): ((4_650, 6_850),),
    },
)
"""Somebody at a desk. The labels of all these clips are in `tests/data/challenge_labels.tsv`."""

PEOPLE = (
    WEBCAM,
    Takes(
        clip="6e7aa54b519f395c",
        idle=((12_250, 13_200), (0, 900)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.RIGHT): ((6_500, 9_000),),
            (ChallengeType.HEAD_TURN, Direction.LEFT): ((9_000, 12_100),),
            (ChallengeType.SMILE, None): ((700, 3_600),),
        },
        middle=(0.49, 0.64),
        height=0.75,
    ),
    Takes(
        clip="c85aaf01a009a71a",
        idle=((2_050, 2_850), (2_850, 2_050)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.LEFT): ((2_850, 4_430),),
            (ChallengeType.NOD, None): ((800, 2_050),),
        },
    ),
    Takes(
        clip="70f10a6c7ad4591b",
        idle=((1_400, 5_850), (5_850, 1_400)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.RIGHT): ((5_850, 8_270),),
            (ChallengeType.NOD, None): ((200, 1_350),),
            (ChallengeType.SMILE, None): ((8_900, 9_800),),
        },
        middle=(0.41, 0.5),
    ),
    Takes(
        clip="7fe30bcfd6949fc1",
        idle=((4_300, 8_400), (10_750, 11_450)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.LEFT): ((2_900, 4_250),),
            (ChallengeType.BLINK, None): ((8_500, 10_700),),
        },
        middle=(0.44, 0.5),
    ),
    Takes(
        clip="e422ed43b1b09d29",
        idle=((2_700, 5_600), (5_600, 2_700)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.LEFT): ((7_050, 10_200),),
            (ChallengeType.BLINK, None): ((2_050, 6_250),),
        },
        middle=(0.36, 0.5),
    ),
    Takes(
        clip="ffdae18058fd613f",
        idle=((14_900, 16_500), (17_000, 18_300)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.RIGHT): ((12_000, 14_500),),
            (ChallengeType.BLINK, None): ((250, 1_700),),
        },
    ),
    Takes(
        clip="67f517537ea7a633",
        idle=((6_650, 7_300), (4_150, 5_050)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.LEFT): ((3_700, 5_250),),
            (ChallengeType.BLINK, None): ((5_950, 7_800),),
        },
    ),
)
"""Different people. Most turn to one side only: ask anew if the other is drawn."""

_OTHER_SIDE: Mapping[Asked, Asked] = {
    (ChallengeType.HEAD_TURN, Direction.LEFT): (ChallengeType.HEAD_TURN, Direction.RIGHT),
    (ChallengeType.HEAD_TURN, Direction.RIGHT): (ChallengeType.HEAD_TURN, Direction.LEFT),
}


class Recorded:
    """Plays the fitting take after each prompt, and calm footage otherwise, with short cross-fades.

    Where the clip has no take that fits, calm footage goes on.

    The whole picture drifts as a camera's does that is held in a hand: the calm footage is short,
    and would else be seen again exactly as it was. `willing` False plays a take that does not fit.
    `seen` says whether anybody sees the picture: calm footage that nobody saw is shown again later.
    `lacks` is set once something was asked that the clip has no take for, or none that was not seen
    already, except in another try; but for the first prompt, which nobody gets to answer whose link goes
    dark at it.
    """

    def __init__(
        self,
        folder: Path,
        takes: Takes,
        *,
        willing: bool = True,
        seen: Callable[[], bool] = lambda: True,
        footage: Footage | None = None,
    ) -> None:
        """`footage`: of these takes, where it was read before."""
        self._frames = footage or read_footage(folder, takes)
        self._times_ms = [captured_at_ms for captured_at_ms, _ in self._frames]
        self._takes = takes
        self._willing, self._seen = willing, seen
        self._calm_ms = 0.0
        self.lacks = asyncio.Event()
        self._asked: Asked | None = None
        self._take_seen_ms = 0.0
        self._used: set[Asked] = set()
        self._tries_again = False
        self._playing: tuple[Span, ...] = ()
        self._began_ms = self._now_ms = 0.0
        self._fade_from: BgrImage | None = None
        self._faded_ms = 0.0
        self._last: BgrImage | None = None
        self._last_span: Span | None = None

    def sees(self, prompt: Prompt) -> None:
        self._tries_again = self._tries_again or prompt.icon == "again"
        if prompt.challenge is not None:
            self._note(prompt.challenge)
            self._playing = self._takes.answers.get(self._choose(prompt.challenge), ())
            self._began_ms = self._now_ms + _REACTION_MS

    def draw(self, at_ms: float) -> BgrImage:
        step_ms, self._now_ms = at_ms - self._now_ms, at_ms
        span, source_ms = self._position(step_ms if self._seen() else 0.0)
        if span != self._last_span and self._last is not None and not self._runs_on(span):
            self._fade_from, self._faded_ms = self._last, at_ms
        picture = self._at(source_ms)
        if self._fade_from is not None:
            share = (at_ms - self._faded_ms + 40) / _FADE_MS
            if share < 1:
                mixed = cv2.addWeighted(picture, share, self._fade_from, 1 - share, 0)
                picture = np.asarray(mixed, np.uint8)
            else:
                self._fade_from = None
        self._last, self._last_span = picture, span
        return held_in_a_hand(picture, at_ms)

    def _note(self, challenge: Challenge) -> None:
        """See whether there is a take for it that nobody saw half of yet."""
        was_seen = self._take_seen_ms * 2 > _length_ms(self._playing)
        if was_seen and self._asked is not None and not self._tries_again:
            self._used.add(self._asked)
        self._tries_again = False
        is_first, self._asked = self._asked is None, (challenge.type, challenge.direction)
        self._take_seen_ms = 0.0
        if not is_first and (self._asked in self._used or not self._takes.shows(challenge)):
            self.lacks.set()

    def _choose(self, challenge: Challenge) -> Asked:
        asked = (challenge.type, challenge.direction)
        if self._willing:
            return asked
        return _OTHER_SIDE.get(asked, (ChallengeType.HEAD_TURN, Direction.LEFT))

    def _position(self, step_ms: float) -> tuple[Span, float]:
        """Which span is played now, and the moment of the clip; `step_ms` of it were seen."""
        since_ms = self._now_ms - self._began_ms
        if since_ms >= 0 and (taken := _moment(self._playing, since_ms)) is not None:
            self._take_seen_ms += step_ms
            return taken
        self._calm_ms += step_ms * _IDLE_PACE
        idle = self._takes.idle
        calm = _moment(idle, self._calm_ms % _length_ms(idle))
        return calm or (idle[0], idle[0][0])

    def _runs_on(self, span: Span) -> bool:
        return self._last_span is not None and self._last_span[1] == span[0]

    def _at(self, source_ms: float) -> BgrImage:
        number = bisect.bisect_right(self._times_ms, source_ms) - 1
        return self._frames[max(0, number)][1]


def read_footage(folder: Path, takes: Takes) -> Footage:
    """The clip in the shape of a webcam's pictures: media time in milliseconds, and picture."""
    frames = read_frames(find_clip(folder, takes.clip), SystemClock())
    return [
        (frame.captured_at_ms, framed(frame.to_bgr(), takes.middle, takes.height))
        for frame in frames
    ]


def _length_ms(spans: tuple[Span, ...]) -> int:
    return sum(abs(end_ms - start_ms) for start_ms, end_ms in spans)


def _moment(spans: tuple[Span, ...], since_ms: float) -> tuple[Span, float] | None:
    """The span, and the moment of the clip, so long after the first one began; None after the last."""
    for start_ms, end_ms in spans:
        length_ms = abs(end_ms - start_ms)
        if since_ms < length_ms:
            moment_ms = start_ms + (since_ms if end_ms > start_ms else -since_ms)
            return (start_ms, end_ms), moment_ms
        since_ms -= length_ms
    return None


def find_clip(folder: Path, digest: str) -> Path:
    """The video under `folder` whose SHA-256 begins with `digest`."""
    for path in sorted(folder.glob("video/**/*.mp4")):
        if hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest):
            return path
    raise FileNotFoundError(f"no clip with SHA-256 {digest}… under {folder}")
