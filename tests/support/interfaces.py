"""What the HTTP side sees of the rest, made of fakes where a test names none."""

from __future__ import annotations

from kyc_rtc.access.interface import KeyInterface
from kyc_rtc.access.local import LocalLogin
from kyc_rtc.access.logins import LoginInterface
from kyc_rtc.clock import Clock
from kyc_rtc.delivery.interface import DeliveryInterface
from kyc_rtc.sessions.creations import CreationInterface, CreationService
from kyc_rtc.sessions.interface import SessionInterface
from kyc_rtc.sessions.labels import LabelInterface
from signaling.app import Interfaces
from tests.support.fake_alerts import FakeAlerts
from tests.support.fake_deliveries import FakeDeliveries
from tests.support.fake_keys import no_keys
from tests.support.fake_labels import FakeLabels
from tests.support.fake_logins import no_logins
from tests.support.memory_store import MemoryStore

LOCAL_PASSWORD = "correct horse battery staple"


def interfaces(
    sessions: SessionInterface,
    clock: Clock,
    *,
    labels: LabelInterface | None = None,
    creations: CreationInterface | None = None,
    keys: KeyInterface | None = None,
    alerts: FakeAlerts | None = None,
    logins: LoginInterface | None = None,
    deliveries: DeliveryInterface | None = None,
) -> Interfaces:
    """These, and fakes."""
    worked_on = alerts or FakeAlerts()
    return Interfaces(
        sessions=sessions,
        labels=labels or FakeLabels(),
        creations=creations or CreationService(MemoryStore(clock=clock).idempotency, clock),
        keys=keys or no_keys(clock),
        alerts=worked_on,
        alert_course=worked_on,
        logins=logins or no_logins(clock),
        local=LocalLogin(LOCAL_PASSWORD, clock),
        deliveries=deliveries or FakeDeliveries(),
    )
