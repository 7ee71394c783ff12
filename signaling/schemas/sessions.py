"""Answers on verifications, attempts and the server."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kyc_rtc.liveness.catalogue import Direction
from signaling.schemas.described import (
    SESSION_ID,
    ActorName,
    Answer,
    ChallengeTypeName,
    OriginalAnswer,
    State,
    Status,
    Time,
    TransportName,
    VerdictName,
)
from signaling.schemas.facts import Challenge, Connection, Evidence, IceServer
from signaling.schemas.messages import Message
from signaling.schemas.records import AlertBody

_STATE = "where the attempt that counts stands"
_VERIFICATION = "`session_id` of the first attempt"
_LIVENESS = "0 to 1: how surely a live person answered; null where nothing was judged"
_DEEPFAKE = "0 to 1: how surely it is an attack; null where nothing was judged"
_CREATED = "when the attempt began"
_UPDATED = "when the attempt last changed"
_EXPIRES = "when the link ends, and with it the time to join or to try again"
_WITHDRAWN = "the institution cancelled the verification"
_REVIEW = "a person has to look before anybody is verified"
_VERIFIED = "whether the applicant passed; null while `status` is `active`"
_TRANSPORT = "how the pictures arrive; null before the first one"
_FRAMES = "pictures that were analysed"
_JOIN_URL = "link to the applicant's page; its fragment is the link's token"
_CLIENT_TOKEN = "bearer token for the applicant's calls, of a short life"  # noqa: S105 - a description


class Health(Answer):
    """How a process is."""

    status: Literal["healthy", "degraded"] = Field(description="`degraded`: see `problems`")
    version: str = Field(description="of the server")
    live_sessions: int = Field(description="sessions of this process that are under way")
    max_live_sessions: int = Field(description="how many it admits")
    waiting_sessions: int | None = Field(
        description="links in the database that nobody has joined yet; null while it does not answer"
    )
    problems: list[str] = Field(
        description="what does not work, of database, disk, model, pool, lease, sweep, commands, expiry, "
        "retention, draining; empty when healthy"
    )


class Readiness(Answer):
    """Whether a process should get requests."""

    ready: bool = Field(description="whether nothing is wrong")
    causes: list[str] = Field(
        description="of database, disk, model, pool, sweepers, lease, draining; empty when ready"
    )


class StartedSession(OriginalAnswer):
    """A verification that waits for its applicant, or its next attempt."""

    session_id: str = Field(description="the new attempt (UUID); of a first one, the verification")
    verification_id: str = Field(description=_VERIFICATION)
    status: Literal["active"] = Field("active", description="that it is not over")
    state: State = Field(description="where the attempt stands")
    join_url: str = Field(description=_JOIN_URL)
    client_token: str = Field(description=_CLIENT_TOKEN)
    expires_at: Time = Field(description=_EXPIRES)


class ClientToken(Answer):
    """A token for the applicant's calls."""

    session_id: str = Field(description="the attempt that the token is for (UUID)")
    client_token: str = Field(description=_CLIENT_TOKEN)
    expires_in_s: int = Field(description="life of the token, in seconds")


class NewLink(Answer):
    """A link that has replaced the former one."""

    session_id: str = Field(description="the latest attempt (UUID)")
    verification_id: str = Field(description=_VERIFICATION)
    join_url: str = Field(description=_JOIN_URL)
    expires_at: Time = Field(description=_EXPIRES)


class ChallengeAnswer(OriginalAnswer):
    """A challenge that was asked for."""

    session_id: str = Field(description=SESSION_ID)
    status: Status = Field(description="`active`, as the session is under way")
    challenge_type: ChallengeTypeName = Field(description="what was asked for")
    challenges: list[Challenge] = Field(description="all of the attempt, in order")


class FrameAnswer(OriginalAnswer):
    """What a picture gave."""

    session_id: str = Field(description="the attempt (UUID)")
    status: Status = Field(description="of the attempt")
    state: State = Field(description="where the attempt stands")
    analysed: bool = Field(description="false where a newer picture replaced this one")
    face_detected: bool = Field(description="whether this picture has a face")
    liveness_score: float | None = Field(description=_LIVENESS)
    deepfake_score: float | None = Field(description=_DEEPFAKE)
    frames_processed: int = Field(description=_FRAMES)
    issues: list[str] = Field(
        description="what is wrong with the picture, the worst first; at the end `few_pictures` where "
        "too few come a second"
    )
    messages: list[Message] = Field(
        description="what the data channel would have said since the last picture"
    )


