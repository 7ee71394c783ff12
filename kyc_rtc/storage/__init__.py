"""Storage: sessions with their journal, processes and commands, alerts, labels, footage and features,
lists and idempotency keys, the outbox and deliveries, in SQLite or PostgreSQL, behind small protocols."""

from kyc_rtc.storage.alerts import MAX_ALERTS_LISTED, AlertRepository, SqlAlertRepository
from kyc_rtc.storage.commands import CommandStore, SqlCommandStore
from kyc_rtc.storage.consents import Consent
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.deliveries import DeliveryStore, Plan, SqlDeliveryStore
from kyc_rtc.storage.delivery_records import (
    DeliveryAttempt,
    DeliveryQuery,
    DeliveryRecord,
    DeliveryState,
    NewDelivery,
    OutboxRecord,
    Target,
)
from kyc_rtc.storage.features import (
    FeaturesRecord,
    FeaturesRepository,
    LabelledFeatures,
    SqlFeaturesRepository,
)
from kyc_rtc.storage.footage import (
    MAX_FOOTAGE_BYTES,
    MAX_FOOTAGE_LISTED,
    FootageRecord,
    FootageRepository,
    SqlFootageRepository,
)
from kyc_rtc.storage.idempotency import IdempotencyStore, SqlIdempotencyStore
from kyc_rtc.storage.labels import LabelledSession, LabelRepository, Outcome, SqlLabelRepository
from kyc_rtc.storage.lists import SqlVerificationLists, VerificationLists
from kyc_rtc.storage.processes import INTERRUPTED, ProcessStore, SqlProcessStore
from kyc_rtc.storage.records import (
    AlertRecord,
    AlertStatistics,
    CommandRecord,
    Commit,
    EarlierFootage,
    EventRecord,
    LabelRecord,
    Position,
    SessionRecord,
)
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.sessions import (
    CREATED,
    EXPIRED,
    MAX_EVENTS_LISTED,
    SessionStore,
    SqlSessionStore,
)
from kyc_rtc.storage.terms import Terms
from kyc_rtc.storage.topics import Topic
from kyc_rtc.storage.values import JsonObject, JsonValue

__all__ = [
    "CREATED",
    "EXPIRED",
    "INTERRUPTED",
    "MAX_ALERTS_LISTED",
    "MAX_EVENTS_LISTED",
    "MAX_FOOTAGE_BYTES",
    "MAX_FOOTAGE_LISTED",
    "AlertRecord",
    "AlertRepository",
    "AlertStatistics",
    "CommandRecord",
    "CommandStore",
    "Commit",
    "Consent",
    "Database",
    "DeliveryAttempt",
    "DeliveryQuery",
    "DeliveryRecord",
    "DeliveryState",
    "DeliveryStore",
    "EarlierFootage",
    "EventRecord",
    "FeaturesRecord",
    "FeaturesRepository",
    "FootageRecord",
    "FootageRepository",
    "IdempotencyStore",
    "JsonObject",
    "JsonValue",
    "LabelRecord",
    "LabelRepository",
    "LabelledFeatures",
    "LabelledSession",
    "NewDelivery",
    "OutboxRecord",
    "Outcome",
    "Plan",
    "Position",
    "ProcessStore",
    "Sealer",
    "SessionRecord",
    "SessionStore",
    "SqlAlertRepository",
    "SqlCommandStore",
    "SqlDeliveryStore",
    "SqlFeaturesRepository",
    "SqlFootageRepository",
    "SqlIdempotencyStore",
    "SqlLabelRepository",
    "SqlProcessStore",
    "SqlSessionStore",
    "SqlVerificationLists",
    "Target",
    "Terms",
    "Topic",
    "VerificationLists",
]
