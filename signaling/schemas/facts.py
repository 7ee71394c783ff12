"""The facts of an attempt, as the institution reads them: challenges, evidence, connection. They only
describe: none of them is checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from kyc_rtc.detection.evidence import AnalyserName, Sign
from kyc_rtc.liveness.catalogue import Direction
from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.sessions.events import Transport
from signaling.schemas.described import ChallengeTypeName, Described, VerdictName


class AskedChallenge(BaseModel):
    """A challenge as it was asked."""

    challenge_id: str = Field(description="UUID")
    challenge_type: ChallengeTypeName = Field(description="what was asked for")
    direction: Direction | None = Field(
        description="of a head turn, the applicant's own side; else null"
    )
    count: int = Field(description="how many blinks or nods were asked for, else 1")
    passed: bool | None = Field(description="null while it is open, and where it was voided")
    voided: VoidReason | None = Field(
        description="why it does not count: no picture came (gap), none could be judged (picture), the "
        "connection was replaced (peer), the applicant cannot do it (cannot), or a turn to the other side "
        "may mean that the picture is mirrored (calibration); else null"
    )


class AnalyserEvidence(BaseModel):
    """What one analyser says about the video."""

    analyser: AnalyserName = Field(description="which one")
    score: float = Field(description="0 (looks bona fide) to 1 (looks like an attack)")
    confidence: float = Field(
        description="0 (cannot judge, and does not count) to 1 (saw all that it needs)"
    )
    reasons: list[Sign] = Field(
        description="what it noticed, the strongest first; sentences are `reason.<code>` in the catalogue"
    )


class ConnectedPeer(BaseModel):
    """A connection of the applicant, or the first of uploaded pictures."""

    number: int = Field(description="from 1")
    transport: Transport = Field(description="how the pictures arrived")
    address_prefix: str = Field(
        description="network of the address: 24 bits of IPv4, 48 of IPv6; may be empty"
    )
    user_agent: str = Field(description="the program that the client says it is")
    joined_at_ms: int = Field(description="Unix time in milliseconds")
    took_over: bool = Field(False, description="whether it replaced another device")


class ConnectionFacts(BaseModel):
    """Peers, gaps, voided challenges and times to answer."""

    transport: Transport | None = Field(description="`upload` once a picture was uploaded")
    peers: int = Field(description="connections so far")
    reconnects: int = Field(description="connections but the first")
    clients: list[ConnectedPeer] = Field(description="the first 16 connections")
    gaps: int = Field(description="times without a picture, of 1 s and more")
    gaps_ms: int = Field(description="their sum, in milliseconds")
    longest_gap_ms: int = Field(description="the longest, in milliseconds")
    voided: dict[VoidReason, int] = Field(description="how many challenges were voided, by cause")
    answers_ms: list[int] = Field(
        description="from each prompt to its answer, in milliseconds of real time"
    )


class ConnectionEvidence(ConnectionFacts):
    """The facts of the connection among the evidence. They count in no direction."""

    analyser: Literal["connection"] = Field(description="that these are facts")
    score: None = Field(description="null")
    confidence: float = Field(description="0")
    reasons: list[str] = Field(description="empty")


class AlertDetails(BaseModel):
    """What the verdict rested on that raised the alert."""

    status: VerdictName | None = Field(None, description="of the verdict")
    reasons: list[str] = Field([], description="the codes that raised it, the heaviest first")
    liveness_score: float | None = Field(None, description="0 to 1; null where nothing was judged")
    deepfake_score: float | None = Field(None, description="0 to 1; null where nothing was judged")
    other_session_id: str | None = Field(
        None, description="of `footage_seen_before`: the session where the footage came before"
    )


class IceServerEntry(BaseModel):
    """A STUN or TURN server, as RTCPeerConnection takes it (W3C WebRTC, RTCIceServer)."""

    urls: list[str] = Field(description="addresses, such as stun:stun.example.net")
    username: str | None = Field(None, description="of a TURN server; else absent")
    credential: str | None = Field(None, description="of a TURN server; else absent")


JsonObject = dict[str, Any]
Challenge = Annotated[JsonObject, Described(AskedChallenge)]
Evidence = Annotated[JsonObject, Described(AnalyserEvidence | ConnectionEvidence)]
Connection = Annotated[JsonObject, Described(ConnectionFacts)]
Details = Annotated[JsonObject, Described(AlertDetails)]
IceServer = Annotated[JsonObject, Described(IceServerEntry)]
