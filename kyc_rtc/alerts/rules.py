"""The rules of `alerts.toml`: read and checked once, at the start."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.decision.verdict import ReasonCode
from kyc_rtc.errors import SettingsError

FILE_NAME = "alerts.toml"
SHIPPED = Path(__file__).parent / FILE_NAME
"""The rules where the installation has none of its own: the same file as `config/alerts.toml`."""

ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Channels = tuple[ChannelName, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReasonRule(_Part):
    """The alert that a reason raises where the check FAILED."""

    type: AlertType
    severity: Severity


class CriticalRules(_Part):
    """What makes an alert about an attack critical. `hard_signs_at_least`: so many of `hard_signs` together.
    `detectors`: signs of the detectors of which one suffices."""

    deepfake_score_above: float = Field(ge=0.0, le=1.0)
    hard_signs: frozenset[ReasonCode]
    hard_signs_at_least: int = Field(ge=1)
    detectors: frozenset[ReasonCode]


class Route(_Part):
    """Who hears of an alert: `channels` at once, `escalate_to` after `escalate_after_s` without
    acknowledgement, `digest` once a day."""

    channels: Channels = ()
    escalate_after_s: int = Field(0, ge=0, le=604_800)
    escalate_to: Channels = ()
    digest: Channels = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Route:
        if bool(self.escalate_after_s) != bool(self.escalate_to):
            raise ValueError("escalate_after_s and escalate_to come together")
        if not self.channels and not self.digest:
            raise ValueError("channels or digest: somebody has to hear of it")
        return self


class AlertRules(_Part):
    """All of `alerts.toml`."""

    dedupe_window_s: int = Field(ge=0, le=604_800)
    digest_hour_utc: int = Field(ge=0, le=23)
    fallback: Channels
    channel_failing: Severity
    critical: CriticalRules
    reasons: Mapping[ReasonCode, ReasonRule | Literal["silent"]]
    original_names: Mapping[str, tuple[ReasonCode, ...]]
    routes: Mapping[Severity, Route]

    @model_validator(mode="after")
    def _are_complete(self) -> AlertRules:
        for name, wanted, found in (
            ("reasons", ReasonCode, self.reasons),
            ("routes", Severity, self.routes),
        ):
            missing = [member.value for member in wanted if member not in found]
            if missing:
                raise ValueError(f"{name}: there is no row for {', '.join(missing)}")
        return self

    def rule_of(self, reason: ReasonCode) -> ReasonRule | None:
        """What a reason raises; None where it raises nothing."""
        rule = self.reasons[reason]
        return None if rule == "silent" else rule

    def original_names_of(self, reasons: frozenset[str]) -> tuple[str, ...]:
        """The original system's names for these reasons, in the table's order."""
        return tuple(
            name for name, codes in self.original_names.items() if not reasons.isdisjoint(codes)
        )


def load_rules(config_dir: Path | None = None) -> AlertRules:
    """The rules of an installation, from `alerts.toml` in its folder; the shipped ones where it has none.

    Raises:
        SettingsError: the file is not TOML, a key is unknown, a row is missing, or a value is out of range.
    """
    path = None if config_dir is None else config_dir / FILE_NAME
    if path is None or not path.is_file():
        return shipped_rules()
    return _read(path)


@cache
def shipped_rules() -> AlertRules:
    """The rules that come with the program."""
    return _read(SHIPPED)


def _read(path: Path) -> AlertRules:
    try:
        read: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return AlertRules.model_validate(read)
    except ValidationError as error:
        raise SettingsError(f"{path}: {_described(error)}", hint=_HINT) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: {error}", hint=_HINT) from None


_HINT = "see docs/operations.md, Alerts"


def _described(error: ValidationError) -> str:
    """One clause for each wrong key, by its name."""
    return "; ".join(
        ": ".join(
            part
            for part in (
                ".".join(str(step) for step in item["loc"]),
                item["msg"].removeprefix("Value error, "),
            )
            if part
        )
        for item in error.errors(include_url=False, include_context=False)
    )
