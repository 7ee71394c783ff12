"""API keys: what is ordered, and what is said of them."""

from __future__ import annotations

from pydantic import Field

from kyc_rtc.access.interface import MAX_LIFETIME_S, MAX_OVERLAP_S
from kyc_rtc.scopes import INTEGRATION, Scope
from signaling.schemas.described import Answer, Request, Time

MAX_NAME_LENGTH = 128
A_DAY_S = 86_400


class CreateKey(Request):
    """A key to be made."""

    name: str = Field(
        min_length=1, max_length=MAX_NAME_LENGTH, description="stored with what its owner does"
    )
    scopes: list[Scope] = Field(
        list(INTEGRATION),
        strict=False,
        min_length=1,
        max_length=len(Scope),
        description="what it may be used for",
    )
    expires_in: int | None = Field(
        None, ge=1, le=MAX_LIFETIME_S, description="seconds that it is valid; null: until revoked"
    )
    test: bool = Field(False, description="a key of the sandbox")


class RotateKey(Request):
    """How long the old key works in addition to the new one."""

    overlap: int = Field(
        A_DAY_S, ge=0, le=MAX_OVERLAP_S, description="seconds that the old key is still valid"
    )


class KeyBody(Answer):
    """An API key, without its secret."""

    key_id: str = Field(description="stands in the key itself, before its secret")
    name: str = Field(description="stored with what its owner does")
    scopes: list[str] = Field(description="what it may be used for")
    test: bool = Field(description="whether it belongs to the sandbox")
    valid: bool = Field(description="whether it is accepted now")
    created_at: Time = Field(description="when it was made")
    created_by: str = Field(description="who made it")
    expires_at: Time | None = Field(description="when it ends by itself; null: never")
    revoked_at: Time | None = Field(description="when it was revoked; else null")
    last_used_at: Time | None = Field(description="when it was used last, to the hour; else null")
    replaces: str | None = Field(description="the key that it was rotated from; else null")


class KeyList(Answer):
    """All keys of the tenant, without those of the settings."""

    keys: list[KeyBody] = Field(description="the newest first")


class CreatedKeyBody(Answer):
    """A key that was just made."""

    key: KeyBody = Field(description="what is kept of it")
    secret: str = Field(description="the API key itself, which is shown only here")
