"""What the table of exclusions is made of: how often types are asked for together, and what came of it.

A plan asks for each type once as long as enough types are left, so that what comes of it depends on the
set of its types alone, and an exclusion only says how often each set is drawn. So checks are made set by
set.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kyc_rtc.evaluation.metrics import Interval, wilson_interval
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import LivenessSettings

PLANS = 2_000
"""Drawn for the shares of sets; the same in every run."""

Types = frozenset[ChallengeType]
Plan = tuple[Challenge, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What came of one check. `part`: what stood before the camera; `asked`: the types that the plan asked
    for, sorted; `unlearnt`: the status without the detectors that learnt from examples."""

    part: str
    asked: tuple[str, ...]
    subject: str
    met: bool
    status: str
    unlearnt: str
    score: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95% interval, of `n` that were tried. As a text: `.5 (.25–.75; 12)`."""

    value: float
    interval: Interval
    n: int

    def __str__(self) -> str:
        low, high = (_short(bound) for bound in self.interval)
        return f"{_short(self.value)} ({low}–{high}; {self.n})"


def plans(
    settings: LivenessSettings, excluded: Sequence[ChallengeType], count: int = PLANS
) -> Iterator[Plan]:
    """Plans as they are drawn under an exclusion."""
    issuer = Issuer(settings, random.Random(1), excluded)  # noqa: S311  # the same in every run
    return (issuer.plan() for _ in range(count))


def types_of(plan: Plan) -> Types:
    """The types that a plan asks for."""
    return frozenset(challenge.type for challenge in plan)


def combined(parts: Iterable[tuple[float, int, int]]) -> Estimate | None:
    """The share in a population of strata, from `(weight, hits, n)` of each; the weights add up to 1.

    The interval combines Wilson's of the strata by the variance estimates recovered from them (Zou and
    Donner, Statistics in Medicine 27, 2008). Strata without weight do not count; None where nothing was
    tried of one that has a weight.
    """
    value = below = above = 0.0
    tried = 0
    for weight, hits, n in parts:
        if weight <= 0:
            continue
        if n <= 0:
            return None
        share, (low, high) = hits / n, wilson_interval(hits, n)
        value += weight * share
        below += (weight * (share - low)) ** 2
        above += (weight * (high - share)) ** 2
        tried += n
    interval = max(0.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above))
    return Estimate(value, interval, tried)


def share(
    records: Sequence[Record], drawn: Iterable[Plan], counts: Callable[[Record], bool]
) -> Estimate | None:
    """The share of checks that count, if plans are drawn so; None where nothing was tried of a set that is
    drawn."""
    sets = Counter(types_of(plan) for plan in drawn)
    found: list[tuple[float, int, int]] = []
    for types, number in sets.items():
        tried = [counts(record) for record in records if frozenset(record.asked) == types]
        found.append((number / sets.total(), sum(tried), len(tried)))
    return combined(found)


def prompts_met(
    drawn: Iterable[Plan], recognised: Mapping[ChallengeType, tuple[int, int]]
) -> Estimate | None:
    """The share of these plans' prompts that are met by people who do what is asked, once, from how many of
    their single actions were recognised, of how many shown."""
    asked = Counter(challenge.type for plan in drawn for challenge in plan)
    return combined(
        (number / asked.total(), *recognised.get(kind, (0, 0))) for kind, number in asked.items()
    )


def _short(fraction: float) -> str:
    """Two digits, without zeros that say nothing."""
    text = f"{fraction:.2f}".rstrip("0").rstrip(".")
    return text.removeprefix("0") or "0"
