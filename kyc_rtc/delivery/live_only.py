"""Keeps what happens in a sandbox from whoever would take it for real."""

from __future__ import annotations

from kyc_rtc.delivery.ports import Planner
from kyc_rtc.scopes import is_sandbox
from kyc_rtc.storage.deliveries import Plan


class LiveOnly:
    """A `Planner` that asks another one, about rows of no sandbox only."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    async def plan(self) -> Plan:
        plan = await self._planner.plan()
        return lambda row: () if is_sandbox(row.tenant_id) else plan(row)
