"""Alerts that people work on, in a dictionary: for tests of the HTTP side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from kyc_rtc.alerts.catalogue import Resolution
from kyc_rtc.errors import NotFound
from kyc_rtc.sessions.alert_course import AlertCourseCounts, AlertCourseView
from kyc_rtc.sessions.alert_views import AlertCoursePage, AlertListFilter

AT_MS = 1_700_000_000_000


def an_alert(alert_id: str = "a1", session_id: str = "s1", **changes: Any) -> AlertCourseView:
    """An alert that nobody has looked at."""
    view = AlertCourseView(
        alert_id=alert_id,
        session_id=session_id,
        type="face_changed",
        severity="high",
        message_key="alert.face_changed",
        details={"reasons": ["face_changed"]},
        created_at_ms=AT_MS,
        acknowledged_at_ms=None,
        acknowledged_by=None,
        acknowledged_note=None,
        assigned_at_ms=None,
        assigned_to=None,
        assigned_by=None,
        resolved_at_ms=None,
        resolved_by=None,
        resolution=None,
        resolution_note=None,
    )
    return replace(view, **changes)


class FakeAlerts:
    """Implements `AlertViewsInterface` and `AlertCourseInterface`. `alerts`: by tenant and id. `news`: what
    the feed says before it waits for `over`."""

    def __init__(self) -> None:
        self.alerts: dict[tuple[str, str], AlertCourseView] = {}
        self.wanted: list[tuple[AlertListFilter, str, int]] = []
        self.counted: list[tuple[str | None, int]] = []
        self.news: tuple[Mapping[str, Any], ...] = ()
        self.over = asyncio.Event()
        self.over.set()

    async def page(self, wanted: AlertListFilter, after: str, limit: int) -> AlertCoursePage:
        self.wanted.append((wanted, after, limit))
        found = tuple(v for (tenant, _), v in self.alerts.items() if tenant == wanted.tenant_id)
        return AlertCoursePage(found[:limit], "more" if len(found) > limit else None)

    async def one(self, tenant_id: str, alert_id: str) -> AlertCourseView:
        if (tenant_id, alert_id) not in self.alerts:
            raise NotFound("no such alert")
        return self.alerts[tenant_id, alert_id]

    @asynccontextmanager
    async def following(self, tenant_id: str) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        yield self._said(tenant_id)

    async def _said(self, tenant_id: str) -> AsyncIterator[Mapping[str, Any]]:
        for one in self.news:
            yield {**one, "tenant": tenant_id}
        await self.over.wait()

    async def assign(self, tenant_id: str, alert_id: str, *, to: str, by: str) -> AlertCourseView:
        return await self._change(
            tenant_id, alert_id, assigned_at_ms=AT_MS + 1, assigned_to=to, assigned_by=by
        )

    async def acknowledge(self, tenant_id: str, alert_id: str, *, by: str) -> AlertCourseView:
        return await self._change(
            tenant_id, alert_id, acknowledged_at_ms=AT_MS + 2, acknowledged_by=by
        )

    async def resolve(
        self,
        tenant_id: str,
        alert_id: str,
        *,
        by: str,
        resolution: Resolution,
        note: str | None = None,
        may_label: bool = True,
    ) -> AlertCourseView:
        return await self._change(
            tenant_id,
            alert_id,
            resolved_at_ms=AT_MS + 3,
            resolved_by=by,
            resolution=resolution.value,
            resolution_note=note,
            labelled=may_label and resolution is Resolution.FALSE_POSITIVE,
        )

    async def _change(self, tenant_id: str, alert_id: str, **changes: Any) -> AlertCourseView:
        view = replace(await self.one(tenant_id, alert_id), **changes)
        self.alerts[tenant_id, alert_id] = view
        return view

    async def statistics(self, tenant_id: str | None, since_ms: int) -> AlertCourseCounts:
        self.counted.append((tenant_id, since_ms))
        count = sum(tenant == tenant_id for tenant, _ in self.alerts)
        by_tenant = {tenant_id or "": count}
        return AlertCourseCounts(
            count,
            0,
            0,
            {"face_changed": count},
            {"high": count},
            {13: count},
            by_tenant,
            None,
            1_500,
        )
