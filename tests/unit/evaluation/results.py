"""Results as a pipeline would give them, without the pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.evaluation.manifest import Label, Use
from kyc_rtc.evaluation.results import ClipResult, FaceMeasures, FrameCounts, Statement


def clip_result(
    name: str,
    species: str = "bona_fide",
    score: float | None = 0.2,
    *,
    status: VerdictStatus | None = None,
    evidence: Mapping[str, tuple[float, float]] | None = None,
    face: FaceMeasures | None = None,
    use: Use = Use.ANY,
    group: str | None = None,
) -> ClipResult:
    """A result whose verdict follows from the score at 0.65 unless it is given."""
    if status is None and score is None:
        status = VerdictStatus.INCONCLUSIVE
    elif status is None and score is not None:
        status = VerdictStatus.FAILED if score >= 0.65 else VerdictStatus.PASSED
    assert status is not None
    return ClipResult(
        name=name,
        label=Label.BONA_FIDE if species == "bona_fide" else Label.ATTACK,
        species=species,
        group=group or name,
        model="",
        use=use,
        source="somewhere",
        still=name.endswith(".jpg"),
        status=status,
        reasons=("not_asked",),
        deepfake_score=score,
        liveness_score=0.5,
        evidence={k: Statement(*v) for k, v in (evidence or {}).items()},
        frames=FrameCounts(100, 90, 95),
        face=face or FaceMeasures(35.0, 150.0, 120.0),
        cpu_ms={"observe": 8.0, "texture": 1.0},
    )
