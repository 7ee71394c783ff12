"""Checks on what a client sends as SDP, before aiortc sees it, and trickled candidates (RFC 8840)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from aiortc import InvalidAccessError, InvalidStateError, RTCIceCandidate
from aiortc.exceptions import OperationError
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from kyc_rtc.errors import BadSdp
from media.sdp_codecs import Offered, check_camera, negotiable
from media.sdp_lines import MAX_CANDIDATES, MAX_MEDIA_SECTIONS, attribute_of, useful_lines

MAX_FRAGMENT_CHARS = 16_384
MAX_FRAGMENT_LINES = 512
"""Each candidate may come with its section and a comment or two."""

SDP_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    InvalidAccessError,
    InvalidStateError,
    LookupError,
    OperationError,
    StopIteration,
    TypeError,
    ValueError,
)
"""The errors that aiortc raises on junk. Its parser asserts and indexes where it should check (RFC 8866)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A checked offer. `sdp` is the offer as it came; aiortc gets `bare_sdp`: the lines that the answer
    depends on, without candidates. Which of `candidates` are tried is decided later; `ended` says that no
    further ones follow. `ice_ufrag` names the ICE session (RFC 8839, 5.4); `connection` is equal in two
    offers of one connection (credentials of ICE, fingerprints), `sections` where they have the same ones.
    `h264`: what was offered where `bare_sdp` has something that aiortc takes (see `sdp_codecs`)."""

    sdp: str
    has_data_channel: bool
    ice_ufrag: str
    bare_sdp: str
    candidates: tuple[RTCIceCandidate, ...]
    ended: bool
    connection: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    h264: Offered = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Trickled candidates of one ICE session. `ice_ufrag` is empty where the fragment names no session."""

    ice_ufrag: str
    candidates: tuple[RTCIceCandidate, ...]
    ended: bool


def parse_offer(sdp: str, max_chars: int, *, as_dtls_server: bool = False) -> Offer:
    """Check an offer: one camera, at most eight sections, no flood of candidates.

    `as_dtls_server`: where the client leaves the roles open (`a=setup:actpass`, RFC 8842, 5.2), it becomes
    the DTLS client. aiortc reads the client's role out of the offer, so `bare_sdp` has `active` there.

    Raises:
        BadSdp: says what is wrong with it.
    """
    if len(sdp) > max_chars:
        raise BadSdp(f"the SDP has {len(sdp)} characters, more than {max_chars}")
    lines, h264 = negotiable(useful_lines(sdp))
    try:
        description = SessionDescription.parse(_joined(lines))
    except SDP_ERRORS:
        raise BadSdp(
            "the SDP cannot be parsed", hint="send the offer as createOffer() gave it"
        ) from None
    _check_sections(description)
    check_camera(sdp, description)
    ufrags = [media.ice.usernameFragment if media.ice else None for media in description.media]
    if not all(ufrags):
        raise BadSdp("a media section lacks a=ice-ufrag")
    return Offer(
        sdp=sdp,
        has_data_channel=any(media.kind == "application" for media in description.media),
        ice_ufrag=str(ufrags[0]),
        bare_sdp=_joined(_bare(lines, as_dtls_server=as_dtls_server)),
        candidates=_candidates_of(description),
        ended=any(media.ice_candidates_complete for media in description.media),
        connection=_connection(description.media[0]),
        sections=tuple(f"{media.kind} {media.rtp.muxId}" for media in description.media),
        h264=h264,
    )


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)


def _bare(lines: Iterable[str], *, as_dtls_server: bool) -> Iterator[str]:
    """Without candidates (RFC 8839, 5.1) and their end (RFC 8840, 8.2)."""
    for line in lines:
        name, value = attribute_of(line)
        if as_dtls_server and (name, value.strip()) == ("setup", "actpass"):
            yield "a=setup:active"
        elif name not in ("candidate", "end-of-candidates"):
            yield line


def _connection(media: MediaDescription) -> tuple[str, ...]:
    if media.ice is None or media.dtls is None:
        return ()
    fingerprints = sorted(one.value.upper() for one in media.dtls.fingerprints)
    return (str(media.ice.usernameFragment), str(media.ice.password), *fingerprints)


def _candidates_of(description: SessionDescription) -> tuple[RTCIceCandidate, ...]:
    return tuple(
        replace(candidate, sdpMid=media.rtp.muxId)
        for media in description.media
        for candidate in media.ice_candidates
    )


