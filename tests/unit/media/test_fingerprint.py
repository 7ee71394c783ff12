"""Which program wrote an offer, against the browser that the client names."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import async_playwright

from media.fingerprint import Stack, claimed_stack, mismatch, stack_of
from tests.support.browser import chromium_path, launch
from tests.support.offers import browser_like_offer, mutated

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Safari/605.1.15"
)
CHROME_ON_IOS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) CriOS/137.0.0.0 Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"

EXTENSIONS = """a=extmap:1 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 urn:3gpp:video-orientation
a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
"""
HEAD = "v=0\no=- 6455844026980605811 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=msid-semantic: WMS\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96 98\nc=IN IP4 0.0.0.0\n"
CHROMIUM_OFFER = (
    HEAD
    + VIDEO
    + EXTENSIONS
    + "a=rtpmap:96 VP8/90000\na=rtpmap:98 H264/90000\na=fmtp:98 profile-level-id=42001f\n"
)
SAFARI_OFFER = (
    HEAD
    + VIDEO
    + EXTENSIONS
    + "a=rtpmap:96 H264/90000\na=fmtp:96 profile-level-id=640c1f\na=rtpmap:98 VP8/90000\n"
)
FIREFOX_OFFER = (
    "v=0\no=mozilla...THIS_IS_SDPARTA-99.0 7799211402828969668 0 IN IP4 0.0.0.0\ns=-\nt=0 0\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 120\nc=IN IP4 0.0.0.0\na=rtpmap:120 VP8/90000\n"
)


@pytest.mark.parametrize(
    ("offer", "stack"),
    [
        (CHROMIUM_OFFER, Stack.CHROMIUM),
        (CHROMIUM_OFFER.replace("\n", "\r\n"), Stack.CHROMIUM),
        (SAFARI_OFFER, Stack.SAFARI),
        (CHROMIUM_OFFER.replace("42001f", "640c1f"), Stack.LIBWEBRTC),
        (FIREFOX_OFFER, Stack.FIREFOX),
        (CHROMIUM_OFFER.replace("127.0.0.1", "0.0.0.0"), Stack.OTHER),  # noqa: S104 - a text
        (CHROMIUM_OFFER.replace(EXTENSIONS, ""), None),
        (CHROMIUM_OFFER.replace("m=video", "m=audio"), None),
        ("", None),
        ("o=- 1 1 IN IP4", None),
        ("a" * 70_000, None),
    ],
)
def test_the_stack_of_an_offer(offer: str, stack: Stack | None) -> None:
    assert stack_of(offer) == stack


@pytest.mark.parametrize(
    ("agent", "stack"),
    [
        (CHROME, Stack.CHROMIUM),
        (CHROME + " Edg/156.0.0.0", Stack.CHROMIUM),
        (SAFARI, Stack.SAFARI),
        (SAFARI.replace("Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"), None),
        (CHROME_ON_IOS, Stack.LIBWEBRTC),
        (FIREFOX, Stack.FIREFOX),
        ("Python/3.11 aiohttp/3.14.0", None),
        ("", None),
        ("Firefox/146.0 " * 1_000, None),
    ],
)
def test_the_browser_that_an_agent_names(agent: str, stack: Stack | None) -> None:
    assert claimed_stack(agent) == stack


@pytest.mark.parametrize(
    ("offer", "agent", "expected"),
    [
        (CHROMIUM_OFFER, CHROME, None),
        (SAFARI_OFFER, SAFARI, None),
        (SAFARI_OFFER, CHROME_ON_IOS, None),
        (CHROMIUM_OFFER.replace("42001f", "640c1f"), SAFARI, None),
        (FIREFOX_OFFER, FIREFOX, None),
        (FIREFOX_OFFER, CHROME, "chromium/firefox"),
        (CHROMIUM_OFFER, FIREFOX, "firefox/chromium"),
        (CHROMIUM_OFFER, SAFARI, "safari/chromium"),
        (FIREFOX_OFFER, CHROME_ON_IOS, "libwebrtc/firefox"),
        (CHROMIUM_OFFER, "curl/8.0", None),
        ("v=0\n", CHROME, None),
    ],
)
def test_what_does_not_agree(offer: str, agent: str, expected: str | None) -> None:
    assert mismatch(offer, agent) == expected


@pytest.mark.parametrize("agent", [CHROME, SAFARI, FIREFOX, CHROME_ON_IOS])
def test_an_offer_of_aiortc_is_not_a_browsers(agent: str) -> None:
    offer = browser_like_offer()
    assert stack_of(offer) == Stack.OTHER
    found = mismatch(offer, agent)
    assert found is not None
    assert found.endswith("/other")


@given(st.text(max_size=400), st.text(max_size=200))
def test_junk_tells_nothing(sdp: str, agent: str) -> None:
    assert mismatch(sdp, agent) is None


@given(st.integers(0, 10_000))
def test_spoilt_offers_never_raise(seed: int) -> None:
    assert stack_of(mutated(CHROMIUM_OFFER, seed)) in {None, *Stack}
    assert mismatch(mutated(CHROMIUM_OFFER, seed), CHROME) in {None, "chromium/other"}


@pytest.mark.browser
async def test_chromium_itself_agrees_with_its_name() -> None:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium or Chrome is installed")
    async with async_playwright() as playwright, asyncio.timeout(30):
        browser = await launch(playwright, path)
        page = await browser.new_page()
        sdp, agent = await page.evaluate(
            """async () => {
                const peer = new RTCPeerConnection();
                peer.addTransceiver('video', {direction: 'sendonly'});
                peer.createDataChannel('kyc');
                const {sdp} = await peer.createOffer();
                peer.close();
                return [sdp, navigator.userAgent];
            }"""
        )
        await browser.close()
    assert stack_of(sdp) == claimed_stack(agent) == Stack.CHROMIUM
    assert mismatch(sdp, FIREFOX) == "firefox/chromium"
