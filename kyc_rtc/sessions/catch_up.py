"""What a client missed of a session's journal, and the challenge that is open. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kyc_rtc.sessions.course import Course
from kyc_rtc.sessions.effects import Send
from kyc_rtc.sessions.events import Now
from kyc_rtc.sessions.journal import EntryType, message_of
from kyc_rtc.sessions.ledger import Ledger
from kyc_rtc.sessions.messages import Exposure
from kyc_rtc.sessions.wire import Outbound
from kyc_rtc.storage.records import EventRecord

_ENDS_A_CHALLENGE = (EntryType.CHALLENGE_VOIDED, EntryType.CHALLENGE_RESULT, EntryType.VERDICT)


@dataclass(frozen=True, slots=True)
class OpenChallenge:
    """The challenge that runs: `fields` as in the message `challenge`, `deadline_ms` in Unix time."""

    fields: dict[str, Any]
    deadline_ms: int


def open_challenge(entries: Iterable[EventRecord]) -> EventRecord | None:
    """The prompt that nothing has ended yet, of a session's stored entries in their order."""
    latest: EventRecord | None = None
    for entry in entries:
        if entry.type == EntryType.CHALLENGE:
            latest = entry
        elif entry.type in _ENDS_A_CHALLENGE:
            latest = None
    return latest


def challenge_at(entries: Iterable[EventRecord], now_ms: int) -> OpenChallenge | None:
    """The open challenge with the time that is left of it, at this Unix time; None where there is none.

    A prompt is sent as soon as it is stored, so its time began at its entry.
    """
    entry = open_challenge(entries)
    if entry is None:
        return None
    limit_ms = int(str(entry.payload["time_limit_ms"]))
    left_ms = min(limit_ms, max(0, entry.at_ms + limit_ms - now_ms))
    fields = {**entry.payload, "event": entry.seq, "time_limit_ms": left_ms}
    return OpenChallenge(fields, now_ms + left_ms)


class CatchUp:
    """The stored entries of a live session as messages."""

    def __init__(self, ledger: Ledger, course: Course, exposure: Exposure) -> None:
        self._ledger = ledger
        self._course = course
        self._exposure = exposure

    def missed(self, last_event: object, greeted_seq: int) -> list[Outbound]:
        """All after the event that a client names, or after its greeting; but no prompts, which are void or
        over by now."""
        return self._messages(self._ledger.missed(last_event, greeted_seq))

    def for_a_reader(self, after: int, now: Now) -> list[Send]:
        """For somebody who begins to read a session that goes on: what was missed, in order, and with it
        the challenge that is open, with the time that is left."""
        found, media_ms = self.missed(after, 0), self._course.media_ms
        challenge = challenge_at(self._ledger.after(0), now.wall_ms)
        # A prompt may be withdrawn before it is sent; nothing would take it back.
        if challenge is not None and self._course.asks(challenge.fields["event"]):
            deadline = {"deadline_t_ms": media_ms + challenge.fields["time_limit_ms"]}
            found.append(Outbound(EntryType.CHALLENGE, challenge.fields | deadline))
            found.sort(key=lambda message: int(message.fields["event"]))
        return [Send(message, media_ms) for message in found]

    def _messages(self, entries: Sequence[EventRecord]) -> list[Outbound]:
        made = (message_of(entry, self._exposure, 0) for entry in entries)
        return [message for message in made if message is not None]
