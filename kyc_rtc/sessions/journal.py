"""The journal of a session: what an entry says, and what the applicant's client reads of it.

Entries are written in the transaction that changes the record (storage `Commit`), and everything that
is published is made from entries that were stored. No payload holds a user id.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kyc_rtc.decision.verdict import NO_PASS, Verdict
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeIssued, ChallengeVoided
from kyc_rtc.sessions.messages import (
    Exposure,
    applicants_reasons,
    rounded,
    weighed_reasons_of,
)
from kyc_rtc.sessions.reason_classes import is_left_open
from kyc_rtc.sessions.states import applicants_state, applicants_status
from kyc_rtc.sessions.wire import Outbound
from kyc_rtc.storage.records import AlertRecord, EventRecord

SERVER, INSTITUTION, APPLICANT, SYSTEM = "server", "institution", "applicant", "system"
"""Who caused an entry. SYSTEM: a process that looks after sessions of another."""


class EntryType(StrEnum):
    """The types of entries."""

    STATE = "state"
    PEER = "peer"
    CHALLENGE = "challenge"
    CHALLENGE_VOIDED = "challenge_voided"
    CHALLENGE_RESULT = "challenge_result"
    VERDICT = "verdict"
    ALERT = "alert"


def state_payload(state: str, previous: str | None) -> dict[str, Any]:
    return {"state": state, "previous": previous}


def challenge_payload(event: ChallengeIssued, *, can_exclude: bool) -> dict[str, Any]:
    """`can_exclude`: whether another type comes where the applicant says that they cannot do it."""
    challenge = event.challenge
    return {
        "challenge_id": event.challenge_id,
        "challenge_type": challenge.type.value,
        "direction": challenge.direction.value if challenge.direction else None,
        "count": challenge.count,
        "hold_ms": challenge.hold_ms,
        "instruction": challenge.instruction,
        "index": event.index,
        "total": event.total,
        "attempt": event.attempt,
        "attempts": event.attempts,
        "time_limit_ms": event.time_limit_ms,
        "can_exclude": can_exclude,
    }


def voided_payload(event: ChallengeVoided) -> dict[str, Any]:
    return {
        "challenge_id": event.challenge_id,
        "challenge_type": event.challenge.type.value,
        "reason": event.reason.value,
        "will_redraw": event.will_redraw,
        "shown": event.shown,
        "hint": f"hint.void_{event.reason.value}",
    }


def result_payload(event: ChallengeEnded) -> dict[str, Any]:
    return {
        "challenge_id": event.challenge_id,
        "challenge_type": event.challenge.type.value,
        "passed": event.passed,
        "hint": event.hint.value if event.hint else None,
        "will_retry": event.will_retry,
    }


def verdict_payload(verdict: Verdict, transport: str | None) -> dict[str, Any]:
    """The verdict as the institution may know it."""
    return {
        "status": verdict.status.value,
        "verified": verdict.verified,
        "needs_review": verdict.needs_review,
        "transport": transport,
        "reasons": list(weighed_reasons_of(verdict)),
        "liveness_score": rounded(verdict.liveness_score),
        "deepfake_score": rounded(verdict.deepfake_score),
    }


def alert_payload(alert: AlertRecord) -> dict[str, Any]:
    return {"alert_id": alert.alert_id, "alert_type": alert.type, "severity": alert.severity}


def message_of(entry: EventRecord, exposure: Exposure, media_ms: int) -> Outbound | None:
    """The message that an entry becomes for the applicant's client; None where it is not for it.

    `media_ms`: media time now, from which a prompt's deadline counts.
    """
    fields: dict[str, Any] = {**entry.payload, "event": entry.seq}
    match entry.type:
        case EntryType.CHALLENGE_VOIDED if not fields.pop("shown"):
            return None  # the prompt was never sent
        case EntryType.STATE if not exposure.scores:
            fields["state"] = applicants_state(fields["state"])
        case EntryType.STATE | EntryType.CHALLENGE_VOIDED | EntryType.CHALLENGE_RESULT:
            pass
        case EntryType.CHALLENGE:
            fields["deadline_t_ms"] = media_ms + fields["time_limit_ms"]
        case EntryType.VERDICT:
            fields = _verdict_fields(fields, exposure)
        case _:
            return None
    return Outbound(entry.type, fields)


def _verdict_fields(fields: Mapping[str, Any], exposure: Exposure) -> dict[str, Any]:
    """Scores, weights, reason codes and FAILED only where the settings expose scores; else classes."""
    shown = dict(fields)
    codes = [reason["code"] for reason in shown["reasons"]]
    may_pass = not shown["verified"] and NO_PASS.isdisjoint(codes)
    shown["can_retry"] = exposure.can_retry and may_pass
    if exposure.scores:
        return shown
    del shown["liveness_score"], shown["deepfake_score"]
    shown["reasons"] = list(applicants_reasons(codes, passed=shown["verified"]))
    classes = (reason["code"] for reason in shown["reasons"])
    shown["status"] = applicants_status(shown["status"])
    shown["needs_review"] = is_left_open(shown["status"], classes)
    return shown
