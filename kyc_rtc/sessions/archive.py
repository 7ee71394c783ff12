"""The archive of sessions, on the repositories."""

from __future__ import annotations

import structlog

from kyc_rtc.ids import SessionId
from kyc_rtc.storage.alerts import AlertRepository
from kyc_rtc.storage.footage import FootageRecord, FootageRepository
from kyc_rtc.storage.measures import MeasuresRecord, MeasuresRepository
from kyc_rtc.storage.records import AlertRecord, SessionRecord
from kyc_rtc.storage.sessions import SessionRepository

log = structlog.get_logger(__name__)


class StoredArchive:
    """`Archive` on the repositories."""

    def __init__(
        self,
        sessions: SessionRepository,
        alerts: AlertRepository,
        footage: FootageRepository,
        measures: MeasuresRepository,
    ) -> None:
        self._sessions = sessions
        self._alerts = alerts
        self._footage = footage
        self._measures = measures

    async def save(self, record: SessionRecord) -> None:
        """Store a live session's record.

        Raises:
            NotFound: the session was deleted.
            RuntimeError: the stored session is final already, for instance expired: what this
                process believes of it is out of date, and must not be told.
        """
        if not await self._sessions.update(record):
            raise RuntimeError(f"session {record.session_id} is final in the store")

    async def raise_alerts(self, alerts: tuple[AlertRecord, ...]) -> None:
        for alert in alerts:
            await self._alerts.add(alert)
            log.warning("alert", alert_id=alert.alert_id, type=alert.type, severity=alert.severity)

    async def keep_footage(self, record: FootageRecord) -> None:
        await self._footage.add(record)

    async def earlier_footage(self, except_session: SessionId, limit: int) -> list[bytes]:
        return await self._footage.latest(limit, except_session)

    async def keep_measures(self, record: MeasuresRecord) -> None:
        await self._measures.add(record)
