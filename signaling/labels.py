"""The REST API of labels: what was found out later, and what it says about the verdicts."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.labels import LabelInterface, LabelStatistics, LabelView, NewLabel, WeekView
from signaling import schemas
from signaling.answers import iso
from signaling.api import V1
from signaling.endpoints import Endpoint, answer, read_body
from signaling.idempotency import Creations
from signaling.principals import Access, Principal


class LabelApi:
    """Handlers of the label endpoints. Knows labels only by their interface."""

    def __init__(self, labels: LabelInterface, creations: Creations) -> None:
        self._labels = labels
        self._creations = creations

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        return (
            Endpoint(
                "POST", f"{V1}/kyc/sessions/{{session_id}}/label", self.label,
                "Say what a session turned out to be", Access.INSTITUTION,
                schemas.LabelAnswer, 201, schemas.LabelSession,
                problems=(400, 401, 403, 404, 409, 413, 415, 422, 503), scope=Scope.LABELS,
                creates=True, idempotent=True,
            ),
            Endpoint(
                "GET", f"{V1}/kyc/labels/statistics", self.statistics,
                "Wrong verdicts and score drift over time", Access.INSTITUTION,
                schemas.LabelStatisticsAnswer, problems=(401, 403), scope=Scope.LABELS_READ,
            ),
        )  # fmt: skip

    async def label(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.LabelSession)
        label = NewLabel(
            label=body.label,
            source=body.source,
            labelled_by=principal.name,
            labelled_note=body.labelled_by,
            tenant_id=principal.tenant_id,
            species=body.species,
            note=body.note,
        )
        session_id = request.match_info["session_id"]

        async def create(new_id: str | None) -> schemas.LabelAnswer:
            return _label(await self._labels.label(session_id, label, new_id))

        return await self._creations.answer(request, principal, body, create)

    async def statistics(self, _request: web.Request, principal: Principal) -> web.Response:
        return answer(_statistics(await self._labels.statistics(principal.tenant_id)))


def _label(view: LabelView) -> schemas.LabelAnswer:
    fields = asdict(view)
    labelled_at = iso(fields.pop("labelled_at_ms"))
    return schemas.LabelAnswer(**fields, labelled_at=labelled_at)


def _statistics(found: LabelStatistics) -> schemas.LabelStatisticsAnswer:
    by_source, by_species = (
        {name: schemas.LabelledCounts(**asdict(counts)) for name, counts in table.items()}
        for table in (found.by_source, found.by_species)
    )
    return schemas.LabelStatisticsAnswer(
        **asdict(found.total),
        by_source=by_source,
        by_species=by_species,
        weeks=[_week(week) for week in found.weeks],
        has_reference=found.has_reference,
    )


def _week(view: WeekView) -> schemas.LabelWeek:
    fields = asdict(view)
    return schemas.LabelWeek(**fields.pop("errors"), **fields)
