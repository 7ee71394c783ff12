"""Media time: from RTP timestamps, always rising, never far from the arrival clock."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.timeline import MAX_DRIFT_MS, MediaTimeline

RTP = Fraction(1, 90_000)


def test_the_first_frame_is_at_zero_whatever_its_timestamp() -> None:
    assert MediaTimeline().media_ms(123_456_789, RTP, 5_000.0) == 0


def test_arrival_jitter_changes_nothing() -> None:
    timeline = MediaTimeline()
    arrivals = [0, 35, 61, 180, 181, 182, 200]
    stamps = [timeline.media_ms(i * 3000, RTP, at) for i, at in enumerate(arrivals)]
    assert stamps == [0, 33, 67, 100, 133, 167, 200]


def test_repeated_timestamps_still_rise() -> None:
    timeline = MediaTimeline()
    assert [timeline.media_ms(0, RTP, 0.0) for _ in range(3)] == [0, 1, 2]


def test_another_source_goes_on_where_the_last_one_stopped() -> None:
    timeline = MediaTimeline()
    timeline.media_ms(0, RTP, 0.0)
    timeline.media_ms(90_000, RTP, 1_000.0)
    timeline.restart()
    assert timeline.media_ms(777_000, RTP, 4_000.0) == 4_000
    assert timeline.media_ms(777_000 + 9_000, RTP, 4_100.0) == 4_100


@pytest.mark.parametrize("jump", [90_000 * 3_600, -90_000 * 3_600, 1 << 32])
def test_a_clock_that_jumps_is_not_believed(jump: int) -> None:
    timeline = MediaTimeline()
    timeline.media_ms(0, RTP, 0.0)
    assert timeline.media_ms(jump, RTP, 40.0) == 40


def test_a_slow_rtp_clock_does_not_stretch_deadlines() -> None:
    """A sender whose clock runs at a tenth of the speed would have ten times as long to answer."""
    timeline = MediaTimeline()
    last = 0
    for i in range(3_000):
        last = timeline.media_ms(i * 300, RTP, i * 33.3)
    assert abs(last - 2_999 * 33.3) <= MAX_DRIFT_MS


@given(
    st.lists(
        st.tuples(st.integers(-(2**40), 2**40), st.floats(0, 5_000), st.booleans()), max_size=60
    )
)
def test_it_always_rises_and_keeps_near_the_arrival_clock(
    steps: list[tuple[int, float, bool]],
) -> None:
    timeline = MediaTimeline()
    now, previous = 0.0, -1
    for count, (pts, gap, restart) in enumerate(steps):
        if restart:
            timeline.restart()
        media = timeline.media_ms(pts, RTP, now)
        assert media > previous
        assert abs(media - now) <= MAX_DRIFT_MS + count + 1
        previous = media
        now += gap
