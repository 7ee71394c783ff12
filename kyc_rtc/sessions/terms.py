"""What a verification is started with, checked against the settings, and what follows from it later."""

from __future__ import annotations

from kyc_rtc.errors import BadRequest, Conflict
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.sessions.exclusions import issuer_without
from kyc_rtc.sessions.interface import Order
from kyc_rtc.sessions.ports import Services
from kyc_rtc.settings import Settings
from kyc_rtc.settings.return_urls import begins_with_one
from kyc_rtc.storage.records import SessionRecord
from kyc_rtc.storage.terms import (
    MAX_LOCALE_LENGTH,
    MAX_METADATA,
    MAX_METADATA_KEY_LENGTH,
    MAX_METADATA_VALUE_LENGTH,
    MAX_PROFILE_LENGTH,
    MAX_RETURN_URL_LENGTH,
    Terms,
)

__all__ = [
    "MAX_EXPIRES_IN_S",
    "MAX_LOCALE_LENGTH",
    "MAX_METADATA",
    "MAX_METADATA_KEY_LENGTH",
    "MAX_METADATA_VALUE_LENGTH",
    "MAX_PROFILE_LENGTH",
    "MAX_RETURN_URL_LENGTH",
    "MIN_EXPIRES_IN_S",
    "issuer_for",
    "lifetime_ms",
    "settings_for",
    "terms_of",
]

MIN_EXPIRES_IN_S = 60
MAX_EXPIRES_IN_S = 7 * 86_400


def terms_of(order: Order, settings: Settings) -> Terms:
    """The terms of an order.

    Raises:
        BadRequest: `profile` is not a profile of the settings, `return_url` begins with none of theirs,
            `expires_in` is out of range, `exclude` names what is not a type of challenge or leaves
            nothing to ask for, or a value cannot be stored.
    """
    if order.profile is not None and order.profile not in settings.profiles:
        raise BadRequest("profile: there is none of this name", hint="see the setting profiles")
    url = order.return_url
    if url is not None and not begins_with_one(url, settings.return_urls):
        raise BadRequest(
            "return_url: begins with none of the allowed URLs", hint="see the setting return_urls"
        )
    seconds = order.expires_in_s
    if seconds is not None and not MIN_EXPIRES_IN_S <= seconds <= MAX_EXPIRES_IN_S:
        raise BadRequest(
            f"expires_in: must lie between {MIN_EXPIRES_IN_S} and {MAX_EXPIRES_IN_S} seconds"
        )
    _check_exclude(order, settings)
    return Terms(order.profile, order.locale, url, order.metadata, order.exclude)


def _check_exclude(order: Order, settings: Settings) -> None:
    if not set(order.exclude) <= set(ChallengeType):
        raise BadRequest(
            "exclude: names what is not a type of challenge",
            hint=f"send {', '.join(ChallengeType)}",
        )
    if set(settings.with_profile(order.profile).liveness.challenge_types) <= set(order.exclude):
        raise BadRequest(
            "exclude: leaves nothing to ask for", hint="see the setting liveness.challenge_types"
        )


def lifetime_ms(order: Order, settings: Settings) -> int:
    """For how long a first attempt waits to be joined, in milliseconds."""
    if order.expires_in_s is None:
        return settings.limits.session_expiry_ms
    return 1_000 * order.expires_in_s


def settings_for(record: SessionRecord, settings: Settings) -> Settings:
    """The settings that a session runs with.

    Raises:
        Conflict: its profile is no longer in the settings. It does not run with others, which may ask
            for less.
    """
    try:
        return settings.with_profile(record.terms.profile)
    except KeyError:
        raise Conflict(
            "the profile of the session is not in this server's settings",
            hint="every process on a database needs the same profiles",
        ) from None


def issuer_for(record: SessionRecord, services: Services) -> Issuer:
    """Who draws the challenges of a session. Raises Conflict, as `settings_for`."""
    issuer = services.issuer.under(settings_for(record, services.settings).liveness)
    return issuer_without(issuer, (record,))
