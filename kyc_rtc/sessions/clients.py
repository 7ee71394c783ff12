"""What an offer and its request say of the client."""

from __future__ import annotations

import structlog

from kyc_rtc.sessions.events import Client, Transport
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.sessions.views import address_prefix
from media.fingerprint import mismatch

_SURE_MISMATCH = ("/other", "/firefox")
"""Chromium and Safari write offers so alike that a mismatch between them may be a new version's."""

log = structlog.get_logger(__name__)


def client_of(client: ClientView, sdp: str, session_id: str) -> Client:
    """The client that sends an offer, and whether another program than it names wrote that."""
    found = mismatch(sdp, client.user_agent)
    if found is not None:
        log.info("client_mismatch", session_id=session_id, found=found)
    return Client(
        transport=Transport.WHIP if client.whip else Transport.WEBRTC,
        user_agent=client.user_agent,
        address_prefix=address_prefix(client.address),
        mismatch=found is not None and found.endswith(_SURE_MISMATCH),
        instance=client.instance,
        take_over=client.take_over,
    )
