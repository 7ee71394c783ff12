"""Settings. See `groups` for what there is, `model` for the whole, `loading` for where they come from."""

from kyc_rtc.settings.alerts import AlertSettings
from kyc_rtc.settings.consent import ConsentSettings
from kyc_rtc.settings.groups import (
    SHORTEST_HOLD_MS,
    DetectionSettings,
    HttpSettings,
    IceServer,
    LimitSettings,
    LivenessSettings,
    MediaSettings,
)
from kyc_rtc.settings.loading import load_settings
from kyc_rtc.settings.model import LARGEST_SHARE, Settings
from kyc_rtc.settings.oidc import OidcSettings

__all__ = [
    "LARGEST_SHARE",
    "SHORTEST_HOLD_MS",
    "AlertSettings",
    "ConsentSettings",
    "DetectionSettings",
    "HttpSettings",
    "IceServer",
    "LimitSettings",
    "LivenessSettings",
    "MediaSettings",
    "OidcSettings",
    "Settings",
    "load_settings",
]
