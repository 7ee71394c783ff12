"""Every step and every failure of the applicant's page, each brought about on a scripted server."""

from __future__ import annotations

from tests.support.situations_end import END
from tests.support.situations_live import LIVE
from tests.support.situations_start import START, Situation

SITUATIONS: dict[str, Situation] = START | LIVE | END
"""By name. The sheets of `tests/screens.py` and the checks of every screen are of these."""
