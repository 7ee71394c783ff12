"""An applicant without WebRTC: uploads pictures, does what it is asked, and records what it receives.

It carries on as a page would: after an error it waits, asks how the session stands, goes on with it
while it lives, and tries again where that is offered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.sessions.states import WITHOUT_VERDICT
from tests.support.face_picture import Shown, data_url
from tests.support.rest import KYC, Refused, Rest, Unreachable
from tests.unit.liveness.fakes.actor import Actor, pulses_for

RATE = 12.0
"""Pictures a second, where the server keeps up."""
WAIT_S = 1.0
"""What a page waits after an error, whatever `Retry-After` says beyond it: somebody sits before it."""
_REACTION_MS = 400.0
_SPEED = {ChallengeType.BLINK: 0.6}
"""A quick blink falls between two pictures."""
_FINAL = frozenset({"passed", "failed", "inconclusive", "expired", "cancelled", "interrupted"})


class Manner(Enum):
    """How somebody takes what the server asks."""

    OBEYS = auto()
    IGNORES = auto()
    ATTACKS = auto()


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came, and when (the monotonic clock)."""

    at_s: float
    session_id: str
    message: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.message["type"])


@dataclass(frozen=True, slots=True)
class Answered:
    """A verdict's status as a REST answer gave it. `call` names the endpoint."""

    at_s: float
    session_id: str
    call: str
    status: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A request that was not done; `status` 0: nobody answered."""

    at_s: float
    session_id: str
    call: str
    status: int
    retry_after_s: float | None = None


@dataclass(slots=True)
class Record:
    """All that one client learnt. `started`: the attempts whose opening was answered."""

    started: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    trouble: list[Trouble] = field(default_factory=list)
    retried_at_s: list[float] = field(default_factory=list)

    def of_type(self, kind: str) -> list[Received]:
        return [one for one in self.received if one.kind == kind]

    def verdicts(self) -> Iterator[Received | Answered]:
        """Every verdict that it received, over either way."""
        yield from self.of_type("verdict")
        yield from self.answered


class UploadClient:
    """One applicant; `session_id` names the present attempt, `verification_id` the first."""

    def __init__(self, rest: Rest, user_id: str, manner: Manner = Manner.OBEYS) -> None:
        self.record = Record()
        self.verification_id = self.session_id = ""
        self.outcome: str | None = None
        self.token = ""
        self._rest = rest
        self._user_id = user_id
        self._manner = manner
        self._actor = Actor()
        self._next_s = 0.0

    def sibling(self, rest: Rest) -> UploadClient:
        """The same applicant at another server, with the same session and token."""
        other = UploadClient(rest, self._user_id, self._manner)
        other.session_id, other.token = self.session_id, self.token
        other.verification_id = self.verification_id
        return other

    async def start(self) -> None:
        """Open the verification. Raises Refused, Unreachable."""
        self._begin(await self._rest.start(self._user_id))
        self.verification_id = self.session_id

    async def retry(self) -> None:
        """Begin another attempt. Raises Refused, Unreachable."""
        path = f"{KYC}/sessions/{self.session_id}/retry"
        self._begin(await self._rest.post(path, token=self.token))
        self.record.retried_at_s.append(time.monotonic())

    def _begin(self, opened: Mapping[str, Any]) -> None:
        self.session_id, self.token = opened["session_id"], opened["client_token"]
        self.record.started.append(self.session_id)
        self._actor.pulses.clear()

    async def upload(self) -> None:
        """Show the camera's picture of now. Raises Refused, Unreachable."""
        look = self._actor.look(time.monotonic() * 1000)
        picture = data_url(Shown(look, attack=self._manner is Manner.ATTACKS))
        body = {"session_id": self.session_id, "frame": picture}
        session_id = self.session_id
        answer = await self._rest.post(f"{KYC}/upload-video-frame", body, self.token)
        for message in answer["messages"]:
            self.record.received.append(Received(time.monotonic(), session_id, message))
            self._take(message)
        self._note_status("upload-video-frame", answer)

    def _take(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "challenge" if self._manner is Manner.OBEYS:
                start_ms = time.monotonic() * 1000 + _REACTION_MS
                challenge = asked(message)
                speed = _SPEED.get(challenge.type, 1.0)
                self._actor.pulses[:] = pulses_for(challenge, start_ms, speed=speed)
            case "challenge_voided" | "challenge_result":
                self._actor.pulses.clear()
            case "verdict":
                self.outcome = message["status"]
            case _:
                pass

    async def complete(self) -> dict[str, Any]:
        """The institution asks for the verdict now. Raises Refused, Unreachable."""
        session_id = self.session_id
        answer = await self._rest.complete(session_id)
        self._note_status("complete-verification", answer)
        return answer

    def _note_status(self, call: str, answer: Mapping[str, Any]) -> None:
        status = answer.get("status")
        # An end without a verdict is INCONCLUSIVE too, and nothing is stored for it.
        if status not in (None, "active") and answer["state"] not in WITHOUT_VERDICT:
            found = Answered(time.monotonic(), answer["session_id"], call, str(status))
            self.record.answered.append(found)
            self.outcome = found.status

    async def look(self) -> str:
        """How the attempt stands: its state. Raises Refused, Unreachable."""
        path = f"{KYC}/sessions/{self.session_id}"
        answer = await self._rest.get(path, self.token)
        self._note_status("sessions", answer)
        if self.outcome is None and answer["state"] in _FINAL:
            if answer["can_retry"]:
                await self.retry()
            else:
                self.outcome = f"ended {answer['state']}"
        return str(answer["state"])

    async def verify(self, within_s: float) -> str:
        """Go on until there is a verdict; how it ended, or `no verdict`."""
        deadline_s = time.monotonic() + within_s
        while self.outcome is None and time.monotonic() < deadline_s:
            await self.pace()
            try:
                await (self.upload() if self.session_id else self.start())
            except (Refused, Unreachable) as error:
                self._note("upload" if self.session_id else "start-session", error)
                await self._recover(error)
        return self.outcome or "no verdict"

    async def _recover(self, error: Refused | Unreachable) -> None:
        """Wait as a page does, and ask how things stand."""
        if isinstance(error, Unreachable) or error.status >= 500:
            await asyncio.sleep(WAIT_S)  # what the server asked for, or as long as people wait
        if not self.session_id:
            return
        try:
            await self.look()
        except (Refused, Unreachable) as again:
            self._note("sessions", again)

    async def pace(self) -> None:
        """Wait until the camera's next picture; what is late is dropped, as by a camera."""
        now_s = time.monotonic()
        await asyncio.sleep(max(0.0, self._next_s - now_s))  # the camera's rate
        self._next_s = max(self._next_s, now_s) + 1 / RATE

    def _note(self, call: str, error: Refused | Unreachable) -> None:
        status, after_s = 0, None
        if isinstance(error, Refused):
            status, after_s = error.status, error.retry_after_s
        found = Trouble(time.monotonic(), self.session_id, call, status, after_s)
        self.record.trouble.append(found)


def asked(message: Mapping[str, Any]) -> Challenge:
    """The challenge that a `challenge` message asks for."""
    direction = message["direction"]
    return Challenge(
        ChallengeType(message["challenge_type"]),
        Direction(direction) if direction else None,
        message["count"],
        message["hold_ms"],
    )
