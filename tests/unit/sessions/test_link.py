"""Facts on a session's connection, for the evidence; addresses as networks only."""

from __future__ import annotations

import pytest

from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.sessions.events import Client, Now, Transport
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.sessions.link import GAP_MS, MAX_PEERS_LISTED, Connection
from kyc_rtc.sessions.views import address_prefix
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import Stage

NOW = Now(5_000.0, 1_700_000_000_000)


def test_a_connection_that_nobody_used() -> None:
    assert Connection().facts(()) == {
        "transport": None,
        "peers": 0,
        "reconnects": 0,
        "clients": [],
        "gaps": 0,
        "gaps_ms": 0,
        "longest_gap_ms": 0,
        "voided": {},
        "answers_ms": [],
    }


def test_each_peer_is_a_fact() -> None:
    connection = Connection()
    client = Client(Transport.WHIP, "a program", "192.0.2.0/24")
    client_facts = connection.joined(client, NOW)
    assert client_facts == {
        "number": 1,
        "transport": "whip",
        "address_prefix": "192.0.2.0/24",
        "user_agent": "a program",
        "joined_at_ms": NOW.wall_ms,
        "took_over": False,
    }
    assert connection.joined(Client(), NOW)["number"] == 2
    facts = connection.facts((900, 1_200))
    assert (facts["peers"], facts["reconnects"], facts["transport"]) == (2, 1, "webrtc")
    assert facts["clients"][0] == client_facts
    assert facts["answers_ms"] == [900, 1_200]


@pytest.mark.parametrize(
    ("transports", "expected"),
    [
        (["webrtc"], "webrtc"),
        (["whip", "webrtc"], "webrtc"),
        (["upload"], "upload"),
        (["upload", "webrtc"], "upload"),  # what is weaker stays what it rests on
        (["webrtc", "upload"], "upload"),
    ],
)
def test_the_transport_that_a_verdict_rests_on(transports: list[str], expected: str) -> None:
    connection = Connection()
    for transport in transports:
        connection.joined(Client(Transport(transport)), NOW)
    assert connection.facts(())["transport"] == expected


@pytest.mark.parametrize(
    ("gaps_ms", "count", "sum_ms", "longest_ms"),
    [
        ([], 0, 0, 0),
        ([40.0, 33.4, GAP_MS - 0.1], 0, 0, 0),
        ([GAP_MS], 1, 1_000, 1_000),
        ([2_000.4, 33.0, 5_000.2, 1_500.0], 3, 8_501, 5_000),
    ],
)
def test_pauses_beyond_jitter_are_gaps(
    gaps_ms: list[float], count: int, sum_ms: int, longest_ms: int
) -> None:
    connection = Connection()
    for gap_ms in gaps_ms:
        connection.gap(gap_ms)
    facts = connection.facts(())
    assert (facts["gaps"], facts["gaps_ms"], facts["longest_gap_ms"]) == (count, sum_ms, longest_ms)


def test_voids_are_counted_by_their_reason() -> None:
    connection = Connection()
    for reason in (VoidReason.PEER, VoidReason.GAP, VoidReason.PEER):
        connection.voided(reason)
    assert connection.facts(())["voided"] == {"gap": 1, "peer": 2}


def test_memory_is_bounded_and_the_count_is_not() -> None:
    connection = Connection()
    for _ in range(3 * MAX_PEERS_LISTED):
        connection.joined(Client(), NOW)
    facts = connection.facts(())
    assert (facts["peers"], len(facts["clients"])) == (3 * MAX_PEERS_LISTED, MAX_PEERS_LISTED)
    facts["clients"].clear()
    assert len(connection.facts(())["clients"]) == MAX_PEERS_LISTED


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("127.0.0.1", "127.0.0.0/24"),
        ("255.255.255.255", "255.255.255.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::1", "::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("fe80::1%", "fe80::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("", ""),
        ("%eth0", ""),
        ("192.0.2.77:443", ""),
        ("192.0.2.0/24", ""),
        ("192.0.2", ""),
        ("[::1]", ""),
        ("a.host.example", ""),
        ("192.0.2.77, 198.51.100.1", ""),
        ("\x00", ""),
        ("१९२.0.2.1", ""),
    ],
)
def test_of_an_address_the_network_is_kept(address: str, prefix: str) -> None:
    assert address_prefix(address) == prefix


async def test_the_facts_stand_in_the_status_and_no_host_does(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    client = ClientView("a program", "192.0.2.77", whip=True)
    await stage.service.offer(session_id, browser_like_offer(), client)
    stage.peer.connect()
    stage.peer.say("ready")
    await stage.perform(lambda: stage.has_sent("challenge"))
    await stage.clock.advance(2_500)  # a gap, while a challenge is open
    await stage.show(2)
    await stage.connect(session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(session_id)
    facts = view.connection
    assert facts is not None
    assert (view.transport, facts["transport"]) == ("webrtc", "webrtc")
    assert (facts["peers"], facts["reconnects"]) == (2, 1)
    assert facts["clients"][0]["address_prefix"] == "192.0.2.0/24"
    assert facts["clients"][0]["user_agent"] == "a program"
    assert facts["gaps"] >= 1
    assert facts["longest_gap_ms"] >= 2_500
    assert facts["voided"]["gap"] == 1
    assert len(facts["answers_ms"]) == 3
    assert view.status == "PASSED"
    assert "192.0.2.77" not in str(stage.row(session_id)) + str(stage.journal(session_id))
