"""When a delivery that failed is tried again."""

from __future__ import annotations

from typing import Final

FIRST_MS: Final = 5_000
LONGEST_MS: Final = 3_600_000
_DOUBLINGS: Final = 10
"""After so many the wait is the longest one, whatever the jitter."""


def wait_ms(attempts: int, draw: float) -> int:
    """The wait after so many failed attempts (1 and up): 5 s, doubled each time, at most an hour.

    `draw`: uniform in 0..1. It takes away up to half of the wait, so that the deliveries that failed
    together do not come back together.
    """
    longest_ms = min(FIRST_MS << min(attempts - 1, _DOUBLINGS), LONGEST_MS)
    return round(longest_ms * (1.0 - draw / 2))


def retry_at_ms(attempts: int, now_ms: int, give_up_at_ms: int, draw: float) -> int | None:
    """When it is due again; None where it is given up. The last attempt is made at `give_up_at_ms`."""
    if now_ms >= give_up_at_ms:
        return None
    return min(now_ms + wait_ms(attempts, draw), give_up_at_ms)
