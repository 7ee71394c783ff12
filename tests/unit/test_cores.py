"""Cores by the scheduler and by the container's quota."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from kyc_rtc import cores
from kyc_rtc.settings import LimitSettings


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, math.inf),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "nonsense"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "50000\n"}, math.inf),
    ],
)
def test_the_quota_of_a_control_group(
    files: dict[str, str], expected: float, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores.quota(tmp_path) == expected


@pytest.mark.parametrize(
    ("usable", "sessions"), [(0.25, 2), (0.5, 2), (1.0, 4), (1.5, 6), (2.0, 8), (64.0, 8)]
)
def test_sessions_follow_the_cores_of_one_interpreter(
    usable: float, sessions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyc_rtc.settings.groups.usable_cores", lambda: usable)
    assert LimitSettings().live_sessions == sessions
    assert LimitSettings(max_live_sessions=100).live_sessions == 100
