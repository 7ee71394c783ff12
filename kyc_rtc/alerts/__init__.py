"""Alerts: what a verdict is worth telling a person about, and how urgently."""

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.alerts.policy import AlertDraft, alerts_for

__all__ = ["AlertDraft", "AlertType", "Severity", "alerts_for"]
