"""Cross-fitted experts put into the results: every clip judged by what has not seen it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.decision.findings import Thresholds
from kyc_rtc.decision.policy import decide
from kyc_rtc.detection.evidence import AnalyserName, Evidence
from kyc_rtc.detection.experts import SIGNS, expert_evidence
from kyc_rtc.detection.measures import MEASURE_NAMES
from kyc_rtc.evaluation.manifest import Use
from kyc_rtc.evaluation.results import ClipResult, Statement
from training.fit_experts import Table, cross_calibrated, cross_fitted
from training.measure import Measured

SPECIES = {
    AnalyserName.SWAP: frozenset({"face_swap"}),
    AnalyserName.GENERATED: frozenset({"talking_head", "deepfake_other"}),
    AnalyserName.RECAPTURE: frozenset({"replay"}),
}
"""The attacks that each expert is for; it is taught nothing about the others."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Every clip under every condition, in one order: `measures` (n, m), and whose row it is."""

    measures: NDArray[np.float64]
    results: list[ClipResult]
    fold: NDArray[np.int64]


def rows_of(measured: Measured) -> Rows:
    """The rows of all conditions after each other."""
    results = [result for some in measured.results.values() for result in some]
    fold = np.array(measured.fold * len(measured.results))
    return Rows(np.array([vector(result.measures) for result in results]), results, fold)


def vector(measures: Mapping[str, float | None]) -> list[float]:
    """The measures in their order, NaN where one is missing."""
    values = (measures.get(name) for name in MEASURE_NAMES)
    return [np.nan if value is None else value for value in values]


def table_of(rows: Rows, expert: AnalyserName, columns: Sequence[int]) -> tuple[Table, list[int]]:
    """What an expert is taught, of the columns it may look at; and the index of each row."""
    chosen = [
        at
        for at, result in enumerate(rows.results)
        if result.use is Use.ANY
        and result.evidence
        and result.frames.judgeable >= 20
        and (result.bona_fide or result.species in SPECIES[expert])
    ]
    attack = np.array([not rows.results[at].bona_fide for at in chosen])
    masked = np.full((len(chosen), len(MEASURE_NAMES)), np.nan)
    masked[:, columns] = rows.measures[chosen][:, columns]
    return Table(masked, attack, rows.fold[chosen], np.ones(len(chosen))), chosen


def judged(
    result: ClipResult, told: Mapping[AnalyserName, float], thresholds: Thresholds
) -> ClipResult:
    """The result as it would be with these probabilities of the experts."""
    if result.findings is None:
        return result
    spans = [e.span_ms for e in result.findings.evidence if e.confidence > 0]
    span_ms = (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (0, 0)
    experts = [expert_evidence(name, told[name], span_ms) for name in told]
    evidence = tuple([e for e in result.findings.evidence if e.analyser not in SIGNS] + experts)
    findings = replace(result.findings, evidence=evidence)
    verdict = decide(findings, thresholds)
    return replace(
        result,
        findings=findings,
        status=verdict.status,
        reasons=tuple(reason.value for reason in verdict.reasons),
        deepfake_score=verdict.deepfake_score,
        evidence={e.analyser.value: _statement(e) for e in evidence},
    )


def _statement(evidence: Evidence) -> Statement:
    return Statement(evidence.score, evidence.confidence, tuple(s.value for s in evidence.signs))


def held_out_probabilities(
    rows: Rows, expert: AnalyserName, columns: Sequence[int]
) -> NDArray[np.float64]:
    """Of every row (n,), those of other species and for testing only included, each by a model and
    a curve that saw nothing of its fold."""
    table, chosen = table_of(rows, expert, columns)
    masked = np.full_like(rows.measures, np.nan)
    masked[:, columns] = rows.measures[:, columns]
    raw = cross_fitted(table, masked, rows.fold)
    return cross_calibrated(raw, table, chosen, rows.fold)
