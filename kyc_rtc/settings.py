"""Settings: the environment first, then `config/*.toml`, then the defaults below.

Every setting has the name `KYC_RTC_<FIELD>` in the environment, and `KYC_RTC_<GROUP>__<FIELD>` inside
a group. The names in `_LEGACY_NAMES` work without the prefix. Unknown keys are refused, so that a
misspelt setting is noticed at the start and not after the audit.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from kyc_rtc.errors import SettingsError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


SHORTEST_HOLD_MS = 250
"""Of a smile or an open mouth: longer than talk or a twitch, and nobody has to be told to hold it."""


ChallengeName = Literal["head_turn", "nod", "blink", "smile", "mouth_open"]


class LivenessSettings(_Group):
    """Challenges: which, how many, how often, how long."""

    challenges: int = Field(
        3, ge=1, le=5, description="challenges in a verification, all different"
    )
    challenge_types: tuple[ChallengeName, ...] = Field(
        ("head_turn", "nod", "blink", "smile", "mouth_open"),
        description="which may be drawn; a head turn always",
    )
    attempts: int = Field(2, ge=1, le=5, description="attempts at each challenge")
    time_limit_ms: int = Field(
        10_000, ge=2_000, le=60_000, description="real time for one try, from the sent prompt on"
    )
    voids: int = Field(
        4,
        ge=0,
        le=10,
        description="open challenges that a gap, a poor picture or a new peer may void before the "
        "verdict is INCONCLUSIVE",
    )
    void_after_ms: int = Field(
        1_500,
        ge=500,
        le=5_000,
        description="real time without a picture, or with one that cannot be judged, that voids the "
        "open challenge",
    )
    upload_void_after_ms: int = Field(
        3_000, ge=1_000, le=10_000, description="the same where pictures are uploaded one by one"
    )
    min_blinks: int = Field(
        2,
        ge=1,
        le=5,
        description="a blink challenge asks for at least so many, in quick succession",
    )
    max_blinks: int = Field(3, ge=1, le=5, description="and at most so many")
    min_nods: int = Field(2, ge=1, le=5, description="a nod challenge asks for at least so many")
    max_nods: int = Field(
        2, ge=1, le=5, description="and at most so many; three alike may pass for a loop"
    )
    min_hold_ms: int = Field(
        500,
        ge=SHORTEST_HOLD_MS,
        le=3_000,
        description="a smile or an open mouth has to be held for at least so long",
    )
    max_hold_ms: int = Field(
        1_500, ge=SHORTEST_HOLD_MS, le=3_000, description="and at most so long"
    )
    neutral_ms: int = Field(
        800, ge=300, le=5_000, description="media time of a still face at the start"
    )
    quality_time_limit_ms: int = Field(
        45_000, ge=5_000, description="real time to mend the picture"
    )

    @model_validator(mode="after")
    def _types_suffice(self) -> LivenessSettings:
        kinds = set(self.challenge_types)
        if len(kinds) < len(self.challenge_types):
            raise ValueError("challenge_types: names a type twice")
        if "head_turn" not in kinds:
            raise ValueError("challenge_types: a verification always asks for a head_turn")
        if len(kinds) < self.challenges:
            raise ValueError("challenge_types: fewer than there are challenges")
        return self


STRICT_DEEPFAKE_SCORE, STRICT_REVIEW_SCORE = 0.4, 0.25
"""See docs/detection.md for what it refuses and lets in."""


class DetectionSettings(_Group):
    """What a stream must offer before its evidence counts."""

    min_judgeable_frames: int = Field(40, ge=1, description="fewer make the verdict INCONCLUSIVE")
    operating_point: Literal["balanced", "strict"] = Field(
        "balanced",
        description="balanced refuses about 2% of people; strict refuses more, and lets fewer attacks in",
    )
    weights_dir: Path | None = Field(
        None, description="folder of the face net and the experts; none uses those that are shipped"
    )
    keep_measures: bool = Field(
        True, description="store what experts judged by, so that labelled sessions can teach them"
    )


class IceServer(_Group):
    """A STUN or TURN server, for both sides (W3C WebRTC, RTCIceServer)."""

    urls: tuple[Annotated[str, Field(pattern="^(stun|stuns|turn|turns):")], ...] = Field(
        min_length=1
    )
    username: str | None = None
    credential: str | None = None


class MediaSettings(_Group):
    """The WebRTC side."""

    ice_servers: tuple[IceServer, ...] = Field(
        (), description="STUN and TURN servers, for both sides"
    )
    video_codecs: tuple[Literal["VP8", "H264"], ...] = Field(
        ("VP8", "H264"), min_length=1, description="accepted codecs, the preferred one first"
    )
    start_bitrate_kbps: int = Field(
        1_000, ge=0, le=5_000, description="what browsers begin to send at; 0: their own choice"
    )
    silence_limit_ms: int = Field(
        8_000, ge=1_000, description="no packet for so long: the peer is gone"
    )
    reconnect_grace_ms: int = Field(
        60_000, ge=0, description="how long a session waits for its peer"
    )
    max_offer_bytes: int = Field(65_536, ge=1_024, description="largest SDP")


class LimitSettings(_Group):
    """What an instance admits."""

    max_live_sessions: int = Field(100, ge=1, description="sessions with a peer at one time")
    max_waiting_sessions: int = Field(
        2_000, ge=1, description="sessions that nobody has joined yet"
    )
    retry_after_s: int = Field(15, ge=1, description="what a refused caller is told to wait")
    max_body_bytes: int = Field(4 * 1024 * 1024, ge=1_024, description="largest request body")
    max_image_pixels: int = Field(1920 * 1088, ge=10_000, description="largest uploaded picture")
    session_time_limit_ms: int = Field(
        300_000, ge=10_000, description="wall time from join to verdict"
    )
    session_expiry_ms: int = Field(
        24 * 3_600_000, ge=1_000, description="wall time until a session expires"
    )
    client_token_ttl_s: int = Field(3_600, ge=60, description="life of the applicant's token")
    session_attempts: int = Field(3, ge=1, description="attempts at one verification")
    storage_hold_ms: int = Field(
        120_000,
        ge=1_000,
        description="how long a session holds its commit while the database is away",
    )
    drain_s: int = Field(
        20, ge=0, description="how long live sessions may go on when asked to stop"
    )
    journal_days: int = Field(
        365, ge=1, description="how long journal entries of ended sessions stay"
    )
    analysis_threads: int = Field(0, ge=0, description="0: one for each processor")


class Settings(_Group):
    """Everything that can be set. Frozen."""

    environment: Literal["development", "production"] = Field(
        "development", description="production is locked: see above"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65_535, description="port to listen on")
    public_url: str = Field(
        "", description="what join links begin with; empty: the request's own origin"
    )
    data_dir: Path = Field(Path("var"), description="SQLite, secret and self-signed certificate")
    cache_dir: Path | None = Field(None, description="models; None: $XDG_CACHE_HOME/kyc-rtc")
    config_dir: Path = Field(Path("config"), description="folder of the TOML files")
    database_url: str = Field("", description="empty: SQLite in data_dir")
    secret_key: SecretStr = Field(
        SecretStr(""), description="empty in development: kept in data_dir"
    )
    api_key_hashes: tuple[str, ...] = Field(
        (), description="SHA-256 (hex) of each accepted API key"
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
        0.5, description="a deepfake score from it on passes nobody: an agent has to look"
    )
    confidence_threshold: Fraction = Field(0.3, description="evidence below it is no evidence")
    uploads: Literal["off", "review", "pass"] | None = Field(
        None,
        description="what uploaded pictures can lead to: nothing, a review, or PASSED; "
        "None: pass in development, review in production",
    )
    target_fps: int = Field(30, ge=1, le=60, description="analysed frames a second, at most")

    alert_email_enabled: bool = Field(False, description="alerts by e-mail (reserved)")
    alert_slack_enabled: bool = Field(False, description="alerts to Slack (reserved)")
    mail_server: str = Field("", description="SMTP server (reserved)")
    mail_port: int = Field(587, ge=1, le=65_535, description="SMTP port (reserved)")
    mail_username: str = Field("", description="SMTP user (reserved)")
    mail_password: SecretStr = Field(SecretStr(""), description="SMTP password (reserved)")

    liveness: LivenessSettings = LivenessSettings()
    detection: DetectionSettings = DetectionSettings()
    media: MediaSettings = MediaSettings()
    limits: LimitSettings = LimitSettings()

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @property
    def scores_exposed(self) -> bool:
        return self.development if self.expose_scores is None else self.expose_scores

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
        """The deepfake score from which nobody passes, at the operating point."""
        lower = min(self.review_threshold, self.failing_deepfake_score)
        match self.detection.operating_point:
            case "balanced":
                return lower
            case "strict":
                return min(lower, STRICT_REVIEW_SCORE)

    @property
    def store_url(self) -> str:
        """The database's URL: as set, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'kyc.sqlite3'}"

    @model_validator(mode="after")
    def _production_is_locked(self) -> Settings:
        if self.development:
            return self
        if len(self.secret_key.get_secret_value()) < 32:
            raise ValueError("secret_key: production needs SECRET_KEY with at least 32 characters")
        if not self.api_key_hashes:
            raise ValueError(
                "api_key_hashes: production needs one; make it with `python -m kyc_rtc keys`"
            )
        return self


