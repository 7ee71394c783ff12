"""Whether an applicant's token still counts, and new links in the place of old ones.

A link, and each token that it was exchanged for, carries the number of the link. The verification keeps
the number that is valid: a new link ends the former one with all its tokens, in every process.
"""

from __future__ import annotations

from kyc_rtc.errors import (
    Conflict,
    LinkReplaced,
    NotFound,
    StorageUnavailable,
    Unauthorised,
    VerificationExpired,
    Withdrawn,
)
from kyc_rtc.ids import SessionId, parse_session_id
from kyc_rtc.sessions.attempts import may_retry
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.refusals import over
from kyc_rtc.sessions.registry import SessionRegistry
from kyc_rtc.sessions.states import FINAL, SessionState
from kyc_rtc.storage.records import SessionRecord

MAX_REMEMBERED = 1_024


class JoinLinks:
    """Reads the number with every request. While the database is away, the number that was read last
    counts for the sessions that run here, so that their applicants can reconnect."""

    def __init__(self, services: Services, registry: SessionRegistry) -> None:
        self._store = services.store
        self._clock = services.clock
        self._max_attempts = services.settings.limits.session_attempts
        self._registry = registry
        self._remembered: dict[SessionId, int] = {}

    async def check(self, session_id: str, number: int, *, after_end: bool) -> None:
        """Whether a token of this link still counts for this session.

        Raises:
            Unauthorised: the verification was deleted. LinkReplaced: there is a newer link.
            Conflict: the attempt is over, or the verification cancelled, unless `after_end`.
            StorageUnavailable: it cannot be known.
        """
        key = parse_session_id(session_id)
        try:
            record = await self._store.get(key)
        except StorageUnavailable:
            if self._registry.find(key) is None or self._remembered.get(key) != number:
                raise
            return
        except NotFound:
            raise Unauthorised("the verification was deleted", hint="ask for a new link") from None
        self._remember(key, record.link_number)
        if number != record.link_number:
            raise LinkReplaced("there is a newer link", hint="open the newest link")
        if record.state in FINAL and not after_end:
            raise over(SessionState(record.state))
        if record.withdrawn and not after_end:
            raise Withdrawn("the verification was cancelled", hint="ask the institution")

    async def renew(self, verification_id: SessionId) -> list[SessionRecord]:
        """End the link of a verification; its attempts, with the number of the next one.

        Raises:
            Conflict: the verification is over, or has expired.
        """
        attempts = await self._store.attempts(verification_id)
        if not attempts:
            raise NotFound("no such session")
        latest, now_ms = attempts[-1], self._clock.now_ms()
        if latest.withdrawn:
            raise Withdrawn("the verification was cancelled", hint="start a session")
        if latest.expires_at_ms <= now_ms:
            raise VerificationExpired("the verification has expired", hint="start a session")
        if latest.state in FINAL and not may_retry(attempts, self._max_attempts, now_ms):
            raise Conflict(f"the verification is {latest.state}", hint="start a session")
        await self._store.renew_link(verification_id)
        return await self._store.attempts(verification_id)

    def _remember(self, session_id: SessionId, number: int) -> None:
        self._remembered.pop(session_id, None)
        self._remembered[session_id] = number
        if len(self._remembered) > MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
