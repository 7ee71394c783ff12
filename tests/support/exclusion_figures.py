"""What the table of exclusions is made of: how often a type is asked for, and counts with intervals."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kyc_rtc.evaluation.metrics import Interval, wilson_interval
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import LivenessSettings
from tests.support.browser_clips import Takes

PLANS = 2_000
"""Drawn for a share of plans; the same in every run."""

STATUSES = ("PASSED", "INCONCLUSIVE", "FAILED")


@dataclass(frozen=True, slots=True)
class Record:
    """What came of one check. `part`: what stood before the camera; `excluded`: types left out, joined by
    a comma; `unlearnt`: the status without the detectors that learnt from examples."""

    part: str
    excluded: str
    subject: str
    met: bool
    status: str
    unlearnt: str
    score: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95% interval."""

    value: float
    interval: Interval


def plans(
    settings: LivenessSettings, excluded: Sequence[ChallengeType], count: int = PLANS
) -> Iterator[tuple[Challenge, ...]]:
    """Plans as they are drawn under an exclusion."""
    issuer = Issuer(settings, random.Random(1), excluded)  # noqa: S311  # the same in every run
    return (issuer.plan() for _ in range(count))


def answerable(takes: Takes, drawn: Iterable[tuple[Challenge, ...]]) -> float:
    """The share of these plans for which a recording has every take."""
    fits = [all(map(takes.shows, plan)) for plan in drawn]
    return sum(fits) / len(fits)


def prompts_met(
    drawn: Iterable[tuple[Challenge, ...]], recognised: Mapping[ChallengeType, tuple[int, int]]
) -> Estimate:
    """The share of these plans' prompts that people meet who do everything once as it is asked, from how
    many of their single actions were recognised, of how many shown.

    All repetitions that a prompt asks for have to be recognised. The interval combines Wilson's of the
    types by the variance estimates recovered from them (Zou and Donner, Statistics in Medicine 27, 2008).
    """
    asked = Counter((challenge.type, challenge.count) for plan in drawn for challenge in plan)
    total = asked.total()
    value = below = above = 0.0
    for kind, (hits, n) in recognised.items():
        weights = {count: asked[kind, count] / total for count in range(1, 6)}
        mean, low, high = (
            sum(weight * share**count for count, weight in weights.items())
            for share in (hits / n, *wilson_interval(hits, n))
        )
        value, below, above = value + mean, below + (mean - low) ** 2, above + (high - mean) ** 2
    return Estimate(value, (value - math.sqrt(below), min(1.0, value + math.sqrt(above))))


def share(hits: int, n: int) -> str:
    """`hits of n (low–high)`, with Wilson's 95% interval."""
    low, high = wilson_interval(hits, n)
    return f"{hits} of {n} ({_short(low)}–{_short(high)})"


def cell(records: Sequence[Record]) -> str:
    """Plans met; how many PASSED, went to review or without a verdict, FAILED; the median score; how many
    PASSED without what was learnt. Empty where nothing was tried."""
    if not records:
        return ""
    verdicts, unlearnt = Counter(r.status for r in records), Counter(r.unlearnt for r in records)
    scores = sorted(record.score or 0.0 for record in records)
    return "; ".join(
        [
            f"met {sum(record.met for record in records)} of {len(records)}",
            " / ".join(str(verdicts[status]) for status in STATUSES),
            _short(scores[len(scores) // 2]),
            " / ".join(str(unlearnt[status]) for status in STATUSES),
        ]
    )


def _short(fraction: float) -> str:
    """Three digits, without a leading zero."""
    return f"{fraction:.3f}".rstrip("0").rstrip(".").removeprefix("0") or "0"
