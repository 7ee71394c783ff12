"""Offers that are well-formed and of the length of a real one at most, and dear to parse in full."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.support.offers import browser_like_offer

LENGTH = 65_000
"""Characters, of the 65,536 that an offer may have."""

PAYLOAD_TYPES = (*range(96, 128), *range(35, 64))


def with_lines(line: Callable[[int], str], length: int = LENGTH) -> str:
    """An offer with more of these lines in its section of video, as many as go into the length."""
    video, data = _sections()
    left = length - len(video) - len(data)
    lines = "".join(f"{line(number)}\r\n" for number in range(left // (len(line(10_000)) + 2)))
    return video + lines + data


def with_codecs(sdp: str, count: int = len(PAYLOAD_TYPES)) -> str:
    """The offer with so many payload types of VP8 in all its dynamic numbers."""
    head = re.search(r"m=video \d+ UDP/TLS/RTP/SAVPF", sdp)
    assert head is not None
    kinds = [kind for kind in PAYLOAD_TYPES if f"a=rtpmap:{kind} " not in sdp][:count]
    more = "".join(f" {kind}" for kind in kinds)
    maps = "".join(f"a=rtpmap:{kind} VP8/90000\r\n" for kind in kinds)
    sdp = sdp[: head.end()] + more + sdp[head.end() :]
    return sdp.replace("m=application", f"{maps}m=application")


def feedback_for_all(*, camera: bool = True) -> str:
    """Thousands of lines of feedback for each of some 60 codecs; without a camera it is refused."""
    offer = with_codecs(with_lines(lambda number: f"a=rtcp-fb:* x{number % 10}", LENGTH - 2_000))
    return offer if camera else offer.replace("a=sendrecv", "a=recvonly")


def _sections() -> tuple[str, str]:
    offer = browser_like_offer()
    at = offer.index("m=application")
    return offer[:at], offer[at:]
