"""Which H.264 is negotiated, as whom aiortc sees it, and what the answer says of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import BadSdp
from media.sdp import parse_offer
from media.sdp_codecs import as_offered, negotiable
from tests.support.offers import browser_like_offer

LIMIT = 65_536
NATIVE = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
HIGH = "packetization-mode=1;profile-level-id=640c1f"


def offer_of(*formats: str | None, codec: str = "H264/90000") -> str:
    """The offer of a camera whose codecs are these; None stands for one without an `a=fmtp`."""
    lines = []
    for line in browser_like_offer().splitlines():
        if line.startswith("m=video"):
            types = " ".join(str(96 + number) for number in range(len(formats)))
            head = line.split(" ")[:3]
            lines.append(" ".join([*head, types]))
            for number, text in enumerate(formats):
                lines.append(f"a=rtpmap:{96 + number} {codec}")
                if text is not None:
                    lines.append(f"a=fmtp:{96 + number} {text}")
        elif not line.startswith(("a=rtpmap", "a=fmtp", "a=rtcp-fb")):
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize(
    ("given_format", "answered"),
    [
        (
            "packetization-mode=1;profile-level-id=640c1f",
            {"packetization-mode", "profile-level-id"},
        ),
        (
            "profile-level-id=4d001f;packetization-mode=1",
            {"packetization-mode", "profile-level-id"},
        ),
        ("profile-level-id=64001f", {"profile-level-id"}),
        (
            "packetization-mode=0;profile-level-id=42e01f",
            {"packetization-mode", "profile-level-id"},
        ),
        ("packetization-mode=1", {"packetization-mode"}),
        (None, set()),
    ],
)
def test_what_the_decoder_reads_is_negotiated_and_answered_as_offered(
    given_format: str | None, answered: set[str]
) -> None:
    offer = parse_offer(offer_of(given_format), LIMIT)
    assert f"a=fmtp:96 {NATIVE}" in offer.bare_sdp.splitlines()
    answer = as_offered(offer.bare_sdp, offer.h264)
    found = re.findall(r"a=fmtp:96 (.*)\r\n", answer)
    pairs = dict(pair.split("=") for pair in found[0].split(";")) if found else {}
    assert set(pairs) == answered
    for name in answered:
        assert f"{name}={pairs[name]}" in (given_format or "")


@pytest.mark.parametrize(
    "formats",
    [
        (HIGH, NATIVE),
        (NATIVE, "packetization-mode=0;profile-level-id=42e01f"),
        ("packetization-mode=1;profile-level-id=42001f",),
    ],
)
def test_where_aiortc_knows_one_nothing_is_changed(formats: tuple[str, ...]) -> None:
    lines = offer_of(*formats).splitlines()
    assert negotiable(lines) == (lines, {})


@pytest.mark.parametrize(
    "given_format",
    [
        "packetization-mode=2;profile-level-id=42e01f",
        "packetization-mode=1;profile-level-id=6e001f",
        "packetization-mode=1;profile-level-id=7a001f",
        "packetization-mode=1;profile-level-id=f4001f",
        "packetization-mode=1;profile-level-id=58001f",
        "packetization-mode=1;profile-level-id=junk",
    ],
)
def test_what_it_does_not_read_is_refused_with_what_to_do(given_format: str) -> None:
    with pytest.raises(BadSdp, match="the offer has H264") as refused:
        parse_offer(offer_of(given_format), LIMIT)
    assert "4:2:0" in refused.value.hint
    assert "packetization-mode" in refused.value.hint


def test_other_codecs_are_named() -> None:
    with pytest.raises(BadSdp, match="the offer has AV1"):
        parse_offer(offer_of(None, codec="AV1/90000"), LIMIT)


@given(st.text(max_size=60))
def test_any_parameters_are_negotiated_or_refused(text: str) -> None:
    try:
        offer = parse_offer(offer_of(text), LIMIT)
    except BadSdp:
        return
    assert as_offered(offer.bare_sdp, offer.h264)


def test_several_encodings_are_not_in_what_is_answered() -> None:
    simulcast = "a=rid:h send\r\na=rid:q send\r\na=simulcast:send h;q\r\na=mid"
    offer = parse_offer(browser_like_offer().replace("a=mid", simulcast, 1), LIMIT)
    assert "rid" not in offer.bare_sdp
    assert "simulcast" not in offer.bare_sdp


def test_a_client_that_leaves_the_roles_open_becomes_the_dtls_client() -> None:
    assert browser_like_offer().count("a=setup:actpass") == 2
    assert parse_offer(browser_like_offer(), LIMIT).bare_sdp.count("a=setup:actpass") == 2
    bare = parse_offer(browser_like_offer(), LIMIT, as_dtls_server=True).bare_sdp
    assert (bare.count("a=setup:active"), bare.count("actpass")) == (2, 0)
    insisting = browser_like_offer().replace("actpass", "passive")
    assert parse_offer(insisting, LIMIT, as_dtls_server=True).bare_sdp.count("a=setup:passive") == 2
