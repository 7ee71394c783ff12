"""Makes a video look as after a call: at a lower rate, through a codec, over a lossy link."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from functools import partial
from itertools import chain, islice

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from kyc_rtc.errors import MediaError
from kyc_rtc.frames import BgrImage, Frame
from media.video_track import to_bgr

PACKET_BYTES = 1_200
"""Payload of an RTP packet: what WebRTC senders put into one."""

PLI_MS = 200
"""From a frame that is gone to the keyframe that the receiver asks for (RFC 4585, 6.3.1): a round
trip, and the wait for the retransmission that did not come."""

_RATE_FRAMES = 10
_DEFAULT_FPS = 30.0
_CLOCK = Fraction(1, 1_000)


class Codec(StrEnum):
    """The codecs that every WebRTC endpoint has (RFC 7742, 5)."""

    VP8 = "vp8"
    H264 = "h264"


def at_rate(frames: Iterator[Frame], fps: float) -> Iterator[Frame]:
    """At most `fps` frames a second; the others are dropped without being converted."""
    interval_ms, next_ms = 1_000 / fps, 0.0
    for frame in frames:
        now_ms = frame.captured_at_ms
        if now_ms >= next_ms - 1:  # timestamps are rounded to milliseconds
            # After a gap the rate starts anew: no burst to catch up.
            next_ms = (next_ms if now_ms < next_ms + interval_ms else now_ms) + interval_ms
            yield frame


def through_codec(
    frames: Iterator[Frame],
    codec: Codec,
    kbps: int,
    fps: float | None = None,
    loss: float = 0.0,
    seed: int = 0,
) -> Iterator[Frame]:
    """Encode as a WebRTC sender does, lose packets, decode again; some ten frames in memory.

    `fps` drops frames first; None keeps all. `loss` is the chance, 0 to 1, that a packet is lost. A
    lost packet is sent once more (NACK, RFC 4585, 6.2.1); if that is lost too the frame is gone, and
    nothing is decoded until the next keyframe, which is forced `PLI_MS` later. Frames that are gone,
    or that the encoder skips to keep its rate, are missing from the result; the others keep their
    times and sequence numbers. An odd last row or column is cut off. The same seed loses the same.

    Raises:
        ValueError: a number out of range. MediaError: the codec is missing or refuses a picture.
    """
    if kbps <= 0 or not 0.0 <= loss <= 1.0 or not (fps is None or 0 < fps < math.inf):
        raise ValueError(f"kbps {kbps}, fps {fps}, loss {loss}: out of range")
    sent = frames if fps is None else at_rate(frames, fps)
    first = list(islice(sent, _RATE_FRAMES))
    rate_fps = _rate_fps(first)
    link = _Link(loss, random.Random(seed))  # noqa: S311 - a reproducible loss, not a secret
    coder: _Coder | None = None
    for frame in chain(first, sent):
        image = _even(frame.to_bgr())
        if coder is None or coder.size != image.shape[:2]:
            coder = _Coder(codec, image, kbps, rate_fps)
            link.restart()
        picture = _sent(coder, link, image, frame.captured_at_ms)
        if picture is not None:
            yield replace(frame, to_bgr=partial(to_bgr, picture))


def _rate_fps(frames: Sequence[Frame]) -> float:
    """The rate at which the frames come: x264 without lag spends its bits by it, not by the times."""
    if len(frames) < 2:
        return _DEFAULT_FPS
    times_ms = [frame.captured_at_ms for frame in frames]
    return 1_000 / max(float(np.median(np.diff(times_ms))), 1.0)


def _sent(coder: _Coder, link: _Link, image: BgrImage, now_ms: int) -> av.VideoFrame | None:
    try:
        packet = coder.encode(image, now_ms, keyframe=link.wants_keyframe(now_ms))
        if packet is None or not link.arrives(packet, now_ms):
            return None
        return coder.decode(packet)
    except av.FFmpegError as error:
        raise MediaError(f"the codec refuses a picture: {error.__class__.__name__}") from None


def _even(image: BgrImage) -> BgrImage:
    height, width = image.shape[:2]
    if min(height, width) < 2:
        raise MediaError(f"a picture of {width}x{height} pixels is too small for a codec")
    return np.ascontiguousarray(image[: height & ~1, : width & ~1])


class _Link:
    """A link that loses packets, and the receiver's wait for a keyframe."""

    def __init__(self, loss: float, chance: random.Random) -> None:
        self._loss = loss
        self._chance = chance
        self._broken_since_ms: int | None = None

    def restart(self) -> None:
        """The next frame is a keyframe of another encoder."""
        self._broken_since_ms = None

    def wants_keyframe(self, now_ms: int) -> bool:
        since_ms = self._broken_since_ms
        return since_ms is not None and now_ms - since_ms >= PLI_MS

    def arrives(self, packet: av.Packet[av.VideoStream], now_ms: int) -> bool:
        """Whether the frame can be decoded."""
        complete = not any(self._gone() for _ in range(math.ceil(packet.size / PACKET_BYTES)))
        if not complete and (self._broken_since_ms is None or packet.is_keyframe):
            self._broken_since_ms = now_ms  # a keyframe that is gone is asked for again
        elif complete and packet.is_keyframe:
            self._broken_since_ms = None
        return complete and self._broken_since_ms is None

    def _gone(self) -> bool:
        """Lost, and its retransmission as well."""
        return self._chance.random() < self._loss and self._chance.random() < self._loss


