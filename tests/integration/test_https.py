"""TLS: the self-signed certificate, real ones, and what is refused."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.test_utils import TestServer

import server
from kyc_rtc.errors import SettingsError
from kyc_rtc.settings import Settings
from signaling.https import announce, server_context


async def test_a_self_signed_server_is_reached_by_who_trusts_it(
    face_model: Path, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    tls = server_context(settings, self_signed=True)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "tls" / "cert.pem"))
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


def test_the_certificate_is_kept_and_its_key_is_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    server_context(settings, self_signed=True)
    first = (tmp_path / "tls" / "cert.pem").read_bytes()
    server_context(settings, self_signed=True)
    assert (tmp_path / "tls" / "cert.pem").read_bytes() == first
    assert (tmp_path / "tls" / "key.pem").stat().st_mode & 0o077 == 0
    given = Settings(tls_cert=tmp_path / "tls" / "cert.pem", tls_key=tmp_path / "tls" / "key.pem")
    assert server_context(given, self_signed=False) is not None


def test_half_a_pair_and_junk_are_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with pytest.raises(SettingsError, match="together"):
        server_context(Settings(tls_cert=junk), self_signed=False)
    with pytest.raises(SettingsError, match="cannot be used"):
        server_context(Settings(tls_cert=junk, tls_key=junk), self_signed=False)
    assert server_context(Settings(), self_signed=False) is None


def test_addresses_and_a_qr_code_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(Settings(host="0.0.0.0", port=8443, data_dir=tmp_path), secure=True)  # noqa: S104
    told = capsys.readouterr().out
    assert "https://127.0.0.1:8443" in told
    announce(Settings(), secure=False)
    assert "http://127.0.0.1:8080" in capsys.readouterr().out
