"""What aiortc's parser is given of an offer: enough for the same answer, and little enough to be cheap."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.errors import BadSdp
from media.sdp import MAX_FRAGMENT_LINES, parse_fragment, parse_offer
from media.sdp_lines import (
    _FEEDBACK,
    MAX_CANDIDATES,
    MAX_LINE_CHARS,
    MAX_LINES,
    MAX_PAYLOAD_TYPES,
    useful_lines,
)
from tests.support.hostile_offers import LENGTH, feedback_for_all, with_codecs, with_lines
from tests.support.offers import LOCAL_ONLY, browser_like_offer, mutated

LIMIT = 65_536
FINGERPRINT = "sha-256 " + ":".join(["A1"] * 32)
TRANSPORT = (
    "c=IN IP4 0.0.0.0\na=rtcp:9 IN IP4 0.0.0.0\na=ice-ufrag:abcd\na=ice-pwd:0123456789abcdefghijkl\n"
    f"a=ice-options:trickle\na=fingerprint:{FINGERPRINT}\na=setup:actpass\n"
)
HEAD = "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\na=extmap-allow-mixed\n"
DATA = f"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n{TRANSPORT}a=mid:1\na=sctp-port:5000\n"
LIBWEBRTC = (
    HEAD
    + "a=msid-semantic: WMS s\n"
    + f"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 39 40 45 98 116 117\n{TRANSPORT}a=mid:0\n"
    + "a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\n"
    + "a=extmap:2/sendonly http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\n"
    + "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\n"
    + "a=extmap:5 urn:ietf:params:rtp-hdrext:encrypt urn:ietf:params:rtp-hdrext:toffset\n"
    + "a=sendonly\na=msid:s t\na=rtcp-mux\na=rtcp-rsize\n"
    + "a=rtcp-fb:* nack\na=rtpmap:96 VP8/90000\na=rtcp-fb:96 goog-remb\na=rtcp-fb:96 transport-cc\n"
    + "a=rtcp-fb:96 ccm fir\na=rtcp-fb:96 nack pli\na=fmtp:97 apt=96\na=rtpmap:97 rtx/90000\n"
    + "a=rtpmap:102 H264/90000\na=rtcp-fb:102 nack pli\n"
    + "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n"
    + "a=rtpmap:103 rtx/90000\na=fmtp:103 apt=102\na=rtpmap:39 H265/90000\na=fmtp:39 level-id=93\n"
    + "a=rtpmap:40 rtx/90000\na=fmtp:40 apt=39\na=rtpmap:45 AV1/90000\na=rtpmap:98 VP9/90000\n"
    + "a=rtpmap:116 red/90000\na=rtpmap:117 ulpfec/90000\n"
    + "a=ssrc-group:FID 11 12\na=ssrc:11 cname:x\na=ssrc:11 msid:s t\na=ssrc:12 cname:x\n"
    + DATA
).replace("\n", "\r\n")

_RANDOM = re.compile(r"a=(ssrc|ice-|fingerprint|msid|candidate|rtcp:)|[oc]=")


async def _negotiated(sdp: str) -> tuple[list[str], list[object]]:
    """What aiortc answers, less what is drawn anew each time, and the streams that it awaits."""
    connection = RTCPeerConnection(LOCAL_ONLY)
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        answer = await connection.createAnswer()
        remote = connection._RTCPeerConnection__remoteRtp  # type: ignore[attr-defined]
        streams: list[object] = [remote(one).encodings for one in connection.getTransceivers()]
        return [line for line in answer.sdp.splitlines() if not _RANDOM.match(line)], streams
    finally:
        await connection.close()


def test_an_answer_is_the_same_as_to_the_whole_offer() -> None:
    whole = LIBWEBRTC.replace("a=extmap:5", "a=x-extmap:5")  # which aiortc cannot read
    bare = parse_offer(LIBWEBRTC, LIMIT).bare_sdp
    answer, streams = asyncio.run(_negotiated(bare))
    assert (answer, streams) == asyncio.run(_negotiated(whole))
    assert {line for line in answer if line.startswith(("a=rtpmap", "a=extmap"))} == {
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=rtpmap:102 H264/90000",
        "a=rtpmap:103 rtx/90000",
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
    }
    assert "rtx=RTCRtpRtxParameters(ssrc=12)" in repr(streams)


def test_an_answer_to_our_own_kind_is_the_same_too() -> None:
    offer = parse_offer(browser_like_offer(), LIMIT)
    answer = asyncio.run(_negotiated(offer.bare_sdp))
    assert answer == asyncio.run(_negotiated(offer.sdp))


def test_unused_lines_are_dropped() -> None:
    for word in ("VP9", "H265", "AV1", "red", "ccm", "toffset", "msid", "ssrc-group", "rsize"):
        assert word in LIBWEBRTC
        assert word not in "\n".join(useful_lines(LIBWEBRTC)), word


def test_feedback_is_what_aiortc_has() -> None:
    """Where aiortc learns a new kind, `_FEEDBACK` lets it through."""
    known = {
        f"{one.type} {one.parameter or ''}".strip()
        for codecs in CODECS.values()
        for codec in codecs
        for one in codec.rtcpFeedback
    }
    assert known == _FEEDBACK


@pytest.mark.parametrize(
    "line",
    [
        lambda _: "a=rtcp-fb:* nack",
        lambda n: f"a=rtcp-fb:* x{n}",
        lambda n: f"a=rtcp-fb:97 x{n}",
        lambda n: f"a=ssrc:{n} cname:",
        lambda n: f"a=ssrc-group:FID {n} {n + 1}",
        lambda n: f"a=extmap:{n % 14 + 1} urn:x{n}",
        lambda n: f"a=rtpmap:{n % 128} VP9/90000",
        lambda n: f"a=fmtp:{n % 90} x",
        lambda n: f"a=x{n}",
    ],
)
def test_a_flood_is_refused_or_dropped(line: Callable[[int], str]) -> None:
    with pytest.raises(BadSdp, match="lines"):
        useful_lines(with_lines(line))
    few = useful_lines(with_lines(line, 12_000))
    assert len(few) <= len(browser_like_offer().splitlines()) + 10


@pytest.mark.parametrize(
    "line",
    [
        "a=rtpmap:97 VP8/90000",
        "a=fmtp:97 x=1",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        f"a=fingerprint:{FINGERPRINT}",
        "a=mid:0",
        "a=candidate:1 1 udp 1 192.0.2.1 9 typ host",
    ],
)
def test_used_lines_are_counted(line: str) -> None:
    length = len(browser_like_offer()) + (MAX_CANDIDATES + 1) * (len(line) + 2)
    with pytest.raises(BadSdp, match=r"more than \d+ (lines|candidates)"):
        useful_lines(with_lines(lambda _: line, length))


def test_payload_types_are_counted() -> None:
    offer = browser_like_offer()
    taken = len(re.findall(r"m=video .*", offer)[0].split()) - 3
    assert parse_offer(with_codecs(offer, MAX_PAYLOAD_TYPES - taken), LIMIT).has_data_channel
    with pytest.raises(BadSdp, match="payload types"):
        parse_offer(offer.replace("SAVPF 97", "SAVPF" + " 97" * (MAX_PAYLOAD_TYPES + 1)), LIMIT)


@pytest.mark.parametrize("camera", [False, True])
def test_feedback_times_codecs_is_refused(camera: bool) -> None:
    sdp = feedback_for_all(camera=camera)
    assert LENGTH - 2_000 < len(sdp) <= LIMIT
    with pytest.raises(BadSdp, match="lines"):
        parse_offer(sdp, LIMIT)


def test_the_most_that_passes_gives_a_short_answer() -> None:
    """204 KB once."""
    lines = with_lines(lambda n: f"a=rtcp-fb:* {sorted(_FEEDBACK)[n % 3]}", 12_000)
    bare = parse_offer(with_codecs(lines, 50), LIMIT).bare_sdp
    answer, _ = asyncio.run(_negotiated(bare))
    assert len("\r\n".join(answer)) < 12_000


@pytest.mark.parametrize(
    ("sdp", "complaint"),
    [
        ("v=0\r\n" * (MAX_LINES + 1), "lines"),
        ("v=0\r\n" + "m=video 9 X 96\r\n" * 9, "9 media sections"),
        ("v=0\r\na=group:BUNDLE" + " 0" * MAX_LINE_CHARS, "characters"),
        ("v=0\r\nm=video 9 " + "X" * MAX_LINE_CHARS, "characters"),
    ],
)
def test_counts_and_lengths_have_limits(sdp: str, complaint: str) -> None:
    with pytest.raises(BadSdp, match=complaint):
        useful_lines(sdp)


_LINES = st.sampled_from(
    [
        *LIBWEBRTC.splitlines(),
        *("a=", "a=:", "a=rtpmap", "a=rtpmap:", "a=ssrc:", "a=rtcp-fb:", "m=", "m=video", "", "x"),
        *("a=extmap:1", "a=fmtp:96", "a=candidate:", "m=audio 9 X 1e9", "a=candidate", "\x85"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES, max_size=60), st.integers(1, 40))
def test_any_lines_are_an_offer_or_refused(lines: list[str], times: int) -> None:
    sdp = "\r\n".join(lines * times)
    try:
        kept = useful_lines(sdp)
        parse_offer(sdp, LIMIT)
    except BadSdp:
        return
    assert len(kept) <= MAX_LINES


@pytest.mark.parametrize("seed", range(200))
def test_what_is_kept_of_an_offer_stays_in_its_order(seed: int) -> None:
    sdp = mutated(browser_like_offer(), seed)
    try:
        kept = useful_lines(sdp)
    except BadSdp:
        return
    lines = iter(sdp.splitlines())
    assert all(line in lines for line in kept)
    assert useful_lines("\r\n".join(kept)) == kept


def test_lines_of_a_fragment_are_counted() -> None:
    with pytest.raises(BadSdp, match="lines"):
        parse_fragment("a=ice-ufrag:abcd\n" + "a=x\n" * MAX_FRAGMENT_LINES)