class _Coder:
    """An encoder set as WebRTC senders set it, and the decoder for its stream."""

    def __init__(self, codec: Codec, image: BgrImage, kbps: int, fps: float) -> None:
        self.size = image.shape[:2]
        names = {Codec.VP8: ("libvpx", "vp8"), Codec.H264: ("libx264", "h264")}
        encoder, decoder = names[codec]
        self._encoder = _context(encoder, "w")
        self._encoder.height, self._encoder.width = self.size
        self._encoder.pix_fmt = "yuv420p"
        self._encoder.time_base = _CLOCK
        self._encoder.framerate = Fraction(fps).limit_denominator(1_000)
        self._encoder.bit_rate = kbps * 1_000
        self._encoder.gop_size = 3_000  # keyframes come when they are asked for
        self._encoder.options = _options(codec, kbps, fps)
        self._decoder = _context(decoder, "r")

    def encode(
        self, image: BgrImage, now_ms: int, *, keyframe: bool
    ) -> av.Packet[av.VideoStream] | None:
        """The encoded frame; None where the encoder skips it to keep its rate."""
        picture = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
        picture.pts, picture.time_base = now_ms, _CLOCK
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        return next(iter(self._encoder.encode(picture)), None)  # no lag: at most one

    def decode(self, packet: av.Packet[av.VideoStream]) -> av.VideoFrame | None:
        return next(iter(self._decoder.decode(packet)), None)


def _context(name: str, mode: str) -> VideoCodecContext:
    try:
        context = av.CodecContext.create(name, "r" if mode == "r" else "w")
    except (av.FFmpegError, av.codec.codec.UnknownCodecError):
        raise MediaError(f"the codec {name} is missing here") from None
    if not isinstance(context, VideoCodecContext):
        raise MediaError(f"{name} is not a video codec")
    context.thread_count = 1  # frame threads add delay, and more threads make another picture
    return context


def _options(codec: Codec, kbps: int, fps: float) -> dict[str, str]:
    """Constant rate, a buffer of one second, no lag, no look ahead."""
    rate = {"maxrate": f"{kbps}k", "bufsize": f"{kbps}k"}
    match codec:
        case Codec.VP8:
            # As libwebrtc sets libvpx; a fixed (negative) speed, as the adaptive one depends on the
            # machine. The largest keyframe is half of what the buffer holds at its target.
            return rate | {
                "minrate": f"{kbps}k",
                "deadline": "realtime",
                "cpu-used": "-6",
                "lag-in-frames": "0",
                "error-resilient": "default",
                "drop-threshold": "30",
                "undershoot-pct": "100",
                "overshoot-pct": "15",
                "max-intra-rate": str(max(round(30 * fps), 300)),
                "qmin": "2",
                "qmax": "56",
            }
        case Codec.H264:
            return rate | {
                "preset": "veryfast",
                "tune": "zerolatency",
                "profile": "baseline",
                "x264-params": "scenecut=0:keyint=infinite",
            }
