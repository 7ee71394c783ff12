"""Somebody before the camera: rests, and performs what is scheduled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.run import ChallengeIssued, ChallengeRun, LivenessEvent
from kyc_rtc.vision.observation import Face
from tests.unit.liveness.fakes.faces import Look, make_face, make_observation


@dataclass(frozen=True, slots=True)
class Pulse:
    """One channel of `Look` out to `peak` and back, along a raised cosine with a flat top.

    `flank`: the share of the duration that each way takes.
    """

    channel: str
    peak: float
    start_ms: float
    duration_ms: float
    flank: float = 0.3

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.duration_ms

    def value(self, now_ms: float) -> float:
        share = (now_ms - self.start_ms) / self.duration_ms
        if not 0 <= share <= 1:
            return 0.0
        rise = min(1.0, min(share, 1 - share) / self.flank)
        return self.peak * (1 - math.cos(math.pi * rise)) / 2


def pulses_for(challenge: Challenge, start_ms: float, *, speed: float = 1.0) -> list[Pulse]:
    """What a willing person does. At speed 1 a turn takes 1.4 s, a nod 0.9 s, a blink 0.3 s."""
    match challenge.type:
        case ChallengeType.HEAD_TURN:
            peak = 30.0 if challenge.direction is Direction.LEFT else -30.0
            shape = ("yaw_deg", peak, 1_400.0)
        case ChallengeType.NOD:
            shape = ("pitch_deg", 20.0, 900.0)
        case ChallengeType.BLINK:
            shape = ("shut", 1.0, 300.0)
        case ChallengeType.SMILE:
            shape = ("smile", 0.8, 1_500.0 + challenge.hold_ms)
        case ChallengeType.MOUTH_OPEN:
            shape = ("jaw", 1.0, 1_200.0 + challenge.hold_ms)
        case ChallengeType.COME_CLOSER:
            shape = ("nearness", 0.32, 2_400.0)
        case ChallengeType.STEP_BACK:
            shape = ("nearness", -0.32, 2_400.0)
    channel, peak, duration_ms = shape
    duration_ms /= speed
    gap_ms = duration_ms + 200
    return [
        Pulse(channel, peak, start_ms + n * gap_ms, duration_ms) for n in range(challenge.count)
    ]


@dataclass(slots=True)
class Actor:
    """Rests as `rest`, and adds the scheduled pulses to it."""

    rest: Look = field(default_factory=Look)
    pulses: list[Pulse] = field(default_factory=list)

    def look(self, now_ms: float) -> Look:
        look = self.rest
        for pulse in self.pulses:
            look = replace(
                look, **{pulse.channel: getattr(look, pulse.channel) + pulse.value(now_ms)}
            )
        return look

    def frames(self, end_ms: float, fps: float = 30.0) -> Iterator[tuple[int, Look]]:
        """Time and look of each frame until `end_ms`."""
        for n in range(int(end_ms * fps / 1_000) + 1):
            now_ms = round(n * 1_000 / fps)
            yield now_ms, self.look(now_ms)


Answer = Callable[[ChallengeIssued, int], list[Pulse]]
"""What somebody does about a prompt that was sent at that time."""


def obey(reaction_ms: float = 450.0, speed: float = 1.0) -> Answer:
    """Do what is asked, after `reaction_ms`."""

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        return pulses_for(prompt.challenge, sent_ms + reaction_ms, speed=speed)

    return answer


def ignore(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
    """Do nothing about it."""
    return []


def show(
    run: ChallengeRun, face: Face | None, now_ms: int, *, usable: bool = True
) -> tuple[LivenessEvent, ...]:
    """One frame, received as it is captured; a prompt that it brings is sent at once."""
    events = run.update(make_observation(face, now_ms), usable, now_ms)
    if any(isinstance(event, ChallengeIssued) for event in events):
        run.sent(now_ms, now_ms)
    return events


def play(
    run: ChallengeRun,
    actor: Actor,
    answer: Answer = ignore,
    *,
    fps: float = 30.0,
    limit_ms: int = 200_000,
) -> list[LivenessEvent]:
    """Put the actor before the run until it is finished; what it reported, in order."""
    events: list[LivenessEvent] = []
    for now_ms, _ in Actor().frames(limit_ms, fps):
        for event in show(run, make_face(actor.look(now_ms)), now_ms):
            events.append(event)
            if isinstance(event, ChallengeIssued):
                actor.pulses.extend(answer(event, now_ms))
        if run.finished:
            break
    return events
