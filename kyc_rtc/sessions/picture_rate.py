"""Whether a camera, or a client that uploads, sends too few pictures a second. Pure.

A blink lasts 100 to 400 ms: below some eight pictures a second it can fall between two of them. Who sends
too few hears it; it never counts against anybody.
"""

from __future__ import annotations

from collections import deque

from kyc_rtc.sessions import messages
from kyc_rtc.sessions.wire import Outbound

ENOUGH_PER_S = 8.0
RECOVERED_PER_S = 9.0
"""What ends the notice: a rate near the limit would make it come and go."""

WINDOW_MS = 3_000.0
MAX_LOOKS = 32


class PictureRate:
    """`look` is called several times a second, with the number of pictures that have come."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=MAX_LOOKS)
        self.is_low = False

    def restart(self) -> None:
        """Another client sends from now on."""
        self._looks.clear()
        self.is_low = False

    def look(self, now_ms: float, pictures: int) -> list[Outbound]:
        """The message that is due. A sender that stopped altogether is judged elsewhere, and one that
        began within the window not yet."""
        self._looks.append((now_ms, pictures))
        while len(self._looks) > 1 and now_ms - self._looks[1][0] >= WINDOW_MS:
            self._looks.popleft()
        since_ms, before = self._looks[0]
        came = pictures - before
        if before == 0:
            self._looks.clear()
            self._looks.append((now_ms, pictures))
            return []
        if now_ms - since_ms < WINDOW_MS or came == 0:
            return []
        per_s = came * 1_000 / (now_ms - since_ms)
        was_low = self.is_low
        self.is_low = per_s < (RECOVERED_PER_S if was_low else ENOUGH_PER_S)
        if self.is_low == was_low:
            return []
        return [messages.notice(messages.FEW_PICTURES if self.is_low else None)]
