"""The WHIP clients of the documentation, run as they are written there."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from aiohttp import ClientSession
from av.video.stream import VideoStream

from kyc_rtc.settings import DetectionSettings, Settings
from tests.integration.conftest import Serve
from tests.support.applicant import PortraitApplicant
from tests.support.documented import example
from tests.support.whip_clients import SYSTEM_PYTHON, has_gstreamer, new_certificate

SECONDS = 6
FPS = 15


@pytest.fixture
def clip(face_model: Path, tmp_path: Path) -> Path:
    """Somebody who sits there for some seconds."""
    person, path = PortraitApplicant(face_model), tmp_path / "clip.mp4"
    with av.open(path, "w") as output:
        stream = output.add_stream("libx264", rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 480, 360, "yuv420p"
        for number in range(SECONDS * FPS):
            picture = person.draw(1_000 * number / FPS)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode(None))
    return path


async def run(http: ClientSession, base_url: str, folder: Path, *command: str) -> tuple[str, Any]:
    """Run a client in a folder, `URL` in its arguments being the session's; what it wrote, and the status."""
    api = f"{base_url}/api/v1/kyc"
    async with http.post(f"{api}/start-session", json={"user_id": "example"}) as answer:
        started = await answer.json()
    url = f"{base_url}/whip/{started['session_id']}"
    client = await asyncio.create_subprocess_exec(
        *[url if word == "URL" else word for word in command],
        cwd=folder,
        env={**os.environ, "WHIP_TOKEN": started["client_token"]},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        said, _ = await client.communicate()
    assert client.returncode == 0
    query = {"session_id": started["session_id"]}
    async with http.get(f"{api}/get-session-status", params=query) as answer:
        return said.decode(), await answer.json()


def check_concluded(status: Any) -> None:
    """The clip answers nothing, and the client's DELETE ends it."""
    assert (status["status"], status["transport"]) == ("INCONCLUSIVE", "whip")
    assert "completed_early" in [reason["code"] for reason in status["reasons"]]
    assert status["frames_processed"] > 0
    assert status["face_detected"]


async def test_the_example_in_pyav(
    serve: Serve, http: ClientSession, clip: Path, tmp_path: Path
) -> None:
    new_certificate(tmp_path)
    (tmp_path / "client.py").write_text(example("whip.md", "FFmpeg, by PyAV", "python"))
    base_url = await serve(_settings(tmp_path))
    command = (sys.executable, "client.py", "URL", str(clip))
    said, status = await run(http, base_url, tmp_path, *command)
    sent, words = said.split(maxsplit=1)
    assert (int(sent) >= (SECONDS - 1) * FPS, words) == (True, "pictures sent\n")
    check_concluded(status)


@pytest.mark.skipif(not has_gstreamer(), reason="no GStreamer with WebRTC")
async def test_the_example_in_gstreamer(
    serve: Serve, http: ClientSession, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "client.py").write_text(example("whip.md", "GStreamer", "python"))
    base_url = await serve(_settings(tmp_path))
    camera = f"filesrc location={clip} ! decodebin"
    command = (SYSTEM_PYTHON, "client.py", "URL", str(SECONDS), camera)
    said, status = await run(http, base_url, tmp_path, *command)
    assert said == "POST 201\nDELETE 200\n"
    check_concluded(status)


def _settings(folder: Path) -> Settings:
    # Without the detectors: the portrait is an animated photograph.
    return Settings(data_dir=folder, detection=DetectionSettings(weights_dir=folder))
