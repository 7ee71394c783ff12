"""Two devices on one link: one goes on, each may take over once, and nobody is thrown out in turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import Conflict, ContinuedElsewhere, InUse
from kyc_rtc.sessions.devices import MAX_PEERS, Devices
from kyc_rtc.sessions.events import Client
from kyc_rtc.sessions.farewells import FAREWELL_MS
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.sessions.journal import EntryType
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import Stage


def connect(devices: Devices, instance: str, *, take_over: bool = False, occupied: bool) -> str:
    """What comes of an offer: the code of the refusal, or whether it took over."""
    client = Client(instance=instance, take_over=take_over)
    refusal = devices.refusal(client, occupied=occupied)
    if refusal is not None:
        return refusal.code
    return "took_over" if devices.join(client, occupied=occupied) else "joined"


@pytest.mark.parametrize(
    ("offers", "outcomes"),
    [
        (["a"], ["joined"]),
        (["a", "a", "a!"], ["joined", "joined", "joined"]),  # a reconnect is not a takeover
        (["a", "b"], ["joined", "in_use"]),
        (["a", "b!", "b"], ["joined", "took_over", "joined"]),
        (["a", "b!", "a"], ["joined", "took_over", "in_use"]),
        (["a", "b!", "a!"], ["joined", "took_over", "took_over"]),
        (
            ["a", "b!", "a!", "b", "b!", "a"],
            [
                "joined",
                "took_over",
                "took_over",
                "continued_elsewhere",
                "continued_elsewhere",
                "joined",
            ],
        ),
        (["a!", "b!"], ["joined", "took_over"]),  # nobody was there: nothing was taken over
        # Who does not name itself replaces whoever is there, and is asked for like any other.
        (["", ""], ["joined", "joined"]),
        (["a", "", "a", "a!"], ["joined", "joined", "in_use", "took_over"]),
    ],
)
def test_who_has_the_session(offers: list[str], outcomes: list[str]) -> None:
    """`!` stands for the button."""
    devices = Devices()
    found = [
        connect(devices, offer.rstrip("!"), take_over=offer.endswith("!"), occupied=number > 0)
        for number, offer in enumerate(offers)
    ]
    assert found == outcomes


def test_where_nobody_is_connected_another_device_goes_on() -> None:
    devices = Devices()
    connect(devices, "a", occupied=False)
    assert connect(devices, "b", occupied=False) == "joined"
    assert connect(devices, "a", occupied=True) == "in_use"


offer = st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans())


@given(st.lists(offer, max_size=40))
def test_so_many_devices_so_many_takeovers(offers: list[tuple[str, bool]]) -> None:
    devices = Devices()
    outcomes = [
        (name, connect(devices, name, take_over=said, occupied=number > 0))
        for number, (name, said) in enumerate(offers)
    ]
    takers = [name for name, outcome in outcomes if outcome == "took_over"]
    assert len(takers) == len(set(takers))


def test_a_session_has_had_so_many_peers_at_most() -> None:
    devices = Devices()
    for number in range(MAX_PEERS):
        devices.join(Client(instance=str(number)), occupied=False)
    refusal = devices.refusal(Client(), occupied=False)
    assert isinstance(refusal, Conflict)
    assert not isinstance(refusal, InUse | ContinuedElsewhere)


# On a session


async def offer_from(
    stage: Stage, session_id: str, instance: str, *, take_over: bool = False
) -> None:
    client = ClientView(instance=instance, take_over=take_over)
    await stage.service.offer(session_id, browser_like_offer(), client)
    stage.peer.connect()
    stage.peer.say("ready")
    await stage.clock.advance(10)


def peers_in_journal(stage: Stage, session_id: str) -> list[tuple[str, Any]]:
    """Who caused each join, and whether it was a takeover."""
    return [
        (entry.actor, entry.payload["took_over"])
        for entry in stage.journal(session_id)
        if entry.type == EntryType.PEER and "transport" in entry.payload
    ]


async def test_the_later_device_takes_over_once_and_both_are_notified(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await offer_from(stage, session_id, "phone")
    await stage.perform(lambda: stage.has_sent("challenge"))
    phone = stage.peer
    with pytest.raises(InUse):
        await offer_from(stage, session_id, "laptop")
    assert len(stage.peers) == 1  # refused before a peer was made
    assert not phone.closed
    await offer_from(stage, session_id, "laptop", take_over=True)
    laptop = stage.peer
    message = phone.last_sent("replaced")
    assert (message["code"], message["hint"]) == ("continued_elsewhere", "hint.continued_elsewhere")
    assert (message["label"], message["can_take_over"]) == ("kyc", True)
    assert [peer.closed for peer in stage.peers] == [False, False]  # it has a moment to read it
    await stage.clock.advance(FAREWELL_MS)
    assert [peer.closed for peer in stage.peers] == [True, False]
    assert "replaced" not in laptop.types_sent()
    voided = [e for e in stage.journal(session_id) if e.type == EntryType.CHALLENGE_VOIDED]
    assert [entry.payload["reason"] for entry in voided] == ["peer"]
    with pytest.raises(InUse):
        await offer_from(stage, session_id, "phone")  # by itself it does not come back
    assert peers_in_journal(stage, session_id) == [("server", False), ("applicant", True)]
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(session_id)
    assert view.status == "PASSED"
    assert view.connection is not None
    assert [one["took_over"] for one in view.connection["clients"]] == [False, True]


async def test_there_is_no_ping_pong(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await offer_from(stage, session_id, "phone")
    await offer_from(stage, session_id, "laptop", take_over=True)
    laptop = stage.peer
    await offer_from(stage, session_id, "phone", take_over=True)
    assert laptop.last_sent("replaced")["can_take_over"] is False
    phone = stage.peer
    for take_over in (False, True):
        with pytest.raises(ContinuedElsewhere):
            await offer_from(stage, session_id, "laptop", take_over=take_over)
    await stage.clock.advance(5_000)
    assert not phone.closed
    assert "replaced" not in phone.types_sent()


async def test_a_reconnect_is_not_a_takeover(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await offer_from(stage, session_id, "phone")
    first = stage.peer
    await offer_from(stage, session_id, "phone")
    assert first.closed
    assert "replaced" not in first.types_sent()
    assert peers_in_journal(stage, session_id) == [("server", False), ("server", False)]


async def test_after_a_lost_link_another_device_goes_on_without_asking(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await offer_from(stage, session_id, "phone")
    await stage.peer.aclose()
    await stage.clock.advance(100)
    await offer_from(stage, session_id, "laptop")
    with pytest.raises(InUse):
        await offer_from(stage, session_id, "phone")


async def test_clients_without_a_name_replace_each_other_as_before(stage: Stage) -> None:
    session_id = await stage.join()
    first = stage.peer
    await stage.connect(session_id)
    assert first.closed
    assert "replaced" not in first.types_sent()
    await offer_from(stage, session_id, "phone", take_over=True)
    phone = stage.peer
    await stage.connect(session_id)  # a program without a screen needs no button
    assert phone.last_sent("replaced")["can_take_over"] is False
