"""Which ICE candidates are tried."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from aiortc import RTCIceCandidate
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.settings import MediaSettings, Settings
from media.candidates import MAX_NAMES, CandidateRule, Reach, reach_of

DEVELOPMENT = CandidateRule(private=True, local=True)
BRANCH = CandidateRule(private=True, local=False)
PRODUCTION = CandidateRule(private=False, local=False)


def candidate(ip: str, changes: dict[str, object] | None = None) -> RTCIceCandidate:
    made = RTCIceCandidate(1, "1", ip, 5_000, 1, "udp", "host")
    for name, value in (changes or {}).items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("reach", "addresses"),
    [
        (
            Reach.PUBLIC,
            (
                "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 "
                "2002:808:808::1"
            ),
        ),
        (
            Reach.PRIVATE,
            (
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 fc00::1 fd12::1 "
                "fec0::1 ::ffff:10.0.0.1 ::ffff:100.64.0.1 2002:a00:1::1"
            ),
        ),
        (
            Reach.LOCAL,
            (
                "127.0.0.1 127.255.0.1 169.254.169.254 0.0.0.1 192.0.2.1 198.18.0.1 240.0.0.1 ::1 fe80::1 "
                "fe80::1%eth0 ::10.0.0.1 64:ff9b::a00:1 2001:db8::1 2001::1 ::ffff:127.0.0.1 "
                "::ffff:169.254.169.254 2002:7f00:1::1 100::1 4000::1"
            ),
        ),
        (
            Reach.NOWHERE,
            (
                "0.0.0.0 255.255.255.255 224.0.0.251 239.1.1.1 :: ff02::fb ::ffff:0.0.0.0 ::ffff:224.0.0.1 "
                "example.com a.local 1.2.3 010.0.0.1 0x7f.1 2130706433 1.2.3.4:5 [::1]"
            ),
        ),
    ],
)
def test_where_addresses_lead(reach: Reach, addresses: str) -> None:
    assert {address: reach_of(address) for address in addresses.split()} == dict.fromkeys(
        addresses.split(), reach
    )


@pytest.mark.parametrize(
    ("rule", "admitted"),
    [
        (PRODUCTION, ["8.8.8.8"]),
        (BRANCH, ["8.8.8.8", "10.0.0.1", "fd12::1"]),
        (DEVELOPMENT, ["8.8.8.8", "10.0.0.1", "fd12::1", "127.0.0.1", "fe80::1"]),
    ],
)
def test_what_a_rule_admits(rule: CandidateRule, admitted: list[str]) -> None:
    offered = [
        "8.8.8.8",
        "10.0.0.1",
        "fd12::1",
        "127.0.0.1",
        "fe80::1",
        "::",
        "224.0.0.251",
        "",
    ]
    assert [address for address in offered if rule.admits(address)] == admitted


@given(
    st.one_of(
        st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)
    )
)
def test_production_sends_nothing_where_python_sees_no_public_host(
    address: IPv4Address | IPv6Address,
) -> None:
    if PRODUCTION.admits(str(address)):
        inside = getattr(address, "ipv4_mapped", None) or address
        assert inside.is_global
        assert not (inside.is_multicast)
        assert not (inside.is_reserved)
        assert not (inside.is_unspecified)


@given(st.text(max_size=60))
def test_any_text_leads_nowhere_or_somewhere(text: str) -> None:
    assert reach_of(text) in Reach


@pytest.mark.parametrize(
    "spoilt",
    [
        {"protocol": "tcp"},
        {"component": 2},
        {"port": 0},
        {"port": 99_999_999_999},
        {"port": -1},
        {"type": "prflx"},
        {"type": "x"},
    ],
)
def test_what_aioice_cannot_use_is_left_out(spoilt: dict[str, object]) -> None:
    whole = candidate("8.8.8.8")
    assert PRODUCTION.admitted([candidate("8.8.8.8", spoilt), whole], {}) == [whole]


def test_names_are_resolved_only_where_private_addresses_are_tried() -> None:
    named = [candidate(f"{n}.local") for n in range(MAX_NAMES + 3)] + [candidate("0.local")]
    assert PRODUCTION.names_of(named) == ()
    assert BRANCH.names_of(named) == tuple(f"{n}.local" for n in range(MAX_NAMES))
    assert BRANCH.names_of([candidate("host.example"), candidate("a.b.local")]) == ()


def test_a_name_is_judged_by_its_address() -> None:
    offered = [candidate("a.local"), candidate("b.local"), candidate("c.local")]
    addresses = {"a.local": "192.168.1.7", "b.local": "127.0.0.1"}
    tried = BRANCH.admitted(offered, addresses)
    assert [c.ip for c in tried] == ["192.168.1.7"]


@pytest.mark.parametrize("development", [True, False])
@pytest.mark.parametrize("allowed", [None, True, False])
def test_the_setting(development: bool, allowed: bool | None) -> None:
    made = Settings.model_construct(
        environment="development" if development else "production",
        media=MediaSettings(allow_private_candidates=allowed),
    )
    assert made.private_candidates_allowed == (development if allowed is None else allowed)
