"""The challenges that exist, and what one asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyc_rtc.settings import SHORTEST_HOLD_MS


class ChallengeType(StrEnum):
    """The actions that an applicant may be asked for."""

    HEAD_TURN = "head_turn"
    NOD = "nod"
    BLINK = "blink"
    SMILE = "smile"
    MOUTH_OPEN = "mouth_open"
    COME_CLOSER = "come_closer"
    STEP_BACK = "step_back"


class Direction(StrEnum):
    """A side, always the applicant's own."""

    LEFT = "left"
    RIGHT = "right"


MAX_EXCLUDED = 2
"""Types that are not asked of somebody, at most: who excludes more could choose what to answer."""

HELD = frozenset({ChallengeType.SMILE, ChallengeType.MOUTH_OPEN})

DISTANCE = frozenset({ChallengeType.COME_CLOSER, ChallengeType.STEP_BACK})
"""What changes how far the face is from the camera. Drawn only where the settings name them."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One thing to do: a head turn has a direction, a blink and a nod have a count; what is `HELD` may
    have to be held for longer than `SHORTEST_HOLD_MS`."""

    type: ChallengeType
    direction: Direction | None = None
    count: int = 1
    hold_ms: int = 0

    def __post_init__(self) -> None:
        if (self.type is ChallengeType.HEAD_TURN) != (self.direction is not None):
            raise ValueError(
                f"exactly a head turn has a direction, not {self.type} {self.direction}"
            )
        if not 1 <= self.count <= 5:
            raise ValueError(f"a challenge is done one to five times, not {self.count}")
        if self.hold_ms and self.type not in HELD:
            raise ValueError(f"nobody holds a {self.type}")

    @property
    def instruction(self) -> str:
        """Key of the sentence that asks for it."""
        suffix = f".{self.direction.value}" if self.direction else ""
        if self.hold_ms > SHORTEST_HOLD_MS:
            suffix = ".hold"
        return f"instruction.{self.type.value}{suffix}"
