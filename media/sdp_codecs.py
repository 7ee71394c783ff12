"""Which of an offer's video codecs are decoded, and how aiortc is made to take all of them.

aiortc compares H.264 by profile: it takes Baseline in packetization mode 1 alone, although its decoder
(FFmpeg's) and its depayloader read more. Where an offer has no H.264 that aiortc knows, what can be decoded
is written as if it were that; the answer says what was offered (RFC 6184, 8.2.2: both have the same profile
and mode).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from aiortc.sdp import H264Profile, SessionDescription, parse_h264_profile_level_id

from kyc_rtc.errors import BadSdp
from media.sdp_lines import attribute_of, groups

Offered = Mapping[int, Mapping[str, str]]
"""The format parameters of a payload type, as they were offered."""

_AS_AIORTC_HAS_IT = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
_ANSWERED = ("level-asymmetry-allowed", "packetization-mode", "profile-level-id")
_NATIVE = (H264Profile.PROFILE_CONSTRAINED_BASELINE, H264Profile.PROFILE_BASELINE)
_DECODED = (66, 77, 100)
"""`profile_idc` of Baseline, Main and High (ITU-T H.264, A.2): 8 bits, 4:2:0. FFmpeg lacks Extended's data
partitions, and `video_size` refuses other colours and depths."""

_UNPROFILED = "42000a"
"""Without `profile-level-id`: Baseline, level 1 (RFC 6184, 8.1)."""

_MAX_NAMED = 8
_NAME = re.compile(r"a=rtpmap:\d{1,3} ([A-Za-z0-9.-]{1,32})/")
_HINT = "offer VP8, or H.264 in 8 bits and 4:2:0 (Baseline, Main or High) with packetization-mode 0 or 1"


def negotiable(lines: Iterable[str]) -> tuple[list[str], Offered]:
    """The lines of an offer with H.264 as aiortc takes it, and what was offered in its place."""
    kept: list[str] = []
    offered: dict[int, Mapping[str, str]] = {}
    for section in groups(lines):
        replaced = _replaced(section) if section and section[0].startswith("m=video ") else {}
        offered |= {int(payload_type): given for payload_type, given in replaced.items()}
        for line in section:
            name, value = attribute_of(line)
            payload_type = value.partition(" ")[0]
            if payload_type not in replaced or name != "fmtp":
                kept.append(line)
            if payload_type in replaced and name == "rtpmap":
                kept.append(f"a=fmtp:{payload_type} {_AS_AIORTC_HAS_IT}")
    return kept, offered


def _replaced(section: list[str]) -> dict[str, dict[str, str]]:
    """The payload types to rewrite: none where aiortc knows an H.264 of this section by itself."""
    attributes = [attribute_of(line) for line in section]
    types = [
        value.partition(" ")[0]
        for name, value in attributes
        if name == "rtpmap" and value.partition(" ")[2].lower().startswith("h264/90000")
    ]
    given: dict[str, dict[str, str]] = {one: {} for one in types if one.isdecimal()}
    for name, value in attributes:
        payload_type, _, text = value.partition(" ")
        if name == "fmtp" and payload_type in given:
            given[payload_type] = _parameters(text)
    if any(map(_is_native, given.values())):
        return {}
    return {one: found for one, found in given.items() if _is_decoded(found)}


def _parameters(text: str) -> dict[str, str]:
    pairs = (item.strip().partition("=") for item in text.split(";"))
    return {name.lower(): value for name, _, value in pairs if name}


def _is_native(given: Mapping[str, str]) -> bool:
    try:
        profile, _ = parse_h264_profile_level_id(given.get("profile-level-id", ""))
    except ValueError:
        return False
    return given.get("packetization-mode") == "1" and profile in _NATIVE


def _is_decoded(given: Mapping[str, str]) -> bool:
    level_id = given.get("profile-level-id", _UNPROFILED)
    return (
        given.get("packetization-mode", "0") in ("0", "1")
        and re.fullmatch("[0-9a-fA-F]{6}", level_id) is not None
        and int(level_id[:2], 16) in _DECODED
    )


def as_offered(sdp: str, offered: Offered) -> str:
    """An answer with the profiles and modes that were offered."""
    if not offered:
        return sdp
    description = SessionDescription.parse(sdp)
    for media in description.media:
        for codec in media.rtp.codecs if media.kind == "video" else ():
            given = offered.get(codec.payloadType or 0)
            if given is not None and codec.name.lower() == "h264":
                codec.parameters = {name: given[name] for name in _ANSWERED if name in given}
    return str(description)


def check_camera(sdp: str, description: SessionDescription) -> None:
    """Raises `BadSdp` where no video section that sends has a codec that is decoded here."""
    for media in description.media:
        if media.kind != "video" or media.direction not in ("sendonly", "sendrecv"):
            continue
        if not any(_is_taken(codec.name, codec.parameters) for codec in media.rtp.codecs):
            names = ", ".join(dict.fromkeys(_NAME.findall(sdp)[: 4 * _MAX_NAMED])) or "nothing"
            raise BadSdp(
                f"the camera's codecs are not decoded here; the offer has {names}", hint=_HINT
            )


def _is_taken(name: str, parameters: Mapping[str, object]) -> bool:
    if name.lower() == "h264":
        return _is_native({key: str(value) for key, value in parameters.items()})
    return name.lower() == "vp8"
