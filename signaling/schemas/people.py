"""People: who is asking, and the local login of development."""

from __future__ import annotations

from pydantic import Field

from kyc_rtc.access.local import MAX_PASSWORD_CHARS
from signaling.schemas.described import Answer, Request


class Me(Answer):
    """Who is asking."""

    name: str = Field(description="stored with what they do")
    roles: list[str] = Field(description="what they are to the institution")
    tenant: str = Field(description="whose data they see")
    scopes: list[str] = Field(description="what they may do")
    csrf_token: str | None = Field(
        description="what calls with the login's cookie send as `X-CSRF-Token`; null under a bearer"
    )


class LocalCredentials(Request):
    """Who logs in locally, in development."""

    user: str = Field(min_length=1, max_length=MAX_PASSWORD_CHARS, description="`admin`")
    password: str = Field(
        min_length=1, max_length=MAX_PASSWORD_CHARS, description="as printed at the start"
    )
    next: str = Field("", max_length=1_024, description="where to go on, within `/ops/`")


class LoggedIn(Answer):
    """A login that was just begun; its cookie comes with it."""

    next: str = Field(description="where to go on")
