"""The queue of encoded frames before a decoder. It is short, and holds no picture that is too large."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from kyc_rtc.frames.sizes import is_too_large
from media.video_size import Size, UnreadableVideo, look_at

MAX_WAITING = 30
"""A second of a browser's camera. Older frames are of no use to a verification."""

MAX_WAITING_BYTES = 2 * 1024 * 1024


class Codec(Protocol):
    """As aiortc's codec parameters: `name` as in SDP."""

    @property
    def name(self) -> str: ...


class Encoded(Protocol):
    """As aiortc's frame from the jitter buffer."""

    @property
    def data(self) -> bytes: ...


Task = tuple[Codec, Encoded]


class DecoderQueue:
    """Between the event loop, which puts, and a decoder's thread, which gets.

    A frame that announces more than `kyc_rtc.frames.sizes` allows, or whose headers cannot be read, never
    reaches the decoder. When `MAX_WAITING` frames, or `MAX_WAITING_BYTES`, wait, all of them are dropped.
    After any such loss the following frames are dropped too, up to the next key frame of an allowed size:
    without the lost one they decode to torn pictures. `keyframe_needed` is set when such a wait begins.
    None ends the stream: the frames that still wait are not decoded.
    """

    def __init__(
        self,
        keyframe_needed: threading.Event,
        on_too_large: Callable[[Size], None],
    ) -> None:
        """`on_too_large` is called in the thread that puts."""
        self.dropped = 0
        self._keyframe_needed = keyframe_needed
        self._on_too_large = on_too_large
        self._waiting: deque[Task | None] = deque()
        self._bytes = 0
        self._until_key = self._ended = False
        self._changed = threading.Condition()

    def put(self, task: Task | None) -> None:
        """Add a frame, or the end. Never blocks."""
        with self._changed:
            if self._ended:
                return
            if task is None:
                self._ended = True
                self._clear()
            elif not self._admits(*task):
                self.dropped += 1
                return
            else:
                self._bytes += len(task[1].data)
            self._waiting.append(task)
            self._changed.notify()

    def get(self) -> Task | None:
        """The oldest frame, or the end; waits for it."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            task = self._waiting.popleft()
            if task is not None:
                self._bytes -= len(task[1].data)
            return task

    def __len__(self) -> int:
        return len(self._waiting)

    def _admits(self, codec: Codec, frame: Encoded) -> bool:
        try:
            look = look_at(codec.name, frame.data)
        except UnreadableVideo:
            self._wait_for_key()
            return False
        if look.size is not None and is_too_large(*look.size):
            self._wait_for_key()
            self._on_too_large(look.size)
            return False
        if self._is_full(frame):
            self.dropped += len(self._waiting)
            self._clear()
            self._wait_for_key()
        self._until_key = self._until_key and not look.is_key
        return not self._until_key

    def _wait_for_key(self) -> None:
        if not self._until_key:
            self._until_key = True
            self._keyframe_needed.set()

    def _is_full(self, frame: Encoded) -> bool:
        too_many_bytes = self._bytes + len(frame.data) > MAX_WAITING_BYTES
        return len(self._waiting) >= MAX_WAITING or (bool(self._waiting) and too_many_bytes)

    def _clear(self) -> None:
        self._waiting.clear()
        self._bytes = 0