def with_start_bitrate(sdp: str, kbps: int) -> str:
    """Add the rate at which the sender of video should begin to an answer. 0 leaves the answer as it is.

    libwebrtc begins at 300 kbit/s. From aiortc it gets no other feedback than the receiver's estimate
    (REMB), with which it needs half a minute to reach a good picture: a verification is over by then. The
    parameter is libwebrtc's own; other browsers ignore it. The estimate can later raise or lower the rate.
    """
    if not kbps:
        return sdp
    description = SessionDescription.parse(sdp)
    for media in description.media:
        for codec in media.rtp.codecs if media.kind == "video" else ():
            if codec.name.lower() != "rtx":
                codec.parameters["x-google-start-bitrate"] = kbps
    return str(description)


def _check_sections(description: SessionDescription) -> None:
    if not description.media:
        raise BadSdp(f"the SDP has 0 media sections; 1 to {MAX_MEDIA_SECTIONS} are accepted")
    cameras = [
        media
        for media in description.media
        if media.kind == "video" and media.direction in ("sendonly", "sendrecv") and media.port != 0
    ]
    if len(cameras) != 1:
        raise BadSdp(f"the SDP offers {len(cameras)} video tracks; exactly one camera is accepted")
    if sum(len(media.ice_candidates) for media in description.media) > MAX_CANDIDATES:
        raise BadSdp(f"the SDP has more than {MAX_CANDIDATES} candidates")
    if any(media.dtls is None or not media.dtls.fingerprints for media in description.media):
        raise BadSdp("a media section lacks a=fingerprint: only encrypted media is accepted")
    _check_mids(description)


def _check_mids(description: SessionDescription) -> None:
    """Every section has a name of its own, and BUNDLE (RFC 9143) names only sections that exist."""
    mids = [media.rtp.muxId for media in description.media]
    if not all(mids) or len(set(mids)) != len(mids):
        raise BadSdp("every media section needs an a=mid of its own")
    bundled = [
        mid for group in description.group if group.semantic == "BUNDLE" for mid in group.items
    ]
    if not set(bundled) <= set(mids):
        raise BadSdp("a=group:BUNDLE names a media section that is not there")


def parse_fragment(text: str) -> Fragment:
    """Read an `application/trickle-ice-sdpfrag` body (RFC 8840, 9; RFC 9725, 4.3.2).

    Raises:
        BadSdp: the body is not such a fragment.
    """
    ice_ufrag, ended, mid = "", False, None
    candidates: list[RTCIceCandidate] = []
    for line in _fragment_lines(text):
        if line.startswith("a=ice-ufrag:"):
            ice_ufrag = line.removeprefix("a=ice-ufrag:").strip()
        elif line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:").strip()
        elif line.startswith("a=candidate:"):
            candidates.append(_candidate(line, mid))
        elif line.startswith("a=end-of-candidates"):
            ended = True
        elif line and line[1:2] != "=":
            raise BadSdp("the fragment has a line that is not SDP")
    if len(candidates) > MAX_CANDIDATES:
        raise BadSdp(f"the fragment has more than {MAX_CANDIDATES} candidates")
    if not (candidates or ended or ice_ufrag):
        raise BadSdp("the fragment is empty")
    return Fragment(ice_ufrag, tuple(candidates), ended)


def _fragment_lines(text: str) -> list[str]:
    if len(text) > MAX_FRAGMENT_CHARS:
        raise BadSdp(f"the fragment has {len(text)} characters, more than {MAX_FRAGMENT_CHARS}")
    lines = text.splitlines()
    if len(lines) > MAX_FRAGMENT_LINES:
        raise BadSdp(f"the fragment has {len(lines)} lines, more than {MAX_FRAGMENT_LINES}")
    return lines


def _candidate(line: str, mid: str | None) -> RTCIceCandidate:
    if mid is None:
        raise BadSdp("a candidate stands before any a=mid")
    try:
        candidate = candidate_from_sdp(line.removeprefix("a=candidate:"))
    except SDP_ERRORS:
        raise BadSdp("a candidate cannot be parsed") from None
    if not 0 < candidate.port < 65_536:
        raise BadSdp("a candidate has an impossible port")
    candidate.sdpMid = mid
    return candidate
