"""From a feature to a score: 0.5 is neutral, 0.65 is clear."""

from __future__ import annotations

CALM, NEUTRAL, CLEAR = 0.2, 0.5, 0.65
"""Scores: an ordinary face, one that says nothing, one that is clearly out of the ordinary."""


def ramp(value: float, low: float, high: float) -> float:
    """0 at `low`, 1 at `high`, linear between, bounded beyond. `high` may be the smaller."""
    if high == low:
        raise ValueError("a ramp needs two different ends")
    return min(1.0, max(0.0, (value - low) / (high - low)))


def score(value: float, *, calm: float, neutral: float, clear: float, ceiling: float) -> float:
    """Map a feature to a score by the three values at which it is calm, neutral and clear.

    They rise or fall strictly. Beyond `clear` the score goes on at the same slope to `ceiling`: what
    one feature alone may claim.
    """
    if ramp(value, neutral, clear) == 0.0:
        return CALM + (NEUTRAL - CALM) * ramp(value, calm, neutral)
    steps = (value - neutral) / (clear - neutral)
    return min(ceiling, NEUTRAL + (CLEAR - NEUTRAL) * steps)
