"""All settings of a server, and what production demands of them."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from kyc_rtc.keys import ApiKey
from kyc_rtc.scopes import INTEGRATION, TENANT_PATTERN, with_implied
from kyc_rtc.settings.alerts import AlertSettings
from kyc_rtc.settings.consent import ConsentSettings
from kyc_rtc.settings.groups import (
    STRICT_DEEPFAKE_SCORE,
    STRICT_REVIEW_SCORE,
    ApiKeySettings,
    DetectionSettings,
    Fraction,
    Group,
    HttpSettings,
    LimitSettings,
    LivenessSettings,
    MediaSettings,
    Sha256,
)
from kyc_rtc.settings.oidc import OidcSettings
from kyc_rtc.settings.return_urls import check_prefix
from kyc_rtc.settings.tenants import TenantSettings
from kyc_rtc.settings.webhooks import WebhookSettings


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value)  # type: ignore[arg-type]  # whatever was written
    except (ValueError, TypeError):
        raise ValueError("is not a network; write it like 10.0.0.0/8 or 192.0.2.7/32") from None


Proxies = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
ReturnUrlPrefix = Annotated[str, AfterValidator(check_prefix)]
TenantName = Annotated[str, Field(pattern=TENANT_PATTERN)]
ProfileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]

_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?", re.ASCII)
_LOCAL_URL = re.compile(
    r"http://(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?(?:/.*)?",
    re.ASCII | re.IGNORECASE,
)
"""Where browsers give the camera to a page that did not come over TLS (W3C Secure Contexts, 3.1)."""

LARGEST_SHARE = (3, 8)
"""Of all bodies in flight: what one body may have, and all those of one session together."""


class Settings(Group):
    """Everything that can be set. Frozen."""

    environment: Literal["development", "production"] = Field(
        "development",
        description="production refuses to start without what it needs, see Production",
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65_535, description="port to listen on")
    public_url: str = Field(
        "",
        description="what join links begin with; empty, in development only: the request's own origin",
    )
    trusted_proxies: tuple[Proxies, ...] = Field(
        (),
        description="networks of proxies whose X-Forwarded-For, Forwarded and X-Forwarded-Proto count",
        examples=['["10.0.0.0/8"]'],
    )
    return_urls: tuple[ReturnUrlPrefix, ...] = Field(
        (),
        description="what a `return_url` may begin with: https origins, with or without a path; "
        "empty: none is taken",
        examples=['["https://bank.example/kyc"]'],
    )
    data_dir: Path = Field(Path("var"), description="SQLite, secret and self-signed certificate")
    cache_dir: Path | None = Field(None, description="models; None: $XDG_CACHE_HOME/kyc-rtc")
    config_dir: Path = Field(Path("config"), description="folder of the TOML files")
    database_url: str = Field("", description="empty: SQLite in data_dir")
    secret_key: SecretStr = Field(
        SecretStr(""), description="empty in development: kept in data_dir"
    )
    api_keys: tuple[ApiKeySettings, ...] = Field(
        (),
        description="the institution's keys: id, name, sha256, scopes, tenant; see `python -m kyc_rtc keys`",
        examples=['[{id = "backend", sha256 = "64 hexadecimal digits"}]'],
    )
    api_key_hashes: tuple[Sha256, ...] = Field(
        (),
        description="SHA-256 (hex) of further keys, which have no name, and what a key has that says no more",
        examples=['["64 hexadecimal digits"]'],
    )
    expose_scores: bool | None = Field(
        None, description="None: on in development, off in production"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level logged"
    )
    log_json: bool = Field(False, description="one JSON object a line")
    tls_cert: Path | None = Field(None, description="certificate chain (PEM)")
    tls_key: Path | None = Field(None, description="private key (PEM)")

    liveness_threshold: Fraction = Field(0.6, description="a liveness score below it cannot pass")
    deepfake_threshold: Fraction = Field(0.65, description="a deepfake score from it on fails")
    review_threshold: Fraction = Field(
        0.5, description="a deepfake score from it on cannot pass: an agent has to decide"
    )
    confidence_threshold: Fraction = Field(0.3, description="evidence below it does not count")
    uploads: Literal["off", "review", "pass"] | None = Field(
        None,
        description="what uploaded pictures can lead to: nothing, a review, or PASSED; "
        "None: pass in development, review in production",
    )
    target_fps: int = Field(30, ge=1, le=60, description="analysed frames a second, at most")

    alert_email_enabled: bool = Field(False, description="alerts by e-mail: the channel `email`")
    alert_slack_enabled: bool = Field(False, description="alerts to Slack: the channel `slack`")
    mail_server: str = Field("", description="SMTP server of the channel `email`")
    mail_port: int = Field(587, ge=1, le=65_535, description="SMTP port")
    mail_username: str = Field("", description="SMTP user; empty: without a login")
    mail_password: SecretStr = Field(SecretStr(""), description="SMTP password")

    profiles: dict[ProfileName, dict[str, Any]] = Field(
        {},
        description="names that `start-session` takes as `profile`, each with what it overrides of "
        "`liveness`, such as `{thorough = {challenges = 5}}`",
        examples=["{thorough = {challenges = 5}}"],
    )

    tenants: dict[TenantName, TenantSettings] = Field(
        {},
        description='what tenants have of their own: `{default = {allowed_origins = ["https://bank.example"]}}`',
        examples=['{default = {allowed_origins = ["https://bank.example"]}}'],
    )

    liveness: LivenessSettings = LivenessSettings()
    detection: DetectionSettings = DetectionSettings()
    media: MediaSettings = MediaSettings()
    limits: LimitSettings = LimitSettings()
    http: HttpSettings = HttpSettings()
    consent: ConsentSettings = ConsentSettings()
    alerts: AlertSettings = AlertSettings()
    webhooks: WebhookSettings = WebhookSettings()
    oidc: OidcSettings = OidcSettings()

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @property
    def institution_keys(self) -> tuple[ApiKey, ...]:
        """Every API key that is accepted. One without a name goes by the first digits of its hash."""
        named = tuple(
            ApiKey(
                key.id, key.name or key.id, key.sha256.lower(), with_implied(key.scopes), key.tenant
            )
            for key in self.api_keys
        )
        bare = tuple(
            ApiKey(digest[:8], f"key {digest[:8]}", digest, with_implied(INTEGRATION))
            for digest in map(str.lower, self.api_key_hashes)
        )
        return named + bare

    @property
    def scores_exposed(self) -> bool:
        return self.development if self.expose_scores is None else self.expose_scores

    @property
    def private_candidates_allowed(self) -> bool:
        """Whether packets are sent to private addresses because an ICE candidate names them."""
        allowed = self.media.allow_private_candidates
        return self.development if allowed is None else allowed

    @property
    def private_webhooks_allowed(self) -> bool:
        """Whether webhooks go to addresses that are not public."""
        allowed = self.webhooks.allow_private
        return self.development if allowed is None else allowed

    @property
    def uploads_mode(self) -> Literal["off", "review", "pass"]:
        """What uploaded pictures can lead to. No camera need stand behind them."""
        if self.uploads is not None:
            return self.uploads
        return "pass" if self.development else "review"

    @property
    def failing_deepfake_score(self) -> float:
        """The deepfake score from which a session fails, at the operating point."""
        match self.detection.operating_point:
            case "balanced":
                return self.deepfake_threshold
            case "strict":
                return min(self.deepfake_threshold, STRICT_DEEPFAKE_SCORE)

    @property
    def reviewing_deepfake_score(self) -> float:
        """The deepfake score from which a session cannot pass, at the operating point."""
        lower = min(self.review_threshold, self.failing_deepfake_score)
        match self.detection.operating_point:
            case "balanced":
                return lower
            case "strict":
                return min(lower, STRICT_REVIEW_SCORE)

    def with_profile(self, name: str | None) -> Settings:
        """These settings with what a profile overrides; None: as they are.

        Raises:
            KeyError: there is no such profile. ValidationError: its values do not fit.
        """
        if name is None:
            return self
        values = self.liveness.model_dump() | self.profiles[name]
        return self.model_copy(update={"liveness": LivenessSettings.model_validate(values)})

    @property
    def store_url(self) -> str:
        """The database's URL: as set, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'kyc.sqlite3'}"

    @model_validator(mode="after")
    def _keys_differ(self) -> Settings:
        keys = self.institution_keys
        if len({key.id for key in keys}) < len(keys) or len({k.sha256 for k in keys}) < len(keys):
            raise ValueError("api_keys: two have the same id or the same hash")
        return self

    @model_validator(mode="after")
    def _public_url_is_one(self) -> Settings:
        if self.public_url and not _URL.fullmatch(self.public_url):
            raise ValueError("public_url: has to be like https://kyc.bank.example")
        return self

    @model_validator(mode="after")
    def _turn_outlives_sessions(self) -> Settings:
        longest_ms = self.limits.session_time_limit_ms + self.media.reconnect_grace_ms
        if self.media.turn_secret.get_secret_value() and self.media.turn_ttl_s * 1_000 < longest_ms:
            raise ValueError(
                "media.turn_ttl_s: is less than limits.session_time_limit_ms and media.reconnect_grace_ms, "
                "so that a camera could not connect again"
            )
        return self

    @model_validator(mode="after")
    def _bodies_fit(self) -> Settings:
        share, of = LARGEST_SHARE
        if self.limits.max_body_bytes * of > self.http.body_bytes_in_flight * share:
            raise ValueError(
                f"limits.max_body_bytes: is more than {share}/{of} of http.body_bytes_in_flight, so that "
                "the largest body would always be refused"
            )
        return self

    @model_validator(mode="after")
    def _profiles_fit(self) -> Settings:
        for name in self.profiles:
            try:
                self.with_profile(name)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                where = ".".join(map(str, ("profiles", name, *first["loc"])))
                raise ValueError(f"{where}: {first['msg']}") from None
        return self

    @model_validator(mode="after")
    def _production_is_locked(self) -> Settings:
        if self.development:
            return self
        if len(self.secret_key.get_secret_value()) < 32:
            raise ValueError("secret_key: production needs SECRET_KEY with at least 32 characters")
        if not self.institution_keys:
            raise ValueError(
                "api_keys: production needs one; make it with `python -m kyc_rtc keys`"
            )
        if not self.public_url:
            raise ValueError("public_url: production needs it; join links begin with it")
        if self.public_url.lower().startswith("http:") and not _LOCAL_URL.fullmatch(
            self.public_url
        ):
            raise ValueError(
                "public_url: has to be https: without it, browsers give the camera to localhost only"
            )
        if self.oidc.issuer.startswith("http:"):
            raise ValueError("oidc.issuer: has to be https in production")
        return self
