"""What the worker is given for each kind of delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kyc_rtc.storage.deliveries import Plan
from kyc_rtc.storage.delivery_records import DeliveryAttempt, DeliveryRecord


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt. `status`: of the answer, such as HTTP's; None where there was none.
    `reason`: why it failed, without secrets; empty of a success."""

    ok: bool
    status: int | None = None
    reason: str = ""


class Sender(Protocol):
    """Sends deliveries of one kind. Called for several at once."""

    async def send(self, delivery: DeliveryRecord) -> Outcome:
        """Send it. An exception counts as a failure, with its type as the reason; so does taking longer
        than the worker's limit, upon which the call is cancelled."""


class Planner(Protocol):
    """Says what has to be sent of the rows of the outbox."""

    async def plan(self) -> Plan:
        """A pure function for the next batch, with all that it has to know.

        Raises:
            StorageUnavailable: what it has to know cannot be read now.
        """


class FailureObserver(Protocol):
    """Hears of attempts that failed."""

    async def failed(self, delivery: DeliveryRecord, attempt: DeliveryAttempt) -> None:
        """An attempt failed, and was recorded."""
