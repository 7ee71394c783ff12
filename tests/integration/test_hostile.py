"""Two hostile clients against the real server; `python -m tests.hostile` is the long form."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kyc_rtc.keys import api_key_hash, new_api_key
from tests.hostile import ATTACKS, attacked
from tests.support.browser_server import LiveServer


@pytest.mark.parametrize("name", ["300 half-sent bodies, one API key", "1,100 half-sent headers"])
async def test_a_hostile_client_costs_little(face_model: Path, tmp_path: Path, name: str) -> None:
    key = new_api_key()
    settings = {"API_KEY_HASHES": f'["{api_key_hash(key)}"]', "LOG_LEVEL": "warning"}
    server = LiveServer(tmp_path, settings, key)
    try:
        await asyncio.to_thread(server.start)
        outcome = await asyncio.to_thread(attacked, name, ATTACKS[name], server, key, 2.0)
    finally:
        server.kill()
    assert outcome.wrong == []
    assert outcome.answers.total() in (300, 1_100)
    assert "Traceback" not in server.log(), server.log()
