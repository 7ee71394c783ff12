"""The files of `deploy/` at work: TLS by nginx, media by coturn alone, credentials that expire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from aiohttp import ClientSession, TCPConnector
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy

import server
from kyc_rtc.clock import SystemClock
from kyc_rtc.settings import DetectionSettings, Settings
from kyc_rtc.turn import turn_credentials
from signaling.https import server_context
from signaling.listening import serving
from tests.support.applicant import Call, PortraitApplicant, obey
from tests.support.browser_server import free_port
from tests.support.proxied import coturn, host_address, nginx

SECRET = "a secret of coturn and the server"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A server behind both programs."""

    url: str
    plain_url: str
    turn_log: Path
    http: ClientSession


@pytest.fixture
async def deployed(face_model: Path, tmp_path: Path) -> AsyncIterator[Deployed]:
    del face_model  # fetched, or the test is skipped
    address, turn_port, port, plain_port = host_address(), free_port(), free_port(), free_port()
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "port": 0,
            # The portrait is an animated photograph, which the classifiers find: without them.
            "detection": DetectionSettings(weights_dir=tmp_path),
            "trusted_proxies": ["127.0.0.1/32"],
            "media": {
                "ice_servers": [{"urls": [f"turn:{address}:{turn_port}"]}],
                "turn_secret": SECRET,
            },
        }
    )
    server_context(settings, SystemClock(), self_signed=True)
    pem = tmp_path / "tls" / "self-signed.pem"
    trusting = ssl.create_default_context(cafile=str(pem))
    with coturn(tmp_path, address, turn_port, SECRET) as turn_log:
        async with serving(server.build(settings), settings, SystemClock()) as (app_port,):
            with nginx(tmp_path, port, plain_port, app_port, pem):
                async with ClientSession(connector=TCPConnector(ssl=trusting)) as http:
                    url, plain = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain_port}"
                    yield Deployed(url, plain, turn_log, http)


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
    assert "ALLOCATE processed, success" not in deployed.turn_log.read_text().split("late>")[-1]
    assert SECRET not in str(logs)
