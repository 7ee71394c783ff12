"""The groups of settings: what a verification asks, looks at, and costs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from kyc_rtc.cores import usable_cores
from kyc_rtc.scopes import DEFAULT_TENANT, INTEGRATION, TENANT_PATTERN, Scope

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]

_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def _is_sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError("is not a SHA-256; did you paste the key itself?")
    return text


Sha256 = Annotated[str, AfterValidator(_is_sha256)]
"""Of an API key, in 64 hexadecimal digits of either case."""


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


SHORTEST_HOLD_MS = 250
"""Least time of a smile or an open mouth: longer than one that comes with talk, or a twitch."""


ChallengeName = Literal[
    "head_turn", "nod", "blink", "smile", "mouth_open", "come_closer", "step_back"
]


class LivenessSettings(Group):
    """Challenges: which, how many, how often, how long."""

    challenges: int = Field(
        3,
        ge=1,
        le=5,
        description="challenges in a verification, of different types while there are enough",
    )
    challenge_types: tuple[ChallengeName, ...] = Field(
        ("head_turn", "nod", "blink", "smile", "mouth_open"),
        description="which may be drawn; a head turn always; also known: come_closer, step_back",
        examples=['["head_turn", "nod", "smile"]'],
    )
    attempts: int = Field(2, ge=1, le=5, description="attempts at each challenge")
    calibrating_turn: bool = Field(
        True,
        description="the first head turn to the other side does not count, for the picture may be "
        "mirrored; another one tells",
    )
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
    def _ranges_are_ranges(self) -> LivenessSettings:
        for what in ("blinks", "nods", "hold_ms"):
            if getattr(self, f"min_{what}") > getattr(self, f"max_{what}"):
                raise ValueError(f"min_{what}: is larger than max_{what}")
        return self

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


STRICT_DEEPFAKE_SCORE, STRICT_REVIEW_SCORE = 0.25, 0.2
"""Scores of the operating point `strict`; docs/detection.md gives its error rates."""


class DetectionSettings(Group):
    """What a stream must offer before its evidence counts."""

    min_judgeable_frames: int = Field(40, ge=1, description="fewer make the verdict INCONCLUSIVE")
    operating_point: Literal["balanced", "strict"] = Field(
        "balanced",
        description="balanced refuses about 2% of people; strict refuses more, and lets fewer attacks in",
    )
    weights_dir: Path | None = Field(
        None,
        description="folder of the face net and the detectors' weights; None: those that are shipped",
    )
    keep_features: bool = Field(
        True,
        description="store the features that detectors judged by, for training on labelled sessions",
    )


class IceServer(Group):
    """A STUN or TURN server, for both sides (W3C WebRTC, RTCIceServer)."""

    urls: tuple[Annotated[str, Field(pattern="^(stun|stuns|turn|turns):")], ...] = Field(
        min_length=1,
        description="addresses of the server (RFC 7064, RFC 7065)",
        examples=['["stun:stun.example.net"]'],
    )
    username: str | None = Field(
        None, description="of a TURN server; without it: one made of `media.turn_secret`"
    )
    credential: str | None = Field(None, repr=False, description="password of a TURN server")

    @property
    def takes_secret(self) -> bool:
        """Whether it is a TURN server that has no credential of its own."""
        return self.username is None and any(url.startswith("turn") for url in self.urls)

    @model_validator(mode="after")
    def _credential_is_whole(self) -> IceServer:
        if (self.username is None) is not (self.credential is None):
            raise ValueError("username and credential: set both, or none")
        return self


class ApiKeySettings(Group):
    """One API key: what is stored of it, and what it may be used for."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    name: str = Field("", max_length=128, description="stored with what the key's owner did")
    sha256: Sha256
    scopes: tuple[Scope, ...] = Field(INTEGRATION, min_length=1)
    tenant: str = Field(DEFAULT_TENANT, pattern=TENANT_PATTERN, description="whose data it opens")

    @model_validator(mode="after")
    def _metrics_are_the_operators(self) -> ApiKeySettings:
        if Scope.METRICS in self.scopes and self.tenant != DEFAULT_TENANT:
            raise ValueError(
                f"scopes: metrics are those of the whole server, for the tenant {DEFAULT_TENANT} only"
            )
        return self


_PORTS = re.compile(r"(\d{1,5})-(\d{1,5})", re.ASCII)


def _check_ports(text: str) -> str:
    found = _PORTS.fullmatch(text)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 1_024 <= first <= last <= 65_535:
        raise ValueError("is not a range of ports within 1024-65535; write it like 40000-40999")
    return text


UdpPorts = Annotated[str, AfterValidator(_check_ports)]
"""First and last port."""


