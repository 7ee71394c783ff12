"""Which program an SDP offer looks like, and whether that is the browser that the client names.

Each WebRTC stack writes its offers in its own way: the origin line, the order of codecs, the header
extensions. An injection client of its own stack (aiortc, pion, GStreamer) that sends a browser's
User-Agent gives itself away; one that drives a real browser does not.
"""

from __future__ import annotations

import re
from enum import StrEnum

_MAX_SDP_CHARS = 65_536
_MAX_AGENT_CHARS = 1_024
"""Longer texts are not read."""

_ORIGIN = re.compile(r"o=(\S{1,64}) \d{1,20} \d{1,20} IN IP[46] (\S{1,64})")
_MIN_EXTENSIONS = 4


class Stack(StrEnum):
    """The WebRTC stack that wrote an offer. LIBWEBRTC: either Chromium or Safari."""

    CHROMIUM = "chromium"
    SAFARI = "safari"
    LIBWEBRTC = "libwebrtc"
    FIREFOX = "firefox"
    OTHER = "other"


_LIBWEBRTC_EXTENSIONS = frozenset(
    {
        "urn:ietf:params:rtp-hdrext:toffset",
        "urn:3gpp:video-orientation",
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
        "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
        "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
    }
)


def stack_of(sdp: str) -> Stack | None:
    """The stack that an offer with a camera looks like; None where it does not tell.

    Never fails, and takes time in proportion to the length, whatever the text is.
    """
    if len(sdp) > _MAX_SDP_CHARS:
        return None
    lines = sdp.splitlines()
    origin = next((found for line in lines if (found := _ORIGIN.fullmatch(line))), None)
    if origin is None or not any(line.startswith("m=video ") for line in lines):
        return None
    user, address = origin.groups()
    if user.startswith("mozilla...THIS_IS_SDPARTA"):
        return Stack.FIREFOX
    extensions = {line.partition(" ")[2] for line in lines if line.startswith("a=extmap:")}
    known = len(extensions & _LIBWEBRTC_EXTENSIONS)
    if user == "-" and address == "127.0.0.1" and known >= _MIN_EXTENSIONS:
        return _libwebrtc(lines)
    # No browser writes another address into this line; one that hides its addresses does not either.
    return Stack.OTHER if address != "127.0.0.1" else None


def _libwebrtc(lines: list[str]) -> Stack:
    """Safari lists H.264 first, in constrained high profile; Chromium lists VP8 first."""
    codecs = [line.partition(" ")[2] for line in lines if line.startswith("a=rtpmap:")]
    video = [codec for codec in codecs if codec in ("VP8/90000", "H264/90000")]
    first = video[0] if video else ""
    high = any(line.startswith("a=fmtp:") and "profile-level-id=640c" in line for line in lines)
    if first == "H264/90000" and high:
        return Stack.SAFARI
    return Stack.CHROMIUM if first == "VP8/90000" and not high else Stack.LIBWEBRTC


def claimed_stack(user_agent: str) -> Stack | None:
    """The stack of the browser that a User-Agent names; None where it names none that is known.

    On iOS all browsers are built on Safari's engine, or may be on their own: they count as LIBWEBRTC.
    Safari counts on a Mac alone, for browsers elsewhere that call themselves so have another stack.
    """
    agent = user_agent[:_MAX_AGENT_CHARS]
    if not agent.startswith("Mozilla/5.0 ("):
        return None
    if "iPhone" in agent or "iPad" in agent:
        return Stack.LIBWEBRTC
    if "Firefox/" in agent:
        return Stack.FIREFOX
    if "Chrome/" in agent or "Chromium/" in agent:
        return Stack.CHROMIUM
    return Stack.SAFARI if "Macintosh" in agent and "Version/" in agent else None


def mismatch(sdp: str, user_agent: str) -> str | None:
    """The claimed stack and the one found, where they differ, such as `chromium/other`; else None. It is
    also None where one of them is not known, as of a client that names no browser.
    """
    claimed, found = claimed_stack(user_agent), stack_of(sdp)
    if claimed is None or found is None or claimed == found:
        return None
    family = {Stack.CHROMIUM, Stack.SAFARI, Stack.LIBWEBRTC}
    if Stack.LIBWEBRTC in (claimed, found) and {claimed, found} <= family:
        return None
    return f"{claimed.value}/{found.value}"
