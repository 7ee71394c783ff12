"""What fusion costs and what each contribution brings: the fused score against the detectors by
themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from kyc_rtc.decision.findings import Thresholds
from kyc_rtc.decision.fusion import deepfake_score
from kyc_rtc.detection.control import CHROMA_GRAIN
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import DETECTORS, AnalyserName, Evidence
from kyc_rtc.detection.features import FEATURE_NAMES
from training.crossfit import Rows, evidence_of
from training.tables import AGAINST, area, chosen_of, people_of, same_footage_auc

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Held = Mapping[AnalyserName, Floats]

_SOFT = frozenset(
    {AnalyserName.TEXTURE, AnalyserName.BLINK, AnalyserName.TEMPORAL, AnalyserName.GEOMETRY}
)
_DRAWS, _SEED = 500, 11
_DETAIL = "fine_inner"
_KINDS = {**AGAINST, "replays": lambda r: r.species == "replay"}


def losses(rows: Rows, held_out: Held, apart: Held) -> str:
    """Markdown, all conditions together: AUC of the best detector of each kind of attack, of the fused
    score, and of that without each contribution; intervals of the difference from 500 draws of groups with
    replacement.

    `held_out`: the detectors' probabilities by such that have not seen a row's group, `apart`: its source.
    """
    lines = []
    for title, held in (("groups apart", held_out), ("sources apart", apart)):
        evidence = [
            evidence_of(result, {name: float(held[name][at]) for name in SIGNS})
            for at, result in enumerate(rows.results)
        ]
        whole = _scores(evidence, ())
        people, attacks = people_of(rows), _attacks(rows)
        best = {kind: _best(held, people, mask) for kind, mask in attacks.items()}
        lines += [f"| {title} | {' | '.join(attacks)} |", "|---" * (len(attacks) + 1) + "|"]
        cells = [
            f"{area(held[best[kind]], people, mask):.2f} ({best[kind].value})"
            for kind, mask in attacks.items()
        ]
        lines.append(f"| best detector | {' | '.join(cells)} |")
        cells = [
            f"{area(whole, people, mask):.2f} ({_difference(rows, whole, held[best[kind]], people, mask)})"
            for kind, mask in attacks.items()
        ]
        lines.append(f"| fused (less the detector) | {' | '.join(cells)} |")
        variants = {f"fused without {name.value}": _scores(evidence, {name}) for name in SIGNS}
        variants["fused with every analyser from neutral on"] = _with_soft(evidence)
        for label, scores in variants.items():
            cells = [f"{area(scores, people, mask):.2f}" for mask in attacks.values()]
            lines.append(f"| {label} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def control_table(rows: Rows, given: Mapping[str, Floats], size: int) -> str:
    """Markdown: how often skin outside of the mask was found, and AUC of the detector for swaps with and
    without it.

    `given`: by a label, its probabilities of all rows (n,).
    """
    people, swaps = people_of(rows), _attacks(rows)["face swaps"]
    found = np.isfinite(rows.features[:, FEATURE_NAMES.index(CHROMA_GRAIN)])
    shares = [f"{int(found[one].sum())} of {int(one.sum())}" for one in (people, swaps)]
    lines = [
        f"Skin outside of the mask was found in {shares[0]} bona fide rows, {shares[1]} of swaps.\n"
    ]
    sources = Counter(
        r.source.split(":")[0] for r, one in zip(rows.results, swaps, strict=True) if one
    )
    largest = sources.most_common(1)[0][0]
    of_largest = np.array([r.source.startswith(largest) for r in rows.results])
    lines += [f"| | swaps | of {largest} | of others | same footage |", "|---" * 5 + "|"]
    for label, values in given.items():
        cells = [
            f"{area(values, people, one):.2f} ({int(one.sum())})" if one.any() else "–"
            for one in (swaps, swaps & of_largest, swaps & ~of_largest)
        ]
        cells.append(same_footage_auc(rows.results[:size], values[:size]))
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def softness(rows: Rows, held_out: Held) -> str:
    """Markdown: Spearman's rank correlation of each detector with the detail of the face, over bona fide
    rows."""
    people = people_of(rows)
    detail = rows.features[people, FEATURE_NAMES.index(_DETAIL)]
    known = np.isfinite(detail)
    lines = ["| detector | score against detail of the face, rho | n |", "|---|---|---|"]
    for name, values in held_out.items():
        scores = values[people][known]
        # No rank follows a score that is the same for all.
        rho = spearmanr(scores, detail[known]).statistic if np.ptp(scores) else np.nan
        lines.append(f"| {name.value} | {float(rho):.2f} | {int(known.sum())} |")
    return "\n".join(lines) + "\n"


def _scores(evidence: Sequence[Sequence[Evidence]], without: Collection[AnalyserName]) -> Floats:
    limit = Thresholds().confidence_threshold
    kept = ([e for e in some if e.analyser not in without] for some in evidence)
    return np.array([deepfake_score(some, limit) or 0.0 for some in kept])


def _with_soft(evidence: Sequence[Sequence[Evidence]]) -> Floats:
    """The odds of the other analysers counted as a detector's are: what fusion leaves out."""
    odds = np.zeros(len(evidence))
    for at, some in enumerate(evidence):
        for item in some:
            if item.analyser in DETECTORS | _SOFT:
                score = min(item.score, 0.9999)
                odds[at] += item.confidence * score / (1 - score)
    return np.asarray(odds / (1 + odds))


def _attacks(rows: Rows) -> dict[str, Mask]:
    found = {name: chosen_of(rows, kind) for name, kind in _KINDS.items()}
    return {name: mask for name, mask in found.items() if mask.any()}


def _best(held: Held, people: Mask, attacks: Mask) -> AnalyserName:
    return max(SIGNS, key=lambda name: area(held[name], people, attacks))


def _difference(rows: Rows, fused: Floats, alone: Floats, people: Mask, attacks: Mask) -> str:
    """Fused less alone, with its 95% interval; clips of one group are drawn together."""
    groups = np.array([r.group or r.name for r in rows.results])
    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(_DRAWS):
        low, high = (_drawn(rng, groups, mask) for mask in (people, attacks))
        truth = np.r_[np.zeros(len(low)), np.ones(len(high))]
        at = np.r_[low, high]
        found.append(roc_auc_score(truth, fused[at]) - roc_auc_score(truth, alone[at]))
    middle = area(fused, people, attacks) - area(alone, people, attacks)
    low_end, high_end = np.quantile(found, [0.025, 0.975])
    return f"{middle:+.2f}, {low_end:+.2f} to {high_end:+.2f}"


def _drawn(rng: np.random.Generator, groups: NDArray[np.str_], mask: Mask) -> NDArray[np.intp]:
    rows = np.flatnonzero(mask)
    members = [rows[groups[rows] == group] for group in np.unique(groups[rows])]
    chosen = rng.integers(0, len(members), len(members))
    return np.concatenate([members[at] for at in chosen])
