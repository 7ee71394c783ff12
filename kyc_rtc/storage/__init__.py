"""Storage: sessions, alerts, labels, footage and measures in SQLite or PostgreSQL, behind small protocols."""

from kyc_rtc.storage.alerts import MAX_ALERTS_LISTED, AlertRepository, SqlAlertRepository
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.footage import (
    MAX_FOOTAGE_BYTES,
    MAX_FOOTAGE_LISTED,
    FootageRecord,
    FootageRepository,
    SqlFootageRepository,
)
from kyc_rtc.storage.labels import LabelledSession, LabelRepository, Outcome, SqlLabelRepository
from kyc_rtc.storage.measures import (
    LabelledMeasures,
    MeasuresRecord,
    MeasuresRepository,
    SqlMeasuresRepository,
)
from kyc_rtc.storage.records import AlertRecord, AlertStatistics, LabelRecord, SessionRecord
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
    "MAX_FOOTAGE_BYTES",
    "MAX_FOOTAGE_LISTED",
    "AlertRecord",
    "AlertRepository",
    "AlertStatistics",
    "Database",
    "FootageRecord",
    "FootageRepository",
    "JsonObject",
    "JsonValue",
    "LabelRecord",
    "LabelRepository",
    "LabelledMeasures",
    "LabelledSession",
    "MeasuresRecord",
    "MeasuresRepository",
    "Outcome",
    "SessionRecord",
    "SessionRepository",
    "SqlAlertRepository",
    "SqlFootageRepository",
    "SqlLabelRepository",
    "SqlMeasuresRepository",
    "SqlSessionRepository",
]
