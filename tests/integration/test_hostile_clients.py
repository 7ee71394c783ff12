"""Junk against the running application: clear errors, a healthy server, other sessions untouched."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, TCPConnector

from kyc_rtc.settings import (
    HttpSettings,
    LimitSettings,
    LivenessSettings,
    MediaSettings,
    Settings,
)
from kyc_rtc.telemetry import configure_logging
from media.publisher import EncodedTrack
from tests.integration.conftest import Serve
from tests.support.applicant import Call, PortraitApplicant
from tests.support.encoders import vp8_that_says
from tests.support.offers import browser_like_offer, mutated
from tests.unit.frames.test_pictures import png_header

OFFERS_EACH = 50
"""Fewer than the peers that one session may have."""
PATIENT = LivenessSettings(time_limit_ms=60_000)
BLANK = np.zeros((48, 64, 3), np.uint8)


async def _started(http: ClientSession, base_url: str) -> tuple[str, dict[str, str]]:
    url = f"{base_url}/api/v1/kyc/start-session"
    async with http.post(url, json={"user_id": "hostile"}) as response:
        body = await response.json()
        return body["session_id"], {"Authorization": f"Bearer {body['client_token']}"}


async def _healthy(http: ClientSession, base_url: str) -> bool:
    async with http.get(f"{base_url}/health") as response:
        return response.status == 200 and (await response.json())["status"] == "healthy"


async def _until(condition: Any, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - a live peer is watched from outside
            await asyncio.sleep(0.05)  # polling, bounded by the timeout


async def test_a_thousand_mutated_offers_leave_the_server_well(
    serve: Serve, http: ClientSession, tmp_path: Path
) -> None:
    limits = LimitSettings(max_pending_per_address=1_000, max_live_sessions=100)
    http_settings = HttpSettings(rate_limits=False)
    base_url = await serve(Settings(data_dir=tmp_path, limits=limits, http=http_settings))
    statuses: dict[int, int] = {}
    for seed in range(1_000):
        if seed % OFFERS_EACH == 0:
            session_id, headers = await _started(http, base_url)
            url = f"{base_url}/api/v1/kyc/sessions/{session_id}/offer"
        sdp = mutated(browser_like_offer(), seed)
        async with http.post(url, json={"type": "offer", "sdp": sdp}, headers=headers) as response:
            body = await response.json()
            statuses[response.status] = statuses.get(response.status, 0) + 1
            if response.status != 200:
                assert body["error"]["message"], body
    assert set(statuses) <= {200, 400}, statuses
    assert statuses[400] > 100
    assert await _healthy(http, base_url)


async def test_an_address_has_so_many_connections_on_their_way(
    serve: Serve, http: ClientSession, tmp_path: Path
) -> None:
    limits = LimitSettings(max_pending_per_address=2, max_live_sessions=2)
    base_url = await serve(Settings(data_dir=tmp_path, limits=limits))
    offer = {"type": "offer", "sdp": browser_like_offer()}
    answers: list[tuple[int, str | None]] = []
    for address in ("127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"):
        session_id, headers = await _started(http, base_url)
        url = f"{base_url}/api/v1/kyc/sessions/{session_id}/offer"
        connector = TCPConnector(local_addr=(address, 0))
        async with (
            ClientSession(connector=connector) as attacker,
            attacker.post(url, json=offer, headers=headers) as response,
        ):
            answers.append((response.status, response.headers.get("Retry-After")))
    refused = (503, "15")
    assert answers == [(200, None)] * 2 + [refused] + [(200, None)] * 2 + [refused]
    async with http.get(f"{base_url}/health") as response:
        assert (await response.json())["live_sessions"] == 0, "nobody came: no place is taken"


async def test_a_picture_that_is_too_large_is_said_to_the_client(
    serve: Serve, http: ClientSession, tmp_path: Path
) -> None:
    base_url = await serve(Settings(data_dir=tmp_path))
    packets = [vp8_that_says((8_192, 8_192))]
    call = Call(http, base_url, lambda _ms: BLANK, lambda _draw: EncodedTrack(packets, 30))
    try:
        await call.start()
        await _until(lambda: call.of_type("error"), 20)
        (error,) = call.of_type("error")
        assert (error["code"], error["hint"]) == ("video_too_large", "hint.video_too_large")
        assert "8192x8192" in error["message"]
    finally:
        await call.aclose()


async def test_oversized_and_hostile_bodies_are_refused(
    serve: Serve, http: ClientSession, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    base_url = await serve(settings)
    session_id, headers = await _started(http, base_url)
    huge = io.BytesIO(b'{"user_id": "' + b"x" * settings.limits.max_body_bytes + b'"}')
    json_type = {"Content-Type": "application/json"}
    async with http.post(
        f"{base_url}/api/v1/kyc/start-session", data=huge, headers=json_type
    ) as response:
        assert response.status == 413
    bomb = base64.b64encode(png_header(20_000, 20_000)).decode()
    for data, status in ((bomb, 413), (base64.b64encode(b"no picture").decode(), 400)):
        frame = {"session_id": session_id, "frame": f"data:image/png;base64,{data}"}
        url = f"{base_url}/api/v1/kyc/upload-video-frame"
        async with http.post(url, json=frame, headers=headers) as response:
            assert response.status == status, await response.text()
    assert await _healthy(http, base_url)


async def test_a_flood_on_the_data_channel_disturbs_nobody_else(
    serve: Serve, http: ClientSession, face_model: Path, tmp_path: Path
) -> None:
    base_url = await serve(Settings(data_dir=tmp_path, liveness=PATIENT))
    quiet = Call(http, base_url, PortraitApplicant(face_model).draw)
    loud = Call(http, base_url, PortraitApplicant(face_model).draw)
    try:
        await quiet.start()
        await loud.start()
        await _until(lambda: loud.of_type("state") and quiet.of_type("state"), 20)
        for number in range(3_000):
            loud.publisher.reliable.send(
                "{" * (number % 200) if number % 3 else json.dumps([number])
            )
        before = len(quiet.of_type("frame"))
        await _until(lambda: len(quiet.of_type("frame")) >= before + 10, 20)
        await _until(lambda: loud.of_type("error"), 20)
        assert await _healthy(http, base_url)
        assert not quiet.of_type("error")
    finally:
        await quiet.aclose()
        await loud.aclose()


async def test_a_peer_that_dies_without_a_word_is_noticed_within_ten_seconds(
    serve: Serve, http: ClientSession, face_model: Path, tmp_path: Path
) -> None:
    media = MediaSettings(reconnect_grace_ms=0)
    base_url = await serve(Settings(data_dir=tmp_path, liveness=PATIENT, media=media))
    call = Call(http, base_url, PortraitApplicant(face_model).draw)
    try:
        await call.start()
        await _until(lambda: call.of_type("quality") or call.of_type("challenge"), 20)
        _pull_the_plug(call)
        async with asyncio.timeout(10):
            while (state := await _state(http, base_url, call.session_id)) != "inconclusive":
                assert state in ("checking_quality", "challenging")
                await asyncio.sleep(0.1)  # polling a live server, bounded by the timeout
    finally:
        await call.aclose()


async def test_no_token_sdp_or_personal_datum_reaches_the_log(
    serve: Serve,
    http: ClientSession,
    face_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("debug", as_json=True)
    base_url = await serve(Settings(data_dir=tmp_path, log_level="debug"))
    call = Call(http, base_url, PortraitApplicant(face_model).draw)
    await call.start()
    await _until(lambda: call.of_type("frame"), 20)
    await call.aclose()
    url = f"{base_url}/api/v1/kyc/complete-verification"
    async with http.post(url, json={"session_id": call.session_id}) as response:
        assert response.status == 200
    logged = capsys.readouterr().err
    assert "verdict" in logged
    for secret in (call.token, "portrait", "a=ice-pwd", "a=fingerprint", "candidate:"):
        assert secret not in logged, secret


def _pull_the_plug(call: Call) -> None:
    """Close the client's sockets under it: no BYE, no DTLS alert, as when a phone loses its network."""
    for transceiver in call.publisher._connection.getTransceivers():
        ice = transceiver.receiver.transport.transport._connection
        for protocol in ice._protocols:
            protocol.transport.abort()


async def _state(http: ClientSession, base_url: str, session_id: str) -> str:
    url = f"{base_url}/api/v1/kyc/get-session-status"
    async with http.get(url, params={"session_id": session_id}) as response:
        state: str = (await response.json())["state"]
        return state
