"""Query strings: checked like bodies, and unknown names refused like unknown keys."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.delivery.interface import DeliveryState
from kyc_rtc.errors import BadRequest
from kyc_rtc.sessions.states import SessionState
from signaling.endpoints import described, unknown_keys

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _unix_ms(value: object) -> int:
    """An RFC 3339 time as Unix milliseconds. A `+` that was not escaped has become a space."""
    text = str(value).replace(" ", "+")
    if not _RFC3339.fullmatch(text):
        raise ValueError("is not an RFC 3339 time, such as 2026-01-31T08:00:00Z")
    return round(datetime.fromisoformat(text.upper()).timestamp() * 1000)


Time = Annotated[
    int,
    BeforeValidator(_unix_ms),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Limit = Annotated[int, Field(ge=1, le=200)]
_LIMIT = "how many entries a page has at most"


class BaseQuery(BaseModel):
    """Keeps unknown names, so that `read_query` can name them."""

    model_config = ConfigDict(frozen=True, extra="allow", use_enum_values=True)


class JournalQuery(BaseQuery):
    """Of the journal of an attempt."""

    after: Annotated[int, Field(ge=0, lt=10**9, description="`seq` of the last entry read")] = 0


class PageQuery(BaseQuery):
    """Of a list in pages."""

    after: Annotated[str, Field(description="`next` of the page before")] = ""
    limit: Limit = Field(50, description=_LIMIT)


class AlertsQuery(PageQuery):
    """Of `GET /alerts/active`."""

    limit: Limit = Field(200, description=_LIMIT)
    severity: Severity | None = Field(None, description="of exactly this severity")
    type: AlertType | None = Field(None, description="of exactly this type")
    session_id: str | None = Field(None, description="of exactly this attempt (UUID)")


class VerificationsQuery(PageQuery):
    """Of `GET /kyc/sessions`."""

    user_id: str | None = Field(
        None, min_length=1, max_length=256, description="of exactly this applicant"
    )
    state: SessionState | None = Field(None, description="where the attempt that counts stands")
    status: Literal["active", "PASSED", "FAILED", "INCONCLUSIVE"] | None = Field(
        None, description="of the attempt that counts"
    )
    from_ms: Time | None = Field(None, alias="from", description="begun then or later")
    to_ms: Time | None = Field(None, alias="to", description="begun before then")


class DeliveriesQuery(PageQuery):
    """Of `GET /deliveries`."""

    kind: Literal["webhook", "alert"] | None = Field(None, description="of exactly this kind")
    target: str | None = Field(
        None, min_length=1, max_length=64, description="to exactly this endpoint or channel"
    )
    state: DeliveryState | None = Field(None, description="in exactly this state")
    topic: str | None = Field(
        None, min_length=1, max_length=64, description="of exactly this event"
    )
    alert_id: str | None = Field(None, description="about exactly this alert (UUID)")
    session_id: str | None = Field(None, description="about exactly this attempt (UUID)")
    verification_id: str | None = Field(None, description="about exactly this verification (UUID)")


Query = TypeVar("Query", bound=BaseQuery)


def read_query(request: web.Request, model: type[Query]) -> Query:
    """The query string, checked. Raises BadRequest, which names each wrong or unknown name."""
    check_single(request)
    try:
        query = model.model_validate(dict(request.query))
    except ValidationError as error:
        raise BadRequest(described(error), hint="see /api/v1 for the parameters") from None
    refuse(unknown_keys(query.model_extra or ()))
    return query


def unknown_names(request: web.Request, known: Collection[str]) -> list[str]:
    """A sentence for each name of the query string that is not known."""
    check_single(request)
    return unknown_keys(name for name in request.query if name not in known)


def refuse(unknown: Collection[str]) -> None:
    """Raises BadRequest where there are such sentences."""
    if unknown:
        raise BadRequest("; ".join(unknown), hint="see /api/v1 for the parameters")


def check_single(request: web.Request) -> None:
    """Raises BadRequest where a name comes twice: one of the two would be ignored."""
    if len(set(request.query)) < len(request.query):
        raise BadRequest("a parameter comes twice")
