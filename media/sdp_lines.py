"""The lines of an offer that the answer depends on: all that aiortc's parser is given.

That parser goes through all codecs for each `a=rtcp-fb` and `a=fmtp`, and through all sources for each
`a=ssrc`: an offer's cost is the product of counts that its sender chooses. So lines that the server does
not use are dropped here, and the others are counted, before it sees any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

from aiortc import RTCRtpReceiver

from kyc_rtc.errors import BadSdp

MAX_MEDIA_SECTIONS = 8
MAX_LINES = 2_048
"""Of an SDP. Chromium 156 writes 140 for a camera and a data channel."""

MAX_LINE_CHARS = 2_048
"""Of a line that is used. The longest are H.264 parameter sets."""

MAX_PAYLOAD_TYPES = 64
"""Of a section. RFC 3551 and RFC 5761 leave 63 dynamic ones; Chromium 156 uses 23 of them for video."""

MAX_CANDIDATES = 64
_MAX_SOURCES = 3
"""aiortc uses the first two, and only where there are no more."""

_FEEDBACK = frozenset({"nack", "nack pli", "goog-remb"})
"""What aiortc gives and takes (RFC 4585, 4.2); a test compares."""

_ONCE = 8
"""Times that what belongs once into a section may stand in it; GStreamer repeats some."""

_SESSION_ATTRIBUTES = dict.fromkeys(
    ("fingerprint", "ice-lite", "ice-options", "ice-pwd", "ice-ufrag", "group", "setup"), _ONCE
)
_TRANSPORT_ATTRIBUTES = {
    **dict.fromkeys(
        (
            *("fingerprint", "ice-options", "ice-pwd", "ice-ufrag", "setup", "end-of-candidates"),
            *("mid", "rtcp", "rtcp-mux", "sendrecv", "sendonly", "recvonly", "inactive"),
            *("max-message-size", "sctp-port", "sctpmap"),
        ),
        _ONCE,
    ),
    "candidate": MAX_CANDIDATES,
}
_MEDIA_ATTRIBUTES = {
    "rtpmap": MAX_PAYLOAD_TYPES,
    "fmtp": MAX_PAYLOAD_TYPES,
    "rtcp-fb": (MAX_PAYLOAD_TYPES + 1) * len(_FEEDBACK),
    "extmap": 16,
    "ssrc": _MAX_SOURCES,
}


def useful_lines(sdp: str) -> list[str]:
    """The lines that decide about the answer, in their order, as aiortc's parser splits them.

    Raises:
        BadSdp: there are more lines, sections, payload types or lines of one attribute than a client
            needs, or a line that is used is longer than `MAX_LINE_CHARS`.
    """
    lines = sdp.splitlines()
    if len(lines) > MAX_LINES:
        raise BadSdp(f"the SDP has {len(lines)} lines, more than {MAX_LINES}")
    session, *sections = groups(lines)
    if len(sections) > MAX_MEDIA_SECTIONS:
        raise BadSdp(
            f"the SDP has {len(sections)} media sections; 1 to {MAX_MEDIA_SECTIONS} are accepted"
        )
    kept = _counted(session, "v=o=s=c=t=", _SESSION_ATTRIBUTES)
    for section in sections:
        kept += _useful_of_section(section)
    for line in kept:
        if len(line) > MAX_LINE_CHARS:
            raise BadSdp(f"a line of the SDP has more than {MAX_LINE_CHARS} characters")
    return kept


def attribute_of(line: str) -> tuple[str, str]:
    """Name and value of an `a=` line; the name is empty on another line. As aiortc splits them."""
    name, _, value = line[2:].partition(":") if line.startswith("a=") else ("", "", "")
    return name, value


def groups(lines: Iterable[str]) -> list[list[str]]:
    """The session's lines, and then those of each section."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            found.append([])
        found[-1].append(line)
    return found


def _useful_of_section(section: list[str]) -> list[str]:
    head = section[0].split(maxsplit=3 + MAX_PAYLOAD_TYPES)
    if len(head) > 3 + MAX_PAYLOAD_TYPES:
        raise BadSdp(f"a media section has more than {MAX_PAYLOAD_TYPES} payload types")
    kind = head[0].removeprefix("m=")
    if kind not in ("audio", "video"):
        return _counted(section, "m=c=", _TRANSPORT_ATTRIBUTES)
    lines = list(_negotiable(section, kind))
    return _counted(lines, "m=c=", _TRANSPORT_ATTRIBUTES | _MEDIA_ATTRIBUTES)


def _negotiable(section: list[str], kind: str) -> Iterator[str]:
    """A section without codecs, feedback and header extensions that the server does not have, and
    without more sources than it looks at."""
    codecs, extensions = _known(kind)
    attributes = [attribute_of(line) for line in section]
    taken = {
        value.partition(" ")[0]
        for name, value in attributes
        if name == "rtpmap" and _codec_of(value) in codecs
    }
    feedback: set[str] = set()
    sources: set[str] = set()
    for line, (name, value) in zip(section, attributes, strict=True):
        first, _, rest = value.partition(" ")
        if name == "rtpmap" and _codec_of(value) not in codecs:
            continue
        if name == "fmtp" and first not in taken:
            continue
        if name == "rtcp-fb":
            if value in feedback or rest not in _FEEDBACK or first not in taken | {"*"}:
                continue
            feedback.add(value)
        if name == "extmap" and rest.partition(" ")[0] not in extensions:
            continue
        if name == "ssrc":
            if first in sources or len(sources) == _MAX_SOURCES:
                continue
            sources.add(first)
        yield line


def _codec_of(rtpmap: str) -> str:
    return rtpmap.partition(" ")[2].partition("/")[0].lower()


@cache
def _known(kind: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of codecs, in small letters, and header extensions that aiortc negotiates."""
    found = RTCRtpReceiver.getCapabilities(kind)
    codecs = found.codecs if found else []
    extensions = found.headerExtensions if found else []
    return (
        frozenset(codec.mimeType.partition("/")[2].lower() for codec in codecs),
        frozenset(extension.uri for extension in extensions),
    )


def _counted(lines: Iterable[str], fields: str, most: dict[str, int]) -> list[str]:
    """Lines of these fields, and of these attributes, of which there are so many at most."""
    kept: list[str] = []
    counts: Counter[str] = Counter()
    for line in lines:
        name, _ = attribute_of(line)
        field = name if name in most else line[:2]
        if field not in most and (line[1:2] != "=" or field not in fields):
            continue
        counts[field] += 1
        if counts[field] > most.get(field, _ONCE):
            what = "candidates" if field == "candidate" else f"lines of {field}"
            raise BadSdp(f"the SDP has more than {most.get(field, _ONCE)} {what} in one section")
        kept.append(line)
    return kept
