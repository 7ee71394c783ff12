"""The interface of the sessions: what the HTTP side may ask of them, in plain, serialisable values.

Nothing that passes through it is bound to this process, so that sessions may live in worker processes
or on other machines without a change on either side.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.sessions.states import outcome


@dataclass(frozen=True, slots=True)
class Order:
    """What a verification may be started with besides its user.

    `profile`: a name out of the settings. `expires_in_s`: for how long it waits to be joined; None: as
    in the settings. `metadata`: the institution's own texts. `exclude`: types of challenges that are not
    asked for. `tenant_id`: whose verification it is.
    """

    return_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    locale: str | None = None
    profile: str | None = None
    expires_in_s: int | None = None
    exclude: tuple[str, ...] = ()
    tenant_id: str = DEFAULT_TENANT


NO_ORDER: Final = Order()


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """A challenge as it was asked. `passed` is None while it runs, and where it was voided.

    `voided`: why it does not count (a `VoidReason`), else None.
    """

    challenge_id: str
    challenge_type: str
    direction: str | None
    count: int
    passed: bool | None
    voided: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What an applicant agreed to: the version of the text, its language, and Unix milliseconds."""

    version: str
    locale: str
    agreed_at_ms: int


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert on a session."""

    alert_id: str
    session_id: str
    type: str
    severity: str
    message_key: str
    details: Mapping[str, Any]
    created_at_ms: int
    acknowledged_at_ms: int | None = None
    acknowledged_by: str | None = None
    acknowledged_note: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a verification, in short."""

    session_id: str
    attempt: int
    state: str
    status: str | None
    created_at_ms: int
    updated_at_ms: int

    @property
    def outcome(self) -> str:
        """Its status for the institution."""
        return outcome(self.state, self.status)


