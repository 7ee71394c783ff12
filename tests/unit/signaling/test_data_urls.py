"""Pictures as clients write them into JSON: data URLs with parameters, base64 in lines."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from kyc_rtc.settings import Settings
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import MakeClient

Client = TestClient[Any, Any]
BYTES = bytes(range(256)) * 2
BASE64 = base64.b64encode(BYTES).decode()
IN_LINES = base64.encodebytes(BYTES).decode()


@pytest.fixture
async def client(make_client: MakeClient, tmp_path: Path) -> Client:
    made: Client = await make_client(Settings(data_dir=tmp_path))
    return made


async def status_of(client: Client, frame: str) -> int:
    started = await (await client.post("/api/v1/kyc/start-session", json={"user_id": "x"})).json()
    body = {"session_id": started["session_id"], "frame": frame}
    response = await client.post("/api/v1/kyc/upload-video-frame", json=body)
    return response.status


@pytest.mark.parametrize(
    "frame",
    [
        f"data:image/jpeg;base64,{BASE64}",
        f"data:image/jpeg;charset=utf-8;base64,{BASE64}",
        f"data:image/png;name=shot.png;charset=utf-8;base64,{BASE64}",
        f"DATA:image/JPEG;base64,{BASE64}",
        f"data:image/webp;base64,{IN_LINES}",
        "data:image/jpeg;base64," + IN_LINES.replace("\n", "\r\n"),
        f"data:image/jpeg;base64,\n{BASE64}\n",
    ],
)
async def test_the_bytes_are_read(client: Client, sessions: FakeSessions, frame: str) -> None:
    assert await status_of(client, frame) == 200
    assert sessions.calls[-1] == ("upload", BYTES)


@pytest.mark.parametrize(
    "frame",
    [
        f"data:image/gif;base64,{BASE64}",
        f"data:image/jpeg,{BASE64}",
        f"data:image/jpeg;charset;base64,{BASE64}",
        "data:image/jpeg" + ";a=b" * 5 + f";base64,{BASE64}",
        f"data:image/jpeg;base64,{BASE64[:-3]}",
        f"data:image/jpeg;base64,{BASE64[:20]}*{BASE64[20:]}",
        f"data:image/jpeg;base64,{BASE64[:20]}\x0b{BASE64[20:]}",
        BASE64,
    ],
)
async def test_others_are_refused(client: Client, frame: str) -> None:
    assert await status_of(client, frame) == 400
