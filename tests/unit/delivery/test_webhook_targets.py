"""Where webhooks may go: tables of addresses and URLs, and what holds for all of them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.delivery.webhook_targets import check_url, is_public
from kyc_rtc.errors import BadRequest

PUBLIC = ("93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1")
NOT_PUBLIC = (
    "", "x", "localhost", "127.0.0.1", "127.255.255.254", "0.1.2.3", "10.0.0.1",
    "0.0.0.0",  # noqa: S104 - nothing binds to it
    "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.2.1",
    "198.18.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::1", "2002:a00:1::", "2001:db8::1", "2001:0:4136:e378::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_other_addresses_are_told(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_wherever_it_is_written(address: IPv4Address) -> None:
    public = is_public(str(address))
    assert public is (address.is_global and not address.is_multicast and not address.is_reserved)
    assert is_public(f"::ffff:{address}") is public
    assert is_public(str(IPv6Address((0x64FF9B << 96) | int(address)))) is public


@given(st.ip_addresses())
def test_nothing_inside_is_ever_public(address: IPv4Address | IPv6Address) -> None:
    inside = (
        address.is_loopback,
        address.is_link_local,
        address.is_unspecified,
        address.is_multicast,
        address.is_private,
    )
    if any(inside):
        assert not is_public(str(address))


def refused(url: str, *, allow_private: bool = False, allow_plain_local: bool = False) -> str:
    """What is wrong with a URL; empty where nothing is."""
    try:
        check_url(url, allow_private=allow_private, allow_plain_local=allow_plain_local)
    except BadRequest as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://bank.example/hook", ""),
        ("https://bank.example:8443/hook?token=x", ""),
        ("https://93.184.216.34/", ""),
        ("https://[2606:4700::1111]/", ""),
        ("", "printable"),
        ("https://bank.example/" + "x" * 2_000, "printable"),
        ("https://bank.example/\n", "printable"),
        ("https://bänk.example/", "printable"),
        ("bank.example", "no host"),
        ("https://", "no host"),
        ("https://bank.example:0/", "no host"),
        ("https://bank.example:99999/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
        ("https://-/", "no host"),
        ("https://a@bank.example/", "no user"),
        ("https://bank.example/#x", "no user"),
        ("http://bank.example/", "https"),
        ("ftp://bank.example/", "https"),
        ("http://localhost/", "https"),
        ("https://localhost/", "public"),
        ("https://x.localhost/", "public"),
        ("https://127.0.0.1/", "public"),
        ("https://169.254.169.254/latest", "public"),
        ("https://[::ffff:10.0.0.1]/", "public"),
    ],
)
def test_urls_are_checked(url: str, problem: str) -> None:
    said = refused(url)
    assert (problem in said) if problem else said == ""


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:1", "a.localhost"])
def test_in_development_this_machine_needs_no_tls(host: str) -> None:
    assert refused(f"http://{host}/", allow_private=True, allow_plain_local=True) == ""
    assert "https" in refused(f"http://{host}/", allow_private=True)
    assert "public" in refused(f"http://{host}/", allow_plain_local=True)


def test_others_need_it_everywhere() -> None:
    for url in ("http://bank.example/", "http://10.0.0.1/"):
        assert "https" in refused(url, allow_private=True, allow_plain_local=True)
    assert refused("https://10.0.0.1/", allow_private=True) == ""


@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://bank.example{text}"):
        assert isinstance(refused(url), str)
