"""What the animated portrait does, as pure functions of time.

An `Action` is a list of pulses; each pulse raises an expression to its peak and lets it go again
along a raised cosine, so that speed and acceleration look human. Times are milliseconds from the
start of the action; angles are degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

RISE_SHARE = 0.38
"""People move out faster than back; an action that mirrored itself would look like a played-back film."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Head pose and face; the default is a neutral look into the camera.

    `yaw_deg` is positive towards the person's own left (the right of a picture that is not
    mirrored), `pitch_deg` is positive downwards (chin to chest). In the rotation R of MediaPipe's
    facial transformation matrix they are atan2(R[0, 2], R[2, 2]) and asin(-R[1, 2]): its third
    column is where the face looks, x to the picture's right, y up, z towards the camera.
    The others run from 0 (rest) to 1 (full): `blink` closes both eyes; but `nearness` is the log of how
    much larger the picture is.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    blink: float = 0.0
    smile: float = 0.0
    mouth_open: float = 0.0
    nearness: float = 0.0

    def scaled(self, factor: float) -> Expression:
        """Every channel times `factor`."""
        return Expression(**{f.name: getattr(self, f.name) * factor for f in fields(self)})

    def plus(self, other: Expression) -> Expression:
        """The sum, channel by channel: an action on top of idle motion."""
        names = [f.name for f in fields(self)]
        return Expression(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class Pulse:
    """One rise to `peak`, `hold_ms` there, and the way back, all within `duration_ms`.

    Raises `ValueError` where the hold leaves no time to rise and fall.
    """

    peak: Expression
    duration_ms: float
    hold_ms: float = 0.0
    start_ms: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.hold_ms < self.duration_ms:
            raise ValueError(f"hold_ms must be within 0 and {self.duration_ms}, not {self.hold_ms}")

    def at(self, t_ms: float) -> Expression:
        """The expression at `t_ms` of the action's time; neutral outside the pulse."""
        ramps_ms = self.duration_ms - self.hold_ms
        since_ms = t_ms - self.start_ms
        risen = since_ms / (ramps_ms * RISE_SHARE)
        left = (self.duration_ms - since_ms) / (ramps_ms * (1 - RISE_SHARE))
        phase = min(max(min(risen, left), 0.0), 1.0)
        return self.peak.scaled((1 - math.cos(math.pi * phase)) / 2)


@dataclass(frozen=True, slots=True)
class Action:
    """An expression as a function of time; neutral before 0 and after `duration_ms`."""

    duration_ms: float
    pulses: tuple[Pulse, ...]

    def at(self, t_ms: float) -> Expression:
        """The expression at `t_ms` since the action began."""
        total = Expression()
        for pulse in self.pulses:
            total = total.plus(pulse.at(t_ms))
        return total

    def delayed(self, by_ms: float) -> Action:
        """The same action, beginning `by_ms` later."""
        moved = tuple(replace(pulse, start_ms=pulse.start_ms + by_ms) for pulse in self.pulses)
        return Action(self.duration_ms + by_ms, moved)

    def slowed(self, factor: float) -> Action:
        """The same action in `factor` times the time."""
        pulses = tuple(
            Pulse(p.peak, p.duration_ms * factor, p.hold_ms * factor, p.start_ms * factor)
            for p in self.pulses
        )
        return Action(self.duration_ms * factor, pulses)


def head_turn(direction: Literal["left", "right"], angle_deg: float = 30.0) -> Action:
    """To the person's own left or right and back, 1.4 s."""
    signed_deg = angle_deg if direction == "left" else -angle_deg
    return _single(Expression(yaw_deg=signed_deg), duration_ms=1400.0, hold_ms=200.0)


def nod(angle_deg: float = 18.0) -> Action:
    """Chin towards the chest and back, 1.0 s."""
    return _single(Expression(pitch_deg=angle_deg), duration_ms=1000.0)


def blink(count: int = 1) -> Action:
    """`count` (1 or more) blinks of 250 ms with 350 ms between them."""
    shut = Pulse(Expression(blink=1.0), duration_ms=250.0, hold_ms=70.0)
    pulses = tuple(replace(shut, start_ms=i * 600.0) for i in range(count))
    return Action(pulses[-1].start_ms + shut.duration_ms, pulses)


def smile(hold_ms: float = 500.0) -> Action:
    """A smile that comes and goes, within a second in addition to the hold."""
    return _single(Expression(smile=1.0), duration_ms=1000.0 + hold_ms, hold_ms=hold_ms)


def mouth_open(hold_ms: float = 300.0) -> Action:
    """The jaw drops and closes, within 0.9 s in addition to the hold."""
    return _single(Expression(mouth_open=1.0), duration_ms=900.0 + hold_ms, hold_ms=hold_ms)


def change_distance(*, closer: bool, log_ratio: float = 0.32) -> Action:
    """The face grows by this, or shrinks, and comes back, within 3 s."""
    peak = Expression(nearness=log_ratio if closer else -log_ratio)
    return _single(peak, duration_ms=3_000.0, hold_ms=600.0)


def sequence(*actions: Action, pause_ms: float = 500.0) -> Action:
    """One action after the other, with a neutral `pause_ms` before each and at the end."""
    start_ms, pulses = pause_ms, list[Pulse]()
    for action in actions:
        moved = action.delayed(start_ms)
        pulses += moved.pulses
        start_ms = moved.duration_ms + pause_ms
    return Action(start_ms, tuple(pulses))


def idle(t_ms: float) -> Expression:
    """Small sway and tremor of somebody who sits still; add it to an action's expression.

    Sines of incommensurate periods: deterministic, and without a visible repeat. The head stays
    within 2 degrees and the face within a few per cent; natural blinks are not part of it.
    """
    t_s = t_ms / 1000.0

    def wave(hertz: float, phase: float) -> float:
        return math.sin(2 * math.pi * hertz * t_s + phase)

    return Expression(
        yaw_deg=1.0 * wave(0.23, 0.4) + 0.4 * wave(0.61, 1.9) + 0.06 * wave(7.3, 0.0),
        pitch_deg=0.7 * wave(0.31, 2.2) + 0.3 * wave(0.83, 0.7) + 0.06 * wave(8.9, 1.0),
        blink=0.02 + 0.02 * wave(0.47, 3.0),
        smile=0.01 + 0.01 * wave(0.19, 5.1),
    )


def muttering(at_ms: float) -> Expression:
    """Lips that part and corners that stir, as they do in somebody who reads what to do."""
    t_s = at_ms / 1000
    parting = math.sin(4.1 * t_s) + 0.7 * math.sin(6.7 * t_s + 1) + 0.5 * math.sin(1.3 * t_s + 2)
    stirring = math.sin(2.3 * t_s + 0.5) + 0.6 * math.sin(3.7 * t_s)
    return Expression(mouth_open=0.18 * max(0.0, parting), smile=0.08 * (1.6 + stirring))


def _single(peak: Expression, duration_ms: float, hold_ms: float = 0.0) -> Action:
    return Action(duration_ms, (Pulse(peak, duration_ms, hold_ms),))
