"""What may wait for a decoder: nothing too large, and not for long."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from media.decoder_queue import MAX_WAITING, MAX_WAITING_BYTES, DecoderQueue
from media.video_size import Size
from tests.support.encoders import vp8_that_says


@dataclass(frozen=True)
class Vp8:
    name: str = "VP8"


@dataclass(frozen=True)
class Frame:
    data: bytes


KEY, LARGE = Frame(vp8_that_says((640, 480))), Frame(vp8_that_says((8192, 8192)))
DELTA = Frame(b"\x11\x02\x00")


class Rig:
    """A queue, what it asks for, and what it is asked for."""

    def __init__(self) -> None:
        self.needed = threading.Event()
        self.too_large: list[Size] = []
        self.queue = DecoderQueue(self.needed, self.too_large.append)

    def put(self, *frames: Frame) -> int:
        """How many of them wait now."""
        for frame in frames:
            self.queue.put((Vp8(), frame))
        return len(self.queue)

    def asked(self) -> bool:
        """Whether a key frame was asked for since the last call."""
        was_set = self.needed.is_set()
        self.needed.clear()
        return was_set


def test_frames_come_out_in_order_and_then_the_end() -> None:
    rig = Rig()
    rig.put(KEY, DELTA)
    assert rig.queue.get() == (Vp8(), KEY)
    assert rig.queue.get() == (Vp8(), DELTA)
    rig.queue.put(None)
    assert rig.queue.get() is None
    assert not rig.asked()


def test_what_is_too_large_is_dropped_up_to_a_key_frame_that_is_not() -> None:
    rig = Rig()
    assert rig.put(LARGE, DELTA, DELTA) == 0
    assert rig.asked()
    assert rig.put(LARGE, DELTA) == 0
    assert not rig.asked(), "a sender that goes on is not asked for still more"
    assert rig.put(KEY, DELTA) == 2
    assert rig.too_large == [(8192, 8192)] * 2
    assert rig.queue.dropped == 5


@pytest.mark.parametrize("size", [(1920, 1088), (1088, 1920)])
def test_the_limit_is_one_for_both_orientations(size: tuple[int, int]) -> None:
    assert Rig().put(Frame(vp8_that_says(size))) == 1
    wider = (size[0] + 1, size[1])
    assert Rig().put(Frame(vp8_that_says(wider))) == 0


def test_when_too_many_wait_all_are_dropped_up_to_the_next_key_frame() -> None:
    rig = Rig()
    assert rig.put(KEY, *[DELTA] * (MAX_WAITING - 1)) == MAX_WAITING
    assert not rig.asked()
    assert rig.put(DELTA, DELTA) == 0
    assert rig.asked()
    assert rig.put(KEY, DELTA) == 2
    assert rig.queue.dropped == MAX_WAITING + 2


def test_a_key_frame_takes_the_place_of_what_waits_too_long() -> None:
    rig = Rig()
    assert rig.put(*[DELTA] * MAX_WAITING, KEY, DELTA) == 2


def test_bytes_are_bounded_too() -> None:
    rig = Rig()
    big = Frame(KEY.data + bytes(MAX_WAITING_BYTES // 3))
    assert rig.put(big, big) == 2
    assert rig.put(big) == 1
    rig.queue.get()
    assert rig.put(big, big) == 2, "what was taken does not count"


@pytest.mark.parametrize("unreadable", [Frame(b""), Frame(b"\x10\x02\x00junk")])
def test_what_cannot_be_read_is_dropped_up_to_a_key_frame(unreadable: Frame) -> None:
    rig = Rig()
    assert rig.put(KEY, unreadable) == 1
    assert rig.asked()
    assert rig.put(DELTA, unreadable) == 1, "what follows would be torn"
    assert not rig.asked()
    assert rig.put(KEY, DELTA) == 3
    assert rig.queue.dropped == 3


def test_at_the_end_nothing_is_left_to_decode() -> None:
    rig = Rig()
    rig.put(KEY, DELTA)
    rig.queue.put(None)
    rig.queue.put(None)
    assert rig.put(KEY) == 1
    assert rig.queue.get() is None


def test_a_thread_waits_for_what_comes() -> None:
    rig = Rig()
    got: list[object] = []
    came = threading.Event()

    def work() -> None:
        while (task := rig.queue.get()) is not None:
            got.append(task)
            came.set()

    thread = threading.Thread(target=work)
    thread.start()
    rig.put(KEY)
    assert came.wait(5)
    rig.queue.put(None)
    thread.join(5)
    assert not thread.is_alive()
    assert got == [(Vp8(), KEY)]
