"""Places for connections: how many, whose, and that a place comes back."""

from __future__ import annotations

import socket
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.places import Listener, Places, connection_limit

PROXIES = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("wanted", "descriptors", "live", "expected"),
    [
        (1_000, 1_048_576, 100, 1_000),
        (1_000, 1_024, 100, 560),
        (1_000, 1_024, 1, 956),
        (100, 1_024, 100, 100),
        (1_000, 256, 100, 128),
        (1_000, 2, 100, 1),
        (1_000, 0, 100, 1),
    ],
)
def test_descriptors_are_left_for_others(
    wanted: int, descriptors: int, live: int, expected: int
) -> None:
    assert connection_limit(wanted, descriptors, live) == expected


def test_one_address_has_so_many_and_no_more() -> None:
    places = Places(100, 3, ())
    taken = [places.take("192.0.2.1") for _ in range(5)]
    assert taken == ["192.0.2.1"] * 3 + [None] * 2
    assert places.take("192.0.2.2") == "192.0.2.2"
    assert (places.taken, places.refused(), places.refused()) == (4, 2, 0)
    places.free("192.0.2.1")
    assert places.take("192.0.2.1") == "192.0.2.1"


def test_the_last_places_are_for_who_has_at_most_one() -> None:
    places = Places(80, 64, ())
    greedy = [places.take(f"192.0.2.{number % 2}") for number in range(100)]
    assert sum(one is not None for one in greedy) == 70
    assert [places.take("198.51.100.1") for _ in range(3)] == ["198.51.100.1"] * 2 + [None]


def test_trusted_proxies_have_no_limit_of_their_own() -> None:
    places = Places(50, 2, PROXIES)
    assert all(places.take("10.0.0.1") for _ in range(50))
    assert places.take("10.0.0.1") is None
    assert places.take("192.0.2.1") is None


def test_addresses_of_one_ipv6_network_share_their_places() -> None:
    places = Places(100, 2, ())
    assert [places.take(f"2001:db8::{n}") for n in range(3)] == ["2001:db8::/64"] * 2 + [None]


@given(
    st.integers(1, 40),
    st.integers(1, 8),
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=200),
)
def test_the_limits_hold_whatever_comes_and_goes(
    limit: int, per_address: int, steps: list[tuple[bool, int]]
) -> None:
    places = Places(limit, per_address, ())
    held: list[str] = []
    for comes, number in steps:
        if comes:
            party = places.take(f"192.0.2.{number}")
            held += [party] if party else []
        elif held:
            places.free(held.pop(number % len(held)))
        assert places.taken == len(held) <= limit
        assert all(held.count(party) <= per_address for party in held)


def listening(places: Places) -> Listener:
    listener = Listener(socket.AF_INET, places)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(5)
    return listener


def test_a_connection_without_a_place_is_reset() -> None:
    places = Places(10, 1, ())
    with listening(places) as listener, socket.create_connection(listener.getsockname()) as first:
        accepted, _ = listener.accept()
        with socket.create_connection(listener.getsockname(), timeout=5) as second:
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()
            with pytest.raises(ConnectionResetError):
                second.recv(1)
        accepted.sendall(b"x")
        assert first.recv(1) == b"x"
        assert places.taken == 1
        accepted.close()
        accepted.close()
    assert places.taken == 0
