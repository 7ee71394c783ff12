"""Whether a session's footage came before: kept in the store, compared on the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from kyc_rtc.detection.recurrence import SURE, recurs
from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.sessions.events import FootageMatch
from kyc_rtc.sessions.ports import Services
from kyc_rtc.storage.footage import FootageRecord
from kyc_rtc.storage.records import EarlierFootage, SessionRecord

MAX_COMPARED = 500
COMPARE_LIMIT_MS = 2_000.0
_AT_ONCE = 25
"""In one turn on the pool, 5 to 50 ms: frames of other sessions come in between."""

_LIMIT_S = 5.0
"""For all of it, while the database answers: the applicant waits for the verdict."""

_PAUSE_MS = 1_000.0

log = structlog.get_logger(__name__)


async def find_earlier(
    footage: bytes, session: SessionRecord, services: Services
) -> FootageMatch | None:
    """Keep a session's footage, and find an earlier session that shares some of it.

    Compares with the 500 newest records of the tenant, the newest first, for at most 2 s; a match with
    another applicant's session goes before one with the same applicant's. Two sessions that show the
    same at the same time find each other, since both keep before they compare. A database that is away
    is waited for, as the verdict has to; any other failure is logged, and nothing is found.
    """
    until_ms = services.clock.monotonic_ms() + services.settings.limits.storage_hold_ms
    while True:
        try:
            async with asyncio.timeout(_LIMIT_S):
                return await _find(footage, session, services)
        except StorageUnavailable:
            if services.clock.monotonic_ms() >= until_ms:
                return None
        except Exception:  # a comparison of any kind that breaks must not cost the verdict
            log.exception("footage_not_compared", session_id=session.session_id)
            return None
        await services.clock.sleep_ms(_PAUSE_MS)


async def _find(footage: bytes, session: SessionRecord, services: Services) -> FootageMatch | None:
    now_ms = services.clock.now_ms()
    await services.footage.add(
        FootageRecord(session.session_id, now_ms, footage, tenant_id=session.tenant_id)
    )
    earlier = await services.footage.latest(MAX_COMPARED, session)
    # Others first: one of them matters more than any number of the applicant's own.
    earlier.sort(key=lambda one: one.same_user)
    return await _first_match(footage, earlier, services)


async def _first_match(
    footage: bytes, earlier: Sequence[EarlierFootage], services: Services
) -> FootageMatch | None:
    until_ms = services.clock.monotonic_ms() + COMPARE_LIMIT_MS
    for first in range(0, len(earlier), _AT_ONCE):
        if services.clock.monotonic_ms() >= until_ms:
            log.warning("footage_partly_compared", compared=first, kept=len(earlier))
            return None
        some = earlier[first : first + _AT_ONCE]
        found = await services.pool.run(partial(_match_among, footage, some))
        if found is not None:
            return FootageMatch(found.session_id, found.same_user)
    return None


def _match_among(footage: bytes, earlier: Sequence[EarlierFootage]) -> EarlierFootage | None:
    return next((one for one in earlier if recurs(footage, one.record) >= SURE), None)
