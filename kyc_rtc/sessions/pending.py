"""The peers of one session that were answered and are not up yet: they have no place so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kyc_rtc.addresses import Network, is_trusted, party_of
from kyc_rtc.errors import CandidatesRefused, KycError
from kyc_rtc.ids import PeerId

PENDING_PER_PLACE = 2
"""So many peers a place may be on their way at one time: most connect within a second."""

MAX_REMEMBERED = 8
"""Peers, with the devices that they belong to: more than there are at one time."""


class PendingPeers:
    """By the address that each one's offer came from."""

    def __init__(self) -> None:
        self._addresses: dict[PeerId, str] = {}
        self._instances: dict[PeerId, str] = {}
        self._unreachable: dict[str, CandidatesRefused] = {}
        self._was_up = False

    @property
    def addresses(self) -> Collection[str]:
        return self._addresses.values()

    def __contains__(self, peer_id: object) -> bool:
        """Whether a peer is on its way."""
        return peer_id in self._addresses

    def answered(self, peer_id: PeerId, address: str, instance: str = "") -> None:
        """A peer of this device is on its way."""
        self._addresses[peer_id] = address
        self._instances[peer_id] = instance
        if len(self._instances) > MAX_REMEMBERED:
            self._instances.pop(next(iter(self._instances)))

    def is_up(self, peer_id: PeerId) -> None:
        """Its DTLS is up."""
        self._addresses.pop(peer_id, None)
        self._unreachable.clear()
        self._was_up = True

    def is_gone(self, peer_id: PeerId) -> None:
        self._addresses.pop(peer_id, None)

    def refused(self, peer_id: PeerId, error: KycError) -> None:
        """Something of a peer's is not used."""
        instance = self._instances.get(peer_id)
        if isinstance(error, CandidatesRefused) and not self._was_up and instance is not None:
            self._unreachable[instance] = error
            if len(self._unreachable) > MAX_REMEMBERED:
                self._unreachable.pop(next(iter(self._unreachable)))

    def explain(self, instance: str) -> None:
        """Say once why this device's peer before could not be reached; the next one may come from
        elsewhere.

        Raises:
            CandidatesRefused: none of its candidates was tried, and no peer of the session was ever up.
        """
        error = self._unreachable.pop(instance, None)
        if error is not None:
            raise error

    @property
    def latest(self) -> PeerId | None:
        """The peer that was answered last, up or gone."""
        return next(reversed(self._instances), None)

    def knows(self, peer_id: PeerId) -> bool:
        """Whether it is one of the latest peers of the session."""
        return peer_id in self._instances

    def explain_peer(self, peer_id: PeerId) -> None:
        """As `explain`, for the device of a peer."""
        if peer_id in self._instances:
            self.explain(self._instances[peer_id])


def client_key(address: str, trusted: Iterable[Network]) -> str:
    """The party whose connection it is; empty for a trusted proxy that does not say for whom it is."""
    return "" if is_trusted(address, trusted) else party_of(address)
