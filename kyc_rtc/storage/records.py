"""What is stored, as values. A record that exists can be stored: the constructor refuses the rest.

States, statuses, alert types and severities are text here: the rooms that own those closed sets
stand elsewhere, and what was written by an older version stays readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import AlertId, SessionId
from kyc_rtc.scopes import DEFAULT_TENANT, MAX_TENANT_LENGTH
from kyc_rtc.storage.consents import Consent
from kyc_rtc.storage.terms import NO_TERMS, Terms
from kyc_rtc.storage.values import (
    MAX_ID_LENGTH,
    JsonObject,
    check_integer,
    check_score,
    check_text,
    copy_object,
    copy_objects,
)

MAX_USER_ID_LENGTH = 256
MAX_ACTOR_LENGTH = 256
MAX_KEY_NAME_LENGTH = 128
MAX_WORD_LENGTH = 64
MAX_NOTE_LENGTH = 2_000
MAX_REASONS = 64
MAX_URL_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One attempt of a verification. Times are milliseconds since the Unix epoch.

    `verification_id` is the `session_id` of the first attempt, `attempt` counts from 1. Scores lie in
    0..1. `evidence` and `challenges` hold JSON objects, at most 64 KiB each. `reason_weights`: one of
    0..1 for each of `reasons`; None before the verdict, and where an older version gave it.
    `connection` is a JSON object of at most 64 KiB. `owner_id` and `owner_epoch` name the process that
    runs the session, by its id and its lease; `last_seq` is the number of the newest journal entry.
    `terms` are the verification's. `link_number` counts the links of the verification from 1; it changes by
    `SessionStore.renew_link` only. `withdrawn`: the institution cancelled the verification, by
    `SessionStore.withdraw`. `consent`: what the applicant agreed to, by `SessionStore.agree`.

    Raises:
        BadRequest: a field is longer, larger or other than what can be stored.
    """

    session_id: SessionId
    user_id: str
    state: str
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int
    verification_id: SessionId
    attempt: int = 1
    frames_processed: int = 0
    face_detected: bool | None = None
    liveness_score: float | None = None
    deepfake_score: float | None = None
    verdict_status: str | None = None
    reasons: tuple[str, ...] = ()
    evidence: tuple[JsonObject, ...] | None = None
    challenges: tuple[JsonObject, ...] | None = None
    reason_weights: tuple[float, ...] | None = None
    tenant_id: str = DEFAULT_TENANT
    transport: str | None = None
    connection: JsonObject | None = None
    needs_review: bool = False
    owner_id: str | None = None
    owner_epoch: int = 0
    last_seq: int = 0
    terms: Terms = NO_TERMS
    link_number: int = 1
    withdrawn: bool = False
    consent: Consent | None = None

    def __post_init__(self) -> None:
        self._check_texts()
        for name in (
            "created_at_ms",
            "updated_at_ms",
            "expires_at_ms",
            "frames_processed",
            "owner_epoch",
            "last_seq",
        ):
            check_integer(name, getattr(self, name))
        check_integer("attempt", self.attempt, minimum=1)
        check_integer("link_number", self.link_number, minimum=1)
        check_score("liveness_score", self.liveness_score)
        check_score("deepfake_score", self.deepfake_score)
        self._check_weights()
        for name in ("evidence", "challenges"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, copy_objects(name, values))
        if self.connection is not None:
            object.__setattr__(self, "connection", copy_object("connection", self.connection))

    def _check_texts(self) -> None:
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_text("verification_id", self.verification_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        if self.owner_id is not None:
            check_text("owner_id", self.owner_id, MAX_ID_LENGTH)
        if self.transport is not None:
            check_text("transport", self.transport, MAX_WORD_LENGTH)
        check_text("user_id", self.user_id, MAX_USER_ID_LENGTH)
        check_text("state", self.state, MAX_WORD_LENGTH)
        if self.verdict_status is not None:
            check_text("verdict_status", self.verdict_status, MAX_WORD_LENGTH)
        if len(self.reasons) > MAX_REASONS:
            raise BadRequest(f"reasons: at most {MAX_REASONS} are allowed")
        for reason in self.reasons:
            check_text("reasons", reason, MAX_WORD_LENGTH)
        object.__setattr__(self, "reasons", tuple(str(reason) for reason in self.reasons))

    def _check_weights(self) -> None:
        if self.reason_weights is None:
            return
        if len(self.reason_weights) != len(self.reasons):
            raise BadRequest("reason_weights: one for each reason is needed")
        for weight in self.reason_weights:
            check_score("reason_weights", weight)
        object.__setattr__(self, "reason_weights", tuple(self.reason_weights))


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert about one session. `message_key` names the sentence in the catalogue.

    `acknowledged_by` is the principal, `acknowledged_note` the name that the caller gave. `assigned_by`
    gave it to `assigned_to`; `resolution` is the reason that `resolved_by` gave, as a word.

    Raises:
        BadRequest: a field cannot be stored, or only a part of the acknowledgement, the assignment or the
            resolution is there.
    """

    alert_id: AlertId
    session_id: SessionId
    type: str
    severity: str
    message_key: str
    details: JsonObject
    created_at_ms: int
    acknowledged_at_ms: int | None = None
    acknowledged_by: str | None = None
    acknowledged_note: str | None = None
    tenant_id: str = DEFAULT_TENANT
    assigned_at_ms: int | None = None
    assigned_to: str | None = None
    assigned_by: str | None = None
    resolved_at_ms: int | None = None
    resolved_by: str | None = None
    resolution: str | None = None
    resolution_note: str | None = None

    def __post_init__(self) -> None:
        check_text("alert_id", self.alert_id, MAX_ID_LENGTH)
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        for name in ("type", "severity", "message_key"):
            check_text(name, getattr(self, name), MAX_WORD_LENGTH)
        check_integer("created_at_ms", self.created_at_ms)
        object.__setattr__(self, "details", copy_object("details", self.details))
        if (self.acknowledged_at_ms is None) != (self.acknowledged_by is None):
            raise BadRequest("an acknowledgement has both a time and an author")
        if self.acknowledged_at_ms is not None:
            check_integer("acknowledged_at_ms", self.acknowledged_at_ms)
        if self.acknowledged_by is not None:
            check_actor(self.acknowledged_by)
        check_note(self.acknowledged_note)
        _check_step("an assignment", self.assigned_at_ms, self.assigned_to, self.assigned_by)
        _check_step("a resolution", self.resolved_at_ms, self.resolved_by, self.resolution)
        if self.resolution_note is not None:
            check_text("note", self.resolution_note, MAX_NOTE_LENGTH, min_length=0)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a list ended: the time (Unix milliseconds) and the id of its last row."""

    at_ms: int
    id: str


@dataclass(frozen=True, slots=True)
class AlertStatistics:
    """How many alerts there are. A type or severity that never came up is not in the mappings."""

    total: int
    active: int
    acknowledged: int
    last_24_h: int
    by_severity: Mapping[str, int]
    by_type: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One entry of a session's journal. `seq` counts from 1 without holes; `actor` says who did it,
    `owner` which process wrote it. `payload`: at most 64 KiB of JSON, without personal data.

    Raises:
        BadRequest: a field cannot be stored.
    """

    session_id: SessionId
    seq: int
    at_ms: int
    actor: str
    type: str
    payload: JsonObject
    owner: str | None = None
    tenant_id: str = DEFAULT_TENANT

    def __post_init__(self) -> None:
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_integer("seq", self.seq, minimum=1)
        check_integer("at_ms", self.at_ms)
        for name in ("actor", "type"):
            check_text(name, getattr(self, name), MAX_WORD_LENGTH)
        if self.owner is not None:
            check_text("owner", self.owner, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        object.__setattr__(self, "payload", copy_object("payload", self.payload))


@dataclass(frozen=True, slots=True)
class Commit:
    """A session as it is now, with what happened since `base_seq`: stored whole or not at all.

    Raises:
        BadRequest: the events are not numbered from `base_seq` + 1 to the record's `last_seq`, or
            something belongs to another session or tenant.
    """

    record: SessionRecord
    base_seq: int
    events: tuple[EventRecord, ...]
    alerts: tuple[AlertRecord, ...] = ()

    def __post_init__(self) -> None:
        check_integer("base_seq", self.base_seq)
        object.__setattr__(self, "events", tuple(self.events))
        object.__setattr__(self, "alerts", tuple(self.alerts))
        numbers = [event.seq for event in self.events]
        last_seq = self.base_seq + len(numbers)
        if (
            numbers != list(range(self.base_seq + 1, last_seq + 1))
            or last_seq != self.record.last_seq
        ):
            raise BadRequest("events: are numbered from base_seq + 1 to the record's last_seq")
        parts: tuple[EventRecord | AlertRecord, ...] = (*self.events, *self.alerts)
        place = (self.record.session_id, self.record.tenant_id)
        if any((part.session_id, part.tenant_id) != place for part in parts):
            raise BadRequest("events and alerts: are of the record's session and tenant")


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """What somebody asked of a session, for the process that runs it. `error` is None while it waits
    and when it was carried out; else what was wrong, as a JSON object.

    Raises:
        BadRequest: a field cannot be stored, or there is an error of a command that is not done.
    """

    command_id: str
    session_id: SessionId
    type: str
    arguments: JsonObject
    actor: str
    created_at_ms: int
    done_at_ms: int | None = None
    error: JsonObject | None = None
    tenant_id: str = DEFAULT_TENANT

    def __post_init__(self) -> None:
        for name in ("command_id", "session_id"):
            check_text(name, getattr(self, name), MAX_ID_LENGTH)
        check_text("type", self.type, MAX_WORD_LENGTH)
        check_text("actor", self.actor, MAX_ACTOR_LENGTH)
        check_tenant(self.tenant_id)
        check_integer("created_at_ms", self.created_at_ms)
        object.__setattr__(self, "arguments", copy_object("arguments", self.arguments))
        if self.done_at_ms is not None:
            check_integer("done_at_ms", self.done_at_ms)
        if self.error is not None:
            if self.done_at_ms is None:
                raise BadRequest("error: only a command that is done has one")
            object.__setattr__(self, "error", copy_object("error", self.error))


@dataclass(frozen=True, slots=True)
class EarlierFootage:
    """The record of another session's footage. `same_user`: of the same applicant."""

    session_id: SessionId
    same_user: bool
    record: bytes


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """What somebody found out about a session after its verdict. Only an attack has a species.

    `labelled_by` is the principal, `labelled_note` the name that the caller gave. There is one label of
    a `label_id` at most.

    Raises:
        BadRequest: a field cannot be stored.
    """

    session_id: SessionId
    label: str
    source: str
    labelled_by: str
    labelled_at_ms: int
    species: str | None = None
    note: str | None = None
    labelled_note: str | None = None
    tenant_id: str = DEFAULT_TENANT
    label_id: str | None = None

    def __post_init__(self) -> None:
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        for name in ("label", "source"):
            check_text(name, getattr(self, name), MAX_WORD_LENGTH)
        check_text("labelled_by", self.labelled_by, MAX_ACTOR_LENGTH)
        if self.species is not None:
            check_text("species", self.species, MAX_WORD_LENGTH)
        check_note(self.labelled_note)
        if self.note is not None:
            check_text("note", self.note, MAX_NOTE_LENGTH, min_length=0)
        check_integer("labelled_at_ms", self.labelled_at_ms)
        if self.label_id is not None:
            check_text("label_id", self.label_id, MAX_ID_LENGTH)


def check_actor(acknowledged_by: str) -> None:
    """Raise BadRequest unless the name of who acknowledged can be stored."""
    check_text("acknowledged_by", acknowledged_by, MAX_ACTOR_LENGTH)


def check_note(said_by: str | None) -> None:
    """Raise BadRequest unless the name that a caller gave can be stored."""
    if said_by is not None:
        check_text("the name", said_by, MAX_ACTOR_LENGTH)


def check_tenant(tenant_id: str) -> None:
    """Raise BadRequest unless the name of a tenant can be stored."""
    check_text("tenant_id", tenant_id, MAX_TENANT_LENGTH)


def _check_step(name: str, at_ms: int | None, *texts: str | None) -> None:
    """Raise BadRequest unless a step of an alert's course is there whole, or not at all."""
    missing = [part is None for part in (at_ms, *texts)]
    if any(missing) and not all(missing):
        raise BadRequest(f"{name} has a time and all that belongs to it")
    if at_ms is not None:
        check_integer(name, at_ms)
    for text in texts:
        if text is not None:
            check_text(name, text, MAX_ACTOR_LENGTH)
