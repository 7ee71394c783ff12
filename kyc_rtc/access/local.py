"""The local login of development: one user, whose password is made at the start and kept nowhere."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
import secrets
from collections import deque
from typing import Final

from kyc_rtc.access.people import Person
from kyc_rtc.clock import Clock
from kyc_rtc.errors import RateLimited, Unauthorised
from kyc_rtc.scopes import Role

USER: Final = "admin"
MAX_WRONG: Final = 5
WINDOW_MS: Final = 60_000.0
MAX_PASSWORD_CHARS: Final = 128
_ADMIN: Final = Person(f"local:{USER}", USER, (Role.ADMIN,))
_COST: Final = 2**14
"""`n` of scrypt (RFC 7914), with r = 8 and p = 1: 16 MiB and some 50 ms."""


class LocalLogin:
    """Knows one password by its hash. `check` takes at most five wrong ones a minute, whoever sends them."""

    def __init__(self, password: str, clock: Clock) -> None:
        self._salt = secrets.token_bytes(16)
        self._hash = self._derived(password)
        self._clock = clock
        self._wrong_at_ms: deque[float] = deque(maxlen=MAX_WRONG)

    async def check(self, user: str, password: str) -> Person:
        """Who it is. Raises `Unauthorised`, and `RateLimited` after too many wrong passwords."""
        now_ms = self._clock.monotonic_ms()
        if len(self._wrong_at_ms) == MAX_WRONG:
            wait_ms = self._wrong_at_ms[0] + WINDOW_MS - now_ms
            if wait_ms > 0:
                raise RateLimited(
                    "too many wrong passwords",
                    hint="try again after Retry-After seconds",
                    retry_after_s=math.ceil(wait_ms / 1_000),
                )
        self._wrong_at_ms.append(now_ms)  # before it is checked: several may come at one time
        derived = await asyncio.to_thread(self._derived, password)
        same_user = hmac.compare_digest(user.encode(), USER.encode())
        if not hmac.compare_digest(derived, self._hash) or not same_user:
            raise Unauthorised(
                "user or password is wrong", hint="the password was printed when the server started"
            )
        self._wrong_at_ms.remove(now_ms)
        return _ADMIN

    def _derived(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self._salt, n=_COST, r=8, p=1)


def new_password() -> str:
    """A password with 96 bits of randomness, to be printed once."""
    return secrets.token_urlsafe(12)
