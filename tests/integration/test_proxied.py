"""The files of `deploy/` at work: TLS by nginx, media by coturn alone, credentials that expire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy

from kyc_rtc.turn import turn_credentials
from tests.support.applicant import Call, PortraitApplicant, obey
from tests.support.deployed import SECRET, Deployed, deployment


@pytest.fixture
async def deployed(face_model: Path, tmp_path: Path) -> AsyncIterator[Deployed]:
    del face_model  # fetched, or the test is skipped
    async with deployment(tmp_path) as made:
        yield made


async def relay_only(deployed: Deployed, call: Call) -> RTCConfiguration:
    """What a client in a closed network has: the servers of `client-config`, and no other way."""
    headers = {"Authorization": f"Bearer {call.token}"}
    url = f"{deployed.url}/api/v1/kyc/client-config"
    async with deployed.http.get(url, headers=headers) as response:
        given = (await response.json())["ice_servers"]
    servers = [RTCIceServer(**one) for one in given]
    return RTCConfiguration(servers, iceTransportPolicy=RTCIceTransportPolicy.RELAY)


async def test_nginx_hands_on_that_the_client_used_tls(deployed: Deployed) -> None:
    url = f"{deployed.url}/api/v1/kyc/start-session"
    async with deployed.http.post(url, json={"user_id": "x"}) as response:
        started = await response.json()
        assert response.status == 201, started
        assert "Strict-Transport-Security" in response.headers
    assert started["join_url"].startswith("https://127.0.0.1/apply/")
    async with deployed.http.get(f"{deployed.plain_url}/apply", allow_redirects=False) as moved:
        assert (moved.status, moved.headers["Location"].split("/")[0]) == (301, "https:")


async def test_a_client_whose_only_way_is_the_relay_passes(
    deployed: Deployed, face_model: Path
) -> None:
    applicant = PortraitApplicant(face_model)
    call = Call(deployed.http, deployed.url, applicant.draw)
    call.on_challenge = lambda challenge: applicant.act(obey(challenge))
    try:
        await call.open()
        call.configuration = await relay_only(deployed, call)
        await call.join()
        verdict = await call.verdict(within_s=90)
    finally:
        await call.aclose()
    assert verdict["status"] == "PASSED", call.account()
    assert "ALLOCATE processed, success" in deployed.turn_log.read_text()


async def test_an_expired_credential_gives_no_relay_and_is_logged(
    deployed: Deployed, face_model: Path
) -> None:
    call = Call(deployed.http, deployed.url, PortraitApplicant(face_model).draw)
    with structlog.testing.capture_logs() as logs:
        try:
            await call.open()
            fresh = await relay_only(deployed, call)
            (turn,) = fresh.iceServers or []
            turn.username, turn.credential = turn_credentials(SECRET, 1_700_000_000, "late")
            call.configuration = fresh
            await call.join()
            async with asyncio.timeout(30):
                while not any(e["event"] == "client_without_relay" for e in logs):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)  # polling, bounded by the timeout
        finally:
            await call.aclose()
    assert not call.messages
    late = [line for line in deployed.turn_log.read_text().splitlines() if ":late>" in line]
    assert not any("success" in line for line in late)
    assert SECRET not in str(logs)
