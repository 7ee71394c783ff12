"""Offers and trickled candidates: what passes, and what is reported about the rest."""

from __future__ import annotations

import random
import re

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import BadSdp
from media.sdp import MAX_FRAGMENT_CHARS, parse_fragment, parse_offer, with_start_bitrate
from media.sdp_lines import useful_lines
from tests.support.offers import browser_like_offer, mutated

LIMIT = 65_536

FRAGMENT = """a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
m=video 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0
a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0
a=end-of-candidates
"""


def test_a_real_offer_passes() -> None:
    offer = parse_offer(browser_like_offer(), LIMIT)
    assert offer.has_data_channel
    assert f"a=ice-ufrag:{offer.ice_ufrag}" in offer.sdp


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda sdp: sdp + "a=x\r\n" * 20_000, "characters"),
        (lambda sdp: sdp.replace("m=video", "m=audio"), "cannot be parsed|0 video tracks"),
        (lambda sdp: re.sub("a=sendrecv", "a=recvonly", sdp), "0 video tracks"),
        (lambda sdp: re.sub("a=ice-ufrag.*\r\n", "", sdp), "ice-ufrag"),
        (lambda sdp: re.sub("a=fingerprint.*\r\n", "", sdp), "fingerprint"),
        (lambda _: "v=0\r\n", "0 media sections"),
        (lambda _: "", "cannot be parsed|0 media sections"),
        (lambda _: "\x00" * 100, "cannot be parsed|0 media sections"),
    ],
)
def test_a_spoilt_offer_is_refused_with_what_is_wrong(spoil: object, complaint: str) -> None:
    assert callable(spoil)
    with pytest.raises(BadSdp, match=complaint):
        parse_offer(spoil(browser_like_offer()), LIMIT)


def test_a_flood_of_candidates_is_refused() -> None:
    candidate = "a=candidate:1 1 udp 1 192.0.2.1 {port} typ host\r\n"
    flood = "".join(candidate.format(port=1000 + i) for i in range(100))
    sdp = browser_like_offer().replace("a=end-of-candidates\r\n", flood, 1)
    with pytest.raises(BadSdp, match="candidates"):
        parse_offer(sdp, LIMIT)


def test_a_thousand_mutated_offers_never_escape_the_error_tree() -> None:
    refused = 0
    for seed in range(1_000):
        try:
            parse_offer(mutated(browser_like_offer(), seed), LIMIT)
        except BadSdp:
            refused += 1
    assert 100 < refused < 1_000


def test_an_offer_without_its_candidates_is_the_same_otherwise() -> None:
    sdp = browser_like_offer()
    offer = parse_offer(sdp, LIMIT)
    assert offer.ended
    assert len(offer.candidates) == sdp.count("a=candidate:") > 0
    assert {candidate.sdpMid for candidate in offer.candidates} == {"0", "1"}
    ours = re.compile("a=(candidate:|end-of-candidates)")
    kept = [line for line in useful_lines(sdp) if not ours.match(line)]
    assert offer.bare_sdp.splitlines() == kept


def test_no_candidate_gets_past_in_an_offer_however_it_is_spoilt() -> None:
    chance = random.Random(5)  # noqa: S311 - repeatable junk, no secret
    breaks = ("\r\n", "\n", "\r", "\x0b", "\x1c", "\x85", "\u2028")
    seen = 0
    for seed in range(300):
        sdp = mutated(browser_like_offer(), seed).replace(
            "a=mid", f"a=x{chance.choice(breaks)}a=mid"
        )
        sdp = sdp.replace("\r\na=candidate", f"{chance.choice(breaks)}a=candidate")
        try:
            offer = parse_offer(sdp, LIMIT)
        except BadSdp:
            continue
        seen += len(offer.candidates)
        left = SessionDescription.parse(offer.bare_sdp).media
        assert not any(media.ice_candidates or media.ice_candidates_complete for media in left)
    assert seen > 100


def test_a_fragment_gives_candidates_with_their_section() -> None:
    fragment = parse_fragment(FRAGMENT)
    assert fragment.ice_ufrag == "EsAw"
    assert fragment.ended
    assert [(c.ip, c.port, c.sdpMid) for c in fragment.candidates] == [
        ("192.0.2.1", 61764, "0"),
        ("198.51.100.2", 61765, "0"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "a=candidate:1 1 udp 1 192.0.2.1 5 typ host",
        "a=mid:0\na=candidate:nonsense",
        "a=mid:0\na=candidate:1 1 udp 1 192.0.2.1 70000 typ host",
        "a=mid:0\na=candidate:1 1 udp x 192.0.2.1 5 typ host",
        "a=mid:0\n" + "a=candidate:1 1 udp 1 192.0.2.1 5 typ host\n" * 200,
        "a" * (MAX_FRAGMENT_CHARS + 1),
    ],
)
def test_junk_fragments_are_refused(text: str) -> None:
    with pytest.raises(BadSdp):
        parse_fragment(text)


@given(st.text(max_size=400))
def test_any_text_is_a_fragment_or_refused(text: str) -> None:
    try:
        parse_fragment("a=mid:0\na=candidate:" + text)
    except BadSdp:
        return


@pytest.mark.parametrize("kbps", [1, 1_000])
def test_senders_of_video_learn_where_to_begin_and_nothing_else(kbps: int) -> None:
    before = browser_like_offer()
    after = with_start_bitrate(before, kbps)
    parameter = f"x-google-start-bitrate={kbps}"
    lines = [line for line in after.splitlines() if parameter in line]
    video = re.findall(r"a=rtpmap:(\d+) (?:VP8|H264)/90000", before)
    assert sorted(re.findall(r"a=fmtp:(\d+) ", "\n".join(lines))) == sorted(video)
    rest = [line.replace(f";{parameter}", "") for line in after.splitlines()]
    assert [line for line in rest if parameter not in line] == before.splitlines()
    assert parse_offer(after, LIMIT).ice_ufrag == parse_offer(before, LIMIT).ice_ufrag


def test_browsers_may_begin_as_they_like() -> None:
    assert with_start_bitrate(browser_like_offer(), 0) == browser_like_offer()
