"""Bodies of requests, which are checked as they stand here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kyc_rtc.liveness.catalogue import MAX_EXCLUDED, ChallengeType
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
from signaling.schemas.described import SESSION_ID, Request

SessionIdField = Annotated[str, Field(min_length=1, max_length=64, description=SESSION_ID)]

MetadataKey = Annotated[str, Field(min_length=1, max_length=MAX_METADATA_KEY_LENGTH)]
MetadataValue = Annotated[str, Field(max_length=MAX_METADATA_VALUE_LENGTH)]


class StartSession(Request):
    """A verification to be started."""

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
        None,
        min_length=1,
        max_length=MAX_PROFILE_LENGTH,
        description="a name out of the setting profiles",
    )
    expires_in: int | None = Field(
        None,
        ge=MIN_EXPIRES_IN_S,
        le=MAX_EXPIRES_IN_S,
        description="seconds that the session waits to be joined; without it as in the setting "
        "limits.session_expiry_ms",
    )
    exclude: list[Annotated[ChallengeType, Field(strict=False)]] = Field(
        [],
        max_length=MAX_EXCLUDED,
        json_schema_extra={"uniqueItems": True},
        description="types of challenges that the applicant cannot do and is not asked for; stored encrypted",
    )


class SendChallenge(Request):
    """One more challenge for a session that is under way."""

    session_id: SessionIdField
    challenge_type: Annotated[ChallengeType, Field(strict=False)] = Field(
        description="what to ask for; the server draws direction and count"
    )


class UploadFrame(Request):
    """A picture of a client without WebRTC."""

    session_id: SessionIdField
    frame: str = Field(description="a data URL: data:image/jpeg;base64,… (JPEG, PNG or WebP)")
    cannot: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="id of the open challenge, where the applicant cannot do it: it is voided, and another "
        "type takes its place",
    )


class SessionReference(Request):
    """A session."""

    session_id: SessionIdField


class Offer(Request):
    """An SDP offer."""

    type: Literal["offer"] = Field(description="that it is an offer")
    sdp: str = Field(min_length=1, description="as createOffer() gave it (RFC 8866)")
    instance: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
        description="names the device, or the tab: another one takes over only when it says so",
    )
    take_over: bool = Field(
        False, description="go on here although another device is connected; each may once"
    )


class Agreement(Request):
    """That the applicant agrees."""

    version: str = Field(min_length=1, max_length=64, description="of the text that was shown")
    locale: str = Field(
        min_length=1, max_length=MAX_LOCALE_LENGTH, description="language tag of that text (BCP 47)"
    )


class Acknowledge(Request):
    """That somebody has seen an alert."""

    acknowledged_by: str = Field(
        min_length=1,
        max_length=256,
        description="who has seen it; stored as `acknowledged_note`, next to the API key's name",
    )


class LabelSession(Request):
    """What an attempt turned out to be."""

    label: Annotated[SessionLabel, Field(strict=False)] = Field(description="what it was")
    source: Annotated[LabelSource, Field(strict=False)] = Field(description="who found out")
    labelled_by: str = Field(
        min_length=1,
        max_length=256,
        description="who says so; stored as `labelled_note`, next to the API key's name",
    )
    species: Annotated[AttackSpecies, Field(strict=False)] | None = Field(
        None, description="of an attack only: its kind"
    )
    note: str | None = Field(None, max_length=2_000, description="free text")

    @model_validator(mode="after")
    def _only_attacks_have_a_species(self) -> Self:
        if self.species is not None and self.label is not SessionLabel.ATTACK:
            raise ValueError("only an attack has a species")
        return self
