"""Sessions over real WebRTC against a server process: rate, latency, memory, and what stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kyc_rtc.bench.pipeline import machine
from kyc_rtc.clock import SystemClock
from kyc_rtc.errors import MediaError
from kyc_rtc.frames.scaling import letterbox
from media.file_source import read_frames
from media.publisher import EncodedTrack, Publisher, encode_vp8

ROOT = Path(__file__).parent.parent.parent
SIZE, FPS, KBPS = (640, 480), 30, 800
START_LIMIT_S = 60.0
SETTLE_S = 8.0
"""After the last session, how long the server has to let go of everything."""


def measure(video: Path, *, seconds: float, sequential: int, parallel: int) -> dict[str, Any]:
    """Serve on a free port of the loopback, send `video` at 640×480 and 30 fps, and watch.

    First one session of `seconds`, for rate and latency; then `sequential` short sessions one after
    another and `parallel` at once, for what they leave behind. The sender shares the machine.

    Raises:
        MediaError: the video cannot be read.
    """
    packets = _encoded(video)
    with _server() as server:
        return asyncio.run(_measure(server, packets, seconds, sequential, parallel))


async def _measure(
    server: _Server, packets: list[bytes], seconds: float, sequential: int, parallel: int
) -> dict[str, Any]:
    cpu_before_s = server.cpu_s()
    one = await _session(server, packets, seconds)
    figures: dict[str, Any] = {
        "machine": machine(),
        "stream": f"VP8 {SIZE[0]}x{SIZE[1]} at {FPS} fps, {KBPS} kbit/s",
        "one_session": one.figures() | {"server_cpu_s": round(server.cpu_s() - cpu_before_s, 2)},
    }
    await asyncio.sleep(SETTLE_S)
    before = server.footprint()
    figures["after_one_session"] = before
    if sequential:
        for _ in range(sequential):
            await _session(server, packets, 1.5)
        await asyncio.sleep(SETTLE_S)
        figures[f"after_{sequential}_in_a_row"] = server.footprint()
    if parallel > 1:
        together = await asyncio.gather(
            *(_session(server, packets, seconds) for _ in range(parallel))
        )
        figures[f"{parallel}_at_once"] = {
            "during": together[0].footprint,
            "sessions": [session.figures() for session in together],
        }
        await asyncio.sleep(SETTLE_S)
        figures[f"after_{parallel}_at_once"] = server.footprint()
    return figures


@dataclass
class _Session:
    """What one session showed."""

    latencies_ms: list[float] = field(default_factory=list)
    analysed_fps: float = 0.0
    dropped: int = 0
    messages: int = 0
    footprint: dict[str, float] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        self.messages += 1
        if message["type"] == "frame":
            self.latencies_ms.append(message["latency_ms"])
            self.analysed_fps, self.dropped = message["analysed_fps"], message["dropped"]

    def figures(self) -> dict[str, Any]:
        latencies = self.latencies_ms or [float("nan")]
        return {
            "analysed_fps": self.analysed_fps,
            "dropped": self.dropped,
            "received_to_sent_ms": {
                "n": len(self.latencies_ms),
                "p50": round(float(np.percentile(latencies, 50)), 1),
                "p95": round(float(np.percentile(latencies, 95)), 1),
            },
            "messages": self.messages,
        }


async def _session(server: _Server, packets: list[bytes], seconds: float) -> _Session:
    seen = _Session()
    started = await asyncio.to_thread(
        server.post, "/api/v1/kyc/start-session", {"user_id": "bench"}, ""
    )
    publisher = Publisher(EncodedTrack(packets, FPS), seen.take)
    try:
        path = f"/api/v1/kyc/sessions/{started['session_id']}/offer"
        offer = {"type": "offer", "sdp": await publisher.offer()}
        answer = await asyncio.to_thread(server.post, path, offer, started["client_token"])
        await publisher.accept(answer["sdp"])
        await asyncio.sleep(seconds)
        seen.footprint = server.footprint()
        if publisher.reliable.readyState == "open":
            publisher.say("cancel")
            await asyncio.sleep(0.2)
    finally:
        await publisher.aclose()
    return seen


class _Server:
    """The server process, from outside."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self._url = f"http://127.0.0.1:{port}"

    def post(self, path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(  # noqa: S310 - always the loopback
            self._url + path, json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
            return answer

    def wait_healthy(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(self._url + "/health", timeout=2):  # noqa: S310
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise MediaError("the server did not become healthy")

    def footprint(self) -> dict[str, float]:
        """Resident megabytes, threads, open sockets and asyncio tasks of the server."""
        proc = Path(f"/proc/{self._process.pid}")
        status = (proc / "status").read_text()
        metrics = urllib.request.urlopen(self._url + "/metrics", timeout=5).read().decode()  # noqa: S310
        return {
            "rss_mb": round(_number(r"VmRSS:\s+(\d+)", status) / 1024, 1),
            "threads": _number(r"Threads:\s+(\d+)", status),
            "sockets": sum("socket" in _link(fd) for fd in (proc / "fd").iterdir()),
            "tasks": _number(r"^kyc_tasks (\S+)", metrics),
            "live_sessions": _number(r"^kyc_live_sessions (\S+)", metrics),
        }

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server() -> Iterator[_Server]:
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {
            **os.environ,
            "KYC_RTC_DATA_DIR": folder,
            "KYC_RTC_LOG_LEVEL": "error",
            # Nobody answers the challenges here: they must not end the session.
            "KYC_RTC_LIVENESS__TIME_LIMIT_MS": "60000",
            "KYC_RTC_LIMITS__MAX_LIVE_SESSIONS": "1000",
            "KYC_RTC_LIMITS__MAX_PENDING_PER_ADDRESS": "1000",  # all come from this machine
        }
        command = [sys.executable, str(ROOT / "server.py"), "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=ROOT)  # noqa: S603
        server = _Server(process, port)
        try:
            server.wait_healthy()
            yield server
        finally:
            process.terminate()
            process.wait(20)


def _encoded(video: Path) -> list[bytes]:
    pictures = (letterbox(frame.to_bgr(), SIZE) for frame in read_frames(video, SystemClock()))
    packets = encode_vp8(pictures, SIZE, FPS, KBPS)
    if not packets:
        raise MediaError(f"{video} has no frames")
    return packets


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text, re.MULTILINE)
    return float(match[1]) if match else float("nan")


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def table(figures: dict[str, Any]) -> str:
    """The figures, one a line."""
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in figures.items())