_PREFIX = "KYC_RTC_"
_LEGACY_NAMES = frozenset(
    {
        "LIVENESS_THRESHOLD",
        "DEEPFAKE_THRESHOLD",
        "CONFIDENCE_THRESHOLD",
        "TARGET_FPS",
        "SECRET_KEY",
        "DATABASE_URL",
        "ALERT_EMAIL_ENABLED",
        "ALERT_SLACK_ENABLED",
        "MAIL_SERVER",
        "MAIL_PORT",
        "MAIL_USERNAME",
        "MAIL_PASSWORD",
    }
)
_NOT_SETTINGS = frozenset({"KYC_RTC_DATA"})
"""Read by tests and measurements only: where the face videos are."""


def load_settings(
    environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Read the settings. `overrides` (from the command line) win over everything.

    Raises:
        SettingsError: a key is unknown, a value is out of range, or a file is no TOML.
    """
    variables = dict(os.environ if environ is None else environ)
    from_environment = _read_environment(variables)
    config_dir = Path(str(from_environment.get("config_dir", "config")))
    merged = _merge(_read_config(config_dir), from_environment, overrides or {})
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_describe(error), hint="see docs/deployment.md, Settings") from None


def _read_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in sorted(variables):
        if name in _LEGACY_NAMES:
            values.setdefault(name.lower(), _typed(variables[name]))
        elif name.startswith(_PREFIX) and name not in _NOT_SETTINGS:
            group, _, field = name.removeprefix(_PREFIX).lower().rpartition("__")
            _put(values, group, field, _typed(variables[name]))
    return values


def _put(values: dict[str, Any], group: str, field: str, value: Any) -> None:
    if not group:
        values[field] = value
        return
    members = values.setdefault(group, {})
    if not isinstance(members, dict):
        raise SettingsError(f"{group}: is a group of settings, not a value")
    members[field] = value


def _typed(text: str) -> Any:
    """Lists and tables are written as TOML; everything else stays text, for pydantic to read."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not a TOML value: {error}") from None


def _read_config(folder: Path) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            merged = _merge(merged, tomllib.loads(path.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{path}: {error}") from None
    return merged


def _merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win; groups are merged key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = _merge(merged[key], value) if both else value
    return merged


def _describe(error: ValidationError) -> str:
    """One line for each wrong key. Values are left out: they may be secrets."""
    lines = []
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        where = ".".join(str(part) for part in item["loc"])
        lines.append(f"{where}: {item['msg']}" if where else item["msg"])
    return "; ".join(lines)
