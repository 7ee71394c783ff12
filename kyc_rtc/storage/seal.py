"""Personal data at rest: encrypted for reading back, digested for telling whether two are the same.

One secret, two keys. A blob is bound to its place: moved to another row, it does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kyc_rtc.errors import KycError, SettingsError
from kyc_rtc.ids import SessionId

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12  # what AES-GCM is specified for (NIST SP 800-38D, 8.2)
_KEY_BYTES: Final = 32


class Sealer:
    """AES-256-GCM and HMAC-SHA256, with keys that HKDF-SHA256 draws from one secret."""

    def __init__(self, secret: str) -> None:
        """Raises SettingsError where `secret` is empty."""
        if not secret:
            raise SettingsError("secret_key: is empty", hint="set SECRET_KEY")
        self._cipher = AESGCM(_derived(secret, b"kyc-rtc storage: seal"))
        self._digest_key = _derived(secret, b"kyc-rtc storage: digest")

    def seal(self, text: str, context: str) -> bytes:
        """`text`, encrypted; it opens under the same `context` only."""
        return self.seal_bytes(text.encode(), context)

    def unseal(self, blob: bytes, context: str) -> str:
        """Raises KycError where `blob` was not sealed by this secret in this `context`."""
        return self.unseal_bytes(blob, context).decode()

    def seal_bytes(self, data: bytes, context: str) -> bytes:
        """`data`, encrypted; it opens under the same `context` only."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, data, context.encode())

    def unseal_bytes(self, blob: bytes, context: str) -> bytes:
        """Raises KycError where `blob` was not sealed by this secret in this `context`."""
        start = len(_VERSION) + _NONCE_BYTES
        try:
            if not blob.startswith(_VERSION):
                raise InvalidTag
            return self._cipher.decrypt(blob[len(_VERSION) : start], blob[start:], context.encode())
        except (InvalidTag, ValueError):  # ValueError: too short for a nonce
            raise KycError(
                "sealed data does not open", hint="is SECRET_KEY the one that it was stored under?"
            ) from None

    def digest(self, text: str) -> str:
        """HMAC-SHA256 (64 hexadecimal digits): the same for the same text, and tells nothing of it."""
        return hmac.new(self._digest_key, text.encode(), hashlib.sha256).hexdigest()


def user_context(verification_id: SessionId) -> str:
    """What the `user_id` of a verification is sealed under."""
    return f"user:{verification_id}"


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(secret.encode())
