"""Storage: sessions and alerts in SQLite or PostgreSQL, behind two small protocols."""

from kyc_rtc.storage.alerts import MAX_ALERTS_LISTED, AlertRepository, SqlAlertRepository
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import AlertRecord, AlertStatistics, SessionRecord
from kyc_rtc.storage.sessions import (
    EXPIRED,
    INTERRUPTED,
    SessionRepository,
    SqlSessionRepository,
)
from kyc_rtc.storage.values import JsonObject, JsonValue

__all__ = [
    "EXPIRED",
    "INTERRUPTED",
    "MAX_ALERTS_LISTED",
    "AlertRecord",
    "AlertRepository",
    "AlertStatistics",
    "Database",
    "JsonObject",
    "JsonValue",
    "SessionRecord",
    "SessionRepository",
    "SqlAlertRepository",
    "SqlSessionRepository",
]
