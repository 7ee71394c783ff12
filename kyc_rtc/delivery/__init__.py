"""Delivery: what the outbox holds is sent to those who have to hear of it, at least once, and never in a
verdict's way. Other kinds than alerts are injected: a `Planner` says what to send, a `Sender` sends it."""

from kyc_rtc.delivery.ports import FailureObserver, Outcome, Planner, Sender
from kyc_rtc.delivery.worker import DeliveryWorker, WorkerLimits

__all__ = [
    "DeliveryWorker",
    "FailureObserver",
    "Outcome",
    "Planner",
    "Sender",
    "WorkerLimits",
]
