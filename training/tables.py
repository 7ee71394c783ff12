"""Tables on the detectors: what each family of features adds, and at which moments a swap shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from kyc_rtc.detection.appearance import APPEARANCE_NAMES
from kyc_rtc.detection.constancy import CONSTANCY_NAMES
from kyc_rtc.detection.control import CONTROL_NAMES
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.detection.features import FEATURE_NAMES, LEARNED_NAMES, net_name
from kyc_rtc.detection.flow import FLOW_NAMES
from kyc_rtc.detection.movement import MOVEMENT_NAMES
from kyc_rtc.detection.net_views import VIEWS
from kyc_rtc.evaluation.manifest import Use
from kyc_rtc.evaluation.matched import matched
from kyc_rtc.evaluation.results import ClipResult
from training.crossfit import (
    LINEAR_FEATURES,
    MIN_FRAMES,
    Rows,
    columns_for,
    held_out_probabilities,
    seen_by,
    table_of,
)
from training.measure import CONDITIONS
from training.people import FACE_SWAP

Floats = NDArray[np.float64]

FAMILIES = {
    "movement": MOVEMENT_NAMES,
    "appearance": APPEARANCE_NAMES,
    "flow": FLOW_NAMES,
    "constancy": CONSTANCY_NAMES,
    "control": CONTROL_NAMES,
    "net": LEARNED_NAMES,
}
AGAINST: dict[str, Callable[[ClipResult], bool]] = {
    "face swaps": lambda r: r.species == "face_swap",
    "heads": lambda r: r.species == "talking_head" and r.use is Use.ANY,
    "heads, test only": lambda r: r.species == "talking_head" and r.use is Use.TEST,
}
_MOMENT_FEATURES = ("detail_gap", "seam_middle", "change_gap", "fine_change_gap", "chroma_gap")
_SCORES = (0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.65)
STUDIO = ("styletalk_", "dreamtalk_")


def tables(rows: Rows, held_out: Mapping[AnalyserName, Floats], size: int) -> str:
    """All tables as Markdown."""
    parts = [
        detectors_table(rows, held_out, size),
        _families(rows, size),
        _linear_features(rows, size),
        _moments(rows, size),
    ]
    return "\n".join(parts)


def detectors_table(rows: Rows, held_out: Mapping[AnalyserName, Floats], size: int) -> str:
    """AUC of each detector under each condition; `held_out`: its probabilities of all rows (n,)."""
    heads = "heads | heads, test only"
    lines = [f"| condition | detector | swaps | same footage | {heads} | swaps against studio |"]
    lines.append("|---" * 7 + "|")
    for number, name in enumerate(CONDITIONS):
        part = slice(number * size, (number + 1) * size)
        results = rows.results[part]
        for detector, values in held_out.items():
            cells = [
                auc(results, values[part], AGAINST["face swaps"]),
                same_footage_auc(results, values[part]),
            ]
            cells += [
                auc(results, values[part], AGAINST[key]) for key in ("heads", "heads, test only")
            ]
            cells.append(auc(results, values[part], AGAINST["face swaps"], studio=True))
            lines.append(f"| {name} | {detector.value} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _families(rows: Rows, size: int) -> str:
    """AUC of each detector with one family of features alone, and without it; first condition."""
    lines = ["| detector | features | its species | same footage |", "|---|---|---|---|"]
    for detector, species in ((AnalyserName.SWAP, "face swaps"), (AnalyserName.GENERATED, "heads")):
        seen = columns_for(detector)
        used = {FEATURE_NAMES[at] for at in seen} | set(LINEAR_FEATURES[detector])
        for label, names in _sets():
            if not names & used or (names >= used and label != "all"):
                continue  # what a detector does not use adds nothing to it
            columns = [at for at, name in enumerate(FEATURE_NAMES) if name in names]
            known = replace(rows, features=seen_by(rows.features, columns))
            values = held_out_probabilities(known, detector, table_of(known, detector, seen), seen)
            cells = (
                auc(rows.results[:size], values[:size], AGAINST[species]),
                same_footage_auc(rows.results[:size], values[:size]),
            )
            lines.append(f"| {detector.value} | {label} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def _sets() -> Iterator[tuple[str, set[str]]]:
    """A label, and the features that a detector may use."""
    everything = set(FEATURE_NAMES)
    yield "all", everything
    yield from ((f"{name} alone", set(names)) for name, names in FAMILIES.items())
    yield from ((f"without {name}", everything - set(names)) for name, names in FAMILIES.items())


def _linear_features(rows: Rows, size: int) -> str:
    """AUC of the linear features of constancy, each by itself: nothing is fitted; first condition."""
    results = rows.results[:size]
    lines = [
        "| feature | swaps | same footage | heads | heads, test only |",
        "|---|---|---|---|---|",
    ]
    names = dict.fromkeys(name for some in LINEAR_FEATURES.values() for name in some)
    for name in (one for one in names if one in CONSTANCY_NAMES):
        values = rows.features[:size, FEATURE_NAMES.index(name)]
        cells = [auc(results, values, AGAINST["face swaps"]), same_footage_auc(results, values)]
        cells += [auc(results, values, AGAINST[key]) for key in ("heads", "heads, test only")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _moments(rows: Rows, size: int) -> str:
    """AUC of single features of swaps against the same footage, by moment; either direction."""
    moments = ("", ".turned", ".moving", ".mouth_open")
    lines = ["| feature | always | turned | moving | mouth open |", "|---|---|---|---|---|"]
    answers = [net_name(view, "swap") for view in VIEWS] + [net_name("motion", "blended")]
    names = [*_MOMENT_FEATURES, *answers]
    for name in names:
        cells = []
        for moment in moments:
            key = f"{name}{moment}"
            if key not in FEATURE_NAMES:
                cells.append("")
                continue
            values = rows.features[:size, FEATURE_NAMES.index(key)]
            cells.append(same_footage_auc(rows.results[:size], values, folded=True))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def operating(results: Sequence[ClipResult]) -> str:
    """How many clips of each species reach a deepfake score, first condition."""
    kinds: dict[str, Callable[[ClipResult], bool]] = {
        "bona fide": lambda r: r.bona_fide and r.use is Use.ANY,
        **AGAINST,
    }
    lines = [f"| score from | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for threshold in _SCORES:
        cells = []
        for chosen in kinds.values():
            scores = [r.deepfake_score or 0.0 for r in results if chosen(r)]
            cells.append(f"{sum(score >= threshold for score in scores)} of {len(scores)}")
        lines.append(f"| {threshold:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def animated(bona_fide: Floats, attacks: Floats) -> str:
    """The detector of animated photographs on those of our own making, against bona fide clips."""
    shares = [f"{float((attacks >= score).mean()):.2f} from {score:.2f} on" for score in _SCORES]
    found = _figure(bona_fide.tolist(), attacks.tolist())
    return f"\nAnimated photographs, AUC {found}; share of them: {', '.join(shares)}.\n"


def pictures(probabilities: Floats, attack: NDArray[np.bool_]) -> str:
    """The recapture detector on single pictures, each by a model that was not trained on its source."""
    found = _figure(probabilities[~attack].tolist(), probabilities[attack].tolist())
    return f"\nPrints and screens, single pictures, the recapture detector: AUC {found}.\n"


def auc(
    results: list[ClipResult],
    values: Floats,
    attack: Callable[[ClipResult], bool],
    *,
    studio: bool = False,
) -> str:
    """Area under the curve against bona fide clips (the clean studio ones alone), with n."""
    attacks = [v for r, v in zip(results, values, strict=True) if attack(r) and _judged(r, v)]
    bona_fide = [
        v
        for r, v in zip(results, values, strict=True)
        if r.bona_fide and _judged(r, v) and (not studio or any(s in r.name for s in STUDIO))
    ]
    return _figure(bona_fide, attacks)


def same_footage_auc(results: list[ClipResult], values: Floats, *, folded: bool = False) -> str:
    """The same of face swaps against the bona fide clips that share their footage."""
    of_clip = {id(r): v for r, v in zip(results, values, strict=True) if _judged(r, v)}
    sides = matched([r for r in results if id(r) in of_clip], FACE_SWAP)
    low, high = ([of_clip[id(r)] for r in side] for side in sides)
    return _figure(low, high, folded=folded)


def people_of(rows: Rows) -> NDArray[np.bool_]:
    """Which rows (n,) are bona fide clips with enough to judge."""
    return chosen_of(rows, lambda r: r.bona_fide and r.use is Use.ANY)


def chosen_of(rows: Rows, kind: Callable[[ClipResult], bool]) -> NDArray[np.bool_]:
    """Which rows (n,) are clips of a kind with enough to judge."""
    return np.array([r.frames.judgeable >= MIN_FRAMES and kind(r) for r in rows.results])


def area(values: Floats, people: NDArray[np.bool_], attacks: NDArray[np.bool_]) -> float:
    """Area under the curve of values (n,) between two kinds of rows."""
    truth = np.r_[np.zeros(int(people.sum())), np.ones(int(attacks.sum()))]
    return float(roc_auc_score(truth, np.r_[values[people], values[attacks]]))


def _judged(result: ClipResult, value: float) -> bool:
    return result.frames.judgeable >= 20 and bool(np.isfinite(value))


def _figure(bona_fide: list[float], attacks: list[float], *, folded: bool = False) -> str:
    if not bona_fide or not attacks:
        return "–"
    truth = [0] * len(bona_fide) + [1] * len(attacks)
    area = float(roc_auc_score(truth, bona_fide + attacks))
    return f"{max(area, 1 - area) if folded else area:.2f} ({len(attacks)}/{len(bona_fide)})"
