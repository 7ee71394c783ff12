"""What an applicant agreed to, as it is stored with the verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from kyc_rtc.storage.terms import MAX_LOCALE_LENGTH
from kyc_rtc.storage.values import check_integer, check_text

MAX_CONSENT_VERSION_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Consent:
    """`version`: names the text and its facts. `locale`: the language it was read in (BCP 47).
    `agreed_at_ms`: milliseconds since the Unix epoch.

    Raises:
        BadRequest: a field cannot be stored.
    """

    version: str
    locale: str
    agreed_at_ms: int

    def __post_init__(self) -> None:
        check_text("version", self.version, MAX_CONSENT_VERSION_LENGTH)
        check_text("locale", self.locale, MAX_LOCALE_LENGTH)
        check_integer("agreed_at_ms", self.agreed_at_ms)

    def is_to_the_same(self, other: Consent) -> bool:
        """Whether the other one is to the same text, at whatever time."""
        return (self.version, self.locale) == (other.version, other.locale)


def consent_row(consent: Consent | None) -> dict[str, Any]:
    """The columns of a verification."""
    return {
        "consent_version": consent.version if consent else None,
        "consent_locale": consent.locale if consent else None,
        "consent_at_ms": consent.agreed_at_ms if consent else None,
    }


def consent_of(version: str | None, locale: str | None, agreed_at_ms: int | None) -> Consent | None:
    """None where nobody has agreed yet."""
    if version is None or locale is None or agreed_at_ms is None:
        return None
    return Consent(version, locale, agreed_at_ms)
