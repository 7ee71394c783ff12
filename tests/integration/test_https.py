"""TLS: the self-signed certificate, real ones, and what is refused."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.test_utils import TestServer

import server
from kyc_rtc.clock import SystemClock
from kyc_rtc.errors import SettingsError
from kyc_rtc.settings import Settings
from signaling.https import announce, server_context
from tests.support.clock import ManualClock

DAY_MS = 86_400_000


async def test_a_self_signed_server_is_reached_by_who_trusts_it(
    face_model: Path, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    tls = server_context(settings, SystemClock(), self_signed=True)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "tls" / "self-signed.pem"))
    running = TestServer(server.build(settings), scheme="https", host="127.0.0.1")
    await running.start_server(ssl=tls)
    try:
        async with (
            ClientSession(connector=TCPConnector(ssl=trusting)) as http,
            http.get(f"https://127.0.0.1:{running.port}/health") as response,
        ):
            assert response.status == 200
            assert "Strict-Transport-Security" in response.headers
    finally:
        await running.close()


def test_certificate_and_key_are_kept_in_one_private_file(tmp_path: Path) -> None:
    settings, clock = Settings(data_dir=tmp_path), ManualClock()
    server_context(settings, clock, self_signed=True)
    (kept,) = (tmp_path / "tls").iterdir()
    first = kept.read_bytes()
    clock.jump(28 * DAY_MS)
    server_context(settings, clock, self_signed=True)
    assert kept.read_bytes() == first
    assert kept.stat().st_mode & 0o077 == 0
    given = Settings(tls_cert=kept, tls_key=kept)
    assert server_context(given, clock, self_signed=False) is not None
    clock.jump(2 * DAY_MS)  # it lasts for 30
    server_context(settings, clock, self_signed=True)
    assert kept.read_bytes() != first


def test_what_is_damaged_or_of_an_older_version_is_made_anew(tmp_path: Path) -> None:
    settings, folder = Settings(data_dir=tmp_path), tmp_path / "tls"
    folder.mkdir()
    for name in ("cert.pem", "key.pem", "self-signed.pem"):
        (folder / name).write_text("no certificate")
    assert server_context(settings, ManualClock(), self_signed=True) is not None


def test_half_a_pair_and_junk_are_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with pytest.raises(SettingsError, match="together"):
        server_context(Settings(tls_cert=junk), SystemClock(), self_signed=False)
    with pytest.raises(SettingsError, match="cannot be used"):
        server_context(Settings(tls_cert=junk, tls_key=junk), SystemClock(), self_signed=False)
    assert server_context(Settings(), SystemClock(), self_signed=False) is None


def test_addresses_and_a_qr_code_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(Settings(host="0.0.0.0", port=8443, data_dir=tmp_path), secure=True)  # noqa: S104
    output = capsys.readouterr().out
    assert "https://127.0.0.1:8443" in output
    announce(Settings(), secure=False)
    assert "http://127.0.0.1:8080" in capsys.readouterr().out
