"""The secret that signs tokens and seals what is stored."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from kyc_rtc.errors import SettingsError
from kyc_rtc.files import complete_file
from kyc_rtc.settings import Settings

_BYTES = 48
MIN_SECRET_CHARS = 32


def resolve_secret(settings: Settings) -> str:
    """The setting, or in development a secret that is kept in the data folder.

    It survives a restart, so that an applicant whose session was interrupted can go on.

    Raises:
        SettingsError: the kept secret is damaged, or can be neither read nor kept.
    """
    configured = settings.secret_key.get_secret_value()
    if configured:
        return configured
    path = settings.data_dir / "secret_key"
    try:
        return _read(path) if path.exists() else _keep(path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}", hint="set SECRET_KEY") from None


def _read(path: Path) -> str:
    secret = path.read_bytes().strip()
    if len(secret) < MIN_SECRET_CHARS or not secret.isascii():
        raise SettingsError(
            f"{path}: is not a secret of this program, or is damaged",
            hint="put back a copy of it; a new one, made where it is deleted, reads nothing stored before",
        )
    return secret.decode()


def _keep(path: Path) -> str:
    """A new secret; or that of another process, where one kept its own meanwhile.

    The file appears whole, by a link that is refused where there is one already (link(2)).
    """
    made = f"{secrets.token_urlsafe(_BYTES)}\n".encode()
    with complete_file(path, made) as file, suppress(FileExistsError):
        os.link(file, path)
    return _read(path)
