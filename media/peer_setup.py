"""A connection of aiortc as a peer needs it: configured, and with every limit in place before media comes."""

from __future__ import annotations

from collections.abc import Callable

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpReceiver,
)

from kyc_rtc.clock import Clock
from kyc_rtc.settings import MediaSettings
from kyc_rtc.turn import ice_servers
from media.aiortc_quirks import (
    admit_rsa,
    bound_datagrams,
    bound_decoder,
    bound_gathering,
    expect_dead_link,
    ice_transports,
    mend_buffer,
)
from media.dtls_watch import Report, watch_dtls
from media.rtp_bounds import bound_nacks, bound_sources
from media.sctp_bounds import bound_association
from media.udp_ports import use_ports
from media.video_size import Size

GATHERING_LIMIT_S = 1
"""The longest time in which STUN and TURN servers may answer before the client is answered."""


_NAME = "server"
"""What the TURN server's log calls this side."""


def new_connection(settings: MediaSettings, now_ms: int) -> RTCPeerConnection:
    """A connection that has negotiated nothing yet. STUN and TURN servers are those of the settings, with
    credentials for a peer that begins at `now_ms` (Unix milliseconds)."""
    servers = [
        RTCIceServer(urls=list(s.urls), username=s.username, credential=s.credential)
        for s in ice_servers(settings, now_ms, _NAME)
    ]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    admit_rsa(connection)
    return connection


def lacks_relay(settings: MediaSettings, sdp: str) -> bool:
    """Whether a TURN server is set, and a description with all candidates has none of its (RFC 8839, 5.1)."""
    return settings.has_turn and " typ relay" not in sdp


def preferred_codecs(names: tuple[str, ...]) -> list[RTCRtpCodecCapability]:
    """The capabilities of these codecs, in this order, and retransmission."""
    supported = RTCRtpReceiver.getCapabilities("video")
    capabilities = supported.codecs if supported else []
    wanted = [c for name in names for c in capabilities if c.name.upper() == name]
    return wanted + [c for c in capabilities if c.name.lower() == "rtx"]


def video_receivers(connection: RTCPeerConnection) -> list[RTCRtpReceiver]:
    """Those that have a track to receive."""
    receivers: list[RTCRtpReceiver] = connection.getReceivers()
    return [r for r in receivers if r.track is not None and r.track.kind == "video"]


def prepare(
    connection: RTCPeerConnection,
    settings: MediaSettings,
    clock: Clock,
    *,
    on_too_large: Callable[[Size], None],
    on_flood: Callable[[str], None],
    on_dtls_failure: Report,
) -> None:
    """Put the limits in place. To be called once, between the remote description and the local one.

    Raises:
        RuntimeError: this version of aiortc keeps elsewhere what has to be limited.
    """
    for receiver in video_receivers(connection):
        mend_buffer(receiver)
        bound_decoder(receiver, on_too_large)
        bound_nacks(receiver)
    bound_datagrams(connection)
    if settings.port_range is not None:
        use_ports(ice_transports(connection), settings.port_range)
    bound_gathering(connection, GATHERING_LIMIT_S)
    expect_dead_link(connection)
    bound_sources(connection)
    watch_dtls(connection, on_dtls_failure)
    bound_association(connection, clock, on_flood)
