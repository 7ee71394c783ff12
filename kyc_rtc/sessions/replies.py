"""Answers to callers that have to wait until what they rest on is stored. Pure."""

from __future__ import annotations

import math

from kyc_rtc.errors import KycError, OwnershipLost, StorageUnavailable
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.sessions.effects import Effect, Reply
from kyc_rtc.sessions.events import Request
from kyc_rtc.sessions.ledger import Ledger

MAX_WAITING = 64
_AT_THE_END = math.inf


class Replies:
    """Each waits for a journal entry, or for the end of the session."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[float, Reply]] = []

    def answer(
        self,
        request: Request | None,
        error: KycError | None = None,
        result: FrameResult | None = None,
    ) -> list[Effect]:
        """Answer once everything up to now is stored. None waits where too many do."""
        if request is None:
            return []
        reply = Reply(request, error, result)
        if not self._ledger.unstored:
            return [reply]
        return self._wait(self._ledger.last_seq, reply)

    def answer_at_the_end(
        self, request: Request | None, result: FrameResult | None = None
    ) -> list[Effect]:
        """Answer once the outcome is stored, whichever it is."""
        return [] if request is None else self._wait(_AT_THE_END, Reply(request, None, result))

    def stored(self, seq: int, *, ended: bool) -> list[Effect]:
        """The answers that are due now that everything up to `seq` is stored."""
        limit = _AT_THE_END if ended else seq
        due: list[Effect] = [reply for waited, reply in self._waiting if waited <= limit]
        self._waiting = [one for one in self._waiting if one[0] > limit]
        return due

    def fail(self) -> list[Effect]:
        """Answer everybody that the session was lost, each with an error of its own."""
        failed: list[Effect] = [Reply(reply.request, _lost()) for _, reply in self._waiting]
        self._waiting = []
        return failed

    def _wait(self, seq: float, reply: Reply) -> list[Effect]:
        if len(self._waiting) >= MAX_WAITING:
            error = StorageUnavailable("the database is away", hint="try again")
            return [Reply(reply.request, error)]
        self._waiting.append((seq, reply))
        return []


def _lost() -> OwnershipLost:
    return OwnershipLost("the session was interrupted", hint="retry the session")
