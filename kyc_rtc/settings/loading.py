"""Reading the settings: the environment first, then `config/*.toml`, then the defaults.

Every setting has the name `KYC_RTC_<FIELD>` in the environment, and `KYC_RTC_<GROUP>__<FIELD>` inside
a group. The names in `_LEGACY_NAMES` work without the prefix. Unknown keys are refused, so that a
misspelt setting is noticed at the start and not after the audit.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from kyc_rtc.errors import SettingsError
from kyc_rtc.settings.model import Settings

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
        SettingsError: a key is unknown, a value is out of range, a file is not TOML, or it sets
            `config_dir`.
    """
    variables = dict(os.environ if environ is None else environ)
    from_environment = _read_environment(variables)
    given = _merge(from_environment, overrides or {})
    merged = _merge(_read_config(Path(str(given.get("config_dir", "config")))), given)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_describe(error), hint="see docs/deployment.md, Settings") from None


def _read_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in sorted(variables):
        if name in _LEGACY_NAMES:
            values.setdefault(name.lower(), variables[name])
        elif name.startswith(_PREFIX) and name not in _NOT_SETTINGS:
            group, _, field = name.removeprefix(_PREFIX).lower().rpartition("__")
            _put(values, group, field, _typed(name, variables[name], _type_of(group, field)))
    return values


def _put(values: dict[str, Any], group: str, field: str, value: Any) -> None:
    if not group:
        values[field] = value
        return
    members = values.setdefault(group, {})
    if not isinstance(members, dict):
        raise SettingsError(f"{group}: is a group of settings, not a value")
    members[field] = value


def _type_of(group: str, field: str) -> Any:
    """The declared type of a setting; None where there is no such setting, which is refused later."""
    model: Any = Settings
    if group:
        parent = Settings.model_fields.get(group)
        model = None if parent is None else parent.annotation
    if get_origin(model) is dict:
        return get_args(model)[1]
    known = model.model_fields.get(field) if _is_group(model) else None
    return None if known is None else known.annotation


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _typed(name: str, text: str, kind: Any) -> Any:
    """Lists and tables are written as TOML; everything else stays text, for pydantic to read."""
    is_structured = get_origin(kind) in (tuple, dict) or _is_group(kind)
    if not is_structured or not text.startswith(("[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: is not a TOML value: {error}") from None


def _read_config(folder: Path) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            read = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{path}: {error}") from None
        if "config_dir" in read:
            raise SettingsError(
                f"{path}: config_dir: says where this file is, and cannot stand in it",
                hint=f"set {_PREFIX}CONFIG_DIR",
            )
        merged = _merge(merged, read)
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
