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
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from kyc_rtc.errors import SettingsError
from kyc_rtc.settings.model import Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

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
ALERT_RULES = "alerts.toml"
"""Lies beside the settings and is none: the rules of the alerts (`kyc_rtc/alerts/rules.py`)."""
_SEE_SETTINGS = "see docs/deployment.md, Settings"
_SHAPES = {"tuple_type": "list", "dict_type": "table", "model_type": "table"}
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
        raise SettingsError(_describe(error), hint=_SEE_SETTINGS) from None


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
        raise SettingsError(f"{name}: not a TOML value: {error}", hint=_SEE_SETTINGS) from None


def _read_config(folder: Path) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in sorted(set(folder.glob("*.toml")) - {folder / ALERT_RULES}):
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
    for item in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in item["loc"])
        what = _shape(item) or item["msg"].removeprefix("Value error, ")
        lines.append(f"{where}: {what}" if where else what)
    return "; ".join(lines)


def _shape(item: ErrorDetails) -> str | None:
    """How to write what should be a list or a table; None where something else is wrong."""
    shape = _SHAPES.get(item["type"])
    if shape is None:
        return None
    example = _example(item["loc"])
    if example is None:
        return "is a group of settings, not a value"
    quoted = str(item["input"]).startswith(("'", '"'))
    return f"write a {shape}{', without quotes around it' if quoted else ''}: {example}"


def _example(where: tuple[int | str, ...]) -> str | None:
    """The example of the setting at this place, or of the one that it is a part of; None where there is
    none."""
    model: type[BaseModel] | None = Settings
    example = None
    for part in where:
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        if field is None:
            return None
        example = str(field.examples[0]) if field.examples else None
        members = (field.annotation, *get_args(field.annotation))
        model = next((m for m in members if isinstance(m, type) and issubclass(m, BaseModel)), None)
    return example