@dataclass(frozen=True, slots=True)
class JournalView:
    """One entry of a session's journal. `at_ms`: Unix milliseconds."""

    seq: int
    at_ms: int
    actor: str
    type: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionView:
    """All that is known of a session. Scores are 0..1 or None; times are Unix milliseconds.

    `attempt_id`: the attempt that the other fields are of; another than `session_id` where that names
    the verification. `attempts`: all of the verification that it belongs to, the first one first.
    `connection`: facts on peers, gaps and answers (`sessions/link.py`). `reason_weights`: one of 0..1
    for each of `reasons`, as in a `Verdict`; None where it is not known. `status`: the verdict's; None
    where there is none, and the reason for an end without one is its state. `link_number`: of the link
    that is valid, from 1 on. `withdrawn`: the institution cancelled the verification. `exclude`: types of
    challenges that are not asked for, by the order or because the applicant cannot do them. `consent`: of the
    applicant, on the page; None where none was given. `challenge`: the open one for its applicant, as the
    message of that name, with `deadline_ms` (Unix time); else None.
    """

    session_id: str
    user_id: str
    state: str
    attempt: int
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int
    frames_processed: int
    face_detected: bool
    liveness_score: float | None
    deepfake_score: float | None
    status: str | None
    reasons: tuple[str, ...]
    can_retry: bool
    challenges: tuple[ChallengeView, ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    reason_weights: tuple[float, ...] | None = None
    verification_id: str = ""
    attempt_id: str = ""
    attempts: tuple[AttemptView, ...] = ()
    transport: str | None = None
    connection: Mapping[str, Any] | None = None
    needs_review: bool = False
    link_number: int = 1
    withdrawn: bool = False
    consent: ConsentView | None = None
    profile: str | None = None
    locale: str | None = None
    return_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    challenge: Mapping[str, Any] | None = None
    tenant_id: str = DEFAULT_TENANT

    @property
    def outcome(self) -> str:
        """Its status for the institution."""
        return outcome(self.state, self.status)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts of a tenant; None: any. `session_id`: of exactly this attempt."""

    tenant_id: str
    severity: str | None = None
    type: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Alerts, and the cursor of the next page; None where this is the last."""

    alerts: tuple[AlertView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class VerificationFilter:
    """Which verifications of a tenant; None: any. `state` and `status` are those of the attempt that
    counts; times are Unix milliseconds of the start, and `to_ms` is left out of the range."""

    tenant_id: str
    user_id: str | None = None
    state: str | None = None
    status: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """A verification in a list. `state`, `verdict_status`, `attempt` (its number), `updated_at_ms` and
    `expires_at_ms` are those of the attempt that counts; `attempts`: how many there are."""

    session_id: str
    user_id: str
    profile: str | None
    state: str
    verdict_status: str | None
    attempt: int
    attempts: int
    needs_review: bool
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int

    @property
    def outcome(self) -> str:
        """Its status for the institution."""
        return outcome(self.state, self.verdict_status)


@dataclass(frozen=True, slots=True)
class VerificationPage:
    """Verifications, and the cursor of the next page; None where this is the last."""

    verifications: tuple[VerificationRow, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ClientView:
    """What the HTTP side knows of a client. `user_agent`: the program that it says it is.

    `address`: where its request came from; only the network of it is kept. `instance` names the device,
    or the tab; empty where the client does not. `take_over`: its user chose to go on here.
    """

    user_agent: str = ""
    address: str = ""
    whip: bool = False
    instance: str = ""
    take_over: bool = False


@dataclass(frozen=True, slots=True)
class HealthView:
    """How a process is. `problems`: what does not work, in words of a closed set; `waiting_sessions`: None
    while the database does not answer."""

    live_sessions: int
    max_live_sessions: int
    waiting_sessions: int | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerView:
    """A negotiated transport."""

    peer_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class FrameView:
    """What one uploaded picture gave. `messages` are data-channel messages since the last one.

    `analysed`: False where a newer picture replaced it.
    """

    session: SessionView
    analysed: bool
    face_detected: bool
    issues: tuple[str, ...]
    messages: tuple[Mapping[str, Any], ...]


class CommandType(StrEnum):
    """What can be asked of a session from outside its peer."""

    SEND_CHALLENGE = "send_challenge"
    COMPLETE = "complete"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its arguments, such as `{"challenge_type": "nod"}`."""

    type: CommandType
    arguments: Mapping[str, Any] = field(default_factory=dict)


class SessionInterface(Protocol):
    """What the HTTP side knows of the sessions.

    Every method raises `NotFound` for an unknown id, and `StorageUnavailable` while the database is
    away. The id of a first attempt names the verification: `status` and a command to complete go to
    the attempt that counts, other commands to the latest. Media and pictures of a session that lives in
    another process are `Misdirected`.
    """

    async def open(
        self, user_id: str, order: Order = NO_ORDER, new_id: str | None = None
    ) -> SessionView:
        """Start a verification. `new_id`: the id that it gets, or has where the call is a repeat.

        Raises `BadRequest` for an order that the settings do not admit, `AtCapacity`.
        """

    async def retry(self, session_id: str, new_id: str | None = None) -> SessionView:
        """The attempt that follows, begun where there is none; the one of this id, where there is one.

        Raises `Conflict`, `AtCapacity`.
        """

    async def status(self, session_id: str) -> SessionView:
        """The verification as it stands; for the id of a later attempt, that attempt."""

    async def attempt(self, session_id: str) -> SessionView:
        """The attempt as its applicant may see it; once the verification has passed, what passed."""

    async def tenant_of(self, session_id: str) -> str:
        """Whose session it is."""

    async def check_token(self, session_id: str, link_number: int, *, after_end: bool) -> None:
        """Whether an applicant's token of this link still counts, for an attempt that is over only with
        `after_end`. Raises `Unauthorised`, `LinkReplaced`, `Conflict`."""

    async def agree(self, session_id: str, version: str, locale: str) -> ConsentView:
        """The applicant agrees to a text in a language; the first time for one text is kept.
        Raises `BadRequest`."""

    async def renew_link(self, session_id: str) -> SessionView:
        """End the link of a verification; its latest attempt, with the number of the next link.
        Raises `Conflict`."""

    async def journal(self, session_id: str, after: int) -> tuple[JournalView, ...]:
        """The journal of an attempt, from the entry after `after` on; at most 1,000 entries."""

    async def offer(self, session_id: str, sdp: str, client: ClientView) -> AnswerView:
        """Connect the camera; replaces an earlier peer.

        Raises `BadSdp`, `Conflict`, `AtCapacity`; `InUse` and `ContinuedElsewhere` where another device
        is connected (see `sessions/devices.py`).
        """

    async def trickle(self, session_id: str, peer_id: str, fragment: str) -> None:
        """Add ICE candidates to a peer. Raises `BadSdp`, `NotFound`, `RestartUnsupported`."""

    async def hang_up(self, session_id: str, peer_id: str) -> None:
        """The client of a peer ends: the session is concluded with what was seen. Nothing happens where it
        is over, or where another peer counts. Raises `NotFound` for a peer that it never had."""

    async def upload(
        self, session_id: str, picture: bytes, client: ClientView, cannot: str | None = None
    ) -> FrameView:
        """Analyse one picture of a client without WebRTC. `cannot`: first void this challenge, because
        the applicant cannot do it.

        Raises `BadImage`, `Conflict`, `AtCapacity`, `Forbidden` where uploads are off.
        """

    async def command(self, session_id: str, command: Command) -> SessionView:
        """Carry out a command and return the verification as it stands then. Raises `Conflict`."""

    def following(
        self, session_id: str, after: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        """The session's messages as its applicant's client gets them, until it closes: those that are in
        the journal after the entry `after`, the open challenge, and what follows. One who reads too slowly
        is cut off, and may resume after the last entry that it has.

        Raises `NotFound` where it is not live.
        """

    async def verifications(
        self, wanted: VerificationFilter, after: str, limit: int
    ) -> VerificationPage:
        """Verifications, the newest first; a page may be shorter than `limit` (1..200) and yet have a next
        one. `after`: the `next` of the page before, or empty. Raises `BadRequest`."""

    async def active_alerts(self, wanted: AlertFilter, after: str, limit: int) -> AlertPage:
        """Alerts that nobody has acknowledged, the newest first; as above. Raises `BadRequest`."""

    async def session_alerts(self, session_id: str) -> tuple[AlertView, ...]:
        """The alerts of one attempt, acknowledged or not."""

    async def alert_statistics(self, tenant_id: str) -> Mapping[str, Any]:
        """Counts of a tenant's alerts."""

    async def acknowledge_alert(
        self, alert_id: str, tenant_id: str, by: str, note: str | None = None
    ) -> AlertView:
        """Mark an alert as seen by a principal; `note`: the name that was given. Raises `NotFound`."""

    async def health(self) -> HealthView:
        """How this process is. Never raises."""

    async def readiness(self) -> tuple[str, ...]:
        """What keeps this process from serving, in words of a closed set. Never raises."""

    async def aclose(self) -> None:
        """End every session and leave nothing behind."""
