"""The callers that wait for a session's answer: one future each, for a bounded time."""

from __future__ import annotations

import asyncio
import itertools

from kyc_rtc.clock import Clock, within
from kyc_rtc.errors import AtCapacity, Conflict, KycError, StorageUnavailable
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.sessions.effects import Reply
from kyc_rtc.sessions.events import Request

ANSWER_LIMIT_MS = 8_000.0
"""For so long a caller waits for what it asked to be stored."""

UPLOAD_RETRY_S = 2


def judged_too_late() -> AtCapacity:
    """What the sender of a picture hears when the pool of analyses has too much to do."""
    return AtCapacity("the picture was not judged in time", retry_after_s=UPLOAD_RETRY_S)


class Callers:
    """Numbers callers, and hands each its answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._waiting: dict[Request, asyncio.Future[FrameResult | None]] = {}

    def enter(self) -> Request:
        """A number for a new caller, who has to call `answer` with it next."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        return number

    def leave(self, number: Request) -> None:
        """The caller does not wait."""
        self._waiting.pop(number, None)

    async def answer(self, number: Request, late: KycError | None = None) -> FrameResult | None:
        """Wait for the answer.

        Raises:
            StorageUnavailable, or an error like `late`: none came in time; what was asked may still happen.
            Besides, what the session answers with.
        """
        try:
            return await within(ANSWER_LIMIT_MS, self._waiting[number], self._clock)
        except TimeoutError:
            raise late or StorageUnavailable("the database is away", hint="ask again") from None
        finally:
            self.leave(number)

    def settle(self, reply: Reply) -> None:
        """Hand over an answer; ignored where the caller has gone."""
        waiting = self._waiting.get(reply.request)
        if waiting is None or waiting.done():
            return
        if reply.error is not None:
            waiting.set_exception(reply.error)
        else:
            waiting.set_result(reply.result)

    def close(self) -> None:
        """Answer everybody who still waits: the session is over."""
        for number in tuple(self._waiting):
            over = Conflict("the session is over", hint="retry the session")
            self.settle(Reply(number, over))
