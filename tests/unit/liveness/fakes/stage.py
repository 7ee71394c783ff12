"""A run of challenges in front of which frames go by."""

from __future__ import annotations

import itertools
from typing import TypeVar

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.run import (
    ChallengeIssued,
    ChallengeRun,
    LivenessEvent,
)
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.observation import Face
from tests.unit.liveness.fakes.actor import Actor
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.liveness.fakes.faces import Look, make_face, make_observation

LEFT = Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
SMILE = Challenge(ChallengeType.SMILE)
FRAME_MS = 40
LIMIT_MS = 10_000
REST = make_face(Look())
E = TypeVar("E", bound=LivenessEvent)


class Stage:
    """A run in front of which frames go by, 25 a second; captured as received, less `delay_ms`."""

    def __init__(self, *plan: Challenge, seed: int = 1, **limits: int) -> None:
        ids = itertools.count(1)
        self.settings = LivenessSettings(**limits)
        issuer = seeded_issuer(self.settings, seed)
        plan = plan or issuer.plan()
        self.run = ChallengeRun(plan, self.settings, lambda: f"c{next(ids)}", issuer)
        self.events: list[LivenessEvent] = []
        self.actor = Actor()
        self.now_ms = 0
        self.send = True

    def frame(
        self, now_ms: int, face: Face | None = None, *, usable: bool = True, gap_ms: float = 0.0
    ) -> tuple[LivenessEvent, ...]:
        self.now_ms = now_ms
        found = self.run.update(make_observation(face, now_ms), usable, now_ms, gap_ms)
        self.events += found
        if self.send and any(isinstance(event, ChallengeIssued) for event in found):
            self.run.sent(now_ms, now_ms)
        return found

    def rest(self, for_ms: int) -> None:
        """The face is there and does what the actor does."""
        for now_ms in range(self.now_ms + FRAME_MS, self.now_ms + for_ms + 1, FRAME_MS):
            self.frame(now_ms, make_face(self.actor.look(now_ms)))

    def until_prompt(self) -> ChallengeIssued:
        """Rest until the next prompt."""
        while True:
            found = self.frame(
                self.now_ms + FRAME_MS, make_face(self.actor.look(self.now_ms + FRAME_MS))
            )
            for event in found:
                if isinstance(event, ChallengeIssued):
                    return event
            assert self.now_ms < 600_000, "no prompt came"
            assert not self.run.finished

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def kinds(events: tuple[LivenessEvent, ...]) -> list[type]:
    return [type(event) for event in events]
