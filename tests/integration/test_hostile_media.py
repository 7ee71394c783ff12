"""Real peers with hostile video: what is too large is never decoded, what is closed is given back."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.codecs.h264 import H264Decoder
from aiortc.codecs.vpx import Vp8Decoder
from aiortc.jitterbuffer import JitterFrame
from av.frame import Frame as AvFrame

from kyc_rtc.settings import MediaSettings, Settings
from media.decoder_queue import DecoderQueue
from media.peer_events import CameraStarted
from media.peer_setup import video_receivers
from media.publisher import EncodedTrack, encode_vp8
from tests.support.encoders import h264, vp8_that_says
from tests.support.loopback import Loopback

NewLoopback = Callable[..., Loopback]
FPS = 30
H264_ONLY = Settings(media=MediaSettings(video_codecs=("H264",)))


@pytest.fixture
async def loopback() -> AsyncIterator[NewLoopback]:
    made: list[Loopback] = []

    def make(track: MediaStreamTrack, settings: Settings | None = None) -> Loopback:
        made.append(Loopback(track, settings))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every frame that reaches a decoder."""
    seen: list[bytes] = []
    for decoder in (Vp8Decoder, H264Decoder):
        original = decoder.decode

        def decode(
            self: Vp8Decoder | H264Decoder,
            frame: JitterFrame,
            original: Callable[..., list[AvFrame]] = original,
        ) -> list[AvFrame]:
            seen.append(frame.data)
            return original(self, frame)

        monkeypatch.setattr(decoder, "decode", decode)
    return seen


def small_video() -> list[bytes]:
    pictures = [np.full((48, 64, 3), 20 * shade, np.uint8) for shade in range(10)]
    return encode_vp8(pictures, (64, 48), FPS)


async def test_a_stream_of_8192_pixels_is_never_decoded(
    loopback: NewLoopback, decoded: list[bytes]
) -> None:
    large = [vp8_that_says((8_192, 8_192)), b"\x11\x02\x00" + bytes(50)]
    call = loopback(EncodedTrack(large, FPS))
    await call.connect()
    await call.until(call.refusals)
    await call.until(lambda: queue_of(call).dropped > 20)
    assert decoded == []
    assert call.frames == []
    assert call.refusals() == ["video_too_large"]


async def test_pictures_of_an_allowed_size_are_seen_again(
    loopback: NewLoopback, decoded: list[bytes]
) -> None:
    small = small_video()
    large = vp8_that_says((8_192, 8_192))
    call = loopback(EncodedTrack([large, *small[1:], *small], FPS))
    await call.connect()
    await call.until(lambda: len(call.frames) > 30)
    assert call.refusals() == ["video_too_large"]
    assert large not in decoded
    assert call.of_type(CameraStarted)


@pytest.mark.parametrize(
    ("size", "is_seen"), [((1920, 1080), True), ((1080, 1920), True), ((2048, 1088), False)]
)
async def test_h264_has_the_same_limit(
    loopback: NewLoopback, decoded: list[bytes], size: tuple[int, int], is_seen: bool
) -> None:
    call = loopback(EncodedTrack([h264(size)], FPS), H264_ONLY)
    await call.connect()
    await call.until(lambda: call.frames if is_seen else call.refusals())
    assert bool(call.frames) == bool(decoded) == is_seen


async def test_a_closed_peer_leaves_nothing_behind() -> None:
    threads = set(threading.enumerate())
    kept = await parts_of_a_closed_call()
    gc.collect()
    assert len(kept) == 7
    assert [name for name, reference in kept.items() if reference() is not None] == []
    assert {t.name for t in set(threading.enumerate()) - threads} <= {"asyncio_0"}


async def parts_of_a_closed_call() -> dict[str, weakref.ref[object]]:
    """By type; nothing here refers to them any more."""
    call = Loopback(EncodedTrack(small_video(), FPS))
    await call.connect()
    await call.until(lambda: len(call.frames) > 3)
    receiver = video_receivers(call.peer._connection)[0]
    dtls = receiver.transport
    parts = [call.peer, call.peer._connection, receiver, receiver.track, dtls, dtls.transport]
    kept = {type(part).__name__: weakref.ref(part) for part in (*parts, queue_of(call))}
    await call.aclose()
    return kept


def queue_of(call: Loopback) -> DecoderQueue:
    queue = getattr(
        video_receivers(call.peer._connection)[0], "_RTCRtpReceiver__decoder_queue", None
    )
    assert isinstance(queue, DecoderQueue)
    return queue