class Reason(Answer):
    """A reason of the verdict, as the applicant may know it."""

    code: str = Field(description="a class, or a reason where scores are exposed; docs/protocol.md")
    text: str = Field(description="key of the sentence in the catalogue")


class WeighedReason(Reason):
    """A reason of the verdict."""

    code: str = Field(description="docs/protocol.md has all of them; later versions may add some")
    weight: float | None = Field(
        description="how much of the verdict rests on it, 0 (context) to 1 (decides alone); "
        "null where an earlier version gave the verdict"
    )
    weight_text: str | None = Field(description="key of the word for the weight in the catalogue")


class VerificationAnswer(OriginalAnswer):
    """A verification that was brought to its verdict."""

    session_id: str = Field(description=SESSION_ID)
    verified: bool = Field(description="whether the applicant passed")
    status: VerdictName = Field(description="the verdict; INCONCLUSIVE after an end without one")
    state: State = Field(description=_STATE)
    liveness_score: float | None = Field(description=_LIVENESS)
    deepfake_score: float | None = Field(description=_DEEPFAKE)
    reasons: list[WeighedReason] = Field(description="the heaviest first")
    recommendations: list[str] = Field(
        description="what to do about each reason: keys of sentences in the catalogue"
    )
    alerts: list[AlertBody] = Field(description="of the attempt that counts")
    needs_review: bool = Field(description=_REVIEW)
    transport: TransportName | None = Field(description=_TRANSPORT)
    connection: Connection | None = Field(description="facts; null before the first picture")


class Attempt(Answer):
    """An attempt, in short."""

    session_id: str = Field(description="the attempt (UUID)")
    attempt: int = Field(description="its number, from 1")
    state: State = Field(description="where it stands")
    status: Status = Field(description="its verdict, or `active`")
    created_at: Time = Field(description="when it began")
    updated_at: Time = Field(description="when it last changed")


class JournalEntry(Answer):
    """Something that changed an attempt."""

    seq: int = Field(description="number of the entry, from 1 without holes")
    at: Time = Field(description="when")
    actor: ActorName = Field(description="who caused it")
    type: Literal[
        "state", "peer", "challenge", "challenge_voided", "challenge_result", "verdict", "alert"
    ] = Field(description="what happened")
    payload: dict[str, Any] = Field(description="more, by type; see The journal in docs/api.md")


class Journal(Answer):
    """Entries of a journal."""

    events: list[JournalEntry] = Field(description="at most 1,000, in order; empty at the end")


class ConsentRecord(Answer):
    """What an applicant agreed to."""

    version: str = Field(description="of the text and its facts")
    locale: str = Field(description="language tag of the text (BCP 47)")
    agreed_at: Time = Field(description="when, the first time for this text")


class ConsentPoint(Answer):
    """One point of the text."""

    topic: Literal[
        "purpose", "actions", "biometric", "kept", "kept_for", "watched", "refusal", "other_way"
    ] = Field(description="what it is about")
    text: str = Field(description="to be shown as it is")


class ConsentText(Answer):
    """What the applicant is asked to agree to."""

    version: str = Field(description="names the text, its language and its facts")
    locale: str = Field(description="language tag of the text (BCP 47)")
    institution: str | None = Field(description="who asks; null where the settings name nobody")
    privacy_url: str | None = Field(description="of the privacy notice; null where there is none")
    points: list[ConsentPoint] = Field(description="in the order in which they are read")


class SessionStatus(OriginalAnswer):
    """A verification, with the fields of the attempt that counts; or an attempt, where a later one is
    named."""

    session_id: str = Field(description="as it was asked for (UUID)")
    user_id: str = Field(description="the institution's own reference")
    is_test: bool = Field(description="whether a key of the sandbox started it")
    status: Status = Field(description="`active` until it is over, then the verdict")
    state: State = Field(description=_STATE)
    verified: bool | None = Field(description=_VERIFIED)
    created_at: Time = Field(description=_CREATED)
    updated_at: Time = Field(description=_UPDATED)
    expires_at: Time = Field(description=_EXPIRES)
    attempt: int = Field(description="number of the attempt that the other fields are of, from 1")
    frames_processed: int = Field(description=_FRAMES)
    face_detected: bool = Field(description="whether any picture had a face")
    liveness_score: float | None = Field(description=_LIVENESS)
    deepfake_score: float | None = Field(description=_DEEPFAKE)
    reasons: list[WeighedReason] = Field(description="the heaviest first")
    challenges: list[Challenge] = Field(description="as they were asked, in order")
    evidence: list[Evidence] = Field(
        description="one item for each analyser, and one with the facts of the connection"
    )
    verification_id: str = Field(description=_VERIFICATION)
    attempts: list[Attempt] = Field(description="all of the verification, the first one first")
    transport: TransportName | None = Field(description=_TRANSPORT)
    connection: Connection | None = Field(description="facts; null before the first picture")
    consent: ConsentRecord | None = Field(
        description="of the applicant, on the page; null where none was given, as with uploaded pictures"
    )
    withdrawn: bool = Field(description=_WITHDRAWN)
    needs_review: bool = Field(description=_REVIEW)
    profile: str | None = Field(description="as given to `start-session`")
    locale: str | None = Field(description="as given to `start-session`")
    return_url: str | None = Field(description="as given to `start-session`")
    metadata: dict[str, str] = Field(description="as given to `start-session`")
    exclude: list[ChallengeTypeName] = Field(
        description="types of challenges that are not asked for: as given to `start-session`, and what the "
        "applicant said that they cannot do"
    )


