"""Which topics a journal entry is published under, apart from its session: alerts and webhooks read them.

A pure table. States are text here (the enum stands in the room above); a test goes through all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from kyc_rtc.storage.values import JsonObject

STATE_EVENT: Final = "state"
"""The type of the journal entry that says that a session went to another state."""


class Topic(StrEnum):
    """What a row of the outbox is about. Names as the webhooks have them."""

    STARTED = "verification.started"
    NEEDS_REVIEW = "verification.needs_review"
    COMPLETED = "verification.completed"
    EXPIRED = "verification.expired"
    CANCELLED = "verification.cancelled"
    INTERRUPTED = "verification.interrupted"
    ALERT_RAISED = "alert.raised"


TOPIC_OF_STATE: Final[Mapping[str, Topic | None]] = {
    "created": None,
    "connecting": Topic.STARTED,  # the first peer or picture: a session is connecting once
    "checking_quality": None,
    "challenging": None,
    "deciding": None,
    "passed": Topic.COMPLETED,
    "failed": Topic.COMPLETED,
    "inconclusive": Topic.COMPLETED,
    "expired": Topic.EXPIRED,
    "cancelled": Topic.CANCELLED,
    "interrupted": Topic.INTERRUPTED,
}
"""The topic of a session that went to a state; None where no event follows."""


def topics_of(event_type: str, payload: JsonObject, *, needs_review: bool) -> tuple[Topic, ...]:
    """The topics of a journal entry, in order. `needs_review`: what the session's record says of it.

    An end after which a person has to look has two: also a cancelled attempt can leave a suspicion.
    """
    if event_type != STATE_EVENT:
        return ()
    topic = TOPIC_OF_STATE.get(str(payload.get("state")))
    if topic is None:
        return ()
    return (topic, Topic.NEEDS_REVIEW) if needs_review and topic is not Topic.STARTED else (topic,)
