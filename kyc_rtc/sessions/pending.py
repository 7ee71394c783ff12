"""The peers of one session that were answered and are not up yet: they have no place so far."""

from __future__ import annotations

from collections.abc import Collection

from kyc_rtc.addresses import party_of
from kyc_rtc.errors import CandidatesRefused, KycError
from kyc_rtc.ids import PeerId

PENDING_PER_PLACE = 2
"""So many peers a place may be on their way at one time: most connect within a second."""


class PendingPeers:
    """By the address that each one's offer came from."""

    def __init__(self) -> None:
        self._addresses: dict[PeerId, str] = {}
        self._unreachable: CandidatesRefused | None = None
        self._was_up = False

    @property
    def addresses(self) -> Collection[str]:
        return self._addresses.values()

    def __contains__(self, peer_id: object) -> bool:
        """Whether a peer is on its way."""
        return peer_id in self._addresses

    def answered(self, peer_id: PeerId, address: str) -> None:
        """A peer is on its way."""
        self._addresses[peer_id] = address

    def is_up(self, peer_id: PeerId) -> None:
        """Its DTLS is up."""
        self._addresses.pop(peer_id, None)
        self._unreachable, self._was_up = None, True

    def is_gone(self, peer_id: PeerId) -> None:
        self._addresses.pop(peer_id, None)

    def refused(self, error: KycError) -> None:
        """Something of a peer's is not used."""
        if isinstance(error, CandidatesRefused) and not self._was_up:
            self._unreachable = error

    def explain(self) -> None:
        """Say once why the peer before could not be reached; the next one may come from elsewhere.

        Raises:
            CandidatesRefused: none of its candidates was tried, and no peer of the session was ever up.
        """
        error, self._unreachable = self._unreachable, None
        if error is not None:
            raise error


def client_key(address: str) -> str:
    """Whose connection it is, by the address of a socket, which may name its zone."""
    return party_of(address.partition("%")[0])
