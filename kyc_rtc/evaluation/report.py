"""The report of an evaluation: from a list of results, whoever computed them, to figures and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kyc_rtc import __version__
from kyc_rtc.decision.fusion import deepfake_score
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.detection.evidence import AnalyserName, Evidence
from kyc_rtc.evaluation.groups import by_group
from kyc_rtc.evaluation.manifest import Use
from kyc_rtc.evaluation.matched import matched
from kyc_rtc.evaluation.metrics import (
    OperatingPoint,
    Proportion,
    apcer_at_bpcer,
    auc,
    auc_interval,
    eer,
    grouped_interval,
)
from kyc_rtc.evaluation.results import UNREADABLE, ClipResult, Conditions, scores_of
from kyc_rtc.evaluation.tone import by_tone

BPCER_LIMITS = (0.05, 0.02)
_WORST = 10

Results = Sequence[ClipResult]


def build_report(results: Results, conditions: Conditions) -> dict[str, Any]:
    """All figures as plain values for JSON: those of each of `sections`, and each clip's result.

    Raises:
        ValueError: a result is not finite, or names an analyser that there is none of.
    """
    return {
        "version": __version__,
        "conditions": asdict(conditions),
        "sections": {
            name: build_section(clips, conditions.confidence_threshold)
            for name, clips in sections(results).items()
        },
        "clips": [r.fields() for r in results],
    }


def sections(results: Results) -> dict[str, list[ClipResult]]:
    """The clips of each section that has any.

    `video` is the main one, `still` has the pictures that were shown as a video, and `test_only` the
    clips that may only be tested on: against their own bona fide and those of the main section.
    They count nowhere else.
    """
    main = [r for r in results if r.use is Use.ANY]
    video = [r for r in main if not r.still]
    tests = [r for r in results if r.use is Use.TEST]
    people = [r for r in video if r.bona_fide] if tests else []
    found = {
        "video": video,
        "still": [r for r in main if r.still],
        "test_only": [*people, *tests],
    }
    return {name: clips for name, clips in found.items() if clips}


def build_section(clips: Results, confidence_threshold: float) -> dict[str, Any]:
    """The figures of clips that belong together."""
    bona_fide = [r for r in clips if r.bona_fide]
    species = attacks_by_species(clips)
    attacks = [r for r in clips if not r.bona_fide]
    rows = {name: _against(bona_fide, some) for name, some in species.items()}
    rates = [row["apcer"]["value"] for row in rows.values() if row["apcer"]["value"] is not None]
    bpcer = _answered(bona_fide, VerdictStatus.FAILED)
    worst = max(rates, default=None)
    return {
        "clips": len(clips),
        "unreadable": [r.name for r in clips if UNREADABLE in r.reasons],
        "bona_fide": {
            "n": len(bona_fide),
            "bpcer": bpcer.fields(),
            "bpnrr": _share(bona_fide, VerdictStatus.INCONCLUSIVE).fields(),
            "passed_of_all": _share(bona_fide, VerdictStatus.PASSED).fields(),
            "failed_of_all": _share(bona_fide, VerdictStatus.FAILED).fields(),
            "scored": len(scores_of(bona_fide)),
        },
        "species": rows,
        "all_attacks": _against(bona_fide, attacks),
        "worst_apcer": worst,
        "acer": _mean(worst, bpcer.value),
        "matched": {name: _matched(clips, name) for name in species},
        "analysers": _analysers(bona_fide, species),
        "fusion_without": _ablation(bona_fide, species, confidence_threshold),
        "by_group": by_group(clips),
        "by_tone": by_tone(clips, confidence_threshold),
        "cpu_ms_per_frame": _cpu(clips),
        "worst": _worst(bona_fide, attacks),
    }


def attacks_by_species(clips: Iterable[ClipResult]) -> dict[str, list[ClipResult]]:
    """The attacks, by species, in order of name."""
    found: dict[str, list[ClipResult]] = {}
    for clip in clips:
        if not clip.bona_fide:
            found.setdefault(clip.species, []).append(clip)
    return dict(sorted(found.items()))


def _against(bona_fide: Results, attacks: Results) -> dict[str, Any]:
    """Rates of the verdicts on these attacks, and how the scores part them from all bona fide."""
    apcer = _answered(attacks, VerdictStatus.PASSED)
    low, high = scores_of(bona_fide), scores_of(attacks)
    sides = (low, _groups(bona_fide)), (high, _groups(attacks))
    return {
        "n": len(attacks),
        "apcer": apcer.fields(),
        "apnrr": _share(attacks, VerdictStatus.INCONCLUSIVE).fields(),
        "passed_of_all": _share(attacks, VerdictStatus.PASSED).fields(),
        "acer": _mean(apcer.value, _answered(bona_fide, VerdictStatus.FAILED).value),
        "scored": {"bona_fide": len(low), "attack": len(high)},
        "auc": auc(low, high),
        "auc_interval_95": auc_interval(low, high),
        "auc_interval_95_by_group": grouped_interval(auc, *sides),
        "eer": eer(low, high),
        "eer_interval_95_by_group": grouped_interval(eer, *sides),
        **{
            f"apcer_at_bpcer_{limit:.0%}": _point(apcer_at_bpcer(low, high, limit))
            for limit in BPCER_LIMITS
        },
    }


def _point(point: OperatingPoint | None) -> dict[str, Any] | None:
    if point is None:
        return None
    return {
        "threshold": point.threshold,
        "apcer": point.apcer.fields(),
        "bpcer": point.bpcer.fields(),
    }


def _groups(clips: Results) -> list[str]:
    return [r.group for r in clips if r.deepfake_score is not None]


def _share(clips: Results, status: VerdictStatus) -> Proportion:
    return Proportion(sum(r.status is status for r in clips), len(clips))


def _answered(clips: Results, status: VerdictStatus) -> Proportion:
    """Of the clips that got an answer."""
    return _share([r for r in clips if r.status is not VerdictStatus.INCONCLUSIVE], status)


def _mean(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else (one + other) / 2


def _matched(clips: Results, species: str) -> dict[str, Any]:
    """AUC against the bona fide clips of the same footage, and in what share of the pairs that share
    it the attack scores higher (a tie: half)."""
    bona_fide, attacks = matched([r for r in clips if r.deepfake_score is not None], species)
    low, high = scores_of(bona_fide), scores_of(attacks)
    wins = [
        1.0 if score > other else 0.5 if score == other else 0.0
        for attack, score in zip(attacks, high, strict=True)
        for person, other in zip(bona_fide, low, strict=True)
        if attack.group == person.group
    ]
    return {
        "pairs": len(wins),
        "auc": auc(low, high),
        "auc_interval_95": auc_interval(low, high),
        "right_way_round": sum(wins) / len(wins) if wins else None,
    }


def _analysers(
    bona_fide: Results, species: Mapping[str, Results]
) -> dict[str, dict[str, dict[str, Any]]]:
    """How each analyser's own score parts each species from bona fide, where it could judge."""
    names = sorted({name for r in (*bona_fide, *_all(species)) for name in r.evidence})
    return {
        name: {
            kind: _separation(_judged_scores(name, bona_fide), _judged_scores(name, attacks))
            for kind, attacks in species.items()
        }
        for name in names
    }


