"""The application behind nginx and coturn, as the files of `deploy/` set them up."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, TCPConnector

import server
from kyc_rtc.clock import SystemClock
from kyc_rtc.settings import DetectionSettings, Settings
from signaling.https import server_context
from signaling.listening import serving
from tests.support.browser_server import free_port
from tests.support.proxied import coturn, host_address, nginx

SECRET = "a secret of coturn and the server"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What runs: `url` is nginx's, `http` a client that trusts its certificate."""

    url: str
    plain_url: str
    turn_log: Path
    http: ClientSession


@asynccontextmanager
async def deployment(folder: Path) -> AsyncIterator[Deployed]:
    """All three, on free ports of this host; skips where a program is missing."""
    address, turn_port, port, plain_port = host_address(), free_port(), free_port(), free_port()
    settings = Settings.model_validate(
        {
            "data_dir": folder,
            "port": 0,
            # The portrait is an animated photograph, which the classifiers find: without them.
            "detection": DetectionSettings(weights_dir=folder),
            "trusted_proxies": ["127.0.0.1/32"],
            "media": {
                "ice_servers": [{"urls": [f"turn:{address}:{turn_port}"]}],
                "turn_secret": SECRET,
            },
        }
    )
    server_context(settings, SystemClock(), self_signed=True)
    pem = folder / "tls" / "self-signed.pem"
    trusting = ssl.create_default_context(cafile=str(pem))
    with coturn(folder, address, turn_port, SECRET) as turn_log:
        async with serving(server.build(settings), settings, SystemClock()) as (app_port,):
            with nginx(folder, port, plain_port, app_port, pem):
                async with ClientSession(connector=TCPConnector(ssl=trusting)) as http:
                    url, plain = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain_port}"
                    yield Deployed(url, plain, turn_log, http)
