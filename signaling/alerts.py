"""The REST API of the alerts that people work on, and their live feed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.clock import Clock
from kyc_rtc.errors import KycError, StorageUnavailable
from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.alert_course import AlertCourseInterface, AlertCourseView
from kyc_rtc.sessions.alert_views import AlertListFilter, AlertViewsInterface
from signaling import answers, schemas
from signaling.answers import iso_or_none
from signaling.api import V1
from signaling.endpoints import Endpoint, answer, may_go_on, read_body
from signaling.event_stream import EVENT_STREAM, write_events
from signaling.principals import Access, Principal
from signaling.queries import BaseQuery, PageQuery, read_query

DAY_MS = 86_400_000


class AlertListQuery(PageQuery):
    """Of `GET /alerts`."""

    state: Literal["open", "acknowledged", "resolved"] | None = Field(
        None, description="how far somebody is with it"
    )
    severity: Severity | None = Field(None, description="of exactly this severity")
    type: AlertType | None = Field(None, description="of exactly this type")
    session_id: str | None = Field(None, description="of exactly this attempt (UUID)")


class SinceQuery(BaseQuery):
    """Of `GET /alerts/course`."""

    days: Annotated[int, Field(ge=1, le=366, description="how many days back")] = 30


class AlertApi:
    """Handlers of these endpoints. Everybody sees the alerts of their own tenant only."""

    def __init__(
        self, views: AlertViewsInterface, course: AlertCourseInterface, clock: Clock
    ) -> None:
        self._views = views
        self._course = course
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        one = f"{V1}/alerts/{{alert_id}}"
        reading, working = (400, 401, 403, 503), (400, 401, 403, 404, 503)
        return (
            Endpoint(
                "GET", f"{V1}/alerts", self.listed, "Alerts, whatever became of them",
                Access.INSTITUTION, schemas.AlertCourseList, optional_query=AlertListQuery,
                problems=reading, scope=Scope.ALERTS_READ,
            ),
            Endpoint(
                "GET", f"{V1}/alerts/course", self.statistics, "How alerts are worked on",
                Access.INSTITUTION, schemas.AlertCourseStatistics, optional_query=SinceQuery,
                problems=reading, scope=Scope.ALERTS_READ,
            ),
            Endpoint(
                "GET", f"{V1}/alerts/feed", self.feed, "Alerts as they are raised and worked on",
                Access.INSTITUTION, problems=(401, 403, 503), scope=Scope.ALERTS_READ,
                produces=EVENT_STREAM,
            ),
            Endpoint(
                "GET", one, self.one, "One alert", Access.INSTITUTION, schemas.AlertCourseBody,
                problems=(401, 403, 404, 503), scope=Scope.ALERTS_READ,
            ),
            Endpoint(
                "POST", f"{one}/assign", self.assign, "Give an alert to somebody", Access.INSTITUTION,
                schemas.AlertCourseBody, 200, schemas.AssignAlert, problems=(*working, 409),
                scope=Scope.ALERTS,
            ),
            Endpoint(
                "POST", f"{one}/resolve", self.resolve, "Close an alert", Access.INSTITUTION,
                schemas.AlertCourseBody, 200, schemas.ResolveAlert, problems=working,
                scope=Scope.ALERTS,
            ),
        )  # fmt: skip

    async def listed(self, request: web.Request, principal: Principal) -> web.Response:
        query = read_query(request, AlertListQuery)
        wanted = AlertListFilter(
            principal.tenant_id, query.state, query.severity, query.type, query.session_id
        )
        page = await self._views.page(wanted, query.after, query.limit)
        alerts = [_body(view) for view in page.alerts]
        return answer(schemas.AlertCourseList(alerts=alerts, count=len(alerts), next=page.next))

    async def one(self, request: web.Request, principal: Principal) -> web.Response:
        return answer(_body(await self._views.one(principal.tenant_id, _id(request))))

    async def assign(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.AssignAlert)
        view = await self._course.assign(
            principal.tenant_id, _id(request), to=body.assigned_to, by=principal.name
        )
        return answer(_body(view))

    async def resolve(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.ResolveAlert)
        view = await self._course.resolve(
            principal.tenant_id,
            _id(request),
            by=principal.name,
            resolution=body.resolution,
            note=body.note,
            may_label=Scope.LABELS in principal.scopes,
        )
        return answer(_body(view))

    async def statistics(self, request: web.Request, principal: Principal) -> web.Response:
        query = read_query(request, SinceQuery)
        since_ms = self._clock.now_ms() - query.days * DAY_MS
        found = asdict(await self._course.statistics(principal.tenant_id, since_ms))
        for name in ("acknowledged_median", "acknowledged_p95"):
            waited_ms = found.pop(f"{name}_ms")
            found[f"{name}_s"] = None if waited_ms is None else waited_ms / 1_000
        return answer(schemas.AlertCourseStatistics(**found))

    async def feed(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        async def may_read() -> bool:
            try:
                await may_go_on(request)
            except StorageUnavailable:
                return True  # it cannot be known, and nothing is sent meanwhile either
            except KycError:
                return False
            return True

        async with self._views.following(principal.tenant_id) as news:
            return await write_events(request, news, self._clock, may_read)


def _id(request: web.Request) -> str:
    return request.match_info["alert_id"]


def _body(view: AlertCourseView) -> schemas.AlertCourseBody:
    return schemas.AlertCourseBody(
        **dict(answers.alert(view)),
        assigned_at=iso_or_none(view.assigned_at_ms),
        assigned_to=view.assigned_to,
        assigned_by=view.assigned_by,
        resolved_at=iso_or_none(view.resolved_at_ms),
        resolved_by=view.resolved_by,
        resolution=view.resolution,
        resolved_note=view.resolution_note,
        labelled=view.labelled,
    )
