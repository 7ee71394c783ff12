"""WHIP clients of other makers, sending what a test draws: FFmpeg's muxer (in PyAV), and GStreamer."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from aiohttp import ClientSession
from aiortc import RTCCertificate
from av.video.stream import VideoStream
from cryptography.hazmat.primitives import serialization

from kyc_rtc.frames import BgrImage

FPS = 15
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's: GStreamer's bindings are not on PyPI."""

_SCRIPT = Path(__file__).with_name("whip_gstreamer.py")
_NEEDS = (
    "import gi; gi.require_version('GstWebRTC', '1.0'); gi.require_version('Gst', '1.0')\n"
    "from gi.repository import Gst; Gst.init(None)\n"
    "names = ('webrtcbin', 'nicesrc', 'vp8enc', 'x264enc', 'rawvideoparse', 'dtlsenc', 'srtpenc')\n"
    "assert all(map(Gst.ElementFactory.find, names))"
)

Draw = Callable[[float], BgrImage]


@functools.cache
def has_gstreamer() -> bool:
    """Whether the system has GStreamer with WebRTC, its encoders and its Python bindings."""
    try:
        tried = subprocess.run(  # noqa: S603 - a command of our own
            [SYSTEM_PYTHON, "-c", _NEEDS], capture_output=True, timeout=60, check=False
        )
    except OSError:
        return False
    return tried.returncode == 0


class _Paced:
    """Calls `send` with a picture `FPS` times a second, on a thread, until it is stopped."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def pictures(self) -> Any:
        began_s, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began_s + number / FPS - time.monotonic())):
            yield number, self._draw(1_000 * number / FPS)
            number += 1


class Ffmpeg(_Paced):
    """FFmpeg's WHIP muxer: H.264, a P-256 certificate (its own would be RSA), and DELETE at its end."""

    def __init__(self, url: str, token: str, folder: Path, draw: Draw) -> None:
        super().__init__(draw)
        self._url, self._token = url, token
        self._cert, self._key = _certificate(folder)

    def run(self) -> None:
        options = {
            "authorization": self._token,
            "cert_file": str(self._cert),
            "key_file": str(self._key),
            "handshake_timeout": "10000",
        }
        with av.open(self._url, "w", format="whip", options=options) as output:
            stream = output.add_stream("libx264", rate=FPS)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = 480, 360, "yuv420p"
            stream.codec_context.gop_size = 2 * FPS
            stream.codec_context.bit_rate = 900_000
            stream.options = {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline"}
            for number, image in self.pictures():
                picture = av.VideoFrame.from_ndarray(image, format="bgr24")
                picture.pts, picture.time_base = number, Fraction(1, FPS)
                for packet in stream.encode(picture):
                    output.mux(packet)


def _certificate(folder: Path) -> tuple[Path, Path]:
    made: Any = RTCCertificate.generateCertificate()
    cert, key = folder / "whip-cert.pem", folder / "whip-key.pem"
    cert.write_bytes(made._cert.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        made._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, key


class Gstreamer(_Paced):
    """webrtcbin; `said`: what the client wrote, such as `POST 201`."""

    def __init__(self, url: str, token: str, draw: Draw, *arguments: str) -> None:
        super().__init__(draw)
        self.said: list[str] = []
        self._command = [SYSTEM_PYTHON, str(_SCRIPT), arguments[0], url, *arguments[1:]]
        self._environment = {**os.environ, "WHIP_TOKEN": token}
        self._environment.pop("LD_LIBRARY_PATH", None)  # the virtual environment's own

    def run(self) -> None:
        with subprocess.Popen(  # noqa: S603 - a command of our own
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                for _, image in self.pictures():
                    process.stdin.write(image.tobytes())
                    process.stdin.flush()
                process.stdin.close()
            except BrokenPipeError:
                pass  # the client gave up: what it said shows why
            self.said = process.stdout.read().decode().splitlines()


async def events_of(
    http: ClientSession, url: str, token: str, last_event: int = 0
) -> AsyncIterator[dict[str, Any]]:
    """The messages of a session's event stream, once it has begun."""
    headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": str(last_event)}
    while True:
        async with http.get(url, headers=headers) as response:
            if response.status == 404:  # nobody has posted yet
                await asyncio.sleep(0.1)
                continue
            response.raise_for_status()
            async for line in response.content:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
            return
