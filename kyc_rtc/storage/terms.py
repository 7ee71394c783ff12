"""What an institution asked for when it started a verification: the same for all of its attempts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import SessionId
from kyc_rtc.liveness.catalogue import MAX_EXCLUDED
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.values import check_text, dump_json

MAX_PROFILE_LENGTH: Final = 32
MAX_LOCALE_LENGTH: Final = 35  # RFC 5646, 4.4.1
MAX_RETURN_URL_LENGTH: Final = 2_000
MAX_EXCLUDE_LENGTH: Final = 16
MAX_METADATA: Final = 20
MAX_METADATA_KEY_LENGTH: Final = 40
MAX_METADATA_VALUE_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Terms:
    """`profile`: a name out of the settings. `locale`: a language tag (BCP 47). `metadata`: at most 20
    texts of up to 500 characters, under names of up to 40. `exclude`: types of challenges that are not
    asked for, at most two. These and `return_url` may be personal.

    Raises:
        BadRequest: a field cannot be stored.
    """

    profile: str | None = None
    locale: str | None = None
    return_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        limits = {
            "profile": MAX_PROFILE_LENGTH,
            "locale": MAX_LOCALE_LENGTH,
            "return_url": MAX_RETURN_URL_LENGTH,
        }
        for name, limit in limits.items():
            if getattr(self, name) is not None:
                check_text(name, getattr(self, name), limit)
        if len(self.metadata) > MAX_METADATA:
            raise BadRequest(f"metadata: at most {MAX_METADATA} entries are allowed")
        for key, value in self.metadata.items():
            check_text("metadata", key, MAX_METADATA_KEY_LENGTH)
            check_text("metadata", value, MAX_METADATA_VALUE_LENGTH, min_length=0)
        if len(set(self.exclude)) < len(self.exclude) or len(self.exclude) > MAX_EXCLUDED:
            raise BadRequest(f"exclude: at most {MAX_EXCLUDED} different types are allowed")
        for kind in self.exclude:
            check_text("exclude", kind, MAX_EXCLUDE_LENGTH)
        object.__setattr__(self, "metadata", dict(self.metadata))
        object.__setattr__(self, "exclude", tuple(self.exclude))


NO_TERMS: Final = Terms()


def seal_terms(terms: Terms, verification_id: SessionId, sealer: Sealer) -> bytes | None:
    """What may be personal in them, encrypted; None where there is nothing of it."""
    if terms.return_url is None and not terms.metadata and not terms.exclude:
        return None
    private = {
        "return_url": terms.return_url,
        "metadata": dict(terms.metadata),
        "exclude": list(terms.exclude),
    }
    return sealer.seal(dump_json(private), _context(verification_id))


def unseal_terms(
    profile: str | None,
    locale: str | None,
    sealed: bytes | None,
    verification_id: SessionId,
    sealer: Sealer,
) -> Terms:
    """Raises KycError where they were sealed under another secret."""
    private = {} if sealed is None else json.loads(sealer.unseal(sealed, _context(verification_id)))
    return Terms(
        profile,
        locale,
        private.get("return_url"),
        private.get("metadata", {}),
        tuple(private.get("exclude", ())),
    )


def _context(verification_id: SessionId) -> str:
    return f"terms:{verification_id}"
