"""Where aiortc's public API does not reach. Each entry names its upstream issue and when it may go."""

from __future__ import annotations

from aiortc import RTCRtpReceiver


async def request_keyframe(receiver: RTCRtpReceiver) -> bool:
    """Ask the sender for a whole picture (PLI, RFC 4585, 6.3.1). False before any packet came.

    aiortc sends a PLI by itself on decoding trouble only (aiortc issues 335, 58). One on join, and
    one when packets come but no picture does, spare the applicant a frozen or torn picture. Goes
    away when RTCRtpReceiver has a public method for it.
    """
    sources = receiver.getSynchronizationSources()
    for source in sources:
        await receiver._send_rtcp_pli(source.source)  # noqa: SLF001
    return bool(sources)
