"""Alerts: what a verdict is worth telling a person about, how urgently, and whom."""

from kyc_rtc.alerts.catalogue import AlertType, Resolution, Severity
from kyc_rtc.alerts.policy import AlertDraft, alerts_for
from kyc_rtc.alerts.rules import AlertRules, Route, load_rules, shipped_rules

__all__ = [
    "AlertDraft",
    "AlertRules",
    "AlertType",
    "Resolution",
    "Route",
    "Severity",
    "alerts_for",
    "load_rules",
    "shipped_rules",
]
