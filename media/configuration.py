"""What of the settings a peer connection is made of, and whether its TURN server did its part."""

from __future__ import annotations

from aiortc import RTCConfiguration, RTCIceServer, RTCRtpCodecCapability, RTCRtpReceiver

from kyc_rtc.settings import MediaSettings
from kyc_rtc.turn import ice_servers

_NAME = "server"
"""What the TURN server's log calls this side."""


def configuration(settings: MediaSettings, now_ms: int) -> RTCConfiguration:
    """STUN and TURN servers, with credentials for a peer that begins at `now_ms` (Unix milliseconds)."""
    servers = [
        RTCIceServer(urls=list(s.urls), username=s.username, credential=s.credential)
        for s in ice_servers(settings, now_ms, _NAME)
    ]
    return RTCConfiguration(iceServers=servers)


def preferred_codecs(names: tuple[str, ...]) -> list[RTCRtpCodecCapability]:
    """The video codecs of these names in this order, then retransmission."""
    supported = RTCRtpReceiver.getCapabilities("video")
    capabilities = supported.codecs if supported else []
    wanted = [c for name in names for c in capabilities if c.name.upper() == name]
    return wanted + [c for c in capabilities if c.name.lower() == "rtx"]


def lacks_relay(settings: MediaSettings, sdp: str) -> bool:
    """Whether a TURN server is set, and a description with all candidates has none of its (RFC 8839, 5.1)."""
    return settings.has_turn and " typ relay" not in sdp
