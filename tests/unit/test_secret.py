"""The secret that a development server keeps: one, whole, and never an empty one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from kyc_rtc.errors import SettingsError
from kyc_rtc.secret import MIN_SECRET_CHARS, resolve_secret
from kyc_rtc.settings import Settings


def test_a_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    made = resolve_secret(settings)
    assert len(made) >= MIN_SECRET_CHARS
    assert resolve_secret(settings) == made
    (kept,) = settings.data_dir.iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_the_setting_comes_first(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret_key=SecretStr("configured"))
    assert resolve_secret(settings) == "configured"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", "\u00fc".encode() * 40])
def test_what_is_not_a_secret_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret_key").write_bytes(content)
    with pytest.raises(SettingsError, match="secret_key"):
        resolve_secret(Settings(data_dir=tmp_path))


def test_two_first_starts_have_one_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, link, others = Settings(data_dir=tmp_path), os.link, []

    def slow(source: Any, target: Any) -> None:
        """The other process is a little faster."""
        monkeypatch.setattr(os, "link", link)
        others.append(resolve_secret(settings))
        link(source, target)

    monkeypatch.setattr(os, "link", slow)
    assert [resolve_secret(settings)] == others
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_start_that_breaks_off_stops_no_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    settings = Settings(data_dir=tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(SettingsError, match="No space left"):
            resolve_secret(settings)
    assert not list(tmp_path.iterdir())
    assert resolve_secret(settings)
