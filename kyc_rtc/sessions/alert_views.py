"""The interface of the alerts that people work on: lists, one alert, and news."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kyc_rtc.errors import BadRequest, NotFound
from kyc_rtc.ids import AlertId, SessionId, parse_session_id
from kyc_rtc.sessions.alert_course import AlertCourseView, course_view
from kyc_rtc.sessions.alert_feed import AlertFeed
from kyc_rtc.storage.alert_course import AlertCourse
from kyc_rtc.storage.alert_lists import AlertListQuery, AlertLists, AlertState
from kyc_rtc.storage.cursors import cursor_of, position_of
from kyc_rtc.storage.records import Position

ALERTS: Final = "l"
"""What cursors of this list begin with."""


@dataclass(frozen=True, slots=True)
class AlertListFilter:
    """Which alerts of a tenant; None: any."""

    tenant_id: str
    state: str | None = None
    severity: str | None = None
    type: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlertCoursePage:
    """Alerts, and the cursor of the next page; None where this is the last."""

    alerts: tuple[AlertCourseView, ...]
    next: str | None


class AlertViewsInterface(Protocol):
    """Every method raises `StorageUnavailable` while the database is away."""

    async def page(self, wanted: AlertListFilter, after: str, limit: int) -> AlertCoursePage:
        """Alerts, the newest first. Raises `BadRequest`."""

    async def one(self, tenant_id: str, alert_id: str) -> AlertCourseView:
        """Raises `NotFound` for one of another tenant too."""

    def following(
        self, tenant_id: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        """News of a tenant's alerts from now on. Raises `AtCapacity`."""


class AlertViews:
    """Implements `AlertViewsInterface` on the storage."""

    def __init__(self, lists: AlertLists, course: AlertCourse, feed: AlertFeed) -> None:
        self._lists = lists
        self._course = course
        self._feed = feed

    async def page(self, wanted: AlertListFilter, after: str, limit: int) -> AlertCoursePage:
        query = AlertListQuery(
            wanted.tenant_id,
            None if wanted.state is None else AlertState(wanted.state),
            wanted.severity,
            wanted.type,
            _session_id(wanted.session_id),
        )
        found = await self._lists.page(query, position_of(ALERTS, after), limit + 1)
        page, last = found[:limit], found[limit - 1 : limit]
        following = None
        if len(found) > limit:
            following = cursor_of(ALERTS, Position(last[0].created_at_ms, last[0].alert_id))
        return AlertCoursePage(tuple(map(course_view, page)), following)

    async def one(self, tenant_id: str, alert_id: str) -> AlertCourseView:
        return course_view(await self._course.find(tenant_id, AlertId(alert_id)))

    def following(
        self, tenant_id: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        return self._feed.following(tenant_id)


def _session_id(text: str | None) -> SessionId | None:
    try:
        return None if text is None else parse_session_id(text)
    except NotFound:
        raise BadRequest("session_id: is not a UUID") from None
