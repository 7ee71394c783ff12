"""What the client reports of its camera, against the pictures that come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.detection.capture import (
    CaptureSettings,
    CaptureWatch,
    capture_settings,
    rate_disagrees,
    size_disagrees,
)

VGA = CaptureSettings(640, 480, 30.0)
HD = CaptureSettings(1280, 720, 30.0)


@pytest.mark.parametrize(
    ("camera", "size_wh", "wrong"),
    [
        (VGA, (640, 480), False),
        (VGA, (480, 640), False),  # a phone held upright
        (VGA, (320, 240), False),  # reduced on the way
        (VGA, (212, 160), False),
        (HD, (1280, 720), False),
        (HD, (322, 180), False),
        (HD, (426, 240), False),
        (VGA, (642, 480), True),
        (VGA, (640, 482), True),
        (VGA, (1280, 960), True),
        (VGA, (640, 360), True),
        (HD, (640, 480), True),
        (HD, (720, 720), True),
        (VGA, (494, 360), False),  # 2.9% wider
        (VGA, (495, 360), True),  # 3.1% wider
    ],
)
def test_sizes(camera: CaptureSettings, size_wh: tuple[int, int], *, wrong: bool) -> None:
    assert size_disagrees(camera, size_wh) == wrong


@pytest.mark.parametrize(
    ("reported", "frames_per_s", "wrong"),
    [
        (30.0, 30.0, False),
        (30.0, 5.0, False),  # dark rooms and short links make it slower
        (30.0, 35.9, False),
        (30.0, 36.1, True),
        (15.0, 30.0, True),
        (None, 240.0, False),
    ],
)
def test_rates(reported: float | None, frames_per_s: float, *, wrong: bool) -> None:
    assert rate_disagrees(CaptureSettings(640, 480, reported), frames_per_s) == wrong


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"width": 640, "height": 480, "frame_rate": 30}, VGA),
        ({"width": 640.0, "height": 480.0, "frame_rate": 29.97}, CaptureSettings(640, 480, 29.97)),
        ({"width": 640, "height": 480, "frame_rate": None}, CaptureSettings(640, 480, None)),
        ({"width": 640, "height": 480}, CaptureSettings(640, 480, None)),
        ({"width": 640, "height": 480, "frame_rate": 0}, CaptureSettings(640, 480, None)),
        ({"width": 640, "height": 480, "frame_rate": "30"}, CaptureSettings(640, 480, None)),
        ({"width": None, "height": None}, None),
        ({"width": 640}, None),
        ({"width": 0, "height": 480}, None),
        ({"width": -640, "height": 480}, None),
        ({"width": True, "height": 480}, None),
        ({"width": 10**400, "height": 480}, None),
        ({"width": 0.4, "height": 480}, None),
        ({"width": [640], "height": {"px": 480}}, None),
        ({}, None),
    ],
)
def test_reports(fields: dict[str, Any], expected: CaptureSettings | None) -> None:
    assert capture_settings(fields) == expected


def watched(
    camera: CaptureSettings | None,
    size_wh: tuple[int, int],
    *,
    fps: float = 30.0,
    seconds: float = 10.0,
) -> list[int]:
    """Media times at which a watch says that something is wrong; every third frame is analysed."""
    watch = CaptureWatch()
    watch.report(camera)
    frames = [(round(1000 * n / fps), n) for n in range(0, round(seconds * fps), 3)]
    return [ms for ms, n in frames if watch.update(ms, n, size_wh)]


def test_a_camera_as_reported_raises_nothing() -> None:
    assert watched(VGA, (640, 480)) == []
    assert watched(VGA, (320, 240), fps=12.0) == []
    assert watched(None, (1920, 1080), fps=120.0) == []


def test_a_wrong_size_and_a_wrong_pace_are_reported_once_they_last() -> None:
    assert watched(VGA, (640, 360))[0] == 3_000
    assert watched(VGA, (640, 480), fps=45.0)[0] == pytest.approx(4_000, abs=100)


def test_a_new_report_and_a_new_source_begin_anew() -> None:
    watch = CaptureWatch()
    watch.report(VGA)
    assert not any(watch.update(40 * n, n, (640, 360)) for n in range(70))
    watch.report(HD)  # the camera was changed for another
    assert not any(watch.update(40 * n, n, (640, 360)) for n in range(70, 300))
    watch.report(VGA)
    assert not any(watch.update(12_000 + 40 * n, 300 + n, (640, 360)) for n in range(70))
    assert not any(watch.update(15_000 + 40 * n, n, (640, 360)) for n in range(70))  # another peer
    assert watch.update(15_000 + 40 * 76, 76, (640, 360))


def test_one_odd_picture_is_forgiven() -> None:
    watch = CaptureWatch()
    watch.report(VGA)
    sizes = [(640, 360) if n % 40 else (640, 480) for n in range(400)]
    assert not any(watch.update(40 * n, n, size) for n, size in enumerate(sizes))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={"width": JSON, "height": JSON, "frame_rate": JSON}))
def test_whatever_a_client_reports_is_survived(fields: dict[str, Any]) -> None:
    watch = CaptureWatch()
    watch.report(capture_settings(json.loads(json.dumps(fields))))
    for n in range(120):
        watch.update(40 * n, n, (640, 480))
