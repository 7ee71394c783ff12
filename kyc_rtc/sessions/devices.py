"""Which device has a session: the first one, until another one takes over. Pure.

A device names itself by an instance id, such as one for each tab of a browser. Clients without one (WHIP,
integrators of earlier versions) connect as they always did: they replace whoever is there.
"""

from __future__ import annotations

from kyc_rtc.errors import Conflict, ContinuedElsewhere, InUse, KycError
from kyc_rtc.sessions import messages
from kyc_rtc.sessions.events import Client
from kyc_rtc.sessions.wire import Outbound

MAX_PEERS = 64
"""Transports that one session may have had, one after another. It bounds the takeovers too."""


class Devices:
    """Each may take a session over once while another one is connected, so that two end after two
    takeovers. To reconnect is none, and neither is to go on where nobody is connected.

    `joins`: transports so far.
    """

    def __init__(self) -> None:
        self.joins = 0
        self._holder = ""
        self._took_over: set[str] = set()

    def refusal(self, client: Client, *, occupied: bool) -> KycError | None:
        """Why this client may not connect; None where it may. `occupied`: a peer is connected."""
        if self.joins >= MAX_PEERS:
            return Conflict("too many connections in this session", hint="retry the session")
        if not occupied or not self._is_other(client):
            return None
        if client.instance in self._took_over:
            return ContinuedElsewhere(
                "the session continued on another device", hint="go on there, or retry the session"
            )
        if not client.take_over:
            return InUse("another device has the session", hint="send take_over to go on here")
        return None

    def join(self, client: Client, *, occupied: bool) -> bool:
        """Note that this client has the session from now on; whether it took it over."""
        took_over = occupied and self._is_other(client)
        if took_over:
            self._took_over.add(client.instance)
        self._holder = client.instance
        self.joins += 1
        return took_over

    def farewell(self, successor: Client) -> Outbound | None:
        """What the device that has the session hears when `successor` replaces its peer; None where that
        is the same one."""
        if successor.instance == self._holder:
            return None
        return messages.replaced(
            can_take_over=self._holder != "" and self._holder not in self._took_over
        )

    def _is_other(self, client: Client) -> bool:
        return client.instance not in ("", self._holder)
