"""Whether a session's footage came before: kept in the store, compared on the pool."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from kyc_rtc.clock import within
from kyc_rtc.detection.recurrence import SURE, recurs
from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.sessions.events import FootageCompared, FootageMatch
from kyc_rtc.sessions.ports import Services
from kyc_rtc.storage.footage import FootageRecord
from kyc_rtc.storage.records import EarlierFootage, SessionRecord

MAX_COMPARED = 500
_LIMIT_MS = 15_000.0
"""For all of it, while the database answers: the applicant waits for the verdict. 500 records take
some 0.5 s on a pool of their own, which no frame keeps waiting."""

_PAUSE_MS = 1_000.0

log = structlog.get_logger(__name__)


async def find_earlier(
    footage: bytes, session: SessionRecord, services: Services
) -> FootageCompared:
    """Keep a session's footage, and find an earlier session that shares some of it.

    Compares with the 500 newest records of the tenant, the newest first; a match with another
    applicant's session goes before one with the same applicant's. Two sessions that show the same at
    the same time find each other, since both keep before they compare. A database that is away is
    waited for, as the verdict has to. Where the comparison fails, or takes too long, it is not
    complete, which nobody may pass on.
    """
    until_ms = services.clock.monotonic_ms() + services.settings.limits.storage_hold_ms
    while True:
        try:
            return await within(_LIMIT_MS, _find(footage, session, services), services.clock)
        except StorageUnavailable:
            if services.clock.monotonic_ms() >= until_ms:
                return FootageCompared(None, complete=False)
        except Exception:  # a comparison of any kind that breaks must not keep the verdict away
            log.exception("footage_not_compared", session_id=session.session_id)
            return FootageCompared(None, complete=False)
        await services.clock.sleep_ms(_PAUSE_MS)


async def _find(footage: bytes, session: SessionRecord, services: Services) -> FootageCompared:
    now_ms = services.clock.now_ms()
    await services.footage.add(
        FootageRecord(session.session_id, now_ms, footage, tenant_id=session.tenant_id)
    )
    earlier = await services.footage.latest(MAX_COMPARED, session)
    # Others first: one of them matters more than any number of the applicant's own.
    earlier.sort(key=lambda one: one.same_user)
    found = await services.background.run(partial(_match_among, footage, earlier))
    return FootageCompared(FootageMatch(found.session_id, found.same_user) if found else None)


def _match_among(footage: bytes, earlier: Sequence[EarlierFootage]) -> EarlierFootage | None:
    return next((one for one in earlier if recurs(footage, one.record) >= SURE), None)
