"""Bodies of requests and answers (pydantic): checked on the way in, and the source of the OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.sessions.labels import AttackSpecies, LabelSource, SessionLabel
from kyc_rtc.sessions.terms import (
    MAX_EXPIRES_IN_S,
    MAX_LOCALE_LENGTH,
    MAX_METADATA,
    MAX_METADATA_KEY_LENGTH,
    MAX_METADATA_VALUE_LENGTH,
    MAX_PROFILE_LENGTH,
    MAX_RETURN_URL_LENGTH,
    MIN_EXPIRES_IN_S,
)


class _Request(BaseModel):
    """Keeps unknown keys, so that `read_body` can name them."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        json_schema_extra={"additionalProperties": False},
    )


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


SessionIdField = Annotated[str, Field(min_length=1, max_length=64, description="a session's UUID")]

MetadataKey = Annotated[str, Field(min_length=1, max_length=MAX_METADATA_KEY_LENGTH)]
MetadataValue = Annotated[str, Field(max_length=MAX_METADATA_VALUE_LENGTH)]


class StartSession(_Request):
    user_id: str = Field(
        min_length=1, max_length=256, description="the institution's own reference"
    )
    return_url: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_RETURN_URL_LENGTH,
        description="where the applicant goes afterwards; begins with one of the setting return_urls",
    )
    metadata: dict[MetadataKey, MetadataValue] = Field(
        {}, max_length=MAX_METADATA, description="the institution's own texts, stored encrypted"
    )
    locale: str | None = Field(
        None,
        max_length=MAX_LOCALE_LENGTH,
        pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$",
        description="language tag (BCP 47), such as de-CH",
    )
    profile: str | None = Field(
        None, min_length=1, max_length=MAX_PROFILE_LENGTH, description="out of the setting profiles"
    )
    expires_in: int | None = Field(
        None,
        ge=MIN_EXPIRES_IN_S,
        le=MAX_EXPIRES_IN_S,
        description="seconds that the session waits to be joined",
    )


class SendChallenge(_Request):
    session_id: SessionIdField
    challenge_type: Annotated[ChallengeType, Field(strict=False)]


class UploadFrame(_Request):
    session_id: SessionIdField
    frame: str = Field(description="a data URL: data:image/jpeg;base64,… (JPEG, PNG or WebP)")


class SessionReference(_Request):
    session_id: SessionIdField


class Offer(_Request):
    type: Literal["offer"]
    sdp: str = Field(min_length=1, description="as createOffer() gave it (RFC 8866)")
    instance: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
        description="names the device, or the tab: another one takes over only when it says so",
    )
    take_over: bool = Field(
        False, description="go on here although another device is connected; each may once"
    )


class Acknowledge(_Request):
    acknowledged_by: str = Field(min_length=1, max_length=256)


class LabelSession(_Request):
    label: Annotated[SessionLabel, Field(strict=False)]
    source: Annotated[LabelSource, Field(strict=False)]
    labelled_by: str = Field(min_length=1, max_length=256)
    species: Annotated[AttackSpecies, Field(strict=False)] | None = Field(
        None, description="of an attack only"
    )
    note: str | None = Field(None, max_length=2_000)

    @model_validator(mode="after")
    def _only_attacks_have_a_species(self) -> Self:
        if self.species is not None and self.label is not SessionLabel.ATTACK:
            raise ValueError("only an attack has a species")
        return self


class ErrorBody(_Answer):
    code: str
    message: str
    hint: str = ""


class ErrorAnswer(_Answer):
    error: ErrorBody


class Health(_Answer):
    status: Literal["healthy", "degraded"]
    version: str
    live_sessions: int
    max_live_sessions: int
    waiting_sessions: int | None = Field(description="null while the database does not answer")
    problems: list[str] = Field(description="what does not work; empty when healthy")


class Readiness(_Answer):
    ready: bool
    causes: list[str] = Field(
        description="of database, disk, model, pool, sweepers, lease, draining; empty when ready"
    )


class _OriginalAnswer(_Answer):
    """Of a call of the original system, which in development takes unknown keys."""

    warnings: list[str] = Field([], description="unknown keys, in development; else refused")


class StartedSession(_OriginalAnswer):
    session_id: str
    verification_id: str = Field(description="the session_id of the first attempt")
    status: Literal["active"] = "active"
    state: str
    join_url: str
    client_token: str
    expires_at: str


class ClientToken(_Answer):
    session_id: str = Field(description="the attempt that the token is for")
    client_token: str
    expires_in_s: int


class NewLink(_Answer):
    session_id: str
    verification_id: str
    join_url: str
    expires_at: str


class ChallengeAnswer(_OriginalAnswer):
    session_id: str
    status: str
    challenge_type: str
    challenges: list[dict[str, Any]]


class FrameAnswer(_OriginalAnswer):
    session_id: str
    status: str
    state: str
    analysed: bool = Field(description="false where a newer picture replaced this one")
    face_detected: bool
    liveness_score: float | None
    deepfake_score: float | None
    frames_processed: int
    issues: list[str]
    messages: list[dict[str, Any]]


