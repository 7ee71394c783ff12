"""Credentials of TURN servers: coturn's scheme, who gets them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from kyc_rtc.settings import IceServer, MediaSettings, Settings
from kyc_rtc.turn import ice_servers, turn_credentials

STUN = {"urls": ("stun:stun.example.net",)}
FRESH = {"urls": ("turn:turn.example.net",)}
STATIC = {"urls": ("turn:old.example.net",), "username": "u", "credential": "c"}
NOW_MS = 1_700_000_000_999


@pytest.mark.parametrize(
    ("secret", "expires_at_s", "identifier", "username", "password"),
    [
        # Each of: printf '%s' USERNAME | openssl dgst -sha1 -hmac SECRET -binary | base64
        ("north", 1_700_003_600, "s1", "1700003600:s1", "zqVCs17zFe4Xy+TQS+0iOseRx90="),
        ("north", 0, "", "0:", "75ejZVvxu9O4U9l7Rv+oziPitPI="),
        ("süd", 1, "key-a", "1:key-a", "laN4sVWFbaigD2A/pE7WCBVglWo="),
    ],
)
def test_credentials_are_coturns(
    secret: str, expires_at_s: int, identifier: str, username: str, password: str
) -> None:
    assert turn_credentials(secret, expires_at_s, identifier) == (username, password)


def test_only_turn_servers_without_a_username_get_fresh_credentials() -> None:
    media = MediaSettings.model_validate(
        {"ice_servers": [STUN, FRESH, STATIC], "turn_secret": "north", "turn_ttl_s": 3_600}
    )
    stun, fresh, static = ice_servers(media, NOW_MS, "s1")
    assert (stun, static) == (IceServer.model_validate(STUN), IceServer.model_validate(STATIC))
    assert (fresh.username, fresh.credential) == turn_credentials("north", 1_700_003_600, "s1")


def test_without_a_secret_the_servers_are_those_of_the_settings() -> None:
    media = MediaSettings.model_validate({"ice_servers": [STUN, STATIC]})
    assert ice_servers(media, NOW_MS, "s1") == media.ice_servers


@pytest.mark.parametrize(
    ("media", "complaint"),
    [
        ({"ice_servers": [FRESH]}, "media.turn_secret"),
        ({"ice_servers": [STUN, STATIC], "turn_secret": "north"}, "turn_secret: no TURN server"),
        ({"ice_servers": [{**FRESH, "username": "u"}]}, "set both, or none"),
        ({"ice_servers": [FRESH], "turn_secret": "north", "turn_ttl_s": 359}, "media.turn_ttl_s"),
        ({"udp_ports": "40000"}, "40000-40999"),
        ({"udp_ports": "40999-40000"}, "40000-40999"),
        ({"udp_ports": "80-40000"}, "1024-65535"),
        ({"udp_ports": "40000-65536"}, "1024-65535"),
    ],
)
def test_settings_that_cannot_work_are_refused(media: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Settings.model_validate({"media": media})


def test_secrets_do_not_show() -> None:
    media = MediaSettings.model_validate({"ice_servers": [FRESH], "turn_secret": "north"})
    assert "north" not in repr(media)
    (server,) = ice_servers(media, NOW_MS, "s1")
    assert server.credential is not None
    assert server.credential not in repr(server)


@pytest.mark.parametrize(
    ("text", "ports"), [("40000-40999", range(40_000, 41_000)), ("1024-1024", range(1_024, 1_025))]
)
def test_the_port_range_is_inclusive(text: str, ports: range) -> None:
    assert MediaSettings.model_validate({"udp_ports": text}).port_range == ports