class ListedVerification(Answer):
    """A verification in a list, with the fields of the attempt that counts."""

    session_id: str = Field(description="the verification (UUID)")
    user_id: str = Field(description="the institution's own reference")
    status: Status = Field(description="`active` until it is over, then the verdict")
    state: State = Field(description=_STATE)
    verified: bool | None = Field(description=_VERIFIED)
    attempt: int = Field(description="number of the attempt that counts, from 1")
    attempts: int = Field(description="how many attempts there are")
    needs_review: bool = Field(description=_REVIEW)
    profile: str | None = Field(description="as given to `start-session`")
    created_at: Time = Field(description="when the verification began")
    updated_at: Time = Field(description=_UPDATED)
    expires_at: Time = Field(description=_EXPIRES)


class VerificationList(Answer):
    """A page of verifications."""

    sessions: list[ListedVerification] = Field(description="the newest first")
    count: int = Field(description="how many are on this page")
    next: str | None = Field(description="`after` of the next page; null on the last")


class CurrentChallenge(Answer):
    """The challenge that is open, as the message `challenge` has it (docs/protocol.md)."""

    event: int = Field(description="number of its entry in the journal")
    challenge_id: str = Field(description="UUID")
    challenge_type: ChallengeTypeName = Field(description="what is asked for")
    direction: Direction | None = Field(
        description="of a head turn, the applicant's own side; else null"
    )
    count: int = Field(description="how many blinks or nods are asked for, else 1")
    hold_ms: int = Field(description="how long a smile or an open mouth is held, else 0")
    instruction: str = Field(description="key of the sentence in the catalogue")
    index: int = Field(description="its place among the challenges, from 1")
    total: int = Field(description="how many there are")
    attempt: int = Field(description="which go at it, from 1")
    attempts: int = Field(description="how many there may be")
    time_limit_ms: int = Field(description="time that is left, as of this answer")
    can_exclude: bool = Field(
        description="whether `cannot` still brings another type; else it ends the check"
    )
    deadline: Time = Field(description="when its time is over")


class ApplicantStatus(Answer):
    """What the applicant may know of an attempt."""

    session_id: str = Field(description="the attempt (UUID)")
    state: State = Field(description="where it stands")
    status: VerdictName | None = Field(
        description="the verdict; null before it, and after an end without one"
    )
    verified: bool | None = Field(
        description="whether the applicant passed; null without a verdict"
    )
    reasons: list[Reason] = Field(description="what to mend before another attempt")
    can_retry: bool = Field(description="whether another attempt may follow")
    withdrawn: bool = Field(description=_WITHDRAWN)
    needs_review: bool = Field(description="inconclusive, with nothing that the applicant can mend")
    expires_at: Time = Field(description=_EXPIRES)
    locale: str | None = Field(description="as given to `start-session`")
    return_url: str | None = Field(description="where the applicant goes afterwards")
    challenge: CurrentChallenge | None = Field(description="the open one; null between challenges")


class ClientConfig(Answer):
    """What a client needs to connect."""

    ice_servers: list[IceServer] = Field(description="for RTCPeerConnection")
    expose_scores: bool = Field(description="whether the applicant's messages have scores")
    environment: Literal["development", "production"] = Field(description="of the server")


class AnswerBody(Answer):
    """An SDP answer."""

    type: Literal["answer"] = Field("answer", description="that it is an answer")
    sdp: str = Field(description="for setRemoteDescription() (RFC 8866)")
