"""When a live session is over, or its peer is. Pure: monotonic facts in, a step out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyc_rtc.settings import LimitSettings, MediaSettings

KEYFRAME_AFTER_MS = 1_500.0
"""A connected camera that shows nothing new for so long is asked for a whole picture."""

UNJOINED_LIMIT_MS = 10_000.0
"""For so long a session without a peer, a picture or a verdict stays in this process."""


class Unjoined:
    """The time that a session has waited for anybody, from the first look on."""

    def __init__(self) -> None:
        self._since_ms: float | None = None

    def is_over(self, now_ms: float) -> bool:
        """Whether it is given back, as if it had never begun."""
        if self._since_ms is None:
            self._since_ms = now_ms
        return now_ms - self._since_ms > UNJOINED_LIMIT_MS


def pace_ms(fps: float) -> float:
    """The least time between two analysed frames: a tenth is slack for a camera's jitter."""
    return 900.0 / fps


class Step(StrEnum):
    """What has to be done now."""

    NOTHING = "nothing"
    REQUEST_KEYFRAME = "request_keyframe"
    DROP_PEER = "drop_peer"
    END_LINK_LOST = "end_link_lost"
    END_TIME_LIMIT = "end_time_limit"


@dataclass(frozen=True, slots=True)
class Facts:
    """Monotonic milliseconds. `joined_at_ms`: first peer or upload, None before; `last_heard_ms`: last
    packet or message of the present peer (or upload); `alone_since_ms`: when the last peer went."""

    joined_at_ms: float | None
    has_peer: bool
    last_heard_ms: float
    last_frame_ms: float
    alone_since_ms: float


def next_step(facts: Facts, now_ms: float, media: MediaSettings, limits: LimitSettings) -> Step:
    """The most urgent step. Before the first peer or picture there is none."""
    if facts.joined_at_ms is None:
        return Step.NOTHING
    if now_ms - facts.joined_at_ms > limits.session_time_limit_ms:
        return Step.END_TIME_LIMIT
    if not facts.has_peer:
        alone_ms = now_ms - max(facts.alone_since_ms, facts.last_heard_ms)
        return Step.END_LINK_LOST if alone_ms > media.reconnect_grace_ms else Step.NOTHING
    if now_ms - facts.last_heard_ms > media.silence_limit_ms:
        return Step.DROP_PEER
    if now_ms - facts.last_frame_ms > KEYFRAME_AFTER_MS:
        return Step.REQUEST_KEYFRAME
    return Step.NOTHING
