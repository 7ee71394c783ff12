"""WHIP clients of other makers, sending what a test draws: FFmpeg's muxer (in PyAV), and GStreamer."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any

from aiohttp import ClientSession
from aiortc import RTCCertificate
from cryptography.hazmat.primitives import serialization

from kyc_rtc.frames import BgrImage

FPS = 15
END_LIMIT_S = 20.0
"""For so long a client may take to end after its last picture."""

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's: GStreamer's bindings are not on PyPI."""

_SCRIPT = Path(__file__).with_name("whip_gstreamer.py")
_NEEDS = (
    "import gi; gi.require_version('GstWebRTC', '1.0'); gi.require_version('Gst', '1.0')\n"
    "from gi.repository import Gst; Gst.init(None)\n"
    "names = ('webrtcbin', 'nicesrc', 'vp8enc', 'x264enc', 'appsrc', 'dtlsenc', 'srtpenc')\n"
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


class WhipClient:
    """A client as a process of its own, which gets `FPS` pictures a second by standard input. `said`: what it
    wrote, such as `POST 201`."""

    def __init__(self, command: list[str], token: str, draw: Draw) -> None:
        self.said: list[str] = []
        self._command = command
        self._environment = {**os.environ, "WHIP_TOKEN": token}
        self._draw = draw
        self._stop = threading.Event()

    def stop(self) -> None:
        """End the pictures, and with them the client."""
        self._stop.set()

    def run(self) -> None:
        """Until it is stopped, or the client gives up. Blocks."""
        with subprocess.Popen(  # noqa: S603 - a command of our own
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # it gave up: what it said shows why
                self._feed(process.stdin)
            hung = threading.Timer(END_LIMIT_S, process.kill)
            hung.start()
            self.said = process.stdout.read().decode().splitlines()
            hung.cancel()

    def _feed(self, pipe: IO[bytes]) -> None:
        """As a camera: where the machine is too slow, pictures are left out, and whoever is in them does not
        become slower, for a challenge's deadline is real time."""
        began_s, next_s = time.monotonic(), 0.0
        while not self._stop.wait(max(0.0, began_s + next_s - time.monotonic())):
            at_s = time.monotonic() - began_s
            next_s = max(next_s + 1 / FPS, at_s)
            pipe.write(self._draw(1_000 * at_s).tobytes())
            pipe.flush()
        pipe.close()


def ffmpeg(url: str, token: str, folder: Path, draw: Draw) -> WhipClient:
    """FFmpeg's muxer, with a P-256 certificate: its own would be RSA."""
    script = str(Path(__file__).with_name("whip_ffmpeg.py"))
    cert, key = new_certificate(folder)
    return WhipClient([sys.executable, script, url, str(cert), str(key)], token, draw)


def gstreamer(url: str, token: str, draw: Draw, *arguments: str) -> WhipClient:
    """GStreamer's webrtcbin. `arguments`: the codec, and perhaps `passive`."""
    codec, *others = arguments
    made = WhipClient([SYSTEM_PYTHON, str(_SCRIPT), codec, url, *others], token, draw)
    made._environment.pop("LD_LIBRARY_PATH", None)
    return made


def new_certificate(folder: Path) -> tuple[Path, Path]:
    """A P-256 certificate and its key, as `cert.pem` and `key.pem`."""
    made: Any = RTCCertificate.generateCertificate()
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made._cert.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        made._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, key


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
