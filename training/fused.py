"""The table of all evidence together: what the score and the verdicts are worth under each condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.evaluation.manifest import Use
from kyc_rtc.evaluation.matched import matched
from kyc_rtc.evaluation.metrics import apcer_at_bpcer, auc, auc_interval
from kyc_rtc.evaluation.results import ClipResult, scores_of
from training.people import FACE_SWAP
from training.tables import AGAINST, STUDIO

Results = Sequence[ClipResult]
_BPCER = 0.05


def fused(by_condition: Mapping[str, Results]) -> str:
    """Markdown; AUC with DeLong's interval, APCER at BPCER 5% with Wilson's, verdicts as they are."""
    rows: dict[str, Callable[[Results], str]] = {}
    for name, attack in AGAINST.items():
        rows[f"{name}, AUC"] = lambda results, a=attack: _area(_people(results), _of(results, a))  # type: ignore[misc]
        rows[f"{name}, APCER at BPCER 5%"] = lambda results, a=attack: _apcer(  # type: ignore[misc]
            _people(results), _of(results, a)
        )
    rows["face swaps against studio, AUC"] = lambda results: _area(
        [r for r in _people(results) if any(part in r.name for part in STUDIO)],
        _of(results, AGAINST["face swaps"]),
    )
    rows["face swaps against the same footage, AUC"] = lambda results: _area(
        *matched(results, FACE_SWAP)
    )
    rows["bona fide, verdicts"] = lambda results: _verdicts(_people(results))
    for name, attack in AGAINST.items():
        rows[f"{name}, verdicts"] = lambda results, a=attack: _verdicts(_of(results, a))  # type: ignore[misc]
    lines = [f"| | {' | '.join(by_condition)} |", "|---" * (len(by_condition) + 1) + "|"]
    for label, cell in rows.items():
        lines.append(f"| {label} | {' | '.join(cell(some) for some in by_condition.values())} |")
    failed = [
        f"{name}: {r.name} ({', '.join(r.reasons)})"
        for name, some in by_condition.items()
        for r in _people(some)
        if r.status is VerdictStatus.FAILED
    ]
    return "\n".join(
        [*lines, "", "Bona fide clips that FAILED:", "", *(f"- {one}" for one in failed), ""]
    )


def _people(results: Results) -> list[ClipResult]:
    return [r for r in results if r.bona_fide and r.use is Use.ANY]


def _of(results: Results, attack: Callable[[ClipResult], bool]) -> list[ClipResult]:
    return [r for r in results if attack(r)]


def _area(bona_fide: Results, attacks: Results) -> str:
    low, high = scores_of(bona_fide), scores_of(attacks)
    area, interval = auc(low, high), auc_interval(low, high)
    if area is None or interval is None:
        return "–"
    return f"{area:.2f} ({interval[0]:.2f}–{interval[1]:.2f}), n = {len(high)}/{len(low)}"


def _apcer(bona_fide: Results, attacks: Results) -> str:
    point = apcer_at_bpcer(scores_of(bona_fide), scores_of(attacks), _BPCER)
    if point is None or point.apcer.value is None or point.apcer.interval is None:
        return "–"
    low, high = point.apcer.interval
    return f"{point.apcer.value:.0%} ({low:.0%}–{high:.0%})"


def _verdicts(results: Results) -> str:
    count = Counter(r.status for r in results)
    return " / ".join(f"{count[status]} {status.value}" for status in VerdictStatus)
