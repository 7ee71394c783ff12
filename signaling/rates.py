"""Limits on the rate of calls that create: token buckets, of which there is a bounded number."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from kyc_rtc.addresses import Network, is_trusted, party_of
from kyc_rtc.clock import Clock
from kyc_rtc.errors import RateLimited
from kyc_rtc.settings import HttpSettings
from signaling.principals import Principal

POLICY = "creating-calls"
MAX_BUCKETS = 10_000
"""Of one kind. The one that was used longest ago makes way; it is full again by then, unless so many
callers come within `burst / rate` seconds."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a caller may still ask for. `limit` calls at once, which take `window_s` to come back;
    `remaining` of them are left, and in `reset_s` all are there again."""

    limit: int
    window_s: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """As the IETF's draft on RateLimit header fields writes it (ietf-httpapi-ratelimit-headers, 3, 4)."""
        return {
            "RateLimit-Policy": f'"{POLICY}";q={self.limit};w={self.window_s}',
            "RateLimit": f'"{POLICY}";r={self.remaining};t={self.reset_s}',
        }


class Buckets:
    """Token buckets by key: each holds `burst` tokens and gets `rate_per_s` of them back."""

    def __init__(self, rate_per_s: float, burst: int, max_buckets: int = MAX_BUCKETS) -> None:
        self._rate_per_ms = rate_per_s / 1_000
        self._burst = float(burst)
        self._max_buckets = max_buckets
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str, now_ms: float) -> float:
        """Take a token: 0, or where there is none the milliseconds until there will be one."""
        level, since_ms = self._levels.pop(key, (self._burst, now_ms))
        level = min(self._burst, level + max(0.0, now_ms - since_ms) * self._rate_per_ms)
        wait_ms = 0.0 if level >= 1.0 else (1.0 - level) / self._rate_per_ms
        self._levels[key] = (level if wait_ms else level - 1.0, now_ms)
        if len(self._levels) > self._max_buckets:
            self._levels.popitem(last=False)
        return wait_ms

    def quota(self, key: str, now_ms: float) -> Quota:
        """What is left. Takes nothing."""
        level, since_ms = self._levels.get(key, (self._burst, now_ms))
        level = min(self._burst, level + max(0.0, now_ms - since_ms) * self._rate_per_ms)
        return Quota(
            limit=int(self._burst),
            window_s=math.ceil(self._burst / self._rate_per_ms / 1_000),
            remaining=int(level),
            reset_s=math.ceil((self._burst - level) / self._rate_per_ms / 1_000),
        )


class Rates:
    """Limits the calls that create: of an institution by its key, of an applicant by address and session."""

    def __init__(self, settings: HttpSettings, trusted: Iterable[Network], clock: Clock) -> None:
        self._clock = clock
        self._trusted = tuple(trusted)
        self._on = settings.rate_limits
        self._keys = Buckets(settings.key_rate_per_s, settings.key_burst)
        self._addresses = Buckets(settings.address_rate_per_s, settings.address_burst)
        self._sessions = Buckets(settings.address_rate_per_s, settings.address_burst)

    def check_source(self, principal: Principal, address: str) -> None:
        """Count a call by where it comes from: the institution's key, or an applicant's address. Raises
        `RateLimited`."""
        if not self._on:
            return
        if principal.is_institution:
            self._take(self._keys, principal.key_id)
        elif not is_trusted(address, self._trusted):  # a proxy that does not say for whom
            self._take(self._addresses, party_of(address))

    def check_session(self, principal: Principal) -> None:
        """Count a call for an applicant's session. To be called once its token is confirmed: whoever has
        only an old link must not use up what belongs to the new one. Raises `RateLimited`."""
        if self._on and principal.session_id:
            self._take(self._sessions, principal.session_id)

    def quota(self, principal: Principal, address: str) -> Quota | None:
        """The tightest of the quotas that this caller's calls count on; None where none does."""
        if not self._on:
            return None
        counted = []
        if principal.is_institution:
            counted.append((self._keys, principal.key_id))
        elif not is_trusted(address, self._trusted):
            counted.append((self._addresses, party_of(address)))
        if principal.session_id:
            counted.append((self._sessions, principal.session_id))
        now_ms = self._clock.monotonic_ms()
        quotas = [buckets.quota(key, now_ms) for buckets, key in counted]
        return min(quotas, key=lambda quota: quota.remaining, default=None)

    def _take(self, buckets: Buckets, key: str) -> None:
        wait_ms = buckets.take(key, self._clock.monotonic_ms())
        if wait_ms:
            raise RateLimited(
                "too many calls of this kind",
                hint="ask again after Retry-After seconds",
                retry_after_s=math.ceil(wait_ms / 1_000),
            )
