"""A recorded person in a check that asks for nothing but what the recording shows."""

from __future__ import annotations

import asyncio
from typing import Protocol

from kyc_rtc.frames import BgrImage
from tests.support.browser_camera import Person, Prompt
from tests.support.browser_clips import Takes
from tests.support.browser_server import FEW


class Played(Person, Protocol):
    """Footage that answers prompts. `lacks` is set once something was asked that it cannot answer."""

    lacks: asyncio.Event


class Sitter:
    """A recorded person, who says as soon as something is asked that the recording does not show."""

    def __init__(self, person: Played, takes: Takes, *, again: bool = False) -> None:
        """`again`: a take may be shown a second time."""
        self._person = person
        self._takes = takes
        self._again = again
        self._unfit = False

    @property
    def lacks(self) -> bool:
        return self._unfit or (self._person.lacks.is_set() and not self._again)

    def sees(self, prompt: Prompt) -> None:
        asked = prompt.challenge
        self._unfit = self._unfit or (asked is not None and not self._takes.shows(asked))
        self._person.sees(prompt)

    def draw(self, at_ms: float) -> BgrImage:
        return self._person.draw(at_ms)


def asking_for(takes: Takes) -> dict[str, str]:
    """Settings: every type that the recording shows is asked for once."""
    kinds = ", ".join(f'"{kind}"' for kind in ("head_turn", *takes.kinds()))
    return FEW | {
        "LIVENESS__CHALLENGES": str(1 + len(takes.kinds())),
        "LIVENESS__CHALLENGE_TYPES": f"[{kinds}]",
        "LIMITS__DRAIN_S": "1",  # sessions that are begun anew stay behind
        "UPLOADS": "pass",
    }
