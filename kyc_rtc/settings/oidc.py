"""Where people of the institution come from: an OpenID Connect provider, and how long a login lives."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from kyc_rtc.scopes import Role
from kyc_rtc.settings.groups import Group

_ISSUER = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.ASCII)
_SCOPE = r"^[!#-\[\]-~]{1,128}$"
"""What a scope may be made of (RFC 6749, 3.3)."""


class OidcSettings(Group):
    """Without an issuer there is no OIDC: people come in by the local login of development, or not at all."""

    issuer: str = Field(
        "",
        max_length=500,
        description="URL of the OIDC provider, as its discovery document names it; empty: no OIDC",
    )
    client_id: str = Field(
        "", max_length=256, description="this server's id at the provider; needed with an issuer"
    )
    client_secret: SecretStr = Field(
        SecretStr(""), description="its secret there; empty: a public client, by PKCE alone"
    )
    audience: str = Field(
        "",
        max_length=256,
        description="`aud` of access tokens that are taken as bearers, other than `client_id`; "
        "empty: none are taken",
    )
    roles_claim: str = Field(
        "roles",
        min_length=1,
        max_length=256,
        description="claim with the roles, in access tokens and ID tokens; dots lead into objects",
    )
    role_names: dict[str, Role] = Field(
        {},
        description="the provider's names of roles, each with the role that it means; "
        "empty: the names are `integrator`, `agent`, `supervisor`, `auditor`, `admin`",
        examples=['{"KYC-Admins" = "admin"}'],
    )
    tenant_claim: str = Field(
        "", max_length=256, description="claim with the tenant; empty: everybody is of `default`"
    )
    skew_s: int = Field(
        60, ge=0, le=300, description="how far the provider's clock may be from this server's"
    )
    login_scopes: tuple[Annotated[str, Field(pattern=_SCOPE)], ...] = Field(
        ("openid", "profile"),
        max_length=20,
        description="scopes that a login asks the provider for",
        examples=['["openid", "profile", "roles"]'],
    )
    login_ttl_s: int = Field(
        28_800, ge=300, le=604_800, description="after so long a login ends, used or not"
    )
    login_idle_s: int = Field(
        1_800, ge=300, le=604_800, description="a login that is not used for so long ends"
    )

    @property
    def enabled(self) -> bool:
        """Whether there is a provider."""
        return bool(self.issuer)

    @model_validator(mode="after")
    def _is_complete(self) -> OidcSettings:
        if not self.issuer:
            return self
        if not _ISSUER.fullmatch(self.issuer):
            raise ValueError("issuer: has to be like https://login.bank.example/realms/kyc")
        if not self.client_id:
            raise ValueError("client_id: is needed with an issuer")
        if self.audience == self.client_id:
            raise ValueError(
                "audience: has to differ from client_id, or ID tokens would be bearers"
            )
        if "openid" not in self.login_scopes:
            raise ValueError("login_scopes: openid is needed")
        return self
