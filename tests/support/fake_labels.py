"""Labels with nothing behind them but a list: for tests of the HTTP side."""

from __future__ import annotations

from kyc_rtc.errors import KycError
from kyc_rtc.sessions.labels import ErrorCounts, LabelStatistics, LabelView, NewLabel, WeekView


class FakeLabels:
    """Implements `LabelInterface`. `refusal` is raised by the next call."""

    def __init__(self) -> None:
        self.labels: list[LabelView] = []
        self.measured = 0
        self.tenants: list[str] = []
        self.refusal: KycError | None = None

    async def label(self, session_id: str, label: NewLabel, new_id: str | None = None) -> LabelView:
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal
        self.tenants.append(label.tenant_id)
        view = LabelView(
            session_id=session_id,
            label=label.label.value,
            species=None if label.species is None else label.species.value,
            source=label.source.value,
            labelled_by=label.labelled_by,
            labelled_note=label.labelled_note,
            note=label.note,
            labelled_at_ms=1_700_000_000_000,
        )
        self.labels.append(view)
        return view

    async def statistics(self, tenant_id: str) -> LabelStatistics:
        self.tenants.append(tenant_id)
        counts = ErrorCounts(5, 2, 3, 1, 2)
        return LabelStatistics(
            total=counts,
            by_source={"agent": counts},
            by_species={"face_swap": ErrorCounts(3, 0, 3, 0, 2)},
            weeks=(WeekView("2023-W46", counts, 60, 0.25, 0.3),),
            has_reference=True,
        )

    async def measure(self) -> None:
        self.measured += 1