class MediaSettings(Group):
    """The WebRTC side."""

    ice_servers: tuple[IceServer, ...] = Field(
        (),
        description="STUN and TURN servers, for both sides",
        examples=['[{urls = ["stun:stun.example.net"]}]'],
    )
    turn_secret: SecretStr = Field(
        SecretStr(""),
        description="shared with the TURN servers that have no username here (coturn: "
        "`static-auth-secret`); credentials made of it expire",
    )
    turn_ttl_s: int = Field(
        3_600,
        ge=60,
        le=7 * 86_400,
        description="life of these credentials; at least that of a session with its reconnects",
    )
    udp_ports: UdpPorts | None = Field(
        None,
        description="ports that cameras connect to, one for each camera and address of the host; None: the "
        "operating system's ephemeral range",
        examples=['"40000-40999"'],
    )
    video_codecs: tuple[Literal["VP8", "H264"], ...] = Field(
        ("VP8", "H264"),
        min_length=1,
        description="accepted codecs, the preferred one first",
        examples=['["VP8", "H264"]'],
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
    allow_private_candidates: bool | None = Field(
        None,
        description="try ICE candidates with private addresses, as of branches and kiosks in the server's "
        "network; None: on in development, off in production",
    )

    @property
    def has_turn(self) -> bool:
        return any(url.startswith("turn") for server in self.ice_servers for url in server.urls)

    @property
    def port_range(self) -> range | None:
        """The ports of `udp_ports`."""
        if self.udp_ports is None:
            return None
        first, last = map(int, self.udp_ports.split("-"))
        return range(first, last + 1)

    @model_validator(mode="after")
    def _turn_servers_have_credentials(self) -> MediaSettings:
        takes_secret = any(server.takes_secret for server in self.ice_servers)
        if takes_secret and not self.turn_secret.get_secret_value():
            raise ValueError(
                "ice_servers: a TURN server needs username and credential, or media.turn_secret"
            )
        if self.turn_secret.get_secret_value() and not takes_secret:
            raise ValueError("turn_secret: no TURN server without a username is in ice_servers")
        return self


SESSIONS_PER_CORE = 4
"""At 7.5 analysed pictures a second each, with 30% of the core to spare (docs/deployment.md, Sizing)."""

CORES_OF_A_PROCESS = 2.0
"""One interpreter uses 1.5 of them for sessions; the rest is the pool's, which computes without its lock."""


class LimitSettings(Group):
    """What an instance admits."""

    max_live_sessions: int | None = Field(
        None,
        ge=1,
        description="sessions with a camera at one time; None: four for each core that the process may use, "
        "of which one process uses two at most",
    )
    max_pending_per_address: int = Field(
        8, ge=1, description="peers of one address whose DTLS is not up yet"
    )
    retry_after_s: int = Field(15, ge=1, description="Retry-After of a refused caller")
    max_body_bytes: int = Field(
        4 * 1024 * 1024,
        ge=1_024,
        description="largest request body; at most 3/8 of `http.body_bytes_in_flight`",
    )
    uploads_in_flight: int = Field(
        4, ge=1, le=64, description="requests with a picture at one time, for each session"
    )
    decoded_bytes_in_flight: int = Field(
        64 * 1024 * 1024,
        ge=8 * 1024 * 1024,
        description="uploaded pictures that are decoded and not analysed yet, of all sessions",
    )
    session_time_limit_ms: int = Field(
        300_000, ge=10_000, description="wall time from join to verdict"
    )
    session_expiry_ms: int = Field(
        24 * 3_600_000, ge=1_000, description="wall time until a session expires"
    )
    client_token_ttl_s: int = Field(
        3_600,
        ge=60,
        description="life of a client token, which is renewed while the session may go on",
    )
    session_attempts: int = Field(
        3,
        ge=1,
        description="attempts at one verification; those that the server interrupts do not count",
    )
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
    min_free_disk_mb: int = Field(
        100, ge=0, description="free space of data_dir (10^6 bytes) below which it is not ready"
    )
    analysis_threads: int = Field(0, ge=0, description="0: one for each core that it may use")

    @property
    def live_sessions(self) -> int:
        """`max_live_sessions`, or what the cores of this process are enough for."""
        cores = min(usable_cores(), CORES_OF_A_PROCESS)
        return self.max_live_sessions or max(2, round(SESSIONS_PER_CORE * cores))


class HttpSettings(Group):
    """What HTTP clients may cost."""

    headers_timeout_s: float = Field(
        10.0, gt=0, le=300, description="until a request's header is complete; TLS handshakes too"
    )
    body_timeout_s: float = Field(
        15.0, gt=0, le=300, description="until a request's body is complete"
    )
    body_grace_s: float = Field(
        5.0, gt=0, le=300, description="after so long a body has to come at the least rate"
    )
    body_min_bytes_per_s: int = Field(
        4_096, ge=0, description="least rate of a body, averaged over its time; 0: none"
    )
    answer_timeout_s: float = Field(
        30.0, gt=0, le=3_600, description="until a client has taken an answer"
    )
    keepalive_timeout_s: float = Field(
        75.0, gt=0, le=3_630, description="how long a connection may wait for its next request"
    )
    max_connections: int = Field(
        1_000, ge=16, description="connections at one time; fewer where descriptors do not suffice"
    )
    max_connections_per_address: int = Field(
        64,
        ge=1,
        description="connections of one address (IPv6: of one /64); not of trusted proxies",
    )
    body_bytes_in_flight: int = Field(
        64 * 1024 * 1024,
        ge=4 * 1024 * 1024,
        description="bodies of requests that are being read or handled, of all clients",
    )
    rate_limits: bool = Field(True, description="whether calls that create are limited in rate")
    key_rate_per_s: float = Field(
        20.0, gt=0, description="calls that create, for each API key: sustained"
    )
    key_burst: int = Field(100, ge=1, description="and at once")
    address_rate_per_s: float = Field(
        5.0, gt=0, description="the applicants' calls that create, for each address: sustained"
    )
    address_burst: int = Field(30, ge=1, description="and at once")