class Reason(_Answer):
    code: str
    text: str = Field(description="key of the sentence in the catalogue")


class WeighedReason(Reason):
    weight: float | None = Field(
        description="how much of the verdict rests on it, 0 (context) to 1 (decides alone); "
        "null where an earlier version gave the verdict"
    )
    weight_text: str | None = Field(description="key of the word for the weight in the catalogue")


class VerificationAnswer(_OriginalAnswer):
    session_id: str
    verified: bool
    status: str
    state: str
    liveness_score: float | None
    deepfake_score: float | None
    reasons: list[WeighedReason]
    recommendations: list[str]
    alerts: list[dict[str, Any]]
    needs_review: bool = Field(description="somebody has to look before anybody is verified")
    transport: str | None = Field(description="webrtc, whip or upload")
    connection: dict[str, Any] | None


class Attempt(_Answer):
    session_id: str
    attempt: int
    state: str
    status: str
    created_at: str
    updated_at: str


class JournalEntry(_Answer):
    seq: int
    at: str
    actor: str = Field(description="server, institution, applicant or system")
    type: str
    payload: dict[str, Any]


class Journal(_Answer):
    events: list[JournalEntry]


class SessionStatus(_OriginalAnswer):
    session_id: str
    user_id: str
    status: str = Field(description="`active` until it is over, then PASSED, FAILED, INCONCLUSIVE")
    state: str
    verified: bool | None
    created_at: str
    updated_at: str
    expires_at: str
    attempt: int
    frames_processed: int
    face_detected: bool
    liveness_score: float | None
    deepfake_score: float | None
    reasons: list[WeighedReason]
    challenges: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    verification_id: str
    attempts: list[Attempt] = Field(description="all of the verification, the first one first")
    transport: str | None = Field(
        description="webrtc, whip or upload; null before the first picture"
    )
    connection: dict[str, Any] | None = Field(
        description="peers, gaps, voided challenges and times to answer"
    )
    withdrawn: bool = Field(description="the institution cancelled the verification")
    needs_review: bool
    profile: str | None
    locale: str | None
    return_url: str | None
    metadata: dict[str, str]


class ListedVerification(_Answer):
    session_id: str
    user_id: str
    status: str = Field(
        description="as in the session's status, of the attempt that counts; so is the rest"
    )
    state: str
    verified: bool | None
    attempt: int
    attempts: int = Field(description="how many there are")
    needs_review: bool
    profile: str | None
    created_at: str
    updated_at: str
    expires_at: str


class VerificationList(_Answer):
    sessions: list[ListedVerification]
    count: int
    next: str | None = Field(description="`after` of the next page; null on the last")


class ApplicantStatus(_Answer):
    session_id: str
    state: str
    status: str | None
    verified: bool | None
    reasons: list[Reason]
    can_retry: bool
    needs_review: bool
    withdrawn: bool = Field(description="the institution cancelled the verification")
    expires_at: str
    locale: str | None
    return_url: str | None


class ClientConfig(_Answer):
    ice_servers: list[dict[str, Any]]
    expose_scores: bool
    environment: str


class AnswerBody(_Answer):
    type: Literal["answer"] = "answer"
    sdp: str


class AlertBody(_Answer):
    alert_id: str
    session_id: str
    type: str
    severity: str
    message: str = Field(description="key of the sentence in the catalogue")
    details: dict[str, Any]
    created_at: str
    acknowledged: bool
    acknowledged_at: str | None
    acknowledged_by: str | None
    acknowledged_note: str | None


class AlertList(_Answer):
    alerts: list[AlertBody]
    count: int
    next: str | None = Field(description="`after` of the next page; null on the last")


class AlertStatistics(_Answer):
    total: int
    active: int
    acknowledged: int
    last_24_h: int
    by_severity: dict[str, int]
    by_type: dict[str, int]


class LabelAnswer(_Answer):
    session_id: str
    label: str
    species: str | None
    source: str
    labelled_by: str
    labelled_note: str | None
    note: str | None
    labelled_at: str


class LabelledCounts(_Answer):
    labelled: int
    bona_fide: int
    attacks: int
    false_positives: int = Field(description="bona fide, verdict FAILED")
    false_negatives: int = Field(description="attack, verdict PASSED")


class LabelWeek(LabelledCounts):
    week: str = Field(description="ISO 8601 week of the verdict, such as 2026-W07")
    scored: int = Field(description="verdicts with a deepfake score, labelled or not")
    psi: float | None = Field(description="population stability index; null below 50 scores")
    psi_by_chance: float | None = Field(
        description="what psi exceeds by chance in one week of twenty"
    )


class LabelStatisticsAnswer(LabelledCounts):
    by_source: dict[str, LabelledCounts]
    by_species: dict[str, LabelledCounts]
    weeks: list[LabelWeek] = Field(description="the last 26 with a verdict, the oldest first")
    has_reference: bool = Field(description="whether there are scores to measure drift against")
