"""The last moments of a peer: it stays long enough to read what it was sent last."""

from __future__ import annotations

import asyncio
import contextlib

from kyc_rtc.clock import Clock, within
from kyc_rtc.sessions.effects import Send
from kyc_rtc.sessions.outbox import Outbox
from kyc_rtc.sessions.ports import PeerPort

LINGER_MS = 4_000.0
"""After the verdict, how long the peer may stay, so that it surely arrives."""

SHORT_LINGER_MS = 1_000.0
"""The same after another end, which the client can also ask for."""

FAREWELL_MS = 500.0
"""How long a peer stays that another device replaced."""


async def linger(gone: asyncio.Event, clock: Clock, *, verdict: bool) -> None:
    """Wait until the peer has gone, for a bounded time; the longer one after a verdict."""
    with contextlib.suppress(TimeoutError):
        await within(LINGER_MS if verdict else SHORT_LINGER_MS, gone.wait(), clock)


async def part(peer: PeerPort, farewell: Send | None, outbox: Outbox, clock: Clock) -> None:
    """Close a peer; one that is sent the reason has a moment to read it."""
    if farewell is not None:
        outbox.send(farewell, peer.send)
        await clock.sleep_ms(FAREWELL_MS)
    await peer.aclose()
