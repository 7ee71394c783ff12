"""The door to the sessions: what the HTTP side may ask of them, in plain, serialisable values.

Nothing that passes through it is bound to this process, so that sessions may one day live in worker
processes or on other machines without a change on either side.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """A challenge as it was asked. `passed` is None while it runs."""

    challenge_id: str
    challenge_type: str
    direction: str | None
    count: int
    passed: bool | None


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert on a session."""

    alert_id: str
    session_id: str
    type: str
    severity: str
    message_key: str
    details: Mapping[str, Any]
    created_at_ms: int
    acknowledged_at_ms: int | None = None
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True)
class SessionView:
    """All that is known of a session. Scores are 0..1 or None; times are Unix milliseconds.

    `reason_weights`: one of 0..1 for each of `reasons`, as in a `Verdict`; None where it is not known.
    """

    session_id: str
    user_id: str
    state: str
    attempt: int
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int
    frames_processed: int
    face_detected: bool
    liveness_score: float | None
    deepfake_score: float | None
    status: str | None
    reasons: tuple[str, ...]
    can_retry: bool
    challenges: tuple[ChallengeView, ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    reason_weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class AnswerView:
    """A negotiated transport."""

    peer_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class FrameView:
    """What one uploaded picture gave. `messages` are data-channel messages since the last one."""

    session: SessionView
    face_detected: bool
    issues: tuple[str, ...]
    messages: tuple[Mapping[str, Any], ...]


class CommandType(StrEnum):
    """What can be asked of a session from outside its peer."""

    SEND_CHALLENGE = "send_challenge"
    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its arguments, such as `{"challenge_type": "nod"}`."""

    type: CommandType
    arguments: Mapping[str, Any] = field(default_factory=dict)


class SessionDoor(Protocol):
    """What the HTTP side knows of the sessions. Every method raises `NotFound` for an unknown id."""

    async def open(self, user_id: str) -> SessionView:
        """Start a session. Raises `AtCapacity`."""

    async def retry(self, session_id: str) -> SessionView:
        """Start the follow-up of a session that ended without PASSED. Raises `Conflict`, `AtCapacity`."""

    async def status(self, session_id: str) -> SessionView:
        """The session as it stands."""

    async def offer(self, session_id: str, sdp: str, user_agent: str = "") -> AnswerView:
        """Connect the camera; replaces an earlier peer. Raises `BadSdp`, `Conflict`, `AtCapacity`.

        `user_agent`: the program that the client says it is.
        """

    async def trickle(self, session_id: str, peer_id: str, fragment: str) -> None:
        """Add ICE candidates to a peer. Raises `BadSdp`, `Conflict`."""

    async def hang_up(self, session_id: str, peer_id: str) -> None:
        """Close a peer; the session is cancelled unless it is over."""

    async def upload(self, session_id: str, picture: bytes) -> FrameView:
        """Analyse one picture of a client without WebRTC. Raises `BadImage`, `Conflict`, `AtCapacity`."""

    async def command(self, session_id: str, command: Command) -> SessionView:
        """Carry out a command and return the session as it stands then. Raises `Conflict`."""

    def events(self, session_id: str) -> AsyncIterator[Mapping[str, Any]]:
        """The session's messages as they are sent, until it closes. Slow readers miss old ones."""

    async def active_alerts(self, limit: int) -> tuple[AlertView, ...]:
        """Alerts that nobody has acknowledged, the newest first."""

    async def alert_statistics(self) -> Mapping[str, Any]:
        """Counts of alerts."""

    async def acknowledge_alert(self, alert_id: str, by: str) -> AlertView:
        """Mark an alert as seen. Raises `NotFound`."""

    async def healthy(self) -> Mapping[str, Any]:
        """Counts for the health endpoint; raises if the storage does not answer."""

    async def aclose(self) -> None:
        """End every session and leave nothing behind."""
