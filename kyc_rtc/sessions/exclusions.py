"""Types of challenges that are not asked of somebody: by the order, or because they cannot do them."""

from __future__ import annotations

from collections.abc import Sequence

from kyc_rtc.errors import Conflict
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.storage.records import SessionRecord


def excluded_by_applicant(attempts: Sequence[SessionRecord]) -> tuple[ChallengeType, ...]:
    """The types that the applicant said they cannot do, in these attempts of one verification."""
    said = (
        ChallengeType(str(challenge["challenge_type"]))
        for attempt in attempts
        for challenge in attempt.challenges or ()
        if challenge.get("voided") == VoidReason.CANNOT
    )
    return tuple(dict.fromkeys(said))


def excluded(attempts: Sequence[SessionRecord]) -> tuple[ChallengeType, ...]:
    """All types that are left out of the attempt that follows these, or of the last of them."""
    by_order = (ChallengeType(kind) for attempt in attempts for kind in attempt.terms.exclude)
    return tuple(dict.fromkeys((*by_order, *excluded_by_applicant(attempts))))


def issuer_without(issuer: Issuer, attempts: Sequence[SessionRecord]) -> Issuer:
    """Who draws the challenges of an attempt: none of the types that are left out of it."""
    return issuer.without(excluded(attempts))


def refuse_excluded(kind: ChallengeType, left_out: Sequence[ChallengeType]) -> None:
    """Raises `Conflict` where a challenge of this type must not be asked for."""
    if kind in left_out:
        raise Conflict(
            f"challenge_type: {kind.value} is excluded", hint="ask for another type of challenge"
        )
