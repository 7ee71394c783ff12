"""Which alerts a verdict raises. Pure: the same verdict always raises the same alerts.

Each reason belongs to one alert type with one severity, as `alerts.toml` says (`rules.py`), and reasons of
one type share an alert.
Signs of an attack are called a deepfake or a replay only where the verdict is FAILED; elsewhere the
evidence did not suffice, and they are a suspicion. A FAILED verdict never goes without an alert of
at least medium severity, and none where a person has to look goes without one that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.alerts.rules import AlertRules, ReasonRule
from kyc_rtc.decision.verdict import ReasonCode, Verdict, VerdictStatus

_ASK_FOR_A_PERSON: Final = frozenset(
    {
        AlertType.ATTACK_SUSPECTED,
        AlertType.FACE_CHANGED,
        AlertType.FOOTAGE_SEEN_BEFORE,
        AlertType.REVIEW_NEEDED,
    }
)

_ATTACKS: Final = frozenset({AlertType.DEEPFAKE_DETECTED, AlertType.REPLAY_DETECTED})

AlertDetails = Mapping[str, str | float | list[str] | None]


@dataclass(frozen=True, slots=True)
class AlertDraft:
    """An alert that has no id, session or time yet.

    `details` is JSON without personal data: `status`, `reasons` (the codes of this alert, in order of
    weight), `liveness_score` and `deepfake_score` of the verdict; where the footage came before and the
    session is known, `other_session_id`.
    """

    type: AlertType
    severity: Severity
    message_key: str
    details: AlertDetails


def alerts_for(
    verdict: Verdict, rules: AlertRules, *, other_session_id: str | None = None
) -> tuple[AlertDraft, ...]:
    """At most one alert of each type, the severest first, then in the order of the reasons.

    `other_session_id`: where the footage came before.
    """
    severities: dict[AlertType, Severity] = {}
    reasons: dict[AlertType, list[ReasonCode]] = {}
    for reason in dict.fromkeys(verdict.reasons):
        rule = _rule(rules, reason, verdict)
        weighed = _weighed(rule, verdict.status) if rule is not None else None
        if weighed is not None:
            kind, severity = weighed
            severities[kind] = max(severity, severities.get(kind, severity), key=_rank)
            reasons.setdefault(kind, []).append(reason)
    if _is_unseen(verdict, severities):
        severities[AlertType.REVIEW_NEEDED] = Severity.MEDIUM
        reasons[AlertType.REVIEW_NEEDED] = [ReasonCode.NEEDS_REVIEW]
    worst = max(map(_rank, severities.values()), default=-1)
    if verdict.status is VerdictStatus.FAILED and worst < Severity.MEDIUM.rank:
        severities[AlertType.VERIFICATION_FAILED] = Severity.MEDIUM
        reasons[AlertType.VERIFICATION_FAILED] = list(dict.fromkeys(verdict.reasons))
    drafts = [
        AlertDraft(kind, severities[kind], kind.message_key, _details(verdict, reasons[kind]))
        for kind in severities
    ]
    if other_session_id is not None:
        drafts = [_naming(draft, other_session_id) for draft in drafts]
    return tuple(sorted(drafts, key=lambda draft: -draft.severity.rank))


def _rule(rules: AlertRules, reason: ReasonCode, verdict: Verdict) -> ReasonRule | None:
    """The alert that a reason of a FAILED verdict raises; None where it raises none."""
    rule = rules.rule_of(reason)
    if rule is None or rule.type not in _ATTACKS or not _is_critical(rules, reason, verdict):
        return rule
    return ReasonRule(type=rule.type, severity=Severity.CRITICAL)


def _is_critical(rules: AlertRules, reason: ReasonCode, verdict: Verdict) -> bool:
    """Whether a sign of an attack is for now: by the score, by its detector, or by another hard sign.

    A sign with the weight 0 is there for context, and failed nobody.
    """
    critical = rules.critical
    decisive = {
        code for code, weight in zip(verdict.reasons, verdict.weights, strict=True) if weight > 0.0
    }
    if reason is ReasonCode.DEEPFAKE_SCORE_HIGH:
        score = verdict.deepfake_score
        return score is not None and score > critical.deepfake_score_above
    if reason in critical.detectors:
        return reason in decisive
    hard = decisive & critical.hard_signs
    return reason in hard and len(hard) >= critical.hard_signs_at_least


def _is_unseen(verdict: Verdict, raised: Iterable[AlertType]) -> bool:
    """Whether a person has to look, and no alert of these says so: the footage could not be compared."""
    undecided = verdict.status is not VerdictStatus.FAILED
    return undecided and verdict.needs_review and _ASK_FOR_A_PERSON.isdisjoint(raised)


def _weighed(rule: ReasonRule, status: VerdictStatus) -> tuple[AlertType, Severity] | None:
    """The alert as a verdict of this status raises it: an attack that did not decide is suspected, and what
    has FAILED needs no review."""
    kind, severity = rule.type, rule.severity
    if status is VerdictStatus.FAILED:
        return None if kind is AlertType.REVIEW_NEEDED else (kind, severity)
    if kind in _ATTACKS:
        suspicion = Severity.LOW if status is VerdictStatus.PASSED else Severity.MEDIUM
        return AlertType.ATTACK_SUSPECTED, suspicion
    return kind, severity


def _details(verdict: Verdict, reasons: list[ReasonCode]) -> AlertDetails:
    return {
        "status": verdict.status.value,
        "reasons": [reason.value for reason in reasons],
        "liveness_score": verdict.liveness_score,
        "deepfake_score": verdict.deepfake_score,
    }


def _naming(draft: AlertDraft, other_session_id: str) -> AlertDraft:
    if draft.type is not AlertType.FOOTAGE_SEEN_BEFORE:
        return draft
    return replace(draft, details={**draft.details, "other_session_id": other_session_id})


def _rank(severity: Severity) -> int:
    return severity.rank
