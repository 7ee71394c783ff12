"""Where a request comes from, and which headers may say so."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.addresses import is_trusted, parsed, party_of
from kyc_rtc.errors import BadRequest
from signaling.addresses import Source, check_host, source_of

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY, CLIENT, OTHER = "10.0.0.1", "203.0.113.7", "198.51.100.9"


@pytest.mark.parametrize(
    ("peer", "hops", "elements", "protos", "expected"),
    [
        (CLIENT, [], [], [], Source(CLIENT)),
        (CLIENT, [OTHER], [{"for": OTHER, "proto": "https"}], ["https"], Source(CLIENT)),
        (PROXY, [], [], [], Source(PROXY)),
        (PROXY, [CLIENT], [], [], Source(CLIENT)),
        (PROXY, [CLIENT], [], ["https"], Source(CLIENT, secure=True)),
        (PROXY, [CLIENT], [], [" HTTP "], Source(CLIENT, secure=False)),
        (PROXY, [CLIENT], [], ["gopher"], Source(CLIENT)),
        (PROXY, [CLIENT], [], ["https", "http"], Source(CLIENT, secure=False)),
        (PROXY, [f"{OTHER}, {CLIENT}"], [], [], Source(CLIENT)),
        (PROXY, [OTHER, CLIENT], [], [], Source(CLIENT)),
        (PROXY, [f"{OTHER}, {CLIENT}, 10.9.9.9"], [], [], Source(CLIENT)),
        (PROXY, ["10.3.3.3, 10.2.2.2"], [], [], Source("10.3.3.3")),
        (PROXY, [f"{CLIENT}, unknown"], [], [], Source(PROXY)),
        (PROXY, [f"{CLIENT}, junk, 10.2.2.2"], [], [], Source("10.2.2.2")),
        (PROXY, [""], [], [], Source(PROXY)),
        (PROXY, [f"{CLIENT}:4711"], [], [], Source(CLIENT)),
        (PROXY, ["[2001:db8::1]:4711"], [], [], Source("2001:db8::1")),
        (PROXY, ["2001:db8::1"], [], [], Source("2001:db8::1")),
        (PROXY, [f"::ffff:{CLIENT}"], [], [], Source(CLIENT)),
        (f"::ffff:{PROXY}", [CLIENT], [], [], Source(CLIENT)),
        ("fd00::1", [CLIENT], [], [], Source(CLIENT)),
        (PROXY, [], [{"for": CLIENT, "proto": "https"}], [], Source(CLIENT, secure=True)),
        (PROXY, [], [{"for": OTHER}, {"for": '"[2001:db8::2]"'}], [], Source("2001:db8::2")),
        (PROXY, [], [{"for": CLIENT}, {"for": "_hidden"}], [], Source(PROXY)),
        (PROXY, [], [{"by": CLIENT}], [], Source(PROXY)),
        (PROXY, [CLIENT], [{"for": OTHER}], [], Source(CLIENT)),
        (PROXY, [CLIENT], [{"for": OTHER, "proto": "https"}], [], Source(CLIENT)),
        (PROXY, [""], [{"for": CLIENT, "proto": "https"}], [""], Source(CLIENT, secure=True)),
        (PROXY, ["", " , "], [{"for": CLIENT}], [], Source(CLIENT)),
        (PROXY, [CLIENT, ""], [{"for": OTHER}], [], Source(PROXY)),
        (PROXY, [], [{"for": OTHER, "proto": "https"}, {"for": CLIENT}], [], Source(CLIENT)),
        (PROXY, [], [{"for": CLIENT, "proto": "https"}], ["http"], Source(CLIENT, secure=False)),
    ],
)
def test_the_client_is_the_right_most_that_is_not_a_proxy(
    peer: str,
    hops: list[str],
    elements: list[Mapping[str, str]],
    protos: list[str],
    expected: Source,
) -> None:
    assert source_of(peer, hops, elements, protos, TRUSTED) == expected


ADDRESSES = st.ip_addresses().map(str)
HEADERS = st.lists(st.one_of(ADDRESSES, st.text(max_size=40)), max_size=5)


@given(ADDRESSES, HEADERS, HEADERS)
def test_whom_nobody_trusts_cannot_say_anything(
    peer: str, hops: list[str], protos: list[str]
) -> None:
    assert source_of(peer, hops, [{"for": hop} for hop in hops], protos, ()) == Source(peer)


@given(HEADERS, st.ip_addresses(v=4).filter(lambda a: not is_trusted(str(a), TRUSTED)))
def test_nothing_left_of_the_client_matters(written: list[str], client: object) -> None:
    found = source_of(PROXY, [*written, str(client)], [], [], TRUSTED)
    assert found.address == str(client)


@given(HEADERS)
def test_the_source_is_always_an_address(hops: list[str]) -> None:
    found = source_of(PROXY, hops, [], [], TRUSTED).address
    assert ip_address(found)


@pytest.mark.parametrize(
    ("address", "party"),
    [
        (CLIENT, CLIENT),
        (f"::ffff:{CLIENT}", CLIENT),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (f"::ffff:{CLIENT}%eth0", CLIENT),
        (f"{CLIENT}%eth0", f"{CLIENT}%eth0"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_limits_count_networks_of_ipv6(address: str, party: str) -> None:
    assert party_of(address) == party


def test_a_zone_does_not_make_a_proxy_a_stranger() -> None:
    assert is_trusted("fe80::1%eth0", (ip_network("fe80::/10"),))
    assert str(parsed("fe80::1%eth0")) == "fe80::1"


@pytest.mark.parametrize(
    "host",
    ["a", "kyc.bank.example", "kyc.bank.example:8443", "127.0.0.1:80", "[::1]:8080", "a_b.c"],
)
def test_a_host_can_stand_in_a_link(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a/b",
        "a#b",
        "a?b",
        "u@a",
        "a:b",
        "a:99999",
        "[",
        "[::1",
        "-a",
        "a\x00",
        "é",
        "a:",
    ],
)
def test_another_is_refused(host: str) -> None:
    with pytest.raises(BadRequest, match="Host"):
        check_host(host)
