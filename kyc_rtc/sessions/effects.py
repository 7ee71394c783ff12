"""What a session wants done: the outputs of `Session.handle`. The actor carries them out in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyc_rtc.errors import KycError
from kyc_rtc.ids import PeerId
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.sessions.events import Request
from kyc_rtc.sessions.wire import Outbound
from kyc_rtc.storage.records import Commit


@dataclass(frozen=True, slots=True)
class Store:
    """Write record, alerts and journal entries in one transaction. `Stored` follows."""

    commit: Commit


class Audience(StrEnum):
    """Whom a message is for."""

    ALL = "all"
    PEER = "peer"
    """The present peer, which missed what the others have read."""
    READERS = "readers"
    """Who reads along, while the present peer has not said that it is ready."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message. `t_ms` of the message: `media_ms`."""

    message: Outbound
    media_ms: int
    to: Audience = Audience.ALL


@dataclass(frozen=True, slots=True)
class Analyse:
    """Run the analysers on the frame that `FrameArrived` announced."""

    request: Request | None


@dataclass(frozen=True, slots=True)
class CompareFootage:
    """Compare with earlier sessions. `FootageCompared` follows."""


@dataclass(frozen=True, slots=True)
class RequestKeyframe:
    """Ask the present peer for a whole picture."""


@dataclass(frozen=True, slots=True)
class DropPeer:
    """Close a transport, after this last message where there is one."""

    peer_id: PeerId
    farewell: Send | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a caller: with an error, or with the result of an uploaded picture, if there is one."""

    request: Request
    error: KycError | None = None
    result: FrameResult | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The session is over. `linger`: the peer may stay for a moment to receive what was sent."""

    linger: bool


Effect = Store | Send | Analyse | CompareFootage | RequestKeyframe | DropPeer | Reply | End
