"""What a peer reports to its session."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.errors import KycError


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """A known data channel is open for writing."""

    label: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Text or bytes came over a data channel; nothing has checked them yet."""

    label: str
    data: str | bytes


@dataclass(frozen=True, slots=True)
class Connected:
    """ICE and DTLS are up."""


@dataclass(frozen=True, slots=True)
class CameraStarted:
    """The first picture was decoded."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that the client sent is not used; `error` says why."""

    error: KycError


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The transport is gone; nothing follows."""


PeerEvent = ChannelOpened | MessageReceived | Connected | CameraStarted | Refused | PeerClosed
