"""The time that a peer gets after the end of its session, to read the last message."""

from __future__ import annotations

import asyncio

from kyc_rtc.clock import Clock

LINGER_MS = 4_000.0
"""After the verdict, how long the peer may stay, so that it surely arrives."""

SHORT_LINGER_MS = 1_000.0
"""The same after another end, which the client can also ask for."""


async def linger(no_peer: asyncio.Event, clock: Clock, *, has_verdict: bool) -> None:
    """Until the peer has left, or its time is up."""
    gone = asyncio.ensure_future(no_peer.wait())
    time_up = asyncio.ensure_future(clock.sleep_ms(LINGER_MS if has_verdict else SHORT_LINGER_MS))
    try:
        await asyncio.wait({gone, time_up}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        time_up.cancel()
        await asyncio.gather(gone, time_up, return_exceptions=True)
