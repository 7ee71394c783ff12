"""What a session's connection was like: peers, gaps, time to answer. Facts for the evidence, no score."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.sessions.events import Client, Now, Transport

MAX_PEERS_LISTED = 16
GAP_MS = 1_000.0
"""Between two frames; a shorter pause is jitter."""


class Connection:
    """Gathers the facts of one session. Memory is bounded."""

    def __init__(self) -> None:
        self.transport: Transport | None = None
        self._peers: list[dict[str, Any]] = []
        self._peer_count = 0
        self._gap_count = 0
        self._gaps_ms = self._longest_gap_ms = 0.0
        self._voids: Counter[VoidReason] = Counter()

    def joined(self, client: Client, now: Now, *, took_over: bool = False) -> dict[str, Any]:
        """Note a peer; what the journal says of it. Uploads stay the transport once there were any.
        `took_over`: it replaced another device that was connected."""
        if self.transport is not Transport.UPLOAD:
            self.transport = client.transport
        self._peer_count += 1
        peer = {
            "number": self._peer_count,
            "transport": client.transport.value,
            "address_prefix": client.address_prefix,
            "user_agent": client.user_agent,
            "joined_at_ms": now.wall_ms,
            "took_over": took_over,
        }
        if len(self._peers) < MAX_PEERS_LISTED:
            self._peers.append(peer)
        return peer

    def gap(self, gap_ms: float) -> None:
        """Note the longest time between two frames, of those since the last call."""
        if gap_ms >= GAP_MS:
            self._gap_count += 1
            self._gaps_ms += gap_ms
            self._longest_gap_ms = max(self._longest_gap_ms, gap_ms)

    def voided(self, reason: VoidReason) -> None:
        """Note a challenge that was voided."""
        self._voids[reason] += 1

    def facts(self, answers_ms: tuple[int, ...]) -> dict[str, Any]:
        """Everything as JSON. `answers_ms`: from each prompt to its answer, in real time."""
        return {
            "transport": self.transport.value if self.transport else None,
            "peers": self._peer_count,
            "reconnects": max(0, self._peer_count - 1),
            "clients": list(self._peers),
            "gaps": self._gap_count,
            "gaps_ms": round(self._gaps_ms),
            "longest_gap_ms": round(self._longest_gap_ms),
            "voided": {reason.value: count for reason, count in sorted(self._voids.items())},
            "answers_ms": list(answers_ms),
        }
