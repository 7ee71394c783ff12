"""Settings of the OIDC provider: complete, and over TLS in production."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from kyc_rtc.settings import OidcSettings, Settings

GOOD: dict[str, Any] = {"issuer": "https://login.bank.example/realms/kyc", "client_id": "kyc"}


def test_without_an_issuer_there_is_no_provider() -> None:
    assert not OidcSettings().enabled
    assert OidcSettings(**GOOD).enabled


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": ""}, "client_id: is needed"),
        ({"issuer": "login.bank.example"}, "issuer: has to be like"),
        ({"issuer": "https://login.bank.example?x"}, "issuer"),
        ({"issuer": "https://login.bank.example#x"}, "issuer"),
        ({"issuer": "https://user@login.bank.example"}, "issuer"),
        ({"issuer": "file:///etc/passwd"}, "issuer"),
        ({"audience": "kyc"}, "audience: has to differ"),
        ({"login_scopes": ("profile",)}, "openid is needed"),
        ({"login_scopes": ("openid", "a b")}, "login_scopes"),
        ({"role_names": {"x": "root"}}, "role_names"),
        ({"skew_s": 301}, "skew_s"),
        ({"roles_claim": ""}, "roles_claim"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        OidcSettings(**GOOD | changes)


@pytest.mark.parametrize(("scheme", "accepted"), [("https", True), ("http", False)])
def test_production_asks_a_provider_over_tls_only(scheme: str, accepted: bool) -> None:
    given: dict[str, Any] = {
        "environment": "production",
        "public_url": "https://kyc.example",
        "secret_key": SecretStr("s" * 40),
        "api_key_hashes": ("a" * 64,),
        "oidc": GOOD | {"issuer": f"{scheme}://login.bank.example"},
    }
    Settings.model_validate(given | {"environment": "development"})
    if accepted:
        assert Settings.model_validate(given).oidc.enabled
    else:
        with pytest.raises(ValidationError, match=r"oidc\.issuer: has to be https"):
            Settings.model_validate(given)


def test_the_secret_is_not_shown() -> None:
    assert "hunter2" not in repr(OidcSettings(**GOOD, client_secret=SecretStr("hunter2")))