def _judged_scores(name: str, clips: Results) -> list[float]:
    return [
        r.evidence[name].score for r in clips if name in r.evidence and r.evidence[name].confidence
    ]


def _separation(low: Sequence[float], high: Sequence[float]) -> dict[str, Any]:
    return {
        "auc": auc(low, high),
        "interval_95": auc_interval(low, high),
        "bona_fide": len(low),
        "attack": len(high),
    }


def _ablation(
    bona_fide: Results, species: Mapping[str, Results], threshold: float
) -> dict[str, dict[str, dict[str, Any]]]:
    """AUC of the fused score without an analyser, on the clips that keep a score without it.

    `adds` is what the AUC on the same clips is higher with it.
    """
    names = sorted({name for r in (*bona_fide, *_all(species)) for name in r.evidence})
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for name in names:
        low = _fused_pairs(bona_fide, name, threshold)
        table[name] = {}
        for kind, attacks in species.items():
            high = _fused_pairs(attacks, name, threshold)
            without = auc([w for _, w in low], [w for _, w in high])
            full = auc([f for f, _ in low], [f for f, _ in high])
            table[name][kind] = {
                "auc": without,
                "adds": None if full is None or without is None else full - without,
                "bona_fide": len(low),
                "attack": len(high),
            }
    return table


def _fused_pairs(clips: Results, left_out: str, threshold: float) -> list[tuple[float, float]]:
    """The fused score with and without an analyser, for clips that have both."""
    pairs = []
    for clip in clips:
        full = deepfake_score(_evidence(clip, None), threshold)
        without = deepfake_score(_evidence(clip, left_out), threshold)
        if full is not None and without is not None:
            pairs.append((full, without))
    return pairs


def _evidence(clip: ClipResult, left_out: str | None) -> list[Evidence]:
    return [
        Evidence(AnalyserName(name), said.score, said.confidence, (0, 0))
        for name, said in clip.evidence.items()
        if name != left_out
    ]


def _all(species: Mapping[str, Results]) -> list[ClipResult]:
    return [clip for attacks in species.values() for clip in attacks]


def _cpu(clips: Results) -> dict[str, float]:
    """Mean over all frames, by stage, and their sum."""
    frames = sum(r.frames.analysed for r in clips if r.cpu_ms)
    totals: dict[str, float] = {}
    for clip in clips:
        for stage, mean_ms in clip.cpu_ms.items():
            totals[stage] = totals.get(stage, 0.0) + mean_ms * clip.frames.analysed
    if not frames:
        return {}
    means = {stage: round(total / frames, 3) for stage, total in totals.items()}
    return means | {"total": round(sum(totals.values()) / frames, 3)}


def _worst(bona_fide: Results, attacks: Results) -> dict[str, list[dict[str, Any]]]:
    """Bona fide clips with the highest scores, attacks with the lowest."""
    scored = [(r.deepfake_score, r) for r in bona_fide if r.deepfake_score is not None]
    highest = sorted(scored, key=lambda pair: (-pair[0], pair[1].name))[:_WORST]
    scored = [(r.deepfake_score, r) for r in attacks if r.deepfake_score is not None]
    lowest = sorted(scored, key=lambda pair: (pair[0], pair[1].name))[:_WORST]
    return {
        "bona_fide": [_listed(clip) for _, clip in highest],
        "attack": [_listed(clip) for _, clip in lowest],
    }


def _listed(clip: ClipResult) -> dict[str, Any]:
    return {
        "path": clip.name,
        "species": clip.species,
        "score": clip.deepfake_score,
        "status": clip.status.value,
        "reasons": list(clip.reasons),
    }
