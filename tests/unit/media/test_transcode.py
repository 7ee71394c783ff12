"""Frames through a codec: rate, loss, and what must stay as it was."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import MediaError
from kyc_rtc.frames import BgrImage, Frame
from media.transcode import PLI_MS, Codec, at_rate, through_codec


def picture(number: int, height: int = 120, width: int = 160) -> BgrImage:
    """A pattern that moves, with noise that a codec has to pay for."""
    rows, columns = np.mgrid[:height, :width]
    wave = 90 + 60 * np.sin((columns + 3 * number) / 9) * np.cos((rows - number) / 11)
    noise = np.random.default_rng(number).normal(0, 6, (height, width))
    return np.repeat(np.clip(wave + noise, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def recording(
    count: int, fps: float = 30.0, height: int = 120, width: int = 160
) -> Iterator[Frame]:
    for number in range(count):
        now_ms = round(number * 1_000 / fps)
        image = picture(number, height, width)
        yield Frame(now_ms, now_ms + 7.0, number, lambda image=image: image)  # type: ignore[misc]


def error(frame: Frame) -> float:
    """Root mean square difference from the picture that was sent, in luma steps."""
    image = frame.to_bgr().astype(np.float64)
    sent = picture(frame.sequence, *image.shape[:2]).astype(np.float64)
    return float(np.sqrt(((image - sent) ** 2).mean()))


@pytest.mark.parametrize("codec", Codec)
def test_times_and_numbers_stay_and_the_picture_is_the_one_sent(codec: Codec) -> None:
    sent = list(recording(30))
    received = list(through_codec(iter(sent), codec, 600))
    assert len(received) >= 28
    for frame in received:
        match = sent[frame.sequence]
        assert frame.captured_at_ms == match.captured_at_ms
        assert frame.received_at_ms == match.received_at_ms
        assert 0 < error(frame) < 12


@pytest.mark.parametrize("codec", Codec)
def test_fewer_bits_make_a_worse_picture(codec: Codec) -> None:
    errors = [
        float(np.mean([error(frame) for frame in through_codec(recording(60), codec, kbps)]))
        for kbps in (40, 800)
    ]
    assert errors[0] > 1.3 * errors[1]


@pytest.mark.parametrize("codec", Codec)
def test_without_loss_and_with_bits_enough_no_frame_is_missing(codec: Codec) -> None:
    assert [f.sequence for f in through_codec(recording(40), codec, 2_000)] == list(range(40))


@pytest.mark.parametrize("codec", Codec)
def test_loss_breaks_the_stream_until_a_keyframe_and_no_worse(codec: Codec) -> None:
    received = list(through_codec(recording(240), codec, 600, loss=0.15, seed=3))
    missing = 240 - len(received)
    assert 0 < missing < 120
    gaps_ms = [b.captured_at_ms - a.captured_at_ms for a, b in pairwise(received)]
    assert max(gaps_ms) >= PLI_MS
    # What is decoded after a gap is a whole picture: nothing rests on what was lost.
    assert max(error(frame) for frame in received) < 20


def test_a_lost_keyframe_is_asked_for_again() -> None:
    received = list(through_codec(recording(300), Codec.VP8, 300, loss=0.5, seed=1))
    assert received
    assert received[-1].sequence > 200


def test_the_same_seed_loses_the_same_and_another_another() -> None:
    def kept(seed: int) -> list[int]:
        frames = through_codec(recording(120), Codec.VP8, 400, loss=0.2, seed=seed)
        return [frame.sequence for frame in frames]

    assert kept(5) == kept(5)
    assert len({tuple(kept(seed)) for seed in range(4)}) > 1


def test_everything_lost_gives_nothing() -> None:
    assert not list(through_codec(recording(20), Codec.VP8, 300, loss=1.0))


@pytest.mark.parametrize("codec", Codec)
def test_odd_sizes_lose_a_row_and_a_column(codec: Codec) -> None:
    frames = list(through_codec(recording(5, height=121, width=161), codec, 300))
    assert {frame.to_bgr().shape for frame in frames} == {(120, 160, 3)}


@pytest.mark.parametrize("codec", Codec)
def test_another_size_begins_another_stream(codec: Codec) -> None:
    frames = [*recording(6), *recording(6, height=64, width=96)]
    shapes = [frame.to_bgr().shape for frame in through_codec(iter(frames), codec, 500)]
    assert shapes == [(120, 160, 3)] * 6 + [(64, 96, 3)] * 6


def test_frames_are_taken_as_they_are_needed() -> None:
    taken: list[weakref.ref[Frame]] = []

    class Kept(Frame):
        __slots__ = ("__weakref__",)

    def source() -> Iterator[Frame]:
        for frame in recording(200):
            kept = Kept(frame.captured_at_ms, 0.0, frame.sequence, frame.to_bgr)
            taken.append(weakref.ref(kept))
            yield kept

    received = through_codec(source(), Codec.VP8, 300)
    for _ in range(100):
        next(received)
    gc.collect()
    assert len(taken) < 120
    assert sum(reference() is not None for reference in taken) < 15


@pytest.mark.parametrize(
    ("kbps", "fps", "loss"),
    [
        (0, None, 0.0),
        (100, 0.0, 0.0),
        (100, float("nan"), 0.0),
        (100, None, 1.1),
        (100, None, -0.1),
    ],
)
def test_numbers_out_of_range_are_refused(kbps: int, fps: float | None, loss: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        next(through_codec(recording(1), Codec.VP8, kbps, fps, loss))


def test_a_picture_that_no_codec_takes_is_a_media_error() -> None:
    frames = [Frame(0, 0.0, 0, lambda: np.zeros((1, 1, 3), np.uint8))]
    with pytest.raises(MediaError):
        list(through_codec(iter(frames), Codec.VP8, 300))


def test_nothing_in_nothing_out() -> None:
    assert not list(through_codec(iter(()), Codec.VP8, 300))


@given(
    fps=st.floats(1, 60),
    steps_ms=st.lists(st.integers(1, 400), max_size=80),
)
def test_a_rate_is_never_exceeded_and_the_first_frame_stays(
    fps: float, steps_ms: list[int]
) -> None:
    times_ms = np.cumsum([0, *steps_ms]).tolist()
    frames = [Frame(now_ms, 0.0, n, lambda: picture(0)) for n, now_ms in enumerate(times_ms)]
    kept = list(at_rate(iter(frames), fps))
    assert kept[0] is frames[0]
    span_ms = kept[-1].captured_at_ms
    assert len(kept) <= span_ms * fps / 1_000 + 2


@pytest.mark.parametrize(("fps", "expected"), [(30, 60), (15, 30), (10, 20), (24, 48)])
def test_a_steady_recording_comes_at_the_asked_rate(fps: float, expected: int) -> None:
    assert abs(len(list(at_rate(recording(60), fps))) - expected) <= 1
