"""What can happen to a session: the inputs of `Session.handle`. Plain values, without tasks or peers.

`request` names a caller who waits for a `Reply`; None where nobody does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from kyc_rtc.errors import KycError
from kyc_rtc.ids import PeerId, SessionId
from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.pipeline.analysis import FrameResult

Request = int
"""Names a caller of the actor that waits for an answer."""


class Now(NamedTuple):
    """The time at which an event is handled: monotonic for durations, Unix time for records."""

    monotonic_ms: float
    wall_ms: int


class Transport(StrEnum):
    """How the pictures of a session arrive."""

    WEBRTC = "webrtc"
    WHIP = "whip"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Client:
    """What is known of a client apart from its pictures. `address_prefix`: the network, not the host.

    `mismatch`: the offer was not written by the program that `user_agent` names. `instance` names the
    device, or the tab; empty where the client does not. `take_over`: its user chose to go on here.
    """

    transport: Transport = Transport.WEBRTC
    user_agent: str = ""
    address_prefix: str = ""
    mismatch: bool = False
    instance: str = ""
    take_over: bool = False


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """A transport was negotiated; it replaces an earlier one."""

    peer_id: PeerId
    has_data_channel: bool
    client: Client
    request: Request


@dataclass(frozen=True, slots=True)
class PeerLost:
    """A transport is gone."""

    peer_id: PeerId


@dataclass(frozen=True, slots=True)
class PeerRefused:
    """Something that a peer sent is not used, and the client should know why; or the peer itself is not,
    because there is no place for its session (`AtCapacity`)."""

    peer_id: PeerId
    error: KycError


@dataclass(frozen=True, slots=True)
class ChannelReady:
    """The reliable data channel of a peer can be written to."""

    peer_id: PeerId


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A client's message, unchecked."""

    peer_id: PeerId
    data: str | bytes


@dataclass(frozen=True, slots=True)
class FrameArrived:
    """The latest decoded frame waits for its analysis.

    `gap_ms`: the longest real time between two decoded frames since the last event of this kind.
    `upload`: whose picture it is, where it was uploaded; `request` is set then.
    """

    received_at_ms: float
    gap_ms: float
    upload: Client | None = None
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class FrameAnalysed:
    """The analysis of a frame is done. `dropped`: frames of the session that were never analysed.

    `gap_ms`: of an uploaded picture, real time since the one before.
    """

    result: FrameResult
    dropped: int
    gap_ms: float = 0.0
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class AnalysisFailed:
    """The analysis of a frame raised."""

    request: Request | None = None


@dataclass(frozen=True, slots=True)
class FootageMatch:
    """An earlier session that shares footage with this one."""

    session_id: SessionId
    same_user: bool


@dataclass(frozen=True, slots=True)
class FootageCompared:
    """The comparison with earlier sessions is over. `complete`: it reached all that it should."""

    match: FootageMatch | None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ChallengeOrdered:
    """The institution asks for one more challenge."""

    challenge: Challenge
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class CannotDo:
    """A client without a data channel says that its applicant cannot do this challenge."""

    challenge_id: str
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """The institution wants the verdict now, or a client hangs up: `left`, its peer."""

    request: Request | None = None
    left: PeerId | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The applicant, or the institution, gives up. `actor` as in the journal."""

    actor: str
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The server stops."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Every journal entry up to `seq` is in the database."""

    seq: int


@dataclass(frozen=True, slots=True)
class OwnershipEnded:
    """This process may not write the session any more, or gave up on the database."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed. `last_heard_ms`, `last_frame_ms`: of the present peer, or of the last upload; `pictures`:
    how many have come, analysed or not."""

    last_heard_ms: float
    last_frame_ms: float
    pictures: int = 0


SessionEvent = (
    PeerJoined
    | PeerLost
    | PeerRefused
    | ChannelReady
    | MessageArrived
    | FrameArrived
    | FrameAnalysed
    | AnalysisFailed
    | FootageCompared
    | ChallengeOrdered
    | CannotDo
    | Completed
    | Cancelled
    | Interrupted
    | Stored
    | OwnershipEnded
    | Tick
)
