"""Whether a session's footage came before: kept in the archive, compared on the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from kyc_rtc.detection.recurrence import SURE, recurs
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.ports import Services
from kyc_rtc.storage.footage import FootageRecord

MAX_COMPARED = 500
COMPARE_LIMIT_MS = 2_000.0
_AT_ONCE = 25
"""In one turn on the pool, 5 to 50 ms: frames of other sessions come in between."""

_LIMIT_S = 5.0
"""For all of it, the storage's part included: the applicant waits for the verdict."""

log = structlog.get_logger(__name__)


async def seen_before(record: bytes, session_id: SessionId, services: Services) -> bool:
    """Keep a session's record, and tell whether an earlier session shares footage with it.

    Compares with the 500 newest records, the newest first, for at most 2 s. Two sessions that show
    the same at the same time find each other, since both keep before they compare.

    Raises:
        TimeoutError: the storage or the pool took too long. Besides, what the storage raises.
    """
    async with asyncio.timeout(_LIMIT_S):
        now_ms = services.clock.now_ms()
        await services.archive.keep_footage(FootageRecord(session_id, now_ms, record))
        earlier = await services.archive.earlier_footage(session_id, MAX_COMPARED)
        return await _is_among(record, earlier, services)


async def _is_among(record: bytes, earlier: Sequence[bytes], services: Services) -> bool:
    until_ms = services.clock.monotonic_ms() + COMPARE_LIMIT_MS
    for first in range(0, len(earlier), _AT_ONCE):
        if services.clock.monotonic_ms() >= until_ms:
            log.warning("footage_partly_compared", compared=first, kept=len(earlier))
            return False
        some = earlier[first : first + _AT_ONCE]
        if await services.pool.run(partial(_closest, record, some)) >= SURE:
            return True
    return False


def _closest(record: bytes, earlier: Sequence[bytes]) -> float:
    return max(recurs(record, other) for other in earlier)
