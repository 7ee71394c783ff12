"""The features of a session, kept in the store so that it can be a training sample once it has a label."""

from __future__ import annotations

import math

import structlog

from kyc_rtc.clock import within
from kyc_rtc.sessions.ports import AnalysisPort, Services
from kyc_rtc.storage.features import FeaturesRecord
from kyc_rtc.storage.records import SessionRecord

_LIMIT_MS = 2_000.0
"""For all of it: the session's close, and with it the server's, waits so long at most."""

log = structlog.get_logger(__name__)


async def keep_features(analysis: AnalysisPort, session: SessionRecord, services: Services) -> None:
    """Store a judged session's features, if the settings say so and any were taken.

    The verdict is published by then. A failure is logged and raises nothing.
    """
    if not services.settings.detection.keep_features:
        return
    try:
        await within(_LIMIT_MS, _keep(analysis, session, services), services.clock)
    except TimeoutError:
        log.warning("features_not_kept", session_id=session.session_id, limit_ms=_LIMIT_MS)
    except Exception:  # features that are lost must not cost the session its close
        log.exception("features_not_kept", session_id=session.session_id)


async def _keep(analysis: AnalysisPort, session: SessionRecord, services: Services) -> None:
    found = await services.pool.run(analysis.features)
    taken = {name: value for name, value in found.items() if math.isfinite(value)}
    if taken:
        record = FeaturesRecord(session.session_id, taken, tenant_id=session.tenant_id)
        await services.features.add(record)
